//! The process object and `process.env`. Node: `src/node_process_object.cc`, `src/node_env_var.cc`.
//!
//! The object is made before the snapshot; what differs between processes is put on it by [`patch`]. `process.env` is an object
//! whose every access goes to the environment's map: values are strings, names that are symbols are refused.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use cenote_kernel::system::{ARCH, PLATFORM};
use v8::MapFnTo as _;

use crate::glue::{Args, BindingResult, Failure, Field, Object, Scope, ScopeExt, Unlisted, Value};
use crate::shapes::Element;

/// Environment variables that several threads see (`SHARE_ENV`).
pub(crate) type SharedVariables = Arc<Mutex<Vec<(String, String)>>>;

/// The environment variables of the process, in order.
#[derive(Default)]
pub(crate) struct Variables {
    list: RefCell<SharedVariables>,
}

impl Variables {
    fn with<R>(&self, act: impl FnOnce(&mut Vec<(String, String)>) -> R) -> R {
        let list = Arc::clone(&self.list.borrow());
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut list)
    }

    /// The list itself, for a thread that shares it.
    pub(crate) fn share(&self) -> SharedVariables {
        Arc::clone(&self.list.borrow())
    }

    /// Uses the list of another thread, or one made for this one.
    pub(crate) fn adopt(&self, list: SharedVariables) {
        self.list.replace(list);
    }

    fn get(&self, name: &str) -> Option<String> {
        self.with(|list| {
            list.iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        })
    }

    fn set(&self, name: &str, value: String) {
        self.with(
            |list| match list.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value,
                None => list.push((name.to_owned(), value)),
            },
        );
    }

    fn remove(&self, name: &str) {
        self.with(|list| list.retain(|(known, _)| known != name));
    }

    /// All of them, as `NAME=value`.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        self.with(|list| list.clone())
    }
}

/// An environment variable of this process.
pub(crate) fn variable(scope: &Scope<'_, '_>, name: &str) -> Option<String> {
    scope.env().state::<Variables>().get(name)
}

/// Fills the environment from `envp`.
pub(crate) fn load_environment(scope: &Scope<'_, '_>, envp: &[Vec<u8>]) {
    let variables = scope.env().state::<Variables>();
    for entry in envp {
        let entry = String::from_utf8_lossy(entry);
        if let Some((name, value)) = entry.split_once('=') {
            variables.set(name, value.to_owned());
        }
    }
}

/// Adds the pairs of a `.env` file that are not set yet.
pub(crate) fn add_missing_variables(scope: &Scope<'_, '_>, pairs: Vec<(String, String)>) {
    let variables = scope.env().state::<Variables>();
    for (name, value) in pairs {
        if variables.get(&name).is_none() {
            variables.set(&name, value);
        }
    }
}

const VERSION: &str = env!("CENOTE_NODE_VERSION");

/// What `process.versions` shows besides node, by name: what this Node is made of, or, where that is written anew here, what it
/// stands for. V8 and OpenSSL tell their own versions.
const VERSIONS: &[(&str, &str)] = &[
    ("acorn", "8.18.0"),
    ("ada", "4.0.0"),
    ("amaro", "1.1.11"),
    ("ares", "1.34.8"),
    ("brotli", "1.2.0"),
    ("cldr", "48.0"),
    ("icu", "78.3"),
    ("llhttp", "9.4.3"),
    ("merve", "1.2.2"),
    ("modules", "137"),
    ("napi", "10"),
    ("nbytes", "0.1.4"),
    ("ncrypto", "0.0.1"),
    ("nghttp2", "1.70.0"),
    ("nghttp3", ""),
    ("ngtcp2", ""),
    ("openssl", OWN),
    ("simdjson", "4.6.7"),
    ("simdutf", "6.4.0"),
    ("sqlite", "3.53.4"),
    ("tz", "2026c"),
    ("undici", "7.29.1"),
    ("unicode", "17.0"),
    ("uv", "1.52.1"),
    ("uvwasi", "0.0.23"),
    ("v8", OWN),
    ("zlib", "1.3.2.1-motley-8002e91"),
    ("zstd", "1.5.7"),
];

/// Stands for a version that the library itself tells.
const OWN: &str = "own";

/// Makes the process object of a realm, before bootstrap.
pub(crate) fn create<'s>(scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
    // Its constructor must be its own: bootstrap puts EventEmitter under that prototype.
    let template = v8::FunctionTemplate::builder_raw(*CLASS_CALLBACK).build(scope);
    template.set_class_name(scope.name("process"));
    let constructor = template.get_function(scope).ok_or(Failure::Pending)?;
    let process = constructor
        .new_instance(scope, &[])
        .ok_or(Failure::Pending)?;

    let exit_info = Field::new(scope, Element::Int32, 3, &[]).view(scope);
    process
        .set_private(
            scope,
            scope.private("node:exit_info_private_symbol"),
            exit_info,
        )
        .ok_or(Failure::Pending)?;
    define_constant(
        scope,
        process,
        "version",
        scope.text(&format!("v{VERSION}")).into(),
    );
    let versions = scope.object();
    define_constant(scope, versions, "node", scope.text(VERSION).into());
    for (name, version) in VERSIONS {
        let version = match (*name, *version) {
            ("v8", OWN) => v8::V8::get_version(),
            ("openssl", OWN) => super::crypto::openssl_version(),
            (_, version) => version,
        };
        define_constant(scope, versions, name, scope.text(version).into());
    }
    define_constant(scope, process, "versions", versions.into());
    define_constant(scope, process, "arch", scope.text(ARCH).into());
    define_constant(scope, process, "platform", scope.text(PLATFORM).into());
    let release = scope.object();
    define_constant(scope, release, "name", scope.text("node").into());
    define_constant(scope, release, "lts", scope.text("Krypton").into());
    for (name, file) in [("sourceUrl", ".tar.gz"), ("headersUrl", "-headers.tar.gz")] {
        let url = format!("https://nodejs.org/download/release/v{VERSION}/node-v{VERSION}{file}");
        define_constant(scope, release, name, scope.text(&url).into());
    }
    define_constant(scope, process, "release", release.into());
    let raw_debug = scope
        .function("_rawDebug", &RAW_DEBUG)
        .ok_or(Failure::Pending)?;
    scope.set(process, "_rawDebug", raw_debug.into());
    Ok(process)
}

/// Constructing another process object does nothing, as in Node. Made once: a snapshot refers to its address.
static CLASS_CALLBACK: std::sync::LazyLock<v8::FunctionCallback> =
    std::sync::LazyLock::new(|| construct.map_fn_to());

fn construct(
    _: &mut v8::PinScope<'_, '_>,
    _: v8::FunctionCallbackArguments<'_>,
    _: v8::ReturnValue<'_, v8::Value>,
) {
}

fn define_constant<'s>(scope: &Scope<'s, '_>, object: Object<'s>, name: &str, value: Value<'s>) {
    let attributes = v8::PropertyAttribute::READ_ONLY;
    let _defined = object.define_own_property(scope, scope.name(name).into(), value, attributes);
}

/// Sets what this process has of its own: `argv`, `execArgv`, `env`, `execPath`, `pid`… Node: `PatchProcessObject`.
pub(crate) fn patch<'s>(scope: &mut Scope<'s, '_>, process: Object<'s>) -> Result<(), Failure> {
    let env = scope.env();
    let line = env.command_line();
    let list = |scope: &Scope<'s, '_>,
                items: &mut dyn Iterator<Item = &String>|
     -> Result<Value<'s>, Failure> {
        let items: Result<Vec<Value<'s>>, Failure> =
            items.map(|item| Ok(scope.string(item)?.into())).collect();
        Ok(scope.array(&items?).into())
    };
    let argv = list(scope, &mut std::iter::once(&line.argv0).chain(&line.rest))?;
    scope.set(process, "argv", argv);
    let exec_argv = list(scope, &mut line.exec_argv.iter())?;
    scope.set(process, "execArgv", exec_argv);
    let (pid, _) = env.pids();
    define_constant(scope, process, "pid", scope.number(f64::from(pid)));
    // It changes when the parent ends.
    let key = scope.name("ppid").into();
    process
        .set_accessor_with_configuration(scope, key, v8::AccessorConfiguration::new(get_ppid))
        .ok_or(Failure::Pending)?;
    scope.set(process, "execPath", scope.string(&line.exec_path)?.into());
    let named = line.text("--title");
    if named.is_empty() {
        *env.state::<Title>().0.borrow_mut() = line.argv0.clone();
    } else if env.is_main_thread() {
        retitle(&env, named);
    } else {
        *env.state::<Title>().0.borrow_mut() = named;
    }
    let key = scope.name("title").into();
    let accessor = v8::AccessorConfiguration::new(get_title).setter(set_title);
    process
        .set_accessor_with_configuration(scope, key, accessor)
        .ok_or(Failure::Pending)?;
    let key = scope.name("debugPort").into();
    let accessor = v8::AccessorConfiguration::new(get_debug_port).setter(set_debug_port);
    process
        .set_accessor_with_configuration(scope, key, accessor)
        .ok_or(Failure::Pending)?;
    // Node's own modules asked before: what they do fits the machine, whatever it calls itself.
    let system = env.task().kernel().system();
    for (name, told, made) in [
        ("arch", &system.arch, ARCH),
        ("platform", &system.platform, PLATFORM),
    ] {
        if told != made {
            define_constant(scope, process, name, scope.string(told)?.into());
        }
    }
    for (option, name) in [
        ("--no-deprecation", "noDeprecation"),
        ("--throw-deprecation", "throwDeprecation"),
        ("--trace-deprecation", "traceDeprecation"),
    ] {
        if line.is(option) && option != "--no-deprecation" {
            scope.set(process, name, scope.boolean(true));
        }
    }
    Ok(())
}

/// `process.title`.
#[derive(Default)]
struct Title(RefCell<String>);

/// `process.ppid`.
fn get_ppid<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) {
    let (_, ppid) = scope.env().pids();
    result.set_int32(ppid);
}

/// `process.debugPort`.
fn get_debug_port<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) {
    let port = crate::inspector::debug_port(&scope.env());
    result.set_int32(i32::from(port));
}

fn set_debug_port<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    value: Value<'s>,
    _: v8::PropertyCallbackArguments<'s>,
    _: v8::ReturnValue<'_, ()>,
) {
    let Some(number) = value.int32_value(scope) else {
        return;
    };
    match u16::try_from(number) {
        Ok(port) if port == 0 || port >= 1024 => {
            let env = scope.env();
            env.state::<crate::inspector::DebugAddress>().set_port(port);
        }
        _ => Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "process.debugPort must be 0 or in range 1024 to 65535",
        )
        .throw(scope),
    }
}

/// The process's title.
pub(crate) fn title(env: &crate::environment::Environment) -> String {
    env.state::<Title>().0.borrow().clone()
}

fn get_title<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) {
    let title = scope.env().state::<Title>();
    result.set(scope.text(&title.0.borrow()).into());
}

fn set_title<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    value: Value<'s>,
    _: v8::PropertyCallbackArguments<'s>,
    _: v8::ReturnValue<'_, ()>,
) {
    let Some(text) = value.to_string(scope) else {
        return;
    };
    let title = text.to_rust_string_lossy(scope);
    let env = scope.env();
    if env.is_main_thread() {
        retitle(&env, title);
    }
}

/// Has `ps` show the title, as far as it fits where the arguments were. Node: `uv_set_process_title`.
fn retitle(env: &crate::environment::Environment, title: String) {
    let mut bytes = title.into_bytes();
    bytes.truncate(env.task().process().overwrite_arguments(&bytes));
    let title = String::from_utf8_lossy(&bytes).into_owned();
    crate::trace::note_title(env, &title);
    *env.state::<Title>().0.borrow_mut() = title;
}

/// `process._rawDebug` of a process object that was just made.
pub(crate) static RAW_DEBUG: Unlisted = Unlisted::new(raw_debug);

/// `process._rawDebug(text)`: to standard error, past the streams.
pub(crate) fn raw_debug<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    scope.env().print_error(format!("{text}\n").as_bytes());
    Ok(().into())
}

/// What a descriptor is, as `guessHandleType` numbers it: TCP, TTY, UDP, FILE, PIPE, UNKNOWN.
pub(crate) fn handle_type(scope: &Scope<'_, '_>, fd: i32) -> i32 {
    scope.env().handle_type(fd)
}

// process.env

/// DEP0104 was told.
#[derive(Default)]
struct EnvWarning(std::cell::Cell<bool>);

const ENV_WARNING: &str = "Assigning any value other than a string, number, or boolean to a process.env property is deprecated. Please make sure to convert the value to a string before setting process.env with it.";

fn name_text(scope: &Scope<'_, '_>, name: v8::Local<'_, v8::Name>) -> Option<String> {
    name.is_string()
        .then(|| v8::Local::<v8::Value>::from(name).to_rust_string_lossy(scope))
}

fn get<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) -> v8::Intercepted {
    let value = name_text(scope, name).and_then(|name| variable(scope, &name));
    let Some(value) = value else {
        return v8::Intercepted::kNo;
    };
    result.set(scope.text(&value).into());
    v8::Intercepted::kYes
}

fn set<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    value: Value<'s>,
    _: v8::PropertyCallbackArguments<'s>,
    _: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    if !(value.is_string() || value.is_number() || value.is_boolean())
        && scope.env().command_line().is("--pending-deprecation")
        && !scope.env().state::<EnvWarning>().0.replace(true)
        && super::warn_of_deprecation(scope, ENV_WARNING, "DEP0104").is_err()
    {
        return v8::Intercepted::kYes;
    }
    let text = if value.is_symbol() {
        None
    } else {
        value.to_string(scope)
    };
    let (Some(name), Some(text)) = (name_text(scope, name), text) else {
        let message = if name.is_symbol() || value.is_symbol() {
            "Cannot convert a Symbol value to a string"
        } else {
            return v8::Intercepted::kYes;
        };
        let exception = v8::Exception::type_error(scope, scope.text(message));
        scope.throw_exception(exception);
        return v8::Intercepted::kYes;
    };
    let text = text.to_rust_string_lossy(scope);
    if !name.is_empty() && !name.contains(['=', '\0']) {
        scope
            .env()
            .state::<Variables>()
            .set(&name, text.replace('\0', ""));
        zone_may_change(scope, &name);
    }
    v8::Intercepted::kYes
}

/// After a variable changed: dates follow `TZ` at once, but a worker's own variables are not those of the process.
fn zone_may_change(scope: &mut Scope<'_, '_>, name: &str) {
    if name != "TZ" || !scope.env().is_main_thread() {
        return;
    }
    let zone = variable(scope, name);
    if let Err(failure) = crate::time_zone::adopt(scope, zone.as_deref()) {
        failure.throw(scope);
    }
}

fn query<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    if name_text(scope, name)
        .and_then(|name| variable(scope, &name))
        .is_none()
    {
        return v8::Intercepted::kNo;
    }
    result.set_int32(0);
    v8::Intercepted::kYes
}

fn delete<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    if let Some(name) = name_text(scope, name) {
        scope.env().state::<Variables>().remove(&name);
        zone_may_change(scope, &name);
    }
    result.set_bool(true);
    v8::Intercepted::kYes
}

fn enumerate<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Array>,
) {
    let names: Vec<Value<'s>> = scope
        .env()
        .state::<Variables>()
        .pairs()
        .iter()
        .map(|(name, _)| scope.text(name).into())
        .collect();
    result.set(scope.array(&names));
}

fn define<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    descriptor: &v8::PropertyDescriptor,
    args: v8::PropertyCallbackArguments<'s>,
    result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let refuse = |scope: &mut Scope<'s, '_>, message: &str| {
        Failure::type_error("ERR_INVALID_OBJECT_DEFINE_PROPERTY", message).throw(scope);
        v8::Intercepted::kYes
    };
    if descriptor.has_get() || descriptor.has_set() {
        return refuse(
            scope,
            "'process.env' does not accept an accessor(getter/setter) descriptor",
        );
    }
    if !descriptor.has_value() {
        return refuse(
            scope,
            "'process.env' only accepts a configurable, writable, and enumerable data descriptor",
        );
    }
    let is_plain = descriptor.has_configurable()
        && descriptor.configurable()
        && descriptor.has_writable()
        && descriptor.writable()
        && descriptor.has_enumerable()
        && descriptor.enumerable();
    if !is_plain {
        return refuse(
            scope,
            "'process.env' only accepts a configurable, writable, and enumerable data descriptor",
        );
    }
    let value = v8::Local::new(scope, descriptor.value());
    set(scope, name, value, args, result)
}

/// Makes `process.env`. After the snapshot was restored: the interceptors look at this process.
pub(crate) fn create_env<'s>(
    scope: &mut Scope<'s, '_>,
    process: Object<'s>,
) -> Result<(), Failure> {
    let template = v8::ObjectTemplate::new(scope);
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(get)
            .setter(set)
            .query(query)
            .deleter(delete)
            .enumerator(enumerate)
            .definer(define)
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    let env = template.new_instance(scope).ok_or(Failure::Pending)?;
    let known = v8::Global::new(scope, env);
    *scope.env().state::<EnvObject>().0.borrow_mut() = Some(known);
    process
        .set(scope, scope.name("env").into(), env.into())
        .ok_or(Failure::Pending)?;
    Ok(())
}

/// `process.env` itself, to tell it from other objects.
#[derive(Default)]
struct EnvObject(RefCell<Option<v8::Global<v8::Object>>>);

/// For messages: a plain object with the same properties, if the object is `process.env`.
pub(crate) fn env_as_plain_object<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
) -> Option<Object<'s>> {
    let state = scope.env().state::<EnvObject>();
    let known = v8::Local::new(scope, state.0.borrow().as_ref()?);
    if known != object {
        return None;
    }
    let plain = scope.object();
    for (name, value) in scope.env().state::<Variables>().pairs() {
        scope.set(plain, &name, scope.text(&value).into());
    }
    Some(plain)
}

/// Addresses a snapshot could refer to. `process.env` is made after it; only the class callback is in it.
pub(crate) fn env_references() -> Vec<v8::ExternalReference> {
    vec![v8::ExternalReference {
        function: *CLASS_CALLBACK,
    }]
}

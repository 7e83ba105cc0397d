//! Profiles that a process is asked for when it starts: `--cpu-prof`, `--heap-prof`, coverage (`NODE_V8_COVERAGE`, the test
//! runner's). Each is a session with V8 whose last answer becomes a file. Node: `src/inspector_profiler.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cenote_base::abi::Errno;
use cenote_base::abi::fs::Mode;
use cenote_kernel::syscall::{self, At};
use serde_json::Value as Json;

use crate::bindings::process;
use crate::environment::{Environment, Stored};
use crate::glue::{Object, Scope, ScopeExt};
use crate::inspector::agent::{self, Agent, Sink};

/// What is profiled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Coverage,
    Cpu,
    Heap,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Coverage => "coverage",
            Self::Cpu => "CPU",
            Self::Heap => "heap",
        }
    }
}

/// One profile under way.
struct Profile {
    kind: Kind,
    session: i32,
    directory: RefCell<String>,
    name: String,
    next: Cell<i64>,
    /// The answers that are written.
    wanted: RefCell<Vec<i64>>,
    is_ending: Cell<bool>,
}

/// The isolate's profiles.
#[derive(Default)]
struct Profiles {
    list: RefCell<Vec<Rc<Profile>>>,
    coverage_directory: RefCell<String>,
}

impl Profile {
    fn ask(&self, agent: &Agent, method: &str, params: &str, is_wanted: bool) {
        let id = self.next.get();
        self.next.set(id + 1);
        if is_wanted {
            self.wanted.borrow_mut().push(id);
        }
        let message = format!("{{\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}");
        agent.dispatch(self.session, &message);
    }

    fn end(&self, agent: &Agent) {
        if self.is_ending.replace(true) {
            return;
        }
        let method = match self.kind {
            Kind::Coverage => "Profiler.takePreciseCoverage",
            Kind::Cpu => "Profiler.stop",
            Kind::Heap => "HeapProfiler.stopSampling",
        };
        self.ask(agent, method, "{}", true);
    }
}

/// Takes the answers of a profile's session.
struct ProfileSink {
    kind: Kind,
}

impl Sink for ProfileSink {
    fn send(&self, agent: &Agent, message: String) {
        let Some(env) = agent.env() else { return };
        let profile = find(&env, self.kind);
        let Some(profile) = profile else { return };
        let mut answer: Json = match serde_json::from_str(&message) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(target: "cenote::node", %error, "an answer of V8's profiler");
                return;
            }
        };
        let Some(id) = answer["id"].as_i64() else {
            return;
        };
        let is_wanted = {
            let mut wanted = profile.wanted.borrow_mut();
            let before = wanted.len();
            wanted.retain(|other| *other != id);
            wanted.len() != before
        };
        if !is_wanted {
            return;
        }
        let kind = self.kind.name();
        let Some(result) = answer.get_mut("result").map(Json::take) else {
            let text = format!("Failed to get 'result' from {kind} profile response:\n{message}\n");
            env.print_error(text.as_bytes());
            return;
        };
        agent
            .inspector()
            .in_scope(|scope| write(scope, &profile, result));
    }
}

fn find(env: &Environment, kind: Kind) -> Option<Rc<Profile>> {
    let profiles = env.state::<Profiles>();
    let list = profiles.list.borrow();
    list.iter().find(|one| one.kind == kind).map(Rc::clone)
}

/// Begins what the command line and the environment ask for. Node: `StartProfilers`.
pub(super) fn begin(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let line = env.command_line();
    let covers = process::variable(scope, "NODE_V8_COVERAGE").is_some_and(|dir| !dir.is_empty())
        || line.is("--experimental-test-coverage");
    if covers {
        start_coverage(scope);
    }
    if line.is("--cpu-prof") {
        let (directory, name) = place(
            &env,
            "--cpu-prof-dir",
            "--cpu-prof-name",
            "CPU",
            "cpuprofile",
        );
        let interval = interval(&env, "--cpu-prof-interval");
        let profile = open(scope, Kind::Cpu, directory, name);
        let agent = agent::agent(scope);
        profile.ask(&agent, "Profiler.enable", "{}", false);
        let params = format!("{{\"interval\":{interval}}}");
        profile.ask(&agent, "Profiler.setSamplingInterval", &params, false);
        profile.ask(&agent, "Profiler.start", "{}", false);
    }
    if line.is("--heap-prof") {
        let (directory, name) = place(
            &env,
            "--heap-prof-dir",
            "--heap-prof-name",
            "Heap",
            "heapprofile",
        );
        let interval = interval(&env, "--heap-prof-interval");
        let profile = open(scope, Kind::Heap, directory, name);
        let agent = agent::agent(scope);
        profile.ask(&agent, "HeapProfiler.enable", "{}", false);
        let params = format!("{{\"samplingInterval\":{interval}}}");
        profile.ask(&agent, "HeapProfiler.startSampling", &params, false);
    }
}

/// Begins to count what is covered, if nobody does yet.
pub(crate) fn start_coverage(scope: &mut Scope<'_, '_>) {
    if find(&scope.env(), Kind::Coverage).is_some() {
        return;
    }
    let profile = open(scope, Kind::Coverage, String::new(), String::new());
    let agent = agent::agent(scope);
    profile.ask(&agent, "Profiler.enable", "{}", false);
    let params = r#"{"callCount":true,"detailed":true}"#;
    profile.ask(&agent, "Profiler.startPreciseCoverage", params, false);
}

fn open(scope: &mut Scope<'_, '_>, kind: Kind, directory: String, name: String) -> Rc<Profile> {
    let agent = agent::agent(scope);
    let session = agent::next_session();
    let profile = Rc::new(Profile {
        kind,
        session,
        directory: RefCell::new(directory),
        name,
        next: Cell::new(1),
        wanted: RefCell::default(),
        is_ending: Cell::default(),
    });
    scope
        .env()
        .state::<Profiles>()
        .list
        .borrow_mut()
        .push(Rc::clone(&profile));
    agent.connect(session, Box::new(ProfileSink { kind }), false);
    profile
}

/// A sampling interval as the protocol takes it.
fn interval(env: &Environment, option: &str) -> f64 {
    match env.command_line().value(option) {
        Some(crate::options::OptionValue::Number(number)) => number,
        _ => 0.0,
    }
}

/// The folder and the name of a profile's file.
fn place(
    env: &Environment,
    directory_option: &str,
    name_option: &str,
    prefix: &str,
    extension: &str,
) -> (String, String) {
    let line = env.command_line();
    let mut directory = line.text(directory_option);
    if directory.is_empty() {
        directory = line.text("--diagnostic-dir");
    }
    if directory.is_empty() {
        directory = syscall::getcwd(env.task())
            .map(|path| String::from_utf8_lossy(&path).into_owned())
            .unwrap_or_else(|_| "/".into());
    }
    let mut name = line
        .text(name_option)
        .replace("${pid}", &env.pids().0.to_string());
    if name.is_empty() {
        name = crate::diagnostic_file::name(env, prefix, extension);
    }
    (directory, name)
}

/// Ends every profile and writes it.
pub(super) fn end(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let Some(agent) = agent::existing(&env) else {
        return;
    };
    for kind in [Kind::Cpu, Kind::Heap, Kind::Coverage] {
        if let Some(profile) = find(&env, kind) {
            profile.end(&agent);
        }
    }
}

/// Where coverage goes; JavaScript has made the path absolute.
pub(crate) fn set_coverage_directory(env: &Environment, directory: String) {
    *env.state::<Profiles>().coverage_directory.borrow_mut() = directory;
}

fn with_coverage(env: &Environment, run: impl FnOnce(&Agent, &Profile)) {
    if let (Some(agent), Some(profile)) = (agent::existing(env), find(env, Kind::Coverage)) {
        run(&agent, &profile);
    }
}

/// Writes what was covered so far, and counts on.
pub(crate) fn take_coverage(env: &Environment) {
    with_coverage(env, |agent, profile| {
        profile.ask(agent, "Profiler.takePreciseCoverage", "{}", true);
    });
}

/// Stops counting; nothing is written.
pub(crate) fn stop_coverage(env: &Environment) {
    with_coverage(env, |agent, profile| {
        profile.ask(agent, "Profiler.stopPreciseCoverage", "{}", false);
    });
}

/// Writes the coverage, for the last time.
pub(crate) fn end_coverage(env: &Environment) {
    with_coverage(env, |agent, profile| profile.end(agent));
}

/// Writes a profile's file.
fn write(scope: &mut Scope<'_, '_>, profile: &Profile, mut result: Json) {
    let env = scope.env();
    let (directory, name, content) = if profile.kind == Kind::Coverage {
        let Some(content) = with_source_maps(scope, &result) else {
            return;
        };
        let directory = env.state::<Profiles>().coverage_directory.borrow().clone();
        let now = env.task().kernel().clock().realtime();
        let milliseconds = now
            .sec
            .saturating_mul(1000)
            .saturating_add(i64::from(now.nsec / 1_000_000));
        let name = format!(
            "coverage-{}-{milliseconds}-{}.json",
            env.pids().0,
            env.thread().id
        );
        (directory, name, content)
    } else {
        let inner = result.get_mut("profile").map(Json::take);
        let Some(inner) = inner.filter(Json::is_object) else {
            let kind = profile.kind.name();
            let text = format!("'profile' from {kind} profile result is not an Object\n");
            env.print_error(text.as_bytes());
            return;
        };
        let directory = profile.directory.borrow().clone();
        (directory, profile.name.clone(), inner.to_string())
    };
    if directory.is_empty() || !make_directory(&env, &directory, profile.kind) {
        return;
    }
    let path = if name.starts_with('/') {
        name
    } else {
        format!("{}/{name}", directory.trim_end_matches('/'))
    };
    if let Err(errno) = crate::diagnostic_file::write(&env, path.as_bytes(), content.as_bytes()) {
        let text = format!("{}: Failed to write file {path}\n", errno.name());
        env.print_error(text.as_bytes());
    }
}

/// The coverage with the source maps that Node's library knows, if it knows any.
fn with_source_maps(scope: &mut Scope<'_, '_>, result: &Json) -> Option<String> {
    let env = scope.env();
    let getter = env.stored_function(scope, Stored::SourceMapCacheGetter)?;
    v8::tc_scope!(let catch, scope);
    let cache = getter.call(catch, catch.undefined(), &[])?;
    if cache.is_undefined() {
        return Some(result.to_string());
    }
    let text = catch.string(&result.to_string()).ok()?;
    let parsed = v8::json::parse(catch, text)?;
    let object = Object::try_from(parsed).ok()?;
    catch.set(object, "source-map-cache", cache);
    v8::json::stringify(catch, object.into()).map(|text| text.to_rust_string_lossy(catch))
}

/// Makes a folder and those above it.
fn make_directory(env: &Environment, path: &str, kind: Kind) -> bool {
    let mut so_far = String::new();
    if !path.starts_with('/') {
        so_far.push('.');
    }
    let mut outcome = Ok(());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far.push('/');
        so_far.push_str(part);
        outcome = syscall::mkdirat(
            env.task(),
            At::Cwd,
            so_far.as_bytes(),
            Mode::from_bits_truncate(0o777),
        );
    }
    match outcome {
        Err(error) if error.errno() != Errno::EEXIST => {
            let text = format!(
                "{}: Failed to create {} profile directory {path}\n",
                error.errno().name(),
                kind.name()
            );
            env.print_error(text.as_bytes());
            false
        }
        _ => true,
    }
}

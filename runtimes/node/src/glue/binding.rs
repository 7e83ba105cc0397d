//! [`Binding`]: what one `internalBinding(name)` implements, as a const table; and how a binding object is made from it.
//!
//! All native functions share one V8 callback, which finds the Rust function by an index carried as the JavaScript function's
//! data. So the external references of the snapshot are one callback and the sources, and the tables are plain Rust.
//! The index of a function is its place in [`BINDINGS`](crate::bindings::BINDINGS), in order: stable for one build,
//! which is what a snapshot is tied to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::LazyLock;

use v8::MapFnTo as _;

use crate::bindings::BINDINGS;
use crate::glue::{
    Args, Class, Failure, FastCall, Object, Scope, ScopeExt, Source, Value, class, sources,
};
use crate::shapes::{Shape, shape_of};

/// What a native function returns.
pub(crate) type BindingResult<'s> = Result<Return<'s>, Failure>;

/// A function that JavaScript calls.
pub(crate) type NativeFn = for<'s, 'i> fn(&mut Scope<'s, 'i>, &Args<'s>) -> BindingResult<'s>;

/// Adds to a binding object what its shape cannot know.
pub(crate) type SetupFn = for<'s, 'i> fn(&mut Scope<'s, 'i>, Object<'s>) -> Result<(), Failure>;

/// A returned value: `Ok(().into())`, `Ok(true.into())`, `Ok(7.into())`, `Ok(local.into())`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Return<'s> {
    Undefined,
    Boolean(bool),
    Int(i32),
    Uint(u32),
    Double(f64),
    Value(Value<'s>),
}

macro_rules! returns {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Return<'_> {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        })*
    };
}
returns!(bool => Boolean, i32 => Int, u32 => Uint, f64 => Double);

impl From<()> for Return<'_> {
    fn from((): ()) -> Self {
        Self::Undefined
    }
}

impl<'s, T> From<v8::Local<'s, T>> for Return<'s>
where
    v8::Local<'s, T>: Into<Value<'s>>,
{
    fn from(value: v8::Local<'s, T>) -> Self {
        Self::Value(value.into())
    }
}

/// How well something is supported; goes into the compatibility table (`cargo xtask compat-docs` reads it from the source).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Support {
    Full,
    /// Works, but for this.
    Partial(&'static str),
}

/// A function or class of a binding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) kind: EntryKind,
    /// What optimised JavaScript calls instead of the function.
    fast: Option<&'static FastCall>,
    #[expect(dead_code, reason = "read from the source by cargo xtask compat-docs")]
    support: Support,
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EntryKind {
    Function(NativeFn),
    Class(&'static Class),
}

const CAPACITY: usize = 96;

/// One `internalBinding(name)`. Everything of its shape that has no entry here throws `ERR_METHOD_NOT_IMPLEMENTED`.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) name: &'static str,
    /// The binding as a whole, for the table of documents.
    support: Support,
    entries: [Option<Entry>; CAPACITY],
    len: usize,
    setup: Option<SetupFn>,
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Binding({}, {} entries, {:?})",
            self.name, self.len, self.support
        )
    }
}

impl Binding {
    /// A binding that implements nothing yet.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            support: Support::Full,
            entries: [None; CAPACITY],
            len: 0,
            setup: None,
        }
    }

    /// The binding as a whole lacks something.
    pub(crate) const fn note(mut self, reason: &'static str) -> Self {
        self.support = Support::Partial(reason);
        self
    }

    const fn push(mut self, entry: Entry) -> Self {
        assert!(self.len < CAPACITY, "raise CAPACITY");
        self.entries[self.len] = Some(entry);
        self.len += 1;
        self
    }

    /// A function that does all that Node's does.
    pub(crate) const fn function(self, name: &'static str, function: NativeFn) -> Self {
        self.push(Entry {
            name,
            kind: EntryKind::Function(function),
            fast: None,
            support: Support::Full,
        })
    }

    /// A function that does less than Node's; what it lacks.
    pub(crate) const fn partial(
        self,
        name: &'static str,
        function: NativeFn,
        reason: &'static str,
    ) -> Self {
        self.push(Entry {
            name,
            kind: EntryKind::Function(function),
            fast: None,
            support: Support::Partial(reason),
        })
    }

    /// Gives the function declared last a variant for optimised JavaScript.
    pub(crate) const fn fast(mut self, fast: &'static FastCall) -> Self {
        assert!(self.len > 0, "after a function");
        if let Some(entry) = &mut self.entries[self.len - 1] {
            assert!(
                matches!(entry.kind, EntryKind::Function(_)),
                "after a function"
            );
            entry.fast = Some(fast);
        }
        self
    }

    /// A class.
    pub(crate) const fn class(self, class: &'static Class) -> Self {
        self.push(Entry {
            name: class.name,
            kind: EntryKind::Class(class),
            fast: None,
            support: Support::Full,
        })
    }

    /// Runs when the binding object is made, after everything else is on it.
    pub(crate) const fn setup(mut self, setup: SetupFn) -> Self {
        self.setup = Some(setup);
        self
    }

    /// The entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }
}

/// A native function that no table lists. Always a `static`, which is how it is known: code that is small enough may be compiled into several
/// places and then has several addresses.
#[derive(Debug)]
pub(crate) struct Unlisted(NativeFn);

impl Unlisted {
    /// For a `static` that is listed in [`UNLISTED`](crate::bindings::UNLISTED) or one of its kind.
    pub(crate) const fn new(function: NativeFn) -> Self {
        Self(function)
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Every Rust function JavaScript can call, in the order of the tables; and where each is.
struct Functions {
    list: Vec<NativeFn>,
    index: HashMap<usize, i32>,
}

fn key(function: NativeFn) -> usize {
    function as usize
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let mut functions = Functions {
        list: Vec::new(),
        index: HashMap::new(),
    };
    let mut add = |key: usize, function: NativeFn| {
        let next = i32::try_from(functions.list.len()).expect("a few thousand functions");
        if let std::collections::hash_map::Entry::Vacant(vacant) = functions.index.entry(key) {
            vacant.insert(next);
            functions.list.push(function);
        }
    };
    for binding in BINDINGS {
        for entry in binding.entries() {
            match entry.kind {
                EntryKind::Function(function) => add(key(function), function),
                EntryKind::Class(class) => {
                    class
                        .functions()
                        .for_each(|function| add(key(function), function));
                }
            }
        }
    }
    let classes = class::BASE_CLASSES
        .iter()
        .chain(crate::bindings::UNLISTED_CLASSES);
    for function in classes.flat_map(|class| class.functions()) {
        add(key(function), function);
    }
    let unlisted = crate::bindings::UNLISTED.iter().copied();
    for unlisted in unlisted.chain(crate::bindings::sqlite::unlisted()) {
        add(unlisted.key(), unlisted.0);
    }
    functions
});

static DISPATCH: LazyLock<v8::FunctionCallback> = LazyLock::new(|| dispatch.map_fn_to());
static NOT_IMPLEMENTED: LazyLock<v8::FunctionCallback> =
    LazyLock::new(|| not_implemented.map_fn_to());

/// The one callback V8 knows.
fn dispatch<'s>(
    scope: &mut Scope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let (index, bound) = match v8::Local::<v8::Array>::try_from(arguments.data()) {
        Ok(pair) => (pair.get_index(scope, 0), pair.get_index(scope, 1)),
        Err(_) => (Some(arguments.data()), None),
    };
    let index = index
        .and_then(|index| v8::Local::<v8::Integer>::try_from(index).ok())
        .map_or(-1, |index| index.value());
    let function = usize::try_from(index)
        .ok()
        .and_then(|index| FUNCTIONS.list.get(index));
    let Some(function) = function else {
        Failure::error("ERR_INTERNAL_ASSERTION", "unknown native function").throw(scope);
        return;
    };
    let args = Args::new(arguments, bound);
    match function(scope, &args) {
        Ok(Return::Undefined) => {}
        Ok(Return::Boolean(flag)) => result.set_bool(flag),
        Ok(Return::Int(number)) => result.set_int32(number),
        Ok(Return::Uint(number)) => result.set_uint32(number),
        Ok(Return::Double(number)) => result.set_double(number),
        Ok(Return::Value(value)) => result.set(value),
        Err(failure) => failure.throw(scope),
    }
}

/// The callback of everything Node has and we do not; its data is the full name.
fn not_implemented<'s>(
    scope: &mut Scope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let name = arguments.data().to_rust_string_lossy(scope);
    Failure::not_implemented(&name).throw(scope);
}

/// The getter of a property that is a builtin module's export, loaded when first read (`util.defineLazyProperties`).
fn lazy_builtin<'s>(
    scope: &mut Scope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    arguments: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) {
    match crate::bindings::util::load_lazy_property(scope, key, arguments.data()) {
        Ok(value) => result.set(value),
        Err(failure) => failure.throw(scope),
    }
}

/// A property to be defined by [`lazy_property`].
struct LazyProperty<'a, 's, 'i> {
    scope: &'a Scope<'s, 'i>,
    object: Object<'s>,
    key: v8::Local<'s, v8::Name>,
    module: v8::Local<'s, v8::String>,
    enumerable: bool,
}

/// Defines a lazy property, if one is given, and returns the address of the getter. One function for both, never inlined: the
/// compiler may make the C function under `lazy_builtin` once per codegen unit, and a snapshot must see one address.
#[inline(never)]
fn lazy_property(property: Option<LazyProperty<'_, '_, '_>>) -> *mut c_void {
    let getter: v8::AccessorNameGetterCallback = lazy_builtin.map_fn_to();
    if let Some(LazyProperty {
        scope,
        object,
        key,
        module,
        enumerable,
    }) = property
    {
        let attributes = if enumerable {
            v8::PropertyAttribute::NONE
        } else {
            v8::PropertyAttribute::DONT_ENUM
        };
        let _defined = object.set_lazy_data_property_with_data(
            scope,
            key,
            lazy_builtin,
            module.into(),
            attributes,
            v8::SideEffectType::HasSideEffect,
            v8::SideEffectType::HasSideEffect,
        );
    }
    getter as *mut c_void
}

/// Defines a property that is a builtin module's export, loaded when it is first read.
pub(crate) fn getter_callback_for_lazy_builtin<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    key: v8::Local<'s, v8::Name>,
    module: v8::Local<'s, v8::String>,
    enumerable: bool,
) {
    lazy_property(Some(LazyProperty {
        scope,
        object,
        key,
        module,
        enumerable,
    }));
}

/// The callback and data of a native function.
pub(super) fn callback_of<'s>(
    scope: &Scope<'s, '_>,
    function: NativeFn,
) -> (v8::FunctionCallback, Value<'s>) {
    callback_at(scope, key(function))
}

fn callback_at<'s>(scope: &Scope<'s, '_>, key: usize) -> (v8::FunctionCallback, Value<'s>) {
    match FUNCTIONS.index.get(&key) {
        Some(index) => (*DISPATCH, v8::Integer::new(scope, *index).into()),
        // A function that is in no table: list it in UNLISTED, or its class in UNLISTED_CLASSES.
        None => (
            *NOT_IMPLEMENTED,
            scope.text("unregistered native function").into(),
        ),
    }
}

pub(super) fn not_implemented_callback<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
) -> (v8::FunctionCallback, Value<'s>) {
    (*NOT_IMPLEMENTED, scope.text(name).into())
}

/// A JavaScript function over a native one that no table lists.
pub(crate) fn native_function<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
    function: &'static Unlisted,
) -> Option<v8::Local<'s, v8::Function>> {
    let (callback, data) = callback_at(scope, function.key());
    plain_function(scope, name, callback, data)
}

/// A JavaScript function over a native one that finds a value in [`Args::bound`]. Not for what a snapshot holds.
pub(crate) fn native_closure<'s>(
    scope: &Scope<'s, '_>,
    function: &'static Unlisted,
    bound: Value<'s>,
) -> Option<v8::Local<'s, v8::Function>> {
    let (callback, index) = callback_at(scope, function.key());
    let pair = scope.array(&[index, bound]);
    plain_function(scope, "", callback, pair.into())
}

fn plain_function<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
    callback: v8::FunctionCallback,
    data: Value<'s>,
) -> Option<v8::Local<'s, v8::Function>> {
    let function = v8::Function::builder_raw(callback)
        .data(data)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)?;
    function.set_name(scope.name(name));
    Some(function)
}

/// A JavaScript function over a native one with variants for optimised code.
fn fast_function<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
    function: NativeFn,
    fast: &'static FastCall,
) -> Option<v8::Local<'s, v8::Function>> {
    let (callback, data) = callback_of(scope, function);
    let template = v8::FunctionTemplate::builder_raw(callback)
        .data(data)
        .build_fast(scope, fast.functions());
    let function = template.get_function(scope)?;
    function.set_name(scope.name(name));
    Some(function)
}

/// Every address a snapshot may refer to, in a fixed order.
pub(crate) fn external_references() -> Cow<'static, [v8::ExternalReference]> {
    let mut references = vec![
        v8::ExternalReference {
            function: *DISPATCH,
        },
        v8::ExternalReference {
            function: *NOT_IMPLEMENTED,
        },
        v8::ExternalReference {
            pointer: lazy_property(None),
        },
    ];
    references.extend(crate::bindings::process::env_references());
    references.extend(
        BINDINGS
            .iter()
            .flat_map(Binding::entries)
            .filter_map(|entry| entry.fast)
            .flat_map(|fast| {
                fast.functions()
                    .iter()
                    .map(|function| v8::ExternalReference {
                        pointer: std::ptr::from_ref(function).cast_mut().cast::<c_void>(),
                    })
            }),
    );
    references.extend(sources().iter().filter_map(|(_, source)| match source {
        Source::OneByte(text) => Some(v8::ExternalReference {
            pointer: std::ptr::from_ref(*text).cast_mut().cast::<c_void>(),
        }),
        Source::TwoByte(_) => None,
    }));
    Cow::Owned(references)
}

/// Makes the object of `internalBinding(name)`; `None` if there is no such binding.
pub(crate) fn build_binding<'s>(
    scope: &mut Scope<'s, '_>,
    name: &str,
) -> Result<Option<Object<'s>>, Failure> {
    let binding = BINDINGS.iter().find(|binding| binding.name == name);
    let shape = shape_of(name);
    if binding.is_none() && shape.is_none() {
        return Ok(None);
    }
    let object = scope.object();
    // In the order of the real one, which some bindings' users pass on as their own.
    if let Some(Shape::Object { properties, .. }) = shape {
        for (key, property) in *properties {
            let entry = binding.and_then(|binding| binding.entries().find(|e| e.name == *key));
            match entry {
                Some(entry) => {
                    let value = implemented(scope, entry, shape, name)?;
                    scope.set(object, key, value);
                }
                None => define(scope, object, property, name, key, 0)?,
            }
        }
    }
    if let Some(binding) = binding {
        for entry in binding.entries() {
            if shape.is_none_or(|shape| property_of(shape, entry.name).is_none()) {
                let value = implemented(scope, entry, shape, name)?;
                scope.set(object, entry.name, value);
            }
        }
        if let Some(setup) = binding.setup {
            setup(scope, object)?;
        }
    }
    Ok(Some(object))
}

fn property_of(shape: &'static Shape, key: &str) -> Option<&'static Shape> {
    let Shape::Object { properties, .. } = shape else {
        return None;
    };
    let mut properties = properties.iter();
    properties
        .find(|(name, _)| *name == key)
        .map(|(_, shape)| shape)
}

/// The function or class of an entry.
fn implemented<'s>(
    scope: &mut Scope<'s, '_>,
    entry: &Entry,
    shape: Option<&'static Shape>,
    binding: &str,
) -> Result<Value<'s>, Failure> {
    match entry.kind {
        EntryKind::Function(function) => {
            let name = match shape.and_then(|shape| property_of(shape, entry.name)) {
                Some(Shape::Function(name)) => name,
                _ => entry.name,
            };
            let made = if let Some(fast) = entry.fast {
                fast_function(scope, name, function, fast)
            } else {
                let (callback, data) = callback_of(scope, function);
                plain_function(scope, name, callback, data)
            };
            Ok(made.ok_or(Failure::Pending)?.into())
        }
        EntryKind::Class(class) => {
            let constructor = class::constructor_of(scope, class)?;
            add_statics(scope, constructor.into(), shape, binding, entry.name)?;
            Ok(constructor.into())
        }
    }
}

/// Defines a property by its shape.
fn define<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    shape: &'static Shape,
    binding: &str,
    key: &'static str,
    depth: usize,
) -> Result<(), Failure> {
    let value = value_of(scope, shape, binding, key, depth)?;
    let Shape::Constant { enumerable, .. } = shape else {
        scope.set(object, key, value);
        return Ok(());
    };
    let mut attributes = v8::PropertyAttribute::READ_ONLY | v8::PropertyAttribute::DONT_DELETE;
    if !enumerable {
        attributes = attributes | v8::PropertyAttribute::DONT_ENUM;
    }
    let _defined = object.define_own_property(scope, scope.name(key).into(), value, attributes);
    Ok(())
}

/// The constants on a class's constructor (`HTTPParser.REQUEST`), from the binding's shape.
fn add_statics<'s>(
    scope: &mut Scope<'s, '_>,
    constructor: Object<'s>,
    binding: Option<&'static Shape>,
    binding_name: &str,
    class: &str,
) -> Result<(), Failure> {
    let Some(Shape::Object { properties, .. }) = binding else {
        return Ok(());
    };
    for (key, shape) in *properties {
        if let Shape::Class { statics, .. } = shape
            && *key == class
        {
            for (name, shape) in statics.iter().filter(|(_, shape)| is_constant(shape)) {
                define(scope, constructor, shape, binding_name, name, 1)?;
            }
        }
    }
    Ok(())
}

const fn is_constant(shape: &Shape) -> bool {
    matches!(
        shape.value(),
        Shape::Number(_) | Shape::String(_) | Shape::Boolean(_)
    )
}

/// A constant, typed array, stub or stub class, from its shape.
fn value_of<'s>(
    scope: &mut Scope<'s, '_>,
    shape: &'static Shape,
    binding: &str,
    key: &'static str,
    depth: usize,
) -> Result<Value<'s>, Failure> {
    Ok(match shape {
        Shape::Undefined => scope.undefined(),
        Shape::Null => scope.null(),
        Shape::Boolean(flag) => scope.boolean(*flag),
        Shape::Number(number) => scope.number(*number),
        Shape::String(text) => scope.name(text).into(),
        Shape::Symbol(description) => scope.node_symbol(description).into(),
        Shape::Constant { value, .. } => value_of(scope, value, binding, key, depth)?,
        Shape::Function(function) => {
            let (callback, data) = not_implemented_callback(scope, &format!("{binding}.{key}"));
            plain_function(scope, function, callback, data)
                .ok_or(Failure::Pending)?
                .into()
        }
        Shape::Class {
            methods,
            accessors,
            chain,
            statics,
        } => {
            let function = class::missing_class(scope, binding, key, methods, accessors, chain)?;
            for (name, shape) in *statics {
                define(scope, function.into(), shape, binding, name, depth + 1)?;
            }
            function.into()
        }
        Shape::Typed {
            element,
            length,
            initial,
        } => {
            let field = crate::glue::Field::new(scope, *element, *length, initial);
            let view = field.view(scope);
            if depth == 0 {
                scope.env().add_field(binding, key, field);
            }
            view
        }
        Shape::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for item in *items {
                values.push(value_of(scope, item, binding, key, depth + 1)?);
            }
            scope.array(&values).into()
        }
        Shape::Object {
            null_prototype,
            properties,
        } => {
            let object = if *null_prototype {
                scope.null_object()
            } else {
                scope.object()
            };
            for (name, shape) in *properties {
                define(scope, object, shape, binding, name, depth + 1)?;
            }
            object.into()
        }
    })
}

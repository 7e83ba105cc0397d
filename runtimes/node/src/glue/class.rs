//! [`Class`]: a JavaScript class whose methods are native, as a const table; and how its constructor is made.
//!
//! Instances have one internal field, which holds the number of a Rust object in the isolate's [`NativeTable`](crate::glue::NativeTable)
//! (see `native`). Inheritance is set up on the prototypes (and only there, as in C++), so constructors can be restored from a snapshot as plain functions:
//! `AsyncWrap` ← `HandleWrap` ← `LibuvStreamWrap`, as in Node.

use crate::event_loop::handles;
use crate::glue::binding::{callback_of, not_implemented_callback};
use crate::glue::{
    Args, BindingResult, Failure, NativeFn, Object, Scope, ScopeExt, Support, Value,
};

const CAPACITY: usize = 80;

/// Methods whose absence tells Node's library that OpenSSL was built without engines, which are code of the host's.
const LEFT_OUT: &[(&str, &str)] = &[
    ("SecureContext", "setClientCertEngine"),
    ("SecureContext", "setEngineKey"),
];

/// One member of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) kind: MemberKind,
    #[expect(dead_code, reason = "read from the source by cargo xtask compat-docs")]
    support: Support,
}

/// What a member is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MemberKind {
    Method(NativeFn),
    Getter(NativeFn),
    /// A getter that `for … in` shows.
    ShownGetter(NativeFn),
    /// A getter that every instance has as its own.
    OwnGetter(NativeFn),
    /// `true` on the prototype.
    Flag,
}

/// A class. Methods that the real one has and this table (or a parent's) lacks throw `ERR_METHOD_NOT_IMPLEMENTED`.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    constructor: NativeFn,
    parent: Option<&'static Class>,
    members: [Option<Member>; CAPACITY],
    len: usize,
    /// Internal fields of an instance; the first holds the number of the Rust object.
    fields: usize,
    is_nameless: bool,
    /// What is to be done to the template of instances.
    instances: Option<fn(v8::Local<'_, v8::ObjectTemplate>)>,
}

impl std::fmt::Debug for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Class({})", self.name)
    }
}

impl Class {
    /// A class with this constructor. The constructor attaches the Rust object to `args.this()`.
    pub(crate) const fn new(name: &'static str, constructor: NativeFn) -> Self {
        Self {
            name,
            constructor,
            parent: None,
            members: [None; CAPACITY],
            len: 0,
            fields: 1,
            is_nameless: false,
            instances: None,
        }
    }

    /// Instances with interceptors, which this function adds. Not for what a snapshot holds.
    pub(crate) const fn instances(mut self, add: fn(v8::Local<'_, v8::ObjectTemplate>)) -> Self {
        self.instances = Some(add);
        self
    }

    /// Instances with this many internal fields: those after the first hold JavaScript values, which live as long as they.
    pub(crate) const fn fields(mut self, count: usize) -> Self {
        self.fields = count;
        self
    }

    /// JavaScript sees no name.
    pub(crate) const fn nameless(mut self) -> Self {
        self.is_nameless = true;
        self
    }

    /// Inherits from another class.
    pub(crate) const fn extends(mut self, parent: &'static Self) -> Self {
        self.parent = Some(parent);
        self
    }

    const fn push(mut self, member: Member) -> Self {
        assert!(self.len < CAPACITY, "raise CAPACITY");
        self.members[self.len] = Some(member);
        self.len += 1;
        self
    }

    /// A method.
    pub(crate) const fn method(self, name: &'static str, function: NativeFn) -> Self {
        self.push(Member {
            name,
            kind: MemberKind::Method(function),
            support: Support::Full,
        })
    }

    /// A method that does less than Node's; what it lacks.
    pub(crate) const fn partial_method(
        self,
        name: &'static str,
        function: NativeFn,
        reason: &'static str,
    ) -> Self {
        self.push(Member {
            name,
            kind: MemberKind::Method(function),
            support: Support::Partial(reason),
        })
    }

    /// A read-only property computed by a function.
    pub(crate) const fn getter(self, name: &'static str, get: NativeFn) -> Self {
        self.push(Member {
            name,
            kind: MemberKind::Getter(get),
            support: Support::Full,
        })
    }

    /// The getter declared last is enumerable.
    pub(crate) const fn shown(mut self) -> Self {
        if let Some(member) = &mut self.members[self.len - 1]
            && let MemberKind::Getter(get) = member.kind
        {
            member.kind = MemberKind::ShownGetter(get);
        }
        self
    }

    /// The getter declared last is a property of each instance instead of the prototype's.
    pub(crate) const fn own(mut self) -> Self {
        if let Some(member) = &mut self.members[self.len - 1]
            && let MemberKind::Getter(get) = member.kind
        {
            member.kind = MemberKind::OwnGetter(get);
        }
        self
    }

    /// A property of the prototype that is `true`.
    pub(crate) const fn flag(self, name: &'static str) -> Self {
        self.push(Member {
            name,
            kind: MemberKind::Flag,
            support: Support::Full,
        })
    }

    /// The members.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    /// Every Rust function of the class, its parents included.
    pub(crate) fn functions(&self) -> impl Iterator<Item = NativeFn> {
        let own = self.members().filter_map(|member| match member.kind {
            MemberKind::Method(function)
            | MemberKind::Getter(function)
            | MemberKind::ShownGetter(function)
            | MemberKind::OwnGetter(function) => Some(function),
            MemberKind::Flag => None,
        });
        let parents: Vec<NativeFn> = self
            .parent
            .map(|parent| parent.functions().collect())
            .unwrap_or_default();
        std::iter::once(self.constructor).chain(own).chain(parents)
    }

    fn has(&self, name: &str) -> bool {
        self.members().any(|member| member.name == name)
            || self.parent.is_some_and(|parent| parent.has(name))
    }
}

/// Classes no binding shows, that others inherit from.
pub(super) const BASE_CLASSES: &[&Class] = &[
    &handles::ASYNC_WRAP,
    &handles::HANDLE_WRAP,
    &crate::bindings::stream_base::LIBUV_STREAM_WRAP,
];

/// The constructor of a class in this isolate; made the first time.
pub(crate) fn constructor_of<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
) -> Result<v8::Local<'s, v8::Function>, Failure> {
    if let Some(known) = scope.env().class(scope, class.name) {
        return Ok(known);
    }
    let parent = class
        .parent
        .map(|parent| constructor_of(scope, parent))
        .transpose()?;
    let function = make_constructor(scope, class, parent)?;
    scope.env().add_class(scope, class.name, function);
    Ok(function)
}

/// A new constructor of a class in the current context.
fn make_constructor<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
    parent: Option<v8::Local<'s, v8::Function>>,
) -> Result<v8::Local<'s, v8::Function>, Failure> {
    let (callback, data) = callback_of(scope, class.constructor);
    let shown = if class.is_nameless { "" } else { class.name };
    let template = new_template(scope, shown, callback, data);
    let instances = template.instance_template(scope);
    instances.set_internal_field_count(class.fields);
    if let Some(add) = class.instances {
        add(instances);
    }
    let prototype = template.prototype_template(scope);
    for member in class.members() {
        add_member(scope, member, prototype, instances);
    }
    if let Some(shape) = shape_of_class(class.name) {
        for name in shape.0.iter().filter(|name| !class.has(name)) {
            add_missing_method(scope, prototype, class.name, name);
        }
    }
    let function = template.get_function(scope).ok_or(Failure::Pending)?;
    if let Some(parent) = parent {
        inherit(scope, function, parent)?;
    }
    Ok(function)
}

fn add_member<'s>(
    scope: &Scope<'s, '_>,
    member: &Member,
    prototype: v8::Local<'s, v8::ObjectTemplate>,
    instances: v8::Local<'s, v8::ObjectTemplate>,
) {
    let name: v8::Local<'s, v8::Name> = scope.name(member.name).into();
    let hidden = v8::PropertyAttribute::DONT_ENUM;
    let lasting = v8::PropertyAttribute::READ_ONLY | v8::PropertyAttribute::DONT_DELETE;
    // Getters have no name, as those that C++ makes from templates.
    let getter = |get| Some(method_template(scope, "", callback_of(scope, get)));
    match member.kind {
        MemberKind::Method(function) => {
            let method = method_template(scope, member.name, callback_of(scope, function));
            prototype.set(name, method.into());
        }
        MemberKind::Getter(get) => {
            prototype.set_accessor_property(name, getter(get), None, lasting | hidden);
        }
        MemberKind::ShownGetter(get) => {
            prototype.set_accessor_property(name, getter(get), None, lasting);
        }
        MemberKind::OwnGetter(get) => {
            instances.set_accessor_property(name, getter(get), None, lasting);
        }
        MemberKind::Flag => prototype.set(name, v8::Boolean::new(scope, true).into()),
    }
}

/// A class that Node has and we do not: it can be inherited from and compared with, its construction throws.
pub(super) fn missing_class<'s>(
    scope: &mut Scope<'s, '_>,
    binding: &str,
    name: &'static str,
    methods: &'static [&'static str],
    _accessors: &'static [&'static str],
    chain: &'static [&'static str],
) -> Result<v8::Local<'s, v8::Function>, Failure> {
    let (callback, data) = not_implemented_callback(scope, &format!("{binding}.{name}"));
    let template = new_template(scope, name, callback, data);
    let prototype = template.prototype_template(scope);
    for method in methods {
        add_missing_method(scope, prototype, name, method);
    }
    let function = template.get_function(scope).ok_or(Failure::Pending)?;
    let parent = chain
        .iter()
        .find_map(|parent| BASE_CLASSES.iter().find(|class| class.name == *parent));
    if let Some(parent) = parent {
        let parent = constructor_of(scope, parent)?;
        inherit(scope, function, parent)?;
    }
    Ok(function)
}

/// `new class(...args)` from Rust.
pub(crate) fn new_instance<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
    args: &[Value<'s>],
) -> Result<Object<'s>, Failure> {
    let constructor = constructor_of(scope, class)?;
    constructor
        .new_instance(scope, args)
        .ok_or(Failure::Pending)
}

/// An instance whose prototypes belong to the current context, which is not the one Node's library lives in.
pub(crate) fn new_instance_here<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
    args: &[Value<'s>],
) -> Result<Object<'s>, Failure> {
    fn constructor<'s>(
        scope: &mut Scope<'s, '_>,
        class: &'static Class,
    ) -> Result<v8::Local<'s, v8::Function>, Failure> {
        let parent = class
            .parent
            .map(|parent| constructor(scope, parent))
            .transpose()?;
        make_constructor(scope, class, parent)
    }
    constructor(scope, class)?
        .new_instance(scope, args)
        .ok_or(Failure::Pending)
}

/// An instance whose constructor does not run: for classes that only native code makes.
pub(crate) fn bare_instance<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
) -> Result<Object<'s>, Failure> {
    let constructor = constructor_of(scope, class)?;
    let prototype = scope.get_property(constructor.into(), "prototype")?;
    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(class.fields);
    let own = class
        .members()
        .filter(|member| matches!(member.kind, MemberKind::OwnGetter(_)));
    for member in own {
        add_member(scope, member, template, template);
    }
    let object = template.new_instance(scope).ok_or(Failure::Pending)?;
    object
        .set_prototype(scope, prototype)
        .ok_or(Failure::Pending)?;
    Ok(object)
}

/// For classes whose instances only native code makes.
pub(crate) fn illegal_constructor<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Err(Failure::type_error(
        "ERR_ILLEGAL_CONSTRUCTOR",
        "Illegal constructor",
    ))
}

fn new_template<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
    callback: v8::FunctionCallback,
    data: Value<'s>,
) -> v8::Local<'s, v8::FunctionTemplate> {
    let template = v8::FunctionTemplate::builder_raw(callback)
        .data(data)
        .build(scope);
    template.set_class_name(scope.name(name));
    template
        .instance_template(scope)
        .set_internal_field_count(1);
    template
}

fn method_template<'s>(
    scope: &Scope<'s, '_>,
    name: &str,
    (callback, data): (v8::FunctionCallback, Value<'s>),
) -> v8::Local<'s, v8::FunctionTemplate> {
    let template = v8::FunctionTemplate::builder_raw(callback)
        .data(data)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope);
    if !name.is_empty() {
        template.set_class_name(scope.name(name));
    }
    template
}

fn add_missing_method<'s>(
    scope: &Scope<'s, '_>,
    prototype: v8::Local<'s, v8::ObjectTemplate>,
    class: &str,
    name: &str,
) {
    if BASE_CLASSES.iter().any(|base| base.has(name)) || LEFT_OUT.contains(&(class, name)) {
        return; // Inherited, or not to be.
    }
    let method = method_template(
        scope,
        name,
        not_implemented_callback(scope, &format!("{class}.{name}")),
    );
    prototype.set(scope.name(name).into(), method.into());
}

fn inherit<'s>(
    scope: &Scope<'s, '_>,
    child: v8::Local<'s, v8::Function>,
    parent: v8::Local<'s, v8::Function>,
) -> Result<(), Failure> {
    let child_prototype: Object<'_> = scope
        .get_property(child.into(), "prototype")?
        .try_into()
        .map_err(|_| Failure::Pending)?;
    let parent_prototype = scope.get_property(parent.into(), "prototype")?;
    child_prototype
        .set_prototype(scope, parent_prototype)
        .ok_or(Failure::Pending)?;
    Ok(())
}

/// Methods and accessors of the class of this name in any binding's shape.
fn shape_of_class(name: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    use crate::shapes::{SHAPES, Shape};
    SHAPES.iter().find_map(|(_, binding)| {
        let Shape::Object { properties, .. } = binding else {
            return None;
        };
        properties.iter().find_map(|(key, shape)| match shape {
            Shape::Class {
                methods, accessors, ..
            } if *key == name => Some((*methods, *accessors)),
            _ => None,
        })
    })
}

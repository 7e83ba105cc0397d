//! `internalBinding('async_wrap')`: async ids, the stack of async contexts, hooks. Node: `src/async_wrap.cc`, src/env.cc.
//!
//! JavaScript pushes and pops contexts itself while the stack fits the shared array; native code does for its callbacks, and
//! grows the array when it does not fit.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

use crate::environment::{Environment, Stored};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Field, Object, Scope, ScopeExt, Unlisted, Value,
};
use crate::shapes::{Element, Shape, shape_of};

pub(super) const BINDING: Binding = Binding::new("async_wrap")
    .function("setupHooks", setup_hooks)
    .function("setCallbackTrampoline", set_callback_trampoline)
    .function("pushAsyncContext", push_async_context)
    .function("popAsyncContext", pop_async_context)
    .function("executionAsyncResource", execution_async_resource)
    .function("clearAsyncIdStack", clear_async_id_stack)
    .function("queueDestroyAsyncId", queue_destroy_async_id)
    .function("setPromiseHooks", set_promise_hooks)
    .function("getPromiseHooks", get_promise_hooks)
    .function("registerDestroyHook", register_destroy_hook);

// async_hook_fields
const INIT: usize = 0;
const BEFORE: usize = 1;
const AFTER: usize = 2;
const DESTROY: usize = 3;
const CHECK: usize = 6;
const STACK_LENGTH: usize = 7;
// async_id_fields
const EXECUTION_ASYNC_ID: usize = 0;
const TRIGGER_ASYNC_ID: usize = 1;
const ASYNC_ID_COUNTER: usize = 2;
const DEFAULT_TRIGGER_ASYNC_ID: usize = 3;

/// Ids whose `destroy` hooks are due, and the resources native code pushed.
#[derive(Default)]
struct State {
    destroyed: RefCell<Vec<f64>>,
    resources: RefCell<Vec<(usize, v8::Global<v8::Value>)>>,
    /// `async_hook_fields`, for where there is no scope to look it up in.
    fields: OnceCell<Field>,
}

fn hook_fields(scope: &mut Scope<'_, '_>) -> Result<Field, Failure> {
    let env = scope.env();
    let state = env.state::<State>();
    if let Some(fields) = state.fields.get() {
        return Ok(fields.clone());
    }
    let fields = env.field(scope, "async_wrap", "async_hook_fields")?;
    if env.has_task() {
        // Not while a snapshot is made: the array is another one after it.
        state.fields.get_or_init(|| fields.clone());
    }
    Ok(fields)
}

fn id_fields(scope: &mut Scope<'_, '_>) -> Result<Field, Failure> {
    scope.env().field(scope, "async_wrap", "async_id_fields")
}

fn index(field: &Field, at: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a 32-bit unsigned element"
    )]
    {
        field.get(at) as usize
    }
}

/// A new async id, and the id of what triggers it.
pub(crate) fn new_ids(scope: &mut Scope<'_, '_>) -> (f64, f64) {
    let Ok(ids) = id_fields(scope) else {
        return (0.0, 0.0);
    };
    ids.add(ASYNC_ID_COUNTER, 1.0);
    let default = ids.get(DEFAULT_TRIGGER_ASYNC_ID);
    let trigger = if default < 0.0 {
        ids.get(EXECUTION_ASYNC_ID)
    } else {
        default
    };
    (ids.get(ASYNC_ID_COUNTER), trigger)
}

/// Makes objects whose trigger is `trigger`. Node: `AsyncHooks::DefaultTriggerAsyncIdScope`.
pub(crate) fn with_default_trigger<'s, 'i, R>(
    scope: &mut Scope<'s, 'i>,
    trigger: f64,
    make: impl FnOnce(&mut Scope<'s, 'i>) -> R,
) -> R {
    let before = id_fields(scope).map(|ids| {
        let before = ids.get(DEFAULT_TRIGGER_ASYNC_ID);
        ids.set(DEFAULT_TRIGGER_ASYNC_ID, trigger);
        before
    });
    let made = make(scope);
    if let (Ok(ids), Ok(before)) = (id_fields(scope), before) {
        ids.set(DEFAULT_TRIGGER_ASYNC_ID, before);
    }
    made
}

/// Whether there are hooks that hear of objects being made or going.
pub(crate) fn is_followed(scope: &mut Scope<'_, '_>) -> bool {
    hook_fields(scope).is_ok_and(|fields| fields.get(INIT) + fields.get(DESTROY) > 0.0)
}

/// Tells the `init` hooks about a native object.
pub(crate) fn emit_init(
    scope: &mut Scope<'_, '_>,
    async_id: f64,
    provider: &str,
    trigger: f64,
    resource: Object<'_>,
) {
    let Ok(fields) = hook_fields(scope) else {
        return;
    };
    if fields.get(INIT) == 0.0 {
        return;
    }
    let env = scope.env();
    let Some(init) = env.stored_function(scope, Stored::AsyncHookInit) else {
        return;
    };
    let resource: Value<'_> = v8::Local::new(scope, resource).into();
    let args = [
        scope.number(async_id),
        scope.name(provider).into(),
        scope.number(trigger),
        resource,
    ];
    let _result = init.call(scope, scope.undefined(), &args);
}

fn emit(scope: &mut Scope<'_, '_>, which: usize, callback: Stored, async_id: f64) {
    let Ok(fields) = hook_fields(scope) else {
        return;
    };
    if fields.get(which) == 0.0 {
        return;
    }
    let env = scope.env();
    let Some(callback) = env.stored_function(scope, callback) else {
        return;
    };
    let args = [scope.number(async_id)];
    let _result = callback.call(scope, scope.undefined(), &args);
}

/// Tells the `before` hooks.
pub(crate) fn emit_before(scope: &mut Scope<'_, '_>, async_id: f64) {
    emit(scope, BEFORE, Stored::AsyncHookBefore, async_id);
}

/// Tells the `after` hooks.
pub(crate) fn emit_after(scope: &mut Scope<'_, '_>, async_id: f64) {
    emit(scope, AFTER, Stored::AsyncHookAfter, async_id);
}

/// The function that calls callbacks when hooks are on, if it must be used.
pub(crate) fn trampoline<'s>(scope: &mut Scope<'s, '_>) -> Option<v8::Local<'s, v8::Function>> {
    let fields = hook_fields(scope).ok()?;
    if fields.get(BEFORE) + fields.get(AFTER) == 0.0 {
        return None;
    }
    let env = scope.env();
    env.stored_function(scope, Stored::AsyncCallbackTrampoline)
}

/// Enters an async context. Node: `AsyncHooks::push_async_context`.
pub(crate) fn push_context(
    scope: &mut Scope<'_, '_>,
    async_id: f64,
    trigger: f64,
    resource: Value<'_>,
) -> Result<(), Failure> {
    let fields = hook_fields(scope)?;
    let ids = id_fields(scope)?;
    let depth = index(&fields, STACK_LENGTH);
    let mut stack = scope.env().field(scope, "async_wrap", "async_ids_stack")?;
    if depth * 2 + 1 >= stack.len() {
        stack = grow(scope, &stack)?;
    }
    stack.set(2 * depth, ids.get(EXECUTION_ASYNC_ID));
    stack.set(2 * depth + 1, ids.get(TRIGGER_ASYNC_ID));
    fields.add(STACK_LENGTH, 1.0);
    ids.set(EXECUTION_ASYNC_ID, async_id);
    ids.set(TRIGGER_ASYNC_ID, trigger);
    if resource.is_object() {
        let resource = v8::Global::new(scope, resource);
        let state = scope.env().state::<State>();
        state.resources.borrow_mut().retain(|(at, _)| *at < depth);
        state.resources.borrow_mut().push((depth, resource));
    }
    Ok(())
}

/// Leaves an async context; whether one is left. Node: `AsyncHooks::pop_async_context`.
pub(crate) fn pop_context(scope: &mut Scope<'_, '_>, async_id: f64) -> bool {
    let (Ok(fields), Ok(ids)) = (hook_fields(scope), id_fields(scope)) else {
        return false;
    };
    let depth = index(&fields, STACK_LENGTH);
    // A fatal exception may have emptied the stack; what was ended has left its contexts behind.
    if depth == 0 || !scope.env().can_call_into_js() {
        return false;
    }
    let actual = ids.get(EXECUTION_ASYNC_ID);
    if fields.get(CHECK) > 0.0 && actual != async_id {
        fail_with_corrupted_stack(scope, actual, async_id);
        return false;
    }
    let Ok(stack) = scope.env().field(scope, "async_wrap", "async_ids_stack") else {
        return false;
    };
    let depth = depth - 1;
    ids.set(EXECUTION_ASYNC_ID, stack.get(2 * depth));
    ids.set(TRIGGER_ASYNC_ID, stack.get(2 * depth + 1));
    #[expect(clippy::cast_precision_loss, reason = "a stack depth")]
    fields.set(STACK_LENGTH, depth as f64);
    let state = scope.env().state::<State>();
    state.resources.borrow_mut().retain(|(at, _)| *at < depth);
    if let Ok(Some(resources)) = js_resources(scope)
        && usize::try_from(resources.length()).is_ok_and(|length| length > depth)
    {
        let length = scope.number(fields.get(STACK_LENGTH));
        let _set = resources.set(scope, scope.name("length").into(), length);
    }
    depth > 0
}

fn js_resources<'s>(
    scope: &mut Scope<'s, '_>,
) -> Result<Option<v8::Local<'s, v8::Array>>, Failure> {
    let Some(binding) = scope.env().binding(scope, "async_wrap")? else {
        return Ok(None);
    };
    Ok(scope
        .get_property(binding, "execution_async_resources")?
        .try_into()
        .ok())
}

/// A stack three times as long, put in place of the old one.
fn grow(scope: &mut Scope<'_, '_>, old: &Field) -> Result<Field, Failure> {
    let new = Field::new(scope, Element::Float64, old.len() * 3, &[]);
    for at in 0..old.len() {
        new.set(at, old.get(at));
    }
    let env = scope.env();
    if let Some(binding) = env.binding(scope, "async_wrap")? {
        let view = new.view(scope);
        scope.set(binding, "async_ids_stack", view);
    }
    env.add_field("async_wrap", "async_ids_stack", new.clone());
    Ok(new)
}

fn setup_hooks<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hooks = args.object(0)?;
    let env = scope.env();
    for (name, place) in [
        ("init", Stored::AsyncHookInit),
        ("before", Stored::AsyncHookBefore),
        ("after", Stored::AsyncHookAfter),
        ("destroy", Stored::AsyncHookDestroy),
        ("promise_resolve", Stored::AsyncHookPromiseResolve),
    ] {
        let hook = scope.get_property(hooks, name)?;
        env.store(scope, place, hook);
    }
    Ok(().into())
}

fn set_callback_trampoline<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let value = if args.get(0).is_function() {
        args.get(0)
    } else {
        scope.undefined()
    };
    scope
        .env()
        .store(scope, Stored::AsyncCallbackTrampoline, value);
    Ok(().into())
}

fn push_async_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    push_context(scope, args.f64(0)?, args.f64(1)?, args.get(2))?;
    Ok(().into())
}

fn pop_async_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let async_id = args.f64(0)?;
    let is_left = pop_context(scope, async_id);
    if scope.env().can_call_into_js() {
        Ok(is_left.into())
    } else {
        Err(Failure::Pending)
    }
}

/// The program calls its hooks out of step: it ends. Node: `AsyncHooks::FailWithCorruptedAsyncStack`.
fn fail_with_corrupted_stack(scope: &mut Scope<'_, '_>, actual: f64, expected: f64) {
    let env = scope.env();
    let mut text = format!(
        "Error: async hook stack has become corrupted (actual: {actual}, expected: {expected})\n"
    );
    text.push_str(&crate::bindings::process_methods::stack_trace(scope));
    env.print_error(text.as_bytes());
    if env.command_line().is("--abort-on-uncaught-exception") {
        env.abort();
    } else {
        env.exit(1);
    }
}

/// The resource native code pushed at this depth.
fn execution_async_resource<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let depth = args.usize(0)?;
    let state = scope.env().state::<State>();
    let resource = state
        .resources
        .borrow()
        .iter()
        .find(|(at, _)| *at == depth)
        .map(|(_, resource)| resource.clone());
    Ok(resource.map_or_else(
        || ().into(),
        |resource| v8::Local::new(scope, &resource).into(),
    ))
}

fn clear_async_id_stack<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    clear_stack(scope);
    Ok(().into())
}

/// Empties the stack after a fatal exception that was handled.
pub(crate) fn clear_stack(scope: &mut Scope<'_, '_>) {
    let (Ok(fields), Ok(ids)) = (hook_fields(scope), id_fields(scope)) else {
        return;
    };
    ids.set(EXECUTION_ASYNC_ID, 0.0);
    ids.set(TRIGGER_ASYNC_ID, 0.0);
    fields.set(STACK_LENGTH, 0.0);
    scope.env().state::<State>().resources.borrow_mut().clear();
    if let Ok(Some(resources)) = js_resources(scope) {
        let zero = scope.number(0.0);
        let _set = resources.set(scope, scope.name("length").into(), zero);
    }
}

fn queue_destroy_async_id<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let async_id = args.f64(0)?;
    queue_destroy(scope, async_id);
    Ok(().into())
}

/// Calls the `destroy` hooks for this id, soon.
pub(crate) fn queue_destroy(scope: &mut Scope<'_, '_>, async_id: f64) {
    let Ok(fields) = hook_fields(scope) else {
        return;
    };
    if fields.get(DESTROY) == 0.0 {
        return;
    }
    queue(&scope.env(), async_id);
}

/// The object with this id was collected. Without a scope: V8 is at its collection.
pub(crate) fn collected(env: &Environment, async_id: f64) {
    let has_hooks = env
        .state::<State>()
        .fields
        .get()
        .is_some_and(|fields| fields.get(DESTROY) != 0.0);
    if has_hooks {
        queue(env, async_id);
    }
}

/// With so many ids waiting the hooks are called by a microtask, for the loop may be far: a long chain of promises.
const MANY: usize = 16_384;

fn queue(env: &Environment, async_id: f64) {
    let state = env.state::<State>();
    let mut destroyed = state.destroyed.borrow_mut();
    destroyed.push(async_id);
    env.event_loop().note_destroyed();
    if destroyed.len() == MANY {
        crate::glue::interrupt_for_destroys(env.isolate_handle());
    }
}

/// Between two steps of JavaScript: has a microtask call the hooks.
pub(crate) fn enqueue_destroys(scope: &mut Scope<'_, '_>) {
    if let Some(function) = scope.function("emitDestroys", &DESTROYS_DUE) {
        scope.enqueue_microtask(function);
    }
}

/// The function of that microtask.
pub(crate) static DESTROYS_DUE: Unlisted = Unlisted::new(destroys_due);

/// What that microtask does.
fn destroys_due<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    emit_destroys(scope);
    Ok(().into())
}

/// Calls the `destroy` hooks for everything that waits for that.
pub(crate) fn emit_destroys(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let hooks = env.state::<DestroyHooks>();
    let state = env.state::<State>();
    loop {
        let collected = std::mem::take(&mut *hooks.collected.borrow_mut());
        for (async_id, destroyed) in collected {
            let is_done = destroyed.is_some_and(|object| {
                let object = v8::Local::new(scope, &object);
                scope
                    .get_property(object, "destroyed")
                    .is_ok_and(|value| value.is_true())
            });
            if !is_done {
                state.destroyed.borrow_mut().push(async_id);
            }
        }
        let ids = std::mem::take(&mut *state.destroyed.borrow_mut());
        if ids.is_empty() {
            break;
        }
        for async_id in ids {
            emit(scope, DESTROY, Stored::AsyncHookDestroy, async_id);
        }
    }
}

fn set_promise_hooks<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let places = [
        Stored::PromiseHookInit,
        Stored::PromiseHookBefore,
        Stored::PromiseHookAfter,
        Stored::PromiseHookSettled,
    ];
    for (at, place) in places.into_iter().enumerate() {
        let value = args.get(at);
        let value = if value.is_function() {
            value
        } else {
            scope.undefined()
        };
        env.store(scope, place, value);
    }
    follow_promises(scope);
    for (context, _) in crate::bindings::contextify::live_contexts(scope) {
        follow_promises(&mut v8::ContextScope::new(scope, context));
    }
    Ok(().into())
}

/// Makes the current context tell the hooks about its promises, if there are hooks; otherwise no more.
pub(crate) fn follow_promises(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let hook = |place| env.stored_function(scope, place);
    let (init, before) = (
        hook(Stored::PromiseHookInit),
        hook(Stored::PromiseHookBefore),
    );
    let (after, settled) = (
        hook(Stored::PromiseHookAfter),
        hook(Stored::PromiseHookSettled),
    );
    scope.set_promise_hooks(init, before, after, settled);
}

fn get_promise_hooks<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let hook = |place| {
        env.stored(scope, place)
            .unwrap_or_else(|| scope.undefined())
    };
    let hooks = [
        hook(Stored::PromiseHookInit),
        hook(Stored::PromiseHookBefore),
        hook(Stored::PromiseHookAfter),
        hook(Stored::PromiseHookSettled),
    ];
    Ok(scope.array(&hooks).into())
}

/// Objects whose `destroy` hooks wait for their collection. The handles are here and not in their finalizers: those are
/// dropped when V8 does not know any more that a handle goes, and would then be called on freed memory.
#[derive(Default)]
struct DestroyHooks {
    waiting: RefCell<HashMap<u64, v8::Weak<v8::Object>>>,
    next: Cell<u64>,
    /// Ids of those that are gone, and where it says whether their hooks were called already.
    collected: RefCell<Vec<(f64, Option<v8::Global<v8::Object>>)>>,
}

/// Calls the `destroy` hooks when this object is collected, unless `destroyed.destroyed` says it happened.
fn register_destroy_hook<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let resource = args.object(0)?;
    let async_id = args.f64(1)?;
    let destroyed = v8::Local::<v8::Object>::try_from(args.get(2))
        .ok()
        .map(|object| v8::Global::new(scope, object));
    let hooks = scope.env().state::<DestroyHooks>();
    let number = hooks.next.replace(hooks.next.get().wrapping_add(1));
    let weak = v8::Weak::with_finalizer(
        scope,
        resource,
        Box::new(move |isolate| {
            let env = isolate
                .get_slot::<std::rc::Rc<Environment>>()
                .map(std::rc::Rc::clone);
            let Some(env) = env else { return };
            let hooks = env.state::<DestroyHooks>();
            let weak = hooks.waiting.borrow_mut().remove(&number);
            drop(weak);
            let mut collected = hooks.collected.borrow_mut();
            collected.push((async_id, destroyed));
            env.event_loop().note_destroyed();
            if collected.len() == MANY {
                crate::glue::interrupt_for_destroys(env.isolate_handle());
            }
        }),
    );
    hooks.waiting.borrow_mut().insert(number, weak);
    Ok(().into())
}

fn providers() -> &'static [(&'static str, Shape)] {
    if let Some(Shape::Object { properties, .. }) = shape_of("async_wrap")
        && let Some((_, Shape::Object { properties, .. })) =
            properties.iter().find(|(name, _)| *name == "Providers")
    {
        return properties;
    }
    &[]
}

/// The number of a provider (`FSREQCALLBACK`, `TCPWRAP`…).
pub(crate) fn provider_number(name: &str) -> u32 {
    providers()
        .iter()
        .find(|(candidate, _)| *candidate == name)
        .and_then(|(_, shape)| match shape.value() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a small index"
            )]
            Shape::Number(number) => Some(*number as u32),
            _ => None,
        })
        .unwrap_or(0)
}

/// The name of a provider.
pub(crate) fn provider_name(number: u32) -> &'static str {
    providers()
        .iter()
        .find(|(_, shape)| matches!(shape.value(), Shape::Number(candidate) if *candidate == f64::from(number)))
        .map_or("NONE", |(name, _)| name)
}

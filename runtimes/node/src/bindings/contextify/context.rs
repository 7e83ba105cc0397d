//! `vm.createContext`: a V8 context whose global shows a guest's object (the sandbox), or is an ordinary one.
//!
//! The context refers to the sandbox by its embedder data; the sandbox to the context by a private symbol, whose value is an
//! object that was created in it. So each lives as long as the other, and both go together.

use super::interceptors;
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Value};

/// Places in a context's embedder data.
const SANDBOX: i32 = 1;
const OWN_QUEUE: i32 = 2;
const WASM: i32 = 3;
const STRINGS: i32 = 4;

/// The template of all contextified globals, one an isolate.
#[derive(Default)]
struct GlobalTemplate(std::cell::OnceCell<v8::Global<v8::ObjectTemplate>>);

/// The object that a context's global shows; `None` for a context without (the main one, one that is being made).
pub(super) fn sandbox_of<'s>(
    scope: &Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) -> Option<Object<'s>> {
    // V8 has no bounds check here: only contexts of ours have the fields.
    context.get_slot::<Contextified>()?;
    Object::try_from(context.get_embedder_data(scope, SANDBOX)?).ok()
}

/// The contexts that were made, for debuggers that come later.
#[derive(Default)]
struct Made {
    list: std::cell::RefCell<Vec<(v8::Weak<v8::Context>, String)>>,
    sweep_at: std::cell::Cell<usize>,
}

/// After how many new contexts those that are gone are forgotten, at least.
const SWEEP: usize = 32;

/// The contexts that live, with their names.
pub(crate) fn live_contexts<'s>(
    scope: &Scope<'s, '_>,
) -> Vec<(v8::Local<'s, v8::Context>, String)> {
    let made = scope.env().state::<Made>();
    let list = made.list.borrow();
    list.iter()
        .filter_map(|(context, name)| Some((context.to_local(scope)?, name.clone())))
        .collect()
}

fn remember<'s>(scope: &mut Scope<'s, '_>, context: v8::Local<'s, v8::Context>, name: String) {
    let env = scope.env();
    // Before a script is compiled in it: V8 shows debuggers no others.
    crate::inspector::agent(scope);
    crate::inspector::context_created(&env, context, &name);
    let made = env.state::<Made>();
    let mut list = made.list.borrow_mut();
    if list.len() >= made.sweep_at.get() {
        list.retain(|(context, _)| !context.is_empty());
        made.sweep_at.set(list.len() * 2 + SWEEP);
    }
    list.push((v8::Weak::new(scope, context), name));
}

/// Marks contexts that [`make_context`] made.
struct Contextified;

/// The context of a contextified object.
pub(crate) fn context_of<'s>(
    scope: &Scope<'s, '_>,
    sandbox: Object<'s>,
) -> Option<v8::Local<'s, v8::Context>> {
    let holder = sandbox.get_private(scope, scope.private("node:contextify:context"))?;
    Object::try_from(holder).ok()?.get_creation_context(scope)
}

/// Runs the microtasks of a context that has a queue of its own (`microtaskMode: 'afterEvaluate'`). Whether it has.
pub(in crate::bindings) fn drain_own_microtasks<'s>(
    scope: &mut Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) -> bool {
    if context.get_slot::<Contextified>().is_none()
        || !context
            .get_embedder_data(scope, OWN_QUEUE)
            .is_some_and(|flag| flag.is_true())
    {
        return false;
    }
    if let Some(queue) = context.get_microtask_queue() {
        queue.perform_checkpoint(scope);
    }
    true
}

/// Whether code in a context may compile WebAssembly (`codeGeneration: { wasm }`).
pub(crate) fn allows_wasm<'s>(scope: &Scope<'s, '_>, context: v8::Local<'s, v8::Context>) -> bool {
    context.get_slot::<Contextified>().is_none()
        || !context
            .get_embedder_data(scope, WASM)
            .is_some_and(|flag| flag.is_false())
}

/// Whether code in a context may compile strings (`codeGeneration: { strings }`).
pub(crate) fn allows_strings<'s>(
    scope: &Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) -> bool {
    if context.get_slot::<Contextified>().is_none() {
        let env = scope.env();
        let flag = env
            .command_line()
            .v8_option("--disallow-code-generation-from-strings");
        return flag.is_none();
    }
    !context
        .get_embedder_data(scope, STRINGS)
        .is_some_and(|flag| flag.is_false())
}

/// `makeContext(contextObject | vm_context_no_contextify, name, origin, strings, wasm, microtaskQueue, hostDefinedOptionId)`.
pub(super) fn make_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let sandbox = Object::try_from(args.get(0)).ok();
    let strings = args.bool(scope, 3);
    let wasm = args.bool(scope, 4);
    let has_own_queue = args.get(5).is_true();
    let id = args.get(6);
    let queue =
        has_own_queue.then(|| v8::MicrotaskQueue::new(scope, v8::MicrotasksPolicy::Explicit));
    let main = scope.get_current_context();
    let options = v8::ContextOptions {
        global_template: sandbox.map(|_| global_template(scope)),
        global_object: None,
        // Without one of its own, a context takes part in the isolate's.
        microtask_queue: queue
            .as_ref()
            .map(|queue| std::ptr::from_ref::<v8::MicrotaskQueue>(queue).cast_mut()),
    };
    let context = v8::Context::new(scope, options);
    context.set_security_token(main.get_security_token(scope));
    context.set_allow_generation_from_strings(strings);
    let global = context.global(scope);
    let sandbox = sandbox.unwrap_or(global);
    let holder = {
        let inner = &mut v8::ContextScope::new(scope, context);
        crate::bindings::async_wrap::follow_promises(inner);
        crate::frozen::hide_shared_memory(inner)?;
        crate::bindings::v8::expose_gc_if_asked(inner)?;
        prepare(inner, context, sandbox, id)?
    };
    context.set_embedder_data(SANDBOX, sandbox.into());
    context.set_embedder_data(OWN_QUEUE, scope.boolean(has_own_queue));
    context.set_embedder_data(WASM, scope.boolean(wasm));
    context.set_embedder_data(STRINGS, scope.boolean(strings));
    context.set_slot(std::rc::Rc::new(Contextified));
    sandbox
        .set_private(
            scope,
            scope.private("node:contextify:context"),
            holder.into(),
        )
        .ok_or(Failure::Pending)?;
    let name = args.get(1).to_rust_string_lossy(scope);
    remember(scope, context, name);
    if id.is_symbol() {
        sandbox
            .set_private(scope, scope.private("node:host_defined_option_symbol"), id)
            .ok_or(Failure::Pending)?;
    }
    Ok(sandbox.into())
}

fn global_template<'s>(scope: &Scope<'s, '_>) -> v8::Local<'s, v8::ObjectTemplate> {
    let state = scope.env().state::<GlobalTemplate>();
    let template = state.0.get_or_init(|| {
        let template = interceptors::template(scope);
        v8::Global::new(scope, template)
    });
    v8::Local::new(scope, template)
}

/// Inside a new context: names its global as the sandbox is named, removes what Node removes; returns an object of it.
fn prepare<'s>(
    scope: &Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
    sandbox: Object<'s>,
    id: Value<'s>,
) -> Result<Object<'s>, Failure> {
    let global = context.global(scope);
    let name = sandbox.get_constructor_name();
    if sandbox != global && name.to_rust_string_lossy(scope) != "Object" {
        let name = v8::Local::new(scope, name);
        let tag = v8::Symbol::get_to_string_tag(scope);
        global
            .define_own_property(
                scope,
                tag.into(),
                name.into(),
                v8::PropertyAttribute::DONT_ENUM,
            )
            .ok_or(Failure::Pending)?;
    }
    // `import()` in code without options of its own asks the global.
    if id.is_symbol() {
        global
            .set_private(scope, scope.private("node:host_defined_option_symbol"), id)
            .ok_or(Failure::Pending)?;
    }
    delete_what_node_deletes(scope, global)?;
    Ok(scope.object())
}

/// What V8 has and no context of Node's shows. Node: `InitializeContextRuntime`.
pub(crate) fn delete_what_node_deletes(
    scope: &Scope<'_, '_>,
    global: Object<'_>,
) -> Result<(), Failure> {
    let intl = scope.get_property(v8::Local::new(scope, global), "Intl")?;
    if let Ok(intl) = Object::try_from(intl) {
        intl.delete(scope, scope.name("v8BreakIterator").into())
            .ok_or(Failure::Pending)?;
    }
    Ok(())
}

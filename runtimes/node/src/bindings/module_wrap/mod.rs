//! `internalBinding('module_wrap')`: ES modules. Node: `src/module_wrap.cc`, lib/internal/modules/esm/*.
//!
//! A `ModuleWrap` stands for a V8 module. JavaScript asks for its requests, links each to another wrap (`link`), then
//! instantiates and evaluates (`run`). V8 asks back for what a request is linked to, for `import()` and for `import.meta`
//! (`hooks`). `create` makes modules, `state` tells about them, `facade` wraps what `require()` of a module gives.
//!
//! Nothing here holds a module, a context or a wrap by a root: the wrap has them in its internal fields ([`Slot`]), so cycles
//! of modules, contexts and sandboxes are collected.

mod create;
mod facade;
mod hooks;
mod link;
mod run;
mod state;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::glue::{Binding, Class, Failure, Native, Object, Scope, ScopeExt, native_of};

pub(crate) use hooks::{import_dynamically, initialize_import_meta};
pub(crate) use link::{resolve, resolve_source};
pub(crate) use run::evaluate_synthetic;
pub(crate) use state::warn_of_stalled_await;

pub(super) const BINDING: Binding = Binding::new("module_wrap")
    .class(&MODULE_WRAP)
    .function(
        "setImportModuleDynamicallyCallback",
        hooks::set_import_module_dynamically_callback,
    )
    .function(
        "setInitializeImportMetaObjectCallback",
        hooks::set_initialize_import_meta_object_callback,
    )
    .function(
        "createRequiredModuleFacade",
        facade::create_required_module_facade,
    )
    .function("throwIfPromiseRejected", run::throw_if_promise_rejected);

static MODULE_WRAP: Class = Class::new("ModuleWrap", create::new_module_wrap)
    .fields(Slot::COUNT)
    .method("getModuleRequests", link::get_module_requests)
    .method("link", link::link)
    .method("instantiate", run::instantiate)
    .method("evaluate", run::evaluate)
    .method("evaluateSync", run::evaluate_sync)
    .method("setExport", state::set_export)
    .method("setModuleSourceObject", state::set_module_source_object)
    .method("getModuleSourceObject", state::get_module_source_object)
    .method("getNamespace", state::get_namespace)
    .method("getStatus", state::get_status)
    .method("getError", state::get_error)
    .method("createCachedData", state::create_cached_data)
    .method("isGraphAsync", state::has_async_graph)
    .getter("hasAsyncGraph", state::has_async_graph);

const SOURCE_PHASE: i32 = 1;
const EVALUATION_PHASE: i32 = 2;

/// What a wrap's internal fields hold; field 0 is the number of the Rust object.
#[derive(Clone, Copy)]
enum Slot {
    Module = 1,
    Context,
    /// An array of the wraps that the requests are linked to.
    Linked,
    /// The function that a synthetic module runs.
    Steps,
    /// What a source phase import gives.
    Source,
}

impl Slot {
    const COUNT: usize = 6;
}

/// The Rust side of a `ModuleWrap`.
struct ModuleWrap {
    is_synthetic: bool,
    is_linked: Cell<bool>,
    hash: i32,
    wraps: Rc<Wraps>,
}

impl Native for ModuleWrap {}

impl Drop for ModuleWrap {
    fn drop(&mut self) {
        // The wrap is gone or goes: its entry is empty.
        if let Ok(mut map) = self.wraps.by_hash.try_borrow_mut()
            && let Some(bucket) = map.get_mut(&self.hash)
        {
            bucket.retain(|weak| !weak.is_empty());
            if bucket.is_empty() {
                map.remove(&self.hash);
            }
        }
    }
}

/// Wraps by the identity hash of their V8 modules.
#[derive(Default)]
struct Wraps {
    by_hash: RefCell<HashMap<i32, Vec<v8::Weak<v8::Object>>>>,
}

/// A module wrap, with what stands behind it.
#[derive(Clone)]
struct Wrapped<'s> {
    object: Object<'s>,
    native: Rc<ModuleWrap>,
    module: v8::Local<'s, v8::Module>,
}

impl<'s> Wrapped<'s> {
    fn of(scope: &Scope<'s, '_>, object: Object<'s>) -> Result<Self, Failure> {
        Self::find(scope, object).ok_or_else(Failure::illegal_invocation)
    }

    fn find(scope: &Scope<'s, '_>, object: Object<'s>) -> Option<Self> {
        let native = native_of::<ModuleWrap>(scope, object)?;
        let module = object.get_internal_field(scope, Slot::Module as usize)?;
        let module = v8::Local::<v8::Module>::try_from(module).ok()?;
        Some(Self {
            object,
            native,
            module,
        })
    }

    /// Makes `object` stand for a module of the current context.
    fn register(
        scope: &mut Scope<'s, '_>,
        object: Object<'s>,
        module: v8::Local<'s, v8::Module>,
        steps: Option<v8::Local<'s, v8::Function>>,
    ) -> Self {
        let wraps = scope.env().state::<Wraps>();
        let hash = module.get_identity_hash().get();
        let native = Rc::new(ModuleWrap {
            is_synthetic: steps.is_some(),
            is_linked: Cell::new(steps.is_some()),
            hash,
            wraps: Rc::clone(&wraps),
        });
        object.set_internal_field(Slot::Module as usize, module.into());
        object.set_internal_field(Slot::Context as usize, scope.get_current_context().into());
        if let Some(steps) = steps {
            object.set_internal_field(Slot::Steps as usize, steps.into());
        }
        crate::glue::attach(scope, object, Rc::clone(&native));
        let weak = v8::Weak::new(scope, object);
        wraps
            .by_hash
            .borrow_mut()
            .entry(hash)
            .or_default()
            .push(weak);
        Self {
            object,
            native,
            module,
        }
    }

    /// The wrap of a V8 module.
    fn of_module(scope: &Scope<'s, '_>, module: v8::Local<'s, v8::Module>) -> Option<Self> {
        let wraps = scope.env().state::<Wraps>();
        let candidates: Vec<Object<'s>> = wraps
            .by_hash
            .borrow()
            .get(&module.get_identity_hash().get())?
            .iter()
            .filter_map(|weak| weak.to_local(scope))
            .collect();
        candidates
            .into_iter()
            .filter_map(|object| Self::find(scope, object))
            .find(|wrapped| wrapped.module == module)
    }

    fn value(&self, scope: &Scope<'s, '_>, slot: Slot) -> Option<v8::Local<'s, v8::Value>> {
        let data = self.object.get_internal_field(scope, slot as usize)?;
        v8::Local::<v8::Value>::try_from(data).ok()
    }

    fn context(&self, scope: &Scope<'s, '_>) -> v8::Local<'s, v8::Context> {
        self.object
            .get_internal_field(scope, Slot::Context as usize)
            .and_then(|data| v8::Local::<v8::Context>::try_from(data).ok())
            .unwrap_or_else(|| scope.get_current_context())
    }
}

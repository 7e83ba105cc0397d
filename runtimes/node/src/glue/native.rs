//! Rust objects behind JavaScript objects.
//!
//! The JavaScript object's internal field holds a number; the isolate's [`NativeTable`] holds the Rust object under it.
//! No pointer crosses, so a wrong receiver is an error and not a crash, and a snapshot can hold such objects. The entry goes
//! when the JavaScript object is collected, unless it is [kept](NativeTable::keep): handles that are active are kept.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::bindings::messaging::transfer::TransferData;
use crate::event_loop::handles::{AsyncInfo, HandleState};
use crate::glue::{BindingResult, Failure, Object, Scope, ScopeExt};

/// Lets any `'static` type be asked for its concrete type. Implemented for all.
pub(crate) trait AsAny {
    /// The same object, for downcasting.
    fn into_any(self: Rc<Self>) -> Rc<dyn Any>;
}

impl<T: 'static> AsAny for T {
    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// What stands behind a JavaScript object. The provided methods say what the base classes may do with it.
pub(crate) trait Native: AsAny + 'static {
    /// For `AsyncWrap`: its async ids.
    fn async_info(&self) -> Option<&AsyncInfo> {
        None
    }

    /// For `HandleWrap`: whether it keeps the loop alive, whether it is closed.
    fn handle(&self) -> Option<&HandleState> {
        None
    }

    /// For `HandleWrap`: lets go of what the handle is over. Called once.
    fn close(&self, _scope: &mut Scope<'_, '_>) {}

    /// For messages: bits of [`transfer`](crate::bindings::messaging::transfer), whether it can be copied or moved.
    fn transfer_mode(&self) -> u32 {
        crate::bindings::messaging::transfer::DISALLOWED
    }

    /// For messages: gives up what it stands for, to be put together again at the receiver. `object` is its JavaScript side.
    fn transfer(
        &self,
        _scope: &mut Scope<'_, '_>,
        _object: Object<'_>,
    ) -> Option<Box<dyn TransferData>> {
        None
    }

    /// For messages: a copy of what it stands for.
    fn clone_data(&self, _scope: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        None
    }

    /// For streams (`StreamBase`): what does the work.
    fn stream(&self) -> Option<&dyn crate::bindings::stream_base::StreamResource> {
        None
    }

    /// The kernel's file under a handle that is no stream (`UDP`), to be handed to other processes.
    fn file(&self) -> Option<std::sync::Arc<cenote_vfs::OpenFile>> {
        None
    }

    /// For `LibuvStreamWrap`: the stream over a file of the kernel.
    fn kernel_stream(&self) -> Option<&crate::bindings::stream_base::KernelStream> {
        None
    }
}

struct Slot {
    native: Rc<dyn Native>,
    weak: v8::Weak<v8::Object>,
    kept: Option<v8::Global<v8::Object>>,
}

/// The Rust objects of an isolate by number.
#[derive(Default)]
pub(crate) struct NativeTable {
    slots: RefCell<HashMap<i32, Slot>>,
    next: std::cell::Cell<i32>,
}

impl std::fmt::Debug for NativeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NativeTable({})", self.slots.borrow().len())
    }
}

impl NativeTable {
    /// Keeps the JavaScript object alive until [`release`](Self::release).
    pub(crate) fn keep(&self, scope: &Scope<'_, '_>, object: Object<'_>) {
        let Some(number) = number_of(scope, object) else {
            return;
        };
        if let Some(slot) = self.slots.borrow_mut().get_mut(&number) {
            slot.kept = Some(v8::Global::new(scope, object));
        }
    }

    /// Lets the JavaScript object be collected when nothing else refers to it.
    pub(crate) fn release(&self, scope: &Scope<'_, '_>, object: Object<'_>) {
        let Some(number) = number_of(scope, object) else {
            return;
        };
        let kept = self
            .slots
            .borrow_mut()
            .get_mut(&number)
            .and_then(|slot| slot.kept.take());
        drop(kept);
    }

    /// The JavaScript object of a number, if it lives.
    pub(crate) fn object<'s>(&self, scope: &Scope<'s, '_>, number: i32) -> Option<Object<'s>> {
        self.slots
            .borrow()
            .get(&number)
            .and_then(|slot| slot.weak.to_local(scope))
    }

    /// Every live object with its Rust side, for `process._getActiveHandles()` and the end of a process.
    pub(crate) fn all(&self) -> Vec<(i32, Rc<dyn Native>)> {
        self.slots
            .borrow()
            .iter()
            .map(|(number, slot)| (*number, Rc::clone(&slot.native)))
            .collect()
    }

    /// Forgets everything; at the end of the isolate.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }

    fn remove(&self, env: &crate::environment::Environment, number: i32) {
        // Dropping may run code that looks into the table: let go of the borrow first.
        let slot = self.slots.borrow_mut().remove(&number);
        if let Some(info) = slot.as_ref().and_then(|slot| slot.native.async_info()) {
            info.collected(env);
        }
        drop(slot);
    }
}

/// Puts a Rust object behind a JavaScript one (an instance of a [`Class`](crate::glue::Class)); returns its number.
pub(crate) fn attach<T: Native>(
    scope: &mut Scope<'_, '_>,
    object: Object<'_>,
    native: Rc<T>,
) -> i32 {
    let env = scope.env();
    let table = env.natives();
    let number = table.next.get();
    table.next.set(number.wrapping_add(1));
    let data = v8::Integer::new(scope, number);
    object.set_internal_field(0, data.into());
    let finalizer = Box::new(move |isolate: &mut v8::Isolate| {
        let env = isolate
            .get_slot::<Rc<crate::environment::Environment>>()
            .map(Rc::clone);
        if let Some(env) = env {
            env.natives().remove(&env, number);
        }
    });
    let weak = v8::Weak::with_finalizer(scope, object, finalizer);
    table.slots.borrow_mut().insert(
        number,
        Slot {
            native,
            weak,
            kept: None,
        },
    );
    number
}

fn number_of(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<i32> {
    if object.internal_field_count() == 0 {
        return None;
    }
    let field = object.get_internal_field(scope, 0)?;
    let value = v8::Local::<v8::Value>::try_from(field).ok()?;
    let number = v8::Local::<v8::Integer>::try_from(value).ok()?;
    i32::try_from(number.value()).ok()
}

/// The number of a JavaScript object's Rust object, for [`NativeTable::object`].
pub(crate) fn native_number(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<i32> {
    number_of(scope, object)
}

/// Whether a JavaScript object is one that Rust objects stand behind (the Rust object may be gone).
pub(crate) fn is_native(scope: &Scope<'_, '_>, object: Object<'_>) -> bool {
    number_of(scope, object).is_some()
}

/// What Node shows as a pointer to the C++ object. It tells objects apart, and is no address.
pub(crate) fn external<'s>(scope: &Scope<'s, '_>, object: Object<'s>) -> BindingResult<'s> {
    let number = number_of(scope, object).ok_or_else(Failure::illegal_invocation)?;
    let number = usize::try_from(number.unsigned_abs()).unwrap_or_default();
    let pointer = std::ptr::without_provenance_mut(number.saturating_add(1).saturating_mul(64));
    Ok(v8::External::new(scope, pointer).into())
}

/// The Rust object behind a JavaScript one, whatever its type.
pub(crate) fn native_ref(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<Rc<dyn Native>> {
    let number = number_of(scope, object)?;
    let env = scope.env();
    let slots = env.natives().slots.borrow();
    slots.get(&number).map(|slot| Rc::clone(&slot.native))
}

/// The Rust object behind a JavaScript one, if it is a `T`.
pub(crate) fn native_of<T: Native>(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<Rc<T>> {
    native_ref(scope, object).and_then(|native| native.into_any().downcast::<T>().ok())
}

//! What can be copied or moved in a message besides plain data: the bits of a transfer mode, and [`TransferData`], a host object
//! under way. Node: `BaseObject::TransferMode`, `worker::TransferData`.

use crate::environment::Stored;
use crate::glue::{Failure, Object, Scope, ScopeExt};

use super::channel::Port;

/// Neither; the mode of most objects.
pub(crate) const DISALLOWED: u32 = 0;
/// Can be moved, if the transfer list names it.
pub(crate) const TRANSFERABLE: u32 = 1;
/// Can be copied.
pub(crate) const CLONEABLE: u32 = 2;

/// A host object between two isolates.
pub(crate) trait TransferData: Send {
    /// The object at the receiver, in the current context.
    ///
    /// # Errors
    /// What making it throws.
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure>;

    /// The port, if it is one.
    fn port(&self) -> Option<&Port> {
        None
    }

    /// Whether more of it follows in the message, for its `kDeserialize` method.
    fn has_more(&self) -> bool {
        false
    }
}

/// An object of Node's JavaScript: made by the function given to `setDeserializerCreateObjectFunction`, from
/// `'module:Constructor'`, and filled by its `kDeserialize` method.
pub(super) struct JsData {
    pub(super) info: String,
}

impl TransferData for JsData {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        let env = scope.env();
        if scope.get_current_context() != env.context(scope) {
            return Err(target_unavailable());
        }
        let create = env
            .stored_function(scope, Stored::DeserializerCreateObject)
            .ok_or(Failure::Pending)?;
        let info = scope.string(&self.info)?.into();
        let made = scope.call(create, scope.null(), &[info])?;
        Object::try_from(made)
            .ok()
            .filter(|object| js_mode(scope, *object).is_some())
            .ok_or(Failure::Pending)
    }

    fn has_more(&self) -> bool {
        true
    }
}

/// The object belongs to the main context, and the port was moved to another.
pub(crate) fn target_unavailable() -> Failure {
    Failure::error(
        "ERR_MESSAGE_TARGET_CONTEXT_UNAVAILABLE",
        "A message object could not be deserialized successfully in the target vm.Context",
    )
}

/// The mode that `markTransferMode` gave an object of Node's JavaScript.
pub(super) fn js_mode(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<u32> {
    let key = scope.private("node:transfer_mode");
    if object.has_private(scope, key) != Some(true) {
        return None;
    }
    let mode = object.get_private(scope, key)?;
    Some(mode.uint32_value(scope).unwrap_or(DISALLOWED))
}

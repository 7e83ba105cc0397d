//! `internalBinding('mksnapshot')`: user-land snapshots, of which there are none (`crate::user_snapshot`). Node: `src/node_snapshotable.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Scope};

pub(super) const BINDING: Binding = Binding::new("mksnapshot")
    .note("no snapshot is built or taken: V8 ends its host process at what it cannot store")
    .partial(
        "setSerializeCallback",
        keep_nothing,
        "there is no user-land snapshot to run it for",
    )
    .partial(
        "setDeserializeCallback",
        keep_nothing,
        "there is no user-land snapshot to run it for",
    )
    .partial(
        "setDeserializeMainFunction",
        keep_nothing,
        "there is no user-land snapshot to run it for",
    );

/// Bootstrap registers callbacks for snapshots that users build; ours needs none of them.
fn keep_nothing<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if args.get(0).is_function() || args.is_undefined(0) {
        Ok(().into())
    } else {
        Err(Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "the callback must be a function",
        ))
    }
}

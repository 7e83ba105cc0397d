//! `internalBinding('diagnostics_channel')`: channels native code publishes to; ours publishes to none. Node: `src/node_diagnostics_channel.cc`.

use crate::glue::{Args, Binding, BindingResult, Scope};

pub(super) const BINDING: Binding = Binding::new("diagnostics_channel").partial(
    "linkNativeChannel",
    link_native_channel,
    "no native channel is ever published to",
);

/// Node gives native code a function that makes channels by name; without native channels it is not needed.
fn link_native_channel<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.function(0)?;
    Ok(().into())
}

//! `internalBinding('diagnostics_channel')`: channels native code publishes to. Node: `src/node_diagnostics_channel.cc`.
//!
//! JavaScript gives native code a function that makes a channel by name and remembers its number; how many listen is kept
//! in `subscribers`, which JavaScript shares.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding =
    Binding::new("diagnostics_channel").function("linkNativeChannel", link_native_channel);

fn link_native_channel<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let link = args.function(0)?;
    let env = scope.env();
    env.store(scope, Stored::LinkNativeChannel, link.into());
    Ok(().into())
}

/// Publishes to the channel of this name and number, if anybody listens. `message` makes what is published.
///
/// # Errors
/// None of a subscriber's: those are reported later. The process's end.
pub(crate) fn publish<'s>(
    scope: &Scope<'s, '_>,
    (name, number): (&str, i32),
    message: impl FnOnce(&Scope<'s, '_>) -> Object<'s>,
) -> Result<(), Failure> {
    let Some(link) = scope
        .env()
        .stored_function(scope, Stored::LinkNativeChannel)
    else {
        return Ok(());
    };
    let arguments = [
        scope.name(name).into(),
        v8::Integer::new(scope, number).into(),
    ];
    let channel = scope.call(link, scope.undefined(), &arguments)?;
    let Ok(channel) = Object::try_from(channel) else {
        return Ok(());
    };
    if !scope.get_property(channel, "hasSubscribers")?.is_true() {
        return Ok(());
    }
    let publish = scope.get_property(channel, "publish")?;
    if let Ok(publish) = v8::Local::<v8::Function>::try_from(publish) {
        scope.call(publish, channel.into(), &[message(scope).into()])?;
    }
    Ok(())
}

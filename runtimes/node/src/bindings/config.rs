//! `internalBinding('config')`: what this build of Node has. Node: `src/node_config.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("config")
    .function("getDefaultLocale", get_default_locale)
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    for name in [
        "fipsMode",
        "openSSLIsBoringSSL",
        "isDebugBuild",
        "noBrowserGlobals",
    ] {
        scope.set(binding, name, scope.boolean(false));
    }
    for name in ["hasInspector", "hasOpenSSL", "hasTracing"] {
        scope.set(binding, name, scope.boolean(true));
    }
    Ok(())
}

/// The locale Intl uses by default.
fn get_default_locale<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.text("en-US").into())
}

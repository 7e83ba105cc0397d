//! `internalBinding('cjs_lexer')`: the export names of a `CommonJS` module. Node: `src/node_cjs_lexer.cc` (over merve).

use crate::glue::{Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("cjs_lexer").function("parse", parse);

/// `parse(source)`: `[Set of names, array of re-exported specifiers]`.
fn parse<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let source = args.text(scope, 0)?;
    let found = crate::cjs_lexer::parse(&source);
    let names = v8::Set::new(scope);
    for name in &found.names {
        names
            .add(scope, scope.string(name)?.into())
            .ok_or(Failure::Pending)?;
    }
    let mut reexports: Vec<Value<'s>> = Vec::new();
    for specifier in &found.reexports {
        reexports.push(scope.string(specifier)?.into());
    }
    let reexports = scope.array(&reexports);
    Ok(scope.array(&[names.into(), reexports.into()]).into())
}

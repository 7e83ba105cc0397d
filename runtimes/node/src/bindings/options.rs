//! `internalBinding('options')`: the command line, as Node's library asks for it. Node: `src/node_options.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value};
use crate::options::OptionValue;
use crate::shapes::{CLI_ALIASES, CLI_INFO};

pub(super) const BINDING: Binding = Binding::new("options")
    .function("getCLIOptionsValues", get_cli_options_values)
    .function("getCLIOptionsInfo", get_cli_options_info)
    .function("getOptionsAsFlags", get_options_as_flags)
    .function("getEmbedderOptions", get_embedder_options);

fn to_js<'s>(scope: &Scope<'s, '_>, value: &OptionValue) -> Result<Value<'s>, Failure> {
    Ok(match value {
        OptionValue::Boolean(flag) => scope.boolean(*flag),
        OptionValue::Number(number) => scope.number(*number),
        OptionValue::Text(text) => scope.string(text)?.into(),
        OptionValue::List(items) => {
            let items: Result<Vec<Value<'s>>, Failure> = items
                .iter()
                .map(|item| Ok(scope.string(item)?.into()))
                .collect();
            scope.array(&items?).into()
        }
        OptionValue::HostPort { host, port } => {
            let object = scope.object();
            scope.set(object, "host", scope.string(host)?.into());
            scope.set(object, "port", scope.number(f64::from(*port)));
            object.into()
        }
    })
}

fn get_cli_options_values<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let values = scope.null_object();
    for (name, value) in env.command_line().all() {
        // Node's internals make shared memory.
        let value = if name == "--expose-internals" && crate::frozen::is_frozen(&env) {
            scope.boolean(false)
        } else {
            to_js(scope, &value)?
        };
        scope.set(values, name, value);
    }
    if crate::inspector::breaks_first_line(&env) {
        scope.set(values, "--inspect-brk", scope.boolean(true));
    }
    Ok(values.into())
}

fn get_cli_options_info<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    // Node's own texts, by option; read only for `--help` and for what is allowed in NODE_OPTIONS.
    let help: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../data/cli-help.json")).unwrap_or_default();
    let options = v8::Map::new(scope);
    for (name, kind, environment, default_is_true) in CLI_INFO {
        let info = scope.object();
        let text = help.get(*name).and_then(serde_json::Value::as_str);
        scope.set(info, "helpText", scope.text(text.unwrap_or("")).into());
        scope.set(
            info,
            "envVarSettings",
            scope.number(f64::from(*environment)),
        );
        scope.set(info, "type", scope.number(f64::from(*kind)));
        scope.set(info, "defaultIsTrue", scope.boolean(*default_is_true));
        options
            .set(scope, scope.name(name).into(), info.into())
            .ok_or(Failure::Pending)?;
    }
    let aliases = v8::Map::new(scope);
    for (alias, expansion) in CLI_ALIASES {
        let words: Vec<Value<'s>> = expansion
            .iter()
            .map(|word| scope.name(word).into())
            .collect();
        let words = scope.array(&words);
        aliases
            .set(scope, scope.name(alias).into(), words.into())
            .ok_or(Failure::Pending)?;
    }
    let result = scope.object();
    scope.set(result, "options", options.into());
    scope.set(result, "aliases", aliases.into());
    Ok(result.into())
}

/// The options as a command line would give them: booleans that differ from their default, everything else that has a value.
fn get_options_as_flags<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let line = env.command_line();
    let mut flags: Vec<Value<'s>> = Vec::new();
    for (name, _, _, default_is_true) in CLI_INFO.iter().filter(|info| info.0.starts_with("--")) {
        match line.value(name) {
            Some(OptionValue::Boolean(true)) if !default_is_true => {
                flags.push(scope.string(name)?.into());
            }
            Some(OptionValue::Boolean(false)) if *default_is_true => {
                let negative = name.replacen("--", "--no-", 1);
                flags.push(scope.string(&negative)?.into());
            }
            Some(OptionValue::Boolean(_)) | None => {}
            Some(OptionValue::Number(number)) => {
                flags.push(scope.string(&format!("{name}={number}"))?.into());
            }
            Some(OptionValue::Text(text)) if text.is_empty() => {}
            Some(OptionValue::Text(text)) => {
                flags.push(scope.string(&format!("{name}={text}"))?.into());
            }
            Some(OptionValue::List(items)) => {
                for item in items {
                    flags.push(scope.string(&format!("{name}={item}"))?.into());
                }
            }
            Some(OptionValue::HostPort { host, port }) => {
                flags.push(scope.string(&format!("{name}={host}:{port}"))?.into());
            }
        }
    }
    Ok(scope.array(&flags).into())
}

fn get_embedder_options<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let options = scope.object();
    for name in [
        "shouldNotRegisterESMLoader",
        "noGlobalSearchPaths",
        "noBrowserGlobals",
        "hasEmbedderPreload",
    ] {
        scope.set(options, name, scope.boolean(false));
    }
    Ok(options.into())
}

//! The part of a report about what was thrown, or where it was asked for.

use serde_json::{Map, Value as Json, json};

use crate::glue::{Scope, ScopeExt, Value};

/// The section `javascriptStack`. Node: `PrintJavaScriptStack`, `PrintJavaScriptErrorProperties`.
pub(super) fn describe<'s>(scope: &mut Scope<'s, '_>, trigger: &str, error: Value<'s>) -> Json {
    let text = if trigger == "FatalError" {
        None
    } else {
        stack_of(scope, error)
    };
    let Some(text) = text else {
        return json!({ "message": "No stack.", "stack": ["Unavailable."], "errorProperties": {} });
    };
    let mut section = Map::new();
    match text.split_once('\n') {
        None => {
            section.insert("message".into(), text.into());
        }
        Some((message, frames)) => {
            // As in Node, what has no end of line behind it is not shown.
            let frames = frames.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let frames: Vec<&str> = frames.lines().map(str::trim_start).collect();
            section.insert("message".into(), message.into());
            section.insert("stack".into(), frames.into());
        }
    }
    section.insert("errorProperties".into(), properties(scope, error).into());
    section.into()
}

/// The `stack` of an error, or a primitive value as text; `None` without one, or if JavaScript throws meanwhile.
fn stack_of<'s>(scope: &mut Scope<'s, '_>, error: Value<'s>) -> Option<String> {
    v8::tc_scope!(let catch, scope);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        let stack = object.get(catch, catch.name("stack").into())?;
        return stack.is_string().then(|| stack.to_rust_string_lossy(catch));
    }
    Some(error.to_string(catch)?.to_rust_string_lossy(catch))
}

/// What else an error has of its own, as text.
fn properties<'s>(scope: &mut Scope<'s, '_>, error: Value<'s>) -> Map<String, Json> {
    let mut all = Map::new();
    let Ok(object) = v8::Local::<v8::Object>::try_from(error) else {
        return all;
    };
    v8::tc_scope!(let catch, scope);
    let Some(names) = object.get_own_property_names(catch, v8::GetPropertyNamesArgs::default())
    else {
        return all;
    };
    for index in 0..names.length() {
        let Some(name) = names
            .get_index(catch, index)
            .filter(|name| name.is_string())
        else {
            continue;
        };
        let key = name.to_rust_string_lossy(catch);
        if key == "stack" || key == "message" {
            continue;
        }
        let value = object
            .get(catch, name)
            .and_then(|value| value.to_string(catch))
            .map(|value| value.to_rust_string_lossy(catch));
        if let Some(value) = value {
            all.insert(key, value.into());
        }
    }
    all
}

//! What a machine with functions of its embedder has in its files: the client that `node` loads first, the list of the functions, and
//! a command for each collection.

use cenote_base::SysResult;
use cenote_vfs::LookupContext;
use serde_json::{Value, json};

use super::Collections;
use super::function::Collection;
use crate::files::{make_directories, write};

/// Where the node runtime looks for what to load before a program.
const DIRECTORY: &[u8] = b"/usr/lib/cenote";
const CLIENT: &[u8] = b"/usr/lib/cenote/preload.cjs";
const LIST: &[u8] = b"/usr/lib/cenote/host-functions.json";
const COMMANDS: &[u8] = b"/usr/local/bin";

/// Writes the files for all collections that there are now.
///
/// # Errors
/// Those of making directories and writing: `ENOSPC`, `EROFS` …
pub(crate) fn write_files(cx: &LookupContext<'_>, collections: &Collections) -> SysResult {
    let all = collections.all();
    let list: Vec<Value> = all.iter().map(|collection| describe(collection)).collect();
    make_directories(cx, DIRECTORY)?;
    make_directories(cx, COMMANDS)?;
    // The list first: the client reads it as soon as it is there.
    write(cx, LIST, Value::Array(list).to_string().as_bytes(), 0o644)?;
    write(cx, CLIENT, include_bytes!("client.cjs"), 0o644)?;
    for collection in all {
        let path = [COMMANDS, b"/cenote-", collection.name.as_bytes()].concat();
        write(cx, &path, include_bytes!("command.cjs"), 0o755)?;
    }
    Ok(())
}

fn describe(collection: &Collection) -> Value {
    let functions: Vec<Value> = collection
        .functions
        .iter()
        .map(|(name, function)| {
            json!({
                "name": name,
                "description": function.description,
                "parameters": function.parameters,
            })
        })
        .collect();
    json!({
        "name": collection.name,
        "description": collection.description,
        "functions": functions,
    })
}

//! Node's modules: how far each is there, from the bindings under it, Node's own tests of it, and why those fail that do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::bindings;
use crate::tree::Tree;
use crate::workspace::Outcome;

const RESULTS: &str = "docs/compat/node.md";
const EXPECTATIONS: &str = "tests/conformance/node/expectations.toml";

/// A module: its name, the bindings that do its work, and the groups of Node's tests that try it.
type Module = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip]
const MODULES: &[Module] = &[
    ("assert", &[], &["assert"]),
    ("async_hooks", &["async_wrap", "async_context_frame"], &["async", "async-hooks", "als", "asyncresource"]),
    ("buffer", &["buffer", "blob", "string_decoder", "encoding_binding"], &["buffer", "blob", "btoa", "file"]),
    ("child_process", &["process_wrap", "spawn_sync", "pipe_wrap"], &["child", "spawn", "stdio"]),
    ("cluster", &["process_wrap"], &["cluster"]),
    ("console", &[], &["console"]),
    ("crypto", &["crypto"], &["crypto", "webcrypto", "x509", "dsa", "openssl"]),
    ("dgram", &["udp_wrap"], &["dgram"]),
    ("diagnostics_channel", &["diagnostics_channel"], &["diagnostics"]),
    ("dns", &["cares_wrap"], &["dns"]),
    ("domain", &[], &["domain"]),
    ("ES modules and CommonJS", &["module_wrap", "modules", "contextify", "cjs_lexer"], &["es-module", "module-hooks", "module", "require", "find"]),
    ("events", &[], &["event", "events", "eventemitter", "eventtarget", "eventsource"]),
    ("fs", &["fs", "fs_dir", "fs_event_wrap"], &["fs", "filehandle", "directory", "fastutf8stream"]),
    ("globals (fetch, navigator, structuredClone …)", &["messaging", "serdes"], &["global", "navigator", "structuredClone", "websocket", "abortcontroller", "abortsignal", "domexception"]),
    ("http", &["http_parser"], &["http", "outgoing"]),
    ("http2", &["http2"], &["http2"]),
    ("https", &["tls_wrap"], &["https"]),
    ("inspector", &["inspector"], &["inspector", "debugger", "inspect"]),
    ("net", &["tcp_wrap", "pipe_wrap", "stream_wrap", "block_list"], &["net", "tcp", "pipe", "socket", "blocklist"]),
    ("os", &["os"], &["os"]),
    ("path", &[], &["path"]),
    ("perf_hooks", &["performance"], &["perf", "performance", "performanceobserver"]),
    ("permission model", &["permission"], &["permission"]),
    ("process", &["process_methods", "credentials", "signal_wrap", "report"], &["process", "signal", "stdin", "stdout", "exception", "kill"]),
    ("querystring", &[], &["querystring"]),
    ("readline", &[], &["readline"]),
    ("repl", &[], &["repl"]),
    ("sea and snapshots", &["sea", "mksnapshot"], &["sea", "snapshot"]),
    ("sqlite", &["sqlite"], &["sqlite"]),
    ("stream", &["stream_pipe", "js_stream"], &["stream", "stream2", "stream3", "streams", "readable", "duplex", "webstream", "webstreams"]),
    ("test", &[], &["runner", "mock"]),
    ("timers", &["timers"], &["timers", "next", "microtask"]),
    ("tls", &["tls_wrap"], &["tls"]),
    ("trace_events", &["trace_events"], &["trace"]),
    ("tty", &["tty_wrap"], &["tty", "ttywrap", "pseudo-tty"]),
    ("url", &["url", "url_pattern"], &["url", "urlpattern", "whatwg", "fileurltopathbuffer"]),
    ("util", &["util", "types"], &["util", "parse", "mime"]),
    ("v8", &["v8", "heap_utils", "internal_only_v8"], &["v8", "heap", "heapdump", "heapsnapshot"]),
    ("vm", &["contextify"], &["vm", "shadow"]),
    ("wasi and WebAssembly", &["wasi", "wasm_web_api"], &["wasm"]),
    ("Web Storage", &["webstorage"], &["webstorage"]),
    ("worker_threads", &["worker", "messaging", "locks"], &["worker", "messagechannel", "messageport", "broadcastchannel", "atomics"]),
    ("zlib", &["zlib"], &["zlib", "compression"]),
];

/// Makes the document, if there are results to make it of.
///
/// # Errors
/// When a table cannot be understood.
pub(super) fn document(tree: &Tree) -> Outcome<Option<String>> {
    let (Some(results), Some(expectations)) = (tree.text(RESULTS), tree.text(EXPECTATIONS)) else {
        return Ok(None);
    };
    let results = groups(results);
    let failures = failures(expectations)?;
    let notes = bindings::notes(tree);
    let (mut rows, mut sections) = (String::new(), String::new());
    for (module, under, tests) in MODULES {
        let lines = differences(under, tests, &notes, &failures);
        let passed: u32 = sum(tests, &results, |(passed, _)| *passed);
        let failed: u32 = sum(tests, &results, |(_, failed)| *failed);
        let names = under.iter().map(|name| format!("`{name}`"));
        let names = names.collect::<Vec<_>>().join(", ");
        let measured = match passed + failed {
            0 => "–".to_owned(),
            all => format!("{passed} of {all}"),
        };
        let what = if lines.is_empty() {
            "nothing known"
        } else {
            "below"
        };
        put(
            &mut rows,
            &format!("| {module} | {measured} | {what} | {names} |\n"),
        );
        if !lines.is_empty() {
            put(&mut sections, &format!("\n## {module}\n\n{lines}"));
        }
    }
    Ok(Some(format!(
        "# Node's modules\n\nGenerated by `cargo xtask compat-docs` from the tables of bindings, the results of Node's own tests when they were \
         last measured as a whole ([node.md](node.md)) and the list of those that fail now. The JavaScript of every module is Node's own; what \
         differs is what is under it. A module without a row here is Node's JavaScript alone.\n\n\
         | module | own tests that pass | what differs | bindings |\n|---|---|---|---|\n{rows}{sections}"
    )))
}

fn put(target: &mut String, text: &str) {
    target
        .write_str(text)
        .expect("writing to a string cannot fail");
}

/// What the bindings under a module say of themselves, and its tests that fail.
fn differences(
    under: &[&str],
    tests: &[&str],
    notes: &BTreeMap<String, String>,
    failures: &[(String, String, String)],
) -> String {
    let mut lines = String::new();
    for name in under {
        if let Some(note) = notes.get(*name).filter(|note| !note.is_empty()) {
            put(&mut lines, &format!("* `{name}`: {note}\n"));
        }
    }
    for (group, path, why) in failures {
        if tests.contains(&group.as_str()) {
            put(&mut lines, &format!("* fails: `{path}`: {why}\n"));
        }
    }
    lines
}

fn sum(
    tests: &[&str],
    results: &BTreeMap<String, (u32, u32)>,
    part: impl Fn(&(u32, u32)) -> u32,
) -> u32 {
    let counts = tests.iter().filter_map(|group| results.get(*group));
    counts.map(part).sum()
}

/// The rows of the table of results: group, passed, failed.
fn groups(text: &str) -> BTreeMap<String, (u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
            let name = cells.next()?.to_owned();
            let passed = cells.next()?.parse().ok()?;
            let failed = cells.next()?.parse().ok()?;
            Some((name, (passed, failed)))
        })
        .collect()
}

/// The tests that fail: group, path, reason.
fn failures(text: &str) -> Outcome<Vec<(String, String, String)>> {
    let table: toml::Table =
        toml::from_str(text).map_err(|error| format!("{EXPECTATIONS}: {error}"))?;
    let mut found = Vec::new();
    for (path, entry) in table {
        let field = |name: &str| entry.get(name).and_then(toml::Value::as_str);
        if field("expect") == Some("fail") {
            let why = field("why").unwrap_or_default().replace('\n', " ");
            found.push((group(&path).to_owned(), path, why));
        }
    }
    Ok(found)
}

/// The group of a test: its folder, or for the large folders the first word of its name.
fn group(path: &str) -> &str {
    let (folder, name) = path.split_once('/').unwrap_or(("", path));
    if !matches!(folder, "parallel" | "sequential") {
        return folder;
    }
    let name = name.strip_prefix("test-").unwrap_or(name);
    name.split(['-', '.', '_']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_a_module_its_tests_and_what_differs() {
        let tree = Tree::of(&[
            (
                RESULTS,
                "| Group | Passed | Failed |\n|---|---:|---:|\n| os | 7 | 1 | 87 % |\n",
            ),
            (
                EXPECTATIONS,
                "\"parallel/test-os.js\" = { expect = \"fail\", why = \"times are zero\" }\n",
            ),
        ]);
        let text = document(&tree).unwrap().unwrap();
        assert!(text.contains("| os | 7 of 8 | below | `os` |"), "{text}");
        assert!(
            text.contains("## os\n\n* fails: `parallel/test-os.js`: times are zero\n"),
            "{text}"
        );
        assert!(text.contains("| path | – | nothing known |  |"), "{text}");
    }

    #[test]
    fn groups_are_first_words_or_folders() {
        assert_eq!(group("parallel/test-fs-cp.js"), "fs");
        assert_eq!(group("sequential/test-v8.mjs"), "v8");
        assert_eq!(group("es-module/test-cjs.js"), "es-module");
    }
}

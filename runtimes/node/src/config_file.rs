//! `--experimental-config-file`: options from a file of JSON (`node.config.json`), as words of a command line. Node: `src/node_config_file.cc`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::options::{ConfigKind, config_kind};

/// The file's name where none is given.
pub(crate) const DEFAULT_NAME: &str = "node.config.json";

/// The options that are written in a namespace of their own, without the dashes.
const NAMESPACES: &[(&str, &[&str])] = &[
    (
        "permission",
        &[
            "allow-addons",
            "allow-child-process",
            "allow-fs-read",
            "allow-fs-write",
            "allow-inspector",
            "allow-openssl-store",
            "allow-wasi",
            "allow-worker",
        ],
    ),
    (
        "watch",
        &[
            "watch",
            "watch-kill-signal",
            "watch-path",
            "watch-preserve-output",
        ],
    ),
    (
        "test",
        &[
            "experimental-test-coverage",
            "experimental-test-module-mocks",
            "experimental-test-tag-filter",
            "test",
            "test-concurrency",
            "test-coverage-branches",
            "test-coverage-exclude",
            "test-coverage-functions",
            "test-coverage-include",
            "test-coverage-lines",
            "test-force-exit",
            "test-global-setup",
            "test-isolation",
            "test-name-pattern",
            "test-only",
            "test-random-seed",
            "test-randomize",
            "test-reporter",
            "test-reporter-destination",
            "test-rerun-failures",
            "test-shard",
            "test-skip-pattern",
            "test-timeout",
            "test-update-snapshots",
        ],
    ),
];

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct ConfigWords {
    /// Words as `NODE_OPTIONS` has them.
    pub(crate) general: Vec<String>,
    /// Words of namespaces, which may be what `NODE_OPTIONS` must not have.
    pub(crate) scoped: Vec<String>,
}

/// JSON in which a name may come twice, and is seen to.
#[derive(Debug)]
enum Json {
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Boolean(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Integer(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(value))
            }

            fn visit_f64<E>(self, _value: f64) -> Result<Json, E> {
                Ok(Json::Other)
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Other)
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    list.push(entry);
                }
                Ok(Json::Object(list))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Reads what the file at `path` contains.
///
/// # Errors
/// What Node says of a file that is wrong, a line.
pub(crate) fn parse(path: &str, text: &[u8]) -> Result<ConfigWords, String> {
    let json: Json = serde_json::from_slice(text).map_err(|_| format!("Can't parse {path}\n"))?;
    let Json::Object(root) = json else {
        return Err(format!(
            "Root value unexpected not an object for {path}\n\n"
        ));
    };
    let mut words = ConfigWords::default();
    let mut seen = Vec::new();
    for (key, value) in root {
        if key == "$schema" {
            continue;
        }
        if key == "testRunner" {
            return Err(
                "the \"testRunner\" namespace has been removed. Use \"test\" instead.\n".to_owned(),
            );
        }
        let namespace = NAMESPACES.iter().find(|(name, _)| *name == key);
        if namespace.is_none() && key != "nodeOptions" {
            return Err(format!("Unknown namespace {key}\n"));
        }
        let Json::Object(options) = value else {
            return Err(format!(
                "\"{key}\" value unexpected for {path} (should be an object)\n"
            ));
        };
        for (option, value) in options {
            let name = format!("--{option}");
            let is_allowed = namespace.is_none_or(|(_, names)| names.contains(&option.as_str()));
            let kind = config_kind(&name, namespace.is_some()).filter(|_| is_allowed);
            let Some(kind) = kind else {
                return Err(format!(
                    "Unknown or not allowed option {option} for namespace {key}\n"
                ));
            };
            if seen.contains(&name) {
                return Err(format!("Option {name} is already defined\n"));
            }
            let target = match namespace {
                Some(_) => &mut words.scoped,
                None => &mut words.general,
            };
            target.extend(words_of(&name, kind, value)?);
            seen.push(name);
        }
    }
    Ok(words)
}

/// An option and its value as words.
fn words_of(name: &str, kind: ConfigKind, value: Json) -> Result<Vec<String>, String> {
    let wrong = || Err(format!("Invalid value for {name}\n"));
    let given = |value: &dyn fmt::Display| vec![format!("{name}={value}")];
    Ok(match (kind, value) {
        (ConfigKind::Boolean, Json::Boolean(true)) => vec![name.to_owned()],
        (ConfigKind::Boolean, Json::Boolean(false)) => {
            vec![name.replacen("--", "--no-", 1)]
        }
        (ConfigKind::List, Json::List(items)) => {
            let mut words = Vec::new();
            for item in items {
                let Json::Text(item) = item else {
                    return wrong();
                };
                words.push(format!("{name}={item}"));
            }
            words
        }
        (ConfigKind::List | ConfigKind::Text, Json::Text(text)) => given(&text),
        (ConfigKind::Integer, Json::Integer(number)) => given(&number),
        (ConfigKind::Integer | ConfigKind::Unsigned, Json::Unsigned(number)) => given(&number),
        (ConfigKind::NoOp, _) => {
            return Err(format!("No-op flag {name} is currently not supported\n"));
        }
        (ConfigKind::V8, _) => {
            return Err(format!("V8 flag {name} is currently not supported\n"));
        }
        _ => return wrong(),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn options_become_words_and_names_that_come_twice_are_refused() {
        let words = parse(
            "c",
            br#"{"nodeOptions":{"import":["a","b"],"warnings":false,"max-http-header-size":9},"test":{"test-concurrency":1}}"#,
        )
        .unwrap();
        assert_eq!(
            words.general,
            [
                "--import=a",
                "--import=b",
                "--no-warnings",
                "--max-http-header-size=9"
            ]
        );
        assert_eq!(words.scoped, ["--test-concurrency=1"]);
        let twice = parse("c", br#"{"nodeOptions":{"inspect":true,"inspect":false}}"#);
        assert_eq!(twice.unwrap_err(), "Option --inspect is already defined\n");
        assert!(parse("c", br#"{"nodeOptions":{"test":true}}"#).is_err());
    }
}

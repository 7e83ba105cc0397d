//! One function of the embedder, and collections of them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jsonschema::Validator;
use serde_json::Value;

use crate::Error;

type Answer = Pin<Box<dyn Future<Output = Result<Value, HostFunctionError>> + Send>>;
type Handler = Arc<dyn Fn(Value) -> Answer + Send + Sync>;

/// How long a function may take, unless it says otherwise: 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest name of a collection or function, in bytes.
const MAX_NAME: usize = 64;
/// Globals of JavaScript and Node that a collection must not take the place of.
const RESERVED: &[&str] = &[
    "AbortController",
    "Array",
    "ArrayBuffer",
    "Atomics",
    "BigInt",
    "Blob",
    "Boolean",
    "Buffer",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Event",
    "EventTarget",
    "File",
    "FormData",
    "Function",
    "Headers",
    "Infinity",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "Reflect",
    "RegExp",
    "Request",
    "Response",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "URL",
    "URLSearchParams",
    "WeakMap",
    "WeakRef",
    "WeakSet",
    "WebAssembly",
    "WebSocket",
    "__proto__",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "clearImmediate",
    "clearInterval",
    "clearTimeout",
    "console",
    "const",
    "constructor",
    "continue",
    "crypto",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "escape",
    "eval",
    "export",
    "exports",
    "extends",
    "false",
    "fetch",
    "finally",
    "for",
    "function",
    "global",
    "globalThis",
    "hasOwnProperty",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "localStorage",
    "module",
    "navigator",
    "new",
    "null",
    "package",
    "parseFloat",
    "parseInt",
    "performance",
    "private",
    "process",
    "protected",
    "prototype",
    "public",
    "queueMicrotask",
    "require",
    "return",
    "self",
    "sessionStorage",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "static",
    "structuredClone",
    "super",
    "switch",
    "this",
    "throw",
    "toString",
    "true",
    "try",
    "typeof",
    "undefined",
    "unescape",
    "valueOf",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Why a function of the embedder failed: what the guest's `catch` sees.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct HostFunctionError {
    /// The name of the error, such as `TypeError` or one of your own.
    pub name: String,
    /// What went wrong.
    pub message: String,
}

impl HostFunctionError {
    /// An error with a name.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
        }
    }
}

/// A function of the embedder that guests may call.
#[derive(Clone)]
pub struct HostFunction {
    description: String,
    parameters: Value,
    timeout: Duration,
    handler: Handler,
}

impl HostFunction {
    /// A function that takes one JSON value and answers one. What it is called with has passed the schema of
    /// [`parameters`](Self::parameters).
    pub fn new<F>(handler: impl Fn(Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value, HostFunctionError>> + Send + 'static,
    {
        Self {
            description: String::new(),
            parameters: Value::Object(serde_json::Map::new()),
            timeout: TIMEOUT,
            handler: Arc::new(move |arguments| Box::pin(handler(arguments))),
        }
    }

    /// Says what the function does, for `--help` and for those who list the functions.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Sets the JSON Schema of the argument (drafts 4 to 2020-12; references to other documents are refused). Default: anything.
    #[must_use]
    pub fn parameters(mut self, schema: Value) -> Self {
        self.parameters = schema;
        self
    }

    /// Sets how long the function may take; the guest then sees a `TimeoutError`. Default 30 seconds.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFunction")
            .field("description", &self.description)
            .field("parameters", &self.parameters)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A collection of functions under one name. See [`NodeRuntime::register_host_functions`](crate::NodeRuntime::register_host_functions).
#[derive(Clone, Debug)]
pub struct HostFunctions {
    name: String,
    description: String,
    functions: BTreeMap<String, HostFunction>,
}

impl HostFunctions {
    /// An empty collection. The name is a JavaScript identifier of letters, digits and `_`, not that of a global of Node, and at most
    /// 64 bytes long.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            functions: BTreeMap::new(),
        }
    }

    /// Says what the collection is for, for `--help`.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a function; one of the same name is replaced. Names are as for collections.
    #[must_use]
    pub fn function(mut self, name: impl Into<String>, function: HostFunction) -> Self {
        self.functions.insert(name.into(), function);
        self
    }

    /// Checks names and compiles the schemas.
    pub(crate) fn compile(self) -> Result<Collection, Error> {
        check_name(&self.name)?;
        if RESERVED.contains(&self.name.as_str()) {
            return Err(invalid(format!("`{}` is a global of its own", self.name)));
        }
        let functions = self
            .functions
            .into_iter()
            .map(|(name, function)| {
                check_name(&name)?;
                let compiled = Compiled::new(&name, function)?;
                Ok((name, Arc::new(compiled)))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Collection {
            name: self.name,
            description: self.description,
            functions,
        })
    }
}

fn invalid(reason: String) -> Error {
    Error::Option {
        option: "host_functions",
        reason,
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_identifier || name.len() > MAX_NAME || name == "__proto__" {
        return Err(invalid(format!(
            "`{name}` is no name of letters, digits and `_`, up to {MAX_NAME} long"
        )));
    }
    Ok(())
}

/// A collection ready to be called.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) functions: BTreeMap<String, Arc<Compiled>>,
}

/// A function ready to be called.
pub(crate) struct Compiled {
    pub(crate) description: String,
    pub(crate) parameters: Value,
    pub(crate) timeout: Duration,
    handler: Handler,
    validator: Validator,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Compiled {
    fn new(name: &str, function: HostFunction) -> Result<Self, Error> {
        let validator = jsonschema::validator_for(&function.parameters)
            .map_err(|error| invalid(format!("the schema of `{name}`: {error}")))?;
        Ok(Self {
            description: function.description,
            parameters: function.parameters,
            timeout: function.timeout,
            handler: function.handler,
            validator,
        })
    }

    /// Checks the argument, calls the embedder's code, waits no longer than allowed.
    pub(crate) async fn call(&self, arguments: Value) -> Result<Value, HostFunctionError> {
        let wrong: Vec<String> = self
            .validator
            .iter_errors(&arguments)
            .take(5)
            .map(|error| {
                let place = error.instance_path().to_string();
                if place.is_empty() {
                    error.to_string()
                } else {
                    format!("{place}: {error}")
                }
            })
            .collect();
        if !wrong.is_empty() {
            return Err(HostFunctionError::new("TypeError", wrong.join("; ")));
        }
        // A task of its own, so that a panic of the embedder's code is that call's failure alone.
        let mut work = Work(tokio::spawn((self.handler)(arguments)));
        match tokio::time::timeout(self.timeout, &mut work.0).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panicked)) => Err(HostFunctionError::new(
                "Error",
                "the host function panicked",
            )),
            Err(_elapsed) => Err(HostFunctionError::new(
                "TimeoutError",
                format!("no answer within {} ms", self.timeout.as_millis()),
            )),
        }
    }
}

/// A call under way; dropping it cancels the embedder's code.
struct Work(tokio::task::JoinHandle<Result<Value, HostFunctionError>>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_globals_are_refused() {
        for name in ["", "1a", "a-b", "process", "__proto__", "class", "ü"] {
            assert!(HostFunctions::new(name).compile().is_err(), "{name}");
        }
        assert!(HostFunctions::new("tools_2").compile().is_ok());
    }

    #[test]
    fn a_schema_that_is_none_is_refused_by_the_name_of_its_function() {
        let function = HostFunction::new(async |value| Ok(value))
            .parameters(serde_json::json!({"type": "nonsense"}));
        let error = HostFunctions::new("tools")
            .function("echo", function)
            .compile()
            .unwrap_err();
        assert!(error.to_string().contains("echo"), "{error}");
    }
}

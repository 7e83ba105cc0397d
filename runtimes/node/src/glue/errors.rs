//! How a binding function fails, and how that becomes a JavaScript exception.
//!
//! A function returns [`Failure`]; the trampoline throws it. System errors become libuv exceptions as Node makes them
//! (`errno`, `code`, `syscall`, `path`, `dest`; message `ENOENT: no such file or directory, open '/x'`). Node: src/api/exceptions.cc.

use std::num::NonZeroU32;

use crate::glue::{Object, Scope, ScopeExt, Value};
use crate::shapes;

/// Which constructor makes the error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ErrorKind {
    Error,
    Type,
    Range,
}

/// Why a binding function did not return a value.
#[derive(Debug)]
pub(crate) enum Failure {
    /// V8 already has the exception (or the isolate is being terminated): just return.
    Pending,
    /// An error with one of Node's codes.
    Coded {
        kind: ErrorKind,
        code: &'static str,
        message: String,
    },
    /// A failed system call. `errno` is positive, as the kernel has it.
    System {
        errno: i32,
        syscall: &'static str,
        path: Option<Vec<u8>>,
        dest: Option<Vec<u8>>,
        message: Option<String>,
        /// Where the embedder's reason is kept, when it refused.
        refusal: Option<NonZeroU32>,
    },
    /// Any value, as `throw` takes it.
    Thrown(v8::Global<v8::Value>),
}

impl Failure {
    /// `TypeError [code]: message`.
    pub(crate) fn type_error(code: &'static str, message: impl Into<String>) -> Self {
        Self::Coded {
            kind: ErrorKind::Type,
            code,
            message: message.into(),
        }
    }

    /// `RangeError [code]: message`.
    pub(crate) fn range_error(code: &'static str, message: impl Into<String>) -> Self {
        Self::Coded {
            kind: ErrorKind::Range,
            code,
            message: message.into(),
        }
    }

    /// `Error [code]: message`.
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::Coded {
            kind: ErrorKind::Error,
            code,
            message: message.into(),
        }
    }

    /// A method or getter whose receiver is none of its class: V8's own error, which has no code.
    pub(crate) fn illegal_invocation() -> Self {
        Self::type_error("", "Illegal invocation")
    }

    /// A fast call before the ordinary one has run: V8 optimises only what ran before.
    pub(crate) fn too_early() -> Self {
        Self::error("ERR_INTERNAL_ASSERTION", "optimised before its first call")
    }

    /// A failed system call by its positive error number.
    pub(crate) const fn system(errno: i32, syscall: &'static str) -> Self {
        Self::System {
            errno,
            syscall,
            path: None,
            dest: None,
            message: None,
            refusal: None,
        }
    }

    /// The same, naming the path it was about.
    #[must_use]
    pub(crate) fn with_path(self, name: &[u8]) -> Self {
        match self {
            Self::System {
                errno,
                syscall,
                dest,
                message,
                refusal,
                ..
            } => Self::System {
                errno,
                syscall,
                path: Some(name.to_vec()),
                dest,
                message,
                refusal,
            },
            other => other,
        }
    }

    /// The same, naming no path.
    #[must_use]
    pub(crate) fn without_path(self) -> Self {
        match self {
            Self::System {
                errno,
                syscall,
                dest,
                message,
                refusal,
                ..
            } => Self::System {
                errno,
                syscall,
                path: None,
                dest,
                message,
                refusal,
            },
            other => other,
        }
    }

    /// The same, naming the second path (`rename`, `link`, `copyfile`).
    #[must_use]
    pub(crate) fn with_dest(self, name: &[u8]) -> Self {
        match self {
            Self::System {
                errno,
                syscall,
                path,
                message,
                refusal,
                ..
            } => Self::System {
                errno,
                syscall,
                path,
                dest: Some(name.to_vec()),
                message,
                refusal,
            },
            other => other,
        }
    }

    /// The same, naming the call (errors of the kernel arrive without).
    #[must_use]
    pub(crate) fn with_syscall(self, name: &'static str) -> Self {
        match self {
            Self::System {
                errno,
                path,
                dest,
                message,
                refusal,
                ..
            } => Self::System {
                errno,
                syscall: name,
                path,
                dest,
                message,
                refusal,
            },
            other => other,
        }
    }

    /// A function that Node has and we do not, named `binding.function`.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::error(
            "ERR_METHOD_NOT_IMPLEMENTED",
            format!("The {what}() method is not implemented"),
        )
    }

    /// Makes the error object. `None` when V8 itself has the exception already.
    pub(crate) fn to_exception<'s>(&self, scope: &Scope<'s, '_>) -> Option<Value<'s>> {
        match self {
            Self::Pending => None,
            Self::Thrown(value) => Some(v8::Local::new(scope, value)),
            Self::Coded {
                kind,
                code,
                message,
            } => Some(coded(scope, *kind, code, message)),
            Self::System {
                errno,
                syscall,
                path,
                dest,
                message,
                refusal,
            } => {
                let env = scope.env();
                let reason = refusal.and_then(|number| env.task().kernel().refusal(number));
                let paths = (path.as_deref(), dest.as_deref());
                let message = message.as_deref();
                let exception =
                    uv_exception(scope, -*errno, syscall, message, paths, reason.as_deref());
                Some(exception.into())
            }
        }
    }

    /// Makes it V8's pending exception.
    pub(crate) fn throw(self, scope: &mut Scope<'_, '_>) {
        if let Some(exception) = self.to_exception(scope) {
            scope.throw_exception(exception);
        }
    }
}

/// A kernel error is a system error whose call name the binding adds: `.map_err(|e| Failure::from(e).with_syscall("open"))`.
impl From<cenote_base::SysError> for Failure {
    fn from(error: cenote_base::SysError) -> Self {
        Self::System {
            errno: error.errno().raw(),
            syscall: "",
            path: None,
            dest: None,
            message: None,
            refusal: error.reason(),
        }
    }
}

fn coded<'s>(scope: &Scope<'s, '_>, kind: ErrorKind, code: &str, message: &str) -> Value<'s> {
    let text = scope.text(message);
    let exception = match kind {
        ErrorKind::Error => v8::Exception::error(scope, text),
        ErrorKind::Type => v8::Exception::type_error(scope, text),
        ErrorKind::Range => v8::Exception::range_error(scope, text),
    };
    // As C++'s THROW_ERR_*: `code` is an ordinary property, the message does not carry it. Node: src/node_errors.h.
    if !code.is_empty()
        && let Some(object) = exception.to_object(scope)
    {
        scope.set(object, "code", scope.text(code).into());
    }
    exception
}

/// Node's `UVException`. `number` is libuv's (negative); `reason` is why the embedder refused, which Node knows nothing of.
fn uv_exception<'s>(
    scope: &Scope<'s, '_>,
    number: i32,
    syscall: &str,
    message: Option<&str>,
    (path, dest): (Option<&[u8]>, Option<&[u8]>),
    reason: Option<&str>,
) -> Object<'s> {
    let unknown = format!("Unknown system error {number}");
    let (name, text) = shapes::uv_error(number).unwrap_or((&unknown, &unknown));
    let text = message.filter(|text| !text.is_empty()).unwrap_or(text);
    let mut line = format!("{name}: {text}, {syscall}");
    for (prefix, name) in [(" '", path), (" -> '", dest)] {
        if let Some(name) = name {
            line.push_str(prefix);
            line.push_str(&String::from_utf8_lossy(name));
            line.push('\'');
        }
    }
    if let Some(reason) = reason {
        line.push_str(": ");
        line.push_str(reason);
    }
    let exception = v8::Exception::error(scope, scope.text(&line));
    let object =
        v8::Local::<v8::Object>::try_from(exception).unwrap_or_else(|_| v8::Object::new(scope));
    scope.set(object, "errno", v8::Integer::new(scope, number).into());
    scope.set(object, "code", scope.text(name).into());
    scope.set(object, "syscall", scope.text(syscall).into());
    if let Some(path) = path {
        scope.set(object, "path", scope.utf8(path).into());
    }
    if let Some(dest) = dest {
        scope.set(object, "dest", scope.utf8(dest).into());
    }
    object
}

/// Puts what went wrong on an object of the caller's, whose error JavaScript makes. Node: `Environment::CollectUVExceptionInfo`.
pub(crate) fn collect_uv_error<'s>(
    scope: &Scope<'s, '_>,
    into: Object<'s>,
    number: i32,
    syscall: &str,
) {
    let unknown = format!("Unknown system error {number}");
    let (name, text) = shapes::uv_error(number).unwrap_or((&unknown, &unknown));
    scope.set(into, "errno", v8::Integer::new(scope, number).into());
    scope.set(into, "code", scope.text(name).into());
    scope.set(into, "message", scope.text(text).into());
    scope.set(into, "syscall", scope.text(syscall).into());
}

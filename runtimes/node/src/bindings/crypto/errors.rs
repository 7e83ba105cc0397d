//! OpenSSL's errors as Node's: `error:1C80006B:Provider routines::wrong final block length` with `library`, `reason`,
//! `code` (`ERR_OSSL_…`) and `opensslErrorStack`. Node: `ThrowCryptoError`, `Decorate` and `CryptoErrorStore` in `src/crypto/crypto_util.cc`.

use openssl::error::{Error, ErrorStack};

use crate::glue::{Failure, Object, Scope, ScopeExt, Value};

/// Names of OpenSSL's libraries by number, as `ERR_LIB_*` spells them (openssl/err.h).
const LIBRARIES: &[(i32, &str)] = &[
    (2, "SYS"),
    (3, "BN"),
    (4, "RSA"),
    (5, "DH"),
    (6, "EVP"),
    (7, "BUF"),
    (8, "OBJ"),
    (9, "PEM"),
    (10, "DSA"),
    (11, "X509"),
    (13, "ASN1"),
    (14, "CONF"),
    (15, "CRYPTO"),
    (16, "EC"),
    (20, "SSL"),
    (32, "BIO"),
    (33, "PKCS7"),
    (34, "X509V3"),
    (35, "PKCS12"),
    (36, "RAND"),
    (37, "DSO"),
    (38, "ENGINE"),
    (39, "OCSP"),
    (40, "UI"),
    (41, "COMP"),
    (42, "ECDSA"),
    (43, "ECDH"),
    (44, "OSSL_STORE"),
    (45, "FIPS"),
    (46, "CMS"),
    (47, "TS"),
    (48, "HMAC"),
    (50, "CT"),
    (51, "ASYNC"),
    (52, "KDF"),
    (53, "SM2"),
    (128, "USER"),
];

/// What `ERR_error_string` says of an error.
pub(crate) fn error_text(error: &Error) -> String {
    let library = error
        .library()
        .map_or_else(|| format!("lib({})", error.library_code()), str::to_owned);
    let reason = error
        .reason()
        .map_or_else(|| format!("reason({})", error.reason_code()), str::to_owned);
    format!("error:{:08X}:{library}::{reason}", error.code())
}

/// The `code` Node gives an OpenSSL error.
pub(crate) fn error_code(error: &Error) -> Option<String> {
    let reason: String = error
        .reason()?
        .chars()
        .map(|c| {
            if c == ' ' {
                '_'
            } else {
                c.to_ascii_uppercase()
            }
        })
        .collect();
    let library = LIBRARIES
        .iter()
        .find(|(number, _)| *number == error.library_code())
        .map(|(_, name)| *name);
    Some(match library {
        Some("SSL") => format!("ERR_SSL_{reason}"),
        Some(name) => format!("ERR_OSSL_{name}_{reason}"),
        None => format!("ERR_OSSL_{reason}"),
    })
}

/// Assigns a property: an inherited setter runs, as in Node. `None` when it throws.
fn assign<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    key: &str,
    value: Value<'s>,
) -> Option<()> {
    object.set(scope, scope.name(key).into(), value).map(drop)
}

/// Sets `library`, `reason` and `code` on an error object. `None` when a setter throws.
pub(crate) fn decorate<'s>(scope: &Scope<'s, '_>, object: Object<'s>, error: &Error) -> Option<()> {
    if let Some(library) = error.library() {
        assign(scope, object, "library", scope.text(library).into())?;
    }
    if let Some(reason) = error.reason() {
        assign(scope, object, "reason", scope.text(reason).into())?;
    }
    if let Some(code) = error_code(error) {
        assign(scope, object, "code", scope.text(&code).into())?;
    }
    Some(())
}

/// An error object with `opensslErrorStack`. `None` when a setter throws.
fn assigned_error<'s>(
    scope: &Scope<'s, '_>,
    message: &str,
    stack: &[String],
) -> Option<Object<'s>> {
    let object = error_object(scope, message, &[]);
    if !stack.is_empty() {
        let lines: Vec<Value<'_>> = stack.iter().map(|line| scope.text(line).into()).collect();
        assign(
            scope,
            object,
            "opensslErrorStack",
            scope.array(&lines).into(),
        )?;
    }
    Some(object)
}

/// The failure of an exception that was made, or of the setter that threw meanwhile.
fn thrown(scope: &Scope<'_, '_>, exception: Option<Object<'_>>) -> Failure {
    exception.map_or(Failure::Pending, |object| {
        let value: Value<'_> = object.into();
        Failure::Thrown(v8::Global::new(scope, value))
    })
}

fn error_object<'s>(scope: &Scope<'s, '_>, message: &str, stack: &[String]) -> Object<'s> {
    let exception = v8::Exception::error(scope, scope.text(message));
    let object =
        v8::Local::<v8::Object>::try_from(exception).unwrap_or_else(|_| v8::Object::new(scope));
    if !stack.is_empty() {
        let lines: Vec<Value<'_>> = stack.iter().map(|line| scope.text(line).into()).collect();
        scope.set(object, "opensslErrorStack", scope.array(&lines).into());
    }
    object
}

/// Makes the exception of a failed OpenSSL call; `default` is the message when OpenSSL has none.
/// Node: `ThrowCryptoError(env, ERR_get_error(), default)`.
pub(crate) fn exception<'s>(
    scope: &Scope<'s, '_>,
    stack: &ErrorStack,
    default: &str,
) -> Option<Object<'s>> {
    let first = stack.errors().first();
    let message = first.map_or_else(|| default.to_owned(), error_text);
    let rest: Vec<String> = stack
        .errors()
        .iter()
        .skip(1)
        .rev()
        .map(error_text)
        .collect();
    let object = assigned_error(scope, &message, &rest)?;
    if let Some(first) = first {
        decorate(scope, object, first)?;
    }
    Some(object)
}

/// The same where Node only looked at the first error (`ERR_peek_error()`): it is in `opensslErrorStack` too.
pub(crate) fn peeked_exception<'s>(
    scope: &Scope<'s, '_>,
    stack: &ErrorStack,
    default: &str,
) -> Option<Object<'s>> {
    let first = stack.errors().first();
    let message = first.map_or_else(|| default.to_owned(), error_text);
    let all: Vec<String> = stack.errors().iter().rev().map(error_text).collect();
    let object = assigned_error(scope, &message, &all)?;
    if let Some(first) = first {
        decorate(scope, object, first)?;
    }
    Some(object)
}

/// The failure of a binding function whose OpenSSL call failed. `default` is the message when OpenSSL has none.
pub(crate) fn failure(scope: &Scope<'_, '_>, stack: &ErrorStack, default: &str) -> Failure {
    thrown(scope, exception(scope, stack, default))
}

/// As [`failure`], with the first error in `opensslErrorStack` too.
pub(crate) fn peeked_failure(scope: &Scope<'_, '_>, stack: &ErrorStack, default: &str) -> Failure {
    thrown(scope, peeked_exception(scope, stack, default))
}

/// With a message of our own, and everything OpenSSL says in `opensslErrorStack`.
pub(crate) fn plain_failure(scope: &Scope<'_, '_>, stack: &ErrorStack, message: &str) -> Failure {
    let all: Vec<String> = stack.errors().iter().rev().map(error_text).collect();
    thrown(scope, assigned_error(scope, message, &all))
}

/// Forgets errors of earlier calls on this thread. Node: `ClearErrorOnReturn`.
pub(crate) fn clear() {
    drop(ErrorStack::get());
}

/// Why a job failed. It may come from another thread. Node: `CryptoErrorStore`.
#[derive(Clone, Debug)]
pub(crate) struct JobError {
    /// The newest first, the one that becomes the message last.
    lines: Vec<String>,
    /// What is thrown instead when the job ran at once.
    thrown: Option<Thrown>,
}

/// An error of a job that runs at once and throws it itself, as Node's signatures and key agreements do.
#[derive(Clone, Debug)]
enum Thrown {
    OpenSsl(ErrorStack, &'static str),
    /// `ERR_CRYPTO_OPERATION_FAILED`.
    Coded(&'static str),
}

/// The message of a job that failed without one.
const DERIVING_FAILED: &str = "Deriving bits failed";

impl JobError {
    /// These errors of OpenSSL, or `default` when there are none.
    pub(crate) fn of(stack: &ErrorStack, default: &str) -> Self {
        let mut lines: Vec<String> = stack.errors().iter().rev().map(error_text).collect();
        if lines.is_empty() {
            lines.push(default.to_owned());
        }
        Self {
            lines,
            thrown: None,
        }
    }

    /// An error of Node's own.
    pub(crate) fn named(message: &str) -> Self {
        Self {
            lines: vec![message.to_owned()],
            thrown: None,
        }
    }

    /// OpenSSL's errors; a job that ran at once throws them with their codes, `default` when there are none.
    pub(crate) fn thrown(stack: &ErrorStack, default: &'static str) -> Self {
        Self {
            thrown: Some(Thrown::OpenSsl(stack.clone(), default)),
            ..Self::of(stack, DERIVING_FAILED)
        }
    }

    /// `ERR_CRYPTO_OPERATION_FAILED` from a job that ran at once, no message of its own from another.
    pub(crate) fn coded(message: &'static str) -> Self {
        Self {
            thrown: Some(Thrown::Coded(message)),
            ..Self::named(DERIVING_FAILED)
        }
    }

    /// The error object of a job that ran at once. `None` when a setter throws.
    pub(crate) fn to_sync_exception<'s>(&self, scope: &Scope<'s, '_>) -> Option<Object<'s>> {
        Some(match &self.thrown {
            Some(Thrown::OpenSsl(stack, default)) => exception(scope, stack, default)?,
            Some(Thrown::Coded(message)) => {
                let object = error_object(scope, message, &[]);
                scope.set(
                    object,
                    "code",
                    scope.text("ERR_CRYPTO_OPERATION_FAILED").into(),
                );
                object
            }
            None => self.to_exception(scope),
        })
    }

    /// The error object.
    pub(crate) fn to_exception<'s>(&self, scope: &Scope<'s, '_>) -> Object<'s> {
        match self.lines.split_last() {
            Some((message, rest)) => error_object(scope, message, rest),
            None => error_object(scope, "Ok", &[]),
        }
    }
}

/// An error that OpenSSL would raise, made by us because the check is ours.
pub(crate) fn like_openssl(
    scope: &Scope<'_, '_>,
    message: &str,
    library: &str,
    reason: &str,
    code: &str,
) -> Failure {
    let object = error_object(scope, message, &[]);
    for (key, value) in [("library", library), ("reason", reason), ("code", code)] {
        scope.set(object, key, scope.text(value).into());
    }
    let value: Value<'_> = object.into();
    Failure::Thrown(v8::Global::new(scope, value))
}

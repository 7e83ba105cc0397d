//! `SecureContext`: what `tls.createSecureContext()` fills. Node: `src/crypto/crypto_context.cc`.
//!
//! Differs: there are no engines, and no certificate compression (OpenSSL is built without it).

use std::cell::RefCell;
use std::rc::Rc;

use openssl::error::ErrorStack;

use super::super::crypto::errors::failure;
use crate::glue::openssl::tls::{DhOutcome, Identity, Method, Pkcs12Problem, TlsContext};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Return, Scope, ScopeExt, attach, copy_bytes,
    external, js_string_bytes, new_node_buffer,
};

const TLS1_VERSION: i32 = 0x301;
const TLS1_1_VERSION: i32 = 0x302;
const TLS1_2_VERSION: i32 = 0x303;
const TLS1_3_VERSION: i32 = 0x304;

/// The class.
pub(in crate::bindings) static SECURE_CONTEXT: Class =
    Class::new("SecureContext", new_secure_context)
        .method("init", init)
        .method("setKey", set_key)
        .method("setCert", set_cert)
        .method("addCACert", add_ca_cert)
        .method("setAllowPartialTrustChain", set_allow_partial_trust_chain)
        .method("addCRL", add_crl)
        .method("addRootCerts", add_root_certs)
        .method("setCipherSuites", set_cipher_suites)
        .method("setCiphers", set_ciphers)
        .method("setSigalgs", set_sigalgs)
        .method("setECDHCurve", set_ecdh_curve)
        .method("setDHParam", set_dh_param)
        .method("setMaxProto", set_max_proto)
        .method("setMinProto", set_min_proto)
        .method("getMaxProto", get_max_proto)
        .method("getMinProto", get_min_proto)
        .method("setOptions", set_options)
        .method("setSessionIdContext", set_session_id_context)
        .method("setSessionTimeout", set_session_timeout)
        .method("close", close)
        .method("loadPKCS12", load_pkcs12)
        .method("setTicketKeys", set_ticket_keys)
        .method("getTicketKeys", get_ticket_keys)
        .method("enableTicketKeyCallback", enable_ticket_key_callback)
        .method("getCertificate", get_certificate)
        .method("getIssuer", get_issuer)
        .getter("_external", pointer)
        .shown();

/// Behind a `SecureContext`.
pub(in crate::bindings) struct SecureContext {
    context: RefCell<Option<Rc<TlsContext>>>,
    identity: RefCell<Option<Identity>>,
    number: std::cell::Cell<i32>,
}

impl Native for SecureContext {}

impl SecureContext {
    /// OpenSSL's context; an error before `init()` and after `close()`.
    pub(super) fn context(&self) -> Result<Rc<TlsContext>, Failure> {
        self.context.borrow().clone().ok_or_else(|| {
            Failure::error(
                "ERR_TLS_INVALID_CONTEXT",
                "The secure context is not initialised, or closed",
            )
        })
    }

    /// Which native object it is.
    pub(super) fn number(&self) -> i32 {
        self.number.get()
    }
}

fn new_secure_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = Rc::new(SecureContext {
        context: RefCell::new(None),
        identity: RefCell::new(None),
        number: std::cell::Cell::new(-1),
    });
    let number = attach(scope, args.this(), Rc::clone(&native));
    native.number.set(number);
    Ok(().into())
}

fn own<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<SecureContext>, Failure> {
    args.native::<SecureContext>(scope)
}

fn context<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<TlsContext>, Failure> {
    own(scope, args)?.context()
}

/// The bytes of a string or view; `None` for anything else, which Node ignores.
pub(super) fn loaded<'s>(scope: &Scope<'s, '_>, value: crate::glue::Value<'s>) -> Option<Vec<u8>> {
    match v8::Local::<v8::String>::try_from(value) {
        Ok(string) => Some(js_string_bytes(scope, string)),
        Err(_) if value.is_array_buffer_view() => copy_bytes(value),
        Err(_) => None,
    }
}

/// What a method's name says: side, lowest and highest version.
fn method_named(name: &str, min: i32, max: i32) -> Result<(Method, i32, i32), Failure> {
    let invalid = |message: String| Failure::type_error("ERR_TLS_INVALID_PROTOCOL_METHOD", message);
    let (version, side) = if let Some(version) = name.strip_suffix("_server_method") {
        (version, Method::Server)
    } else if let Some(version) = name.strip_suffix("_client_method") {
        (version, Method::Client)
    } else if let Some(version) = name.strip_suffix("_method") {
        (version, Method::Both)
    } else {
        return Err(invalid(format!("Unknown method: {name}")));
    };
    Ok(match version {
        "SSLv2" => return Err(invalid("SSLv2 methods disabled".to_owned())),
        "SSLv3" => return Err(invalid("SSLv3 methods disabled".to_owned())),
        "SSLv23" => (
            side,
            min,
            if max == 0 {
                TLS1_2_VERSION
            } else {
                max.min(TLS1_2_VERSION)
            },
        ),
        "TLS" => (side, 0, TLS1_3_VERSION),
        "TLSv1" => (side, TLS1_VERSION, TLS1_VERSION),
        "TLSv1_1" => (side, TLS1_1_VERSION, TLS1_1_VERSION),
        "TLSv1_2" => (side, TLS1_2_VERSION, TLS1_2_VERSION),
        _ => return Err(invalid(format!("Unknown method: {name}"))),
    })
}

fn init<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let min = args.i32(scope, 1)?;
    let max = args.i32(scope, 2)?;
    let max = if max == 0 { TLS1_3_VERSION } else { max };
    let (method, min, max) = match v8::Local::<v8::String>::try_from(args.get(0)) {
        Ok(name) => method_named(&name.to_rust_string_lossy(scope), min, max)?,
        Err(_) => (Method::Both, min, max),
    };
    let context = TlsContext::new(method, min, max)
        .map_err(|errors| failure(scope, &errors, "SSL_CTX_new"))?;
    *own.context.borrow_mut() = Some(Rc::new(context));
    *own.identity.borrow_mut() = None;
    Ok(().into())
}

/// A pointer in Node, for add-ons. There are none here.
fn pointer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own(scope, args)?;
    external(scope, args.this())
}

fn set_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let Some(pem) = loaded(scope, args.get(0)) else {
        return Ok(().into());
    };
    let phrase = v8::Local::<v8::String>::try_from(args.get(1))
        .ok()
        .map(|phrase| js_string_bytes(scope, phrase));
    context
        .set_key(&pem, phrase.as_deref())
        .map_err(|(errors, step)| failure(scope, &errors, step))?;
    Ok(().into())
}

fn set_cert<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let Some(pem) = loaded(scope, args.get(0)) else {
        return Ok(().into());
    };
    *own.identity.borrow_mut() = None;
    let identity = own
        .context()?
        .set_certificate(&pem)
        .map_err(|errors| failure(scope, &errors, "SSL_CTX_use_certificate_chain"))?;
    *own.identity.borrow_mut() = Some(identity);
    Ok(().into())
}

fn add_ca_cert<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    if let Some(pem) = loaded(scope, args.get(0)) {
        context
            .trust(&pem)
            .map_err(|errors| failure(scope, &errors, "X509_STORE_add_cert"))?;
    }
    Ok(().into())
}

fn set_allow_partial_trust_chain<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    context(scope, args)?
        .allow_partial_chain()
        .map_err(|errors| failure(scope, &errors, "X509_STORE_set_flags"))?;
    Ok(().into())
}

fn operation_failed(message: &str) -> Failure {
    Failure::error("ERR_CRYPTO_OPERATION_FAILED", message)
}

fn add_crl<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let Some(pem) = loaded(scope, args.get(0)) else {
        return Ok(().into());
    };
    match context.add_revocations(&pem) {
        Ok(true) => Ok(().into()),
        Ok(false) => Err(operation_failed("Failed to parse CRL")),
        Err(errors) => Err(failure(scope, &errors, "X509_STORE_add_crl")),
    }
}

fn add_root_certs<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let roots = super::roots::default_roots(scope)?;
    context
        .trust_roots(&roots)
        .map_err(|errors| failure(scope, &errors, "SSL_CTX_set_cert_store"))?;
    Ok(().into())
}

fn set_cipher_suites<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let list = args.text(scope, 0)?;
    context
        .set_cipher_suites(&list)
        .map_err(|errors| failure(scope, &errors, "Failed to set ciphers"))?;
    Ok(().into())
}

fn is_no_cipher_match(errors: &ErrorStack) -> bool {
    const SSL_R_NO_CIPHER_MATCH: i32 = 185;
    errors
        .errors()
        .first()
        .is_some_and(|error| error.reason_code() == SSL_R_NO_CIPHER_MATCH)
}

fn set_ciphers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let list = args.text(scope, 0)?;
    match context.set_ciphers(&list) {
        Ok(()) => Ok(().into()),
        // The ciphers up to TLS 1.2 were emptied on purpose.
        Err(errors) if list.is_empty() && is_no_cipher_match(&errors) => Ok(().into()),
        Err(errors) => Err(failure(scope, &errors, "Failed to set ciphers")),
    }
}

fn set_sigalgs<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let list = args.text(scope, 0)?;
    context
        .set_signature_algorithms(&list)
        .map_err(|errors| failure(scope, &errors, "error:00000000:lib(0)::reason(0)"))?;
    Ok(().into())
}

fn set_ecdh_curve<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let curve = args.text(scope, 0)?;
    if curve != "auto" && context.set_groups(&curve).is_err() {
        return Err(operation_failed("Failed to set ECDH curve"));
    }
    Ok(().into())
}

fn set_dh_param<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    // 'auto' arrives as `true`.
    if args.get(0).is_true() {
        context.choose_dh();
        return Ok(().into());
    }
    let Some(pem) = loaded(scope, args.get(0)) else {
        return Ok(().into());
    };
    match context.set_dh(&pem) {
        // What cannot be read is passed over: ephemeral Diffie-Hellman is not used then.
        Ok(DhOutcome::Set | DhOutcome::Unreadable) => Ok(().into()),
        Ok(DhOutcome::Weak) => Ok(scope.text("DH parameter is less than 2048 bits").into()),
        Ok(DhOutcome::TooSmall) => Err(Failure::type_error(
            "ERR_INVALID_ARG_VALUE",
            "DH parameter is less than 1024 bits",
        )),
        Err(_) => Err(operation_failed("Error setting temp DH parameter")),
    }
}

fn unknown_version() -> Failure {
    Failure::range_error("ERR_OUT_OF_RANGE", "There is no such version of TLS")
}

fn set_max_proto<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let version = args.i32(scope, 0)?;
    if !context(scope, args)?.set_max_version(version) {
        return Err(unknown_version());
    }
    Ok(().into())
}

fn set_min_proto<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let version = args.i32(scope, 0)?;
    if !context(scope, args)?.set_min_version(version) {
        return Err(unknown_version());
    }
    Ok(().into())
}

fn get_max_proto<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(context(scope, args)?.max_version().into())
}

fn get_min_proto<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(context(scope, args)?.min_version().into())
}

fn set_options<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // The receiver first: without one there is no other mistake.
    let context = context(scope, args)?;
    context.set_options(args.i64(0)?.cast_unsigned());
    Ok(().into())
}

fn set_session_id_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let name = args.text(scope, 0)?;
    if let Err(errors) = context.set_session_id_context(name.as_bytes()) {
        let text = errors
            .errors()
            .first()
            .map_or("SSL_CTX_set_session_id_context error".to_owned(), |error| {
                format!("{error}\n")
            });
        let error = v8::Exception::type_error(scope, scope.text(&text));
        return Err(Failure::Thrown(v8::Global::new(scope, error)));
    }
    Ok(().into())
}

fn set_session_timeout<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let seconds = args.i32(scope, 0)?;
    context(scope, args)?.set_session_timeout(seconds);
    Ok(().into())
}

fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    *own.context.borrow_mut() = None;
    *own.identity.borrow_mut() = None;
    Ok(().into())
}

/// `loadPKCS12(bytes[, passPhrase])`.
fn load_pkcs12<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let context = own.context()?;
    if args.len() == 0 {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "PFX certificate argument is mandatory",
        ));
    }
    let Some(bytes) = loaded(scope, args.get(0)) else {
        return Err(operation_failed("Unable to load PFX certificate"));
    };
    let phrase = if args.len() > 1 {
        Some(copy_bytes(args.get(1)).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "Pass phrase must be a buffer")
        })?)
    } else {
        None
    };
    *own.identity.borrow_mut() = None;
    let reason = match context.load_pkcs12(&bytes, phrase.as_deref()) {
        Ok(identity) => {
            *own.identity.borrow_mut() = Some(identity);
            return Ok(().into());
        }
        Err(Pkcs12Problem::NoKey) => {
            return Err(operation_failed("Unable to load private key from PFX data"));
        }
        Err(Pkcs12Problem::NoCertificate) => {
            return Err(operation_failed("Unable to load certificate from PFX data"));
        }
        Err(Pkcs12Problem::Failed(errors)) => errors
            .errors()
            .first()
            .and_then(openssl::error::Error::reason),
    };
    let text = scope.text(reason.unwrap_or("Unknown error"));
    let error = v8::Exception::error(scope, text);
    Err(Failure::Thrown(v8::Global::new(scope, error)))
}

fn set_ticket_keys<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let context = context(scope, args)?;
    let keys = copy_bytes(args.get(0)).and_then(|bytes| <[u8; 48]>::try_from(bytes).ok());
    let Some(keys) = keys else {
        return Err(Failure::type_error(
            "ERR_INVALID_ARG_VALUE",
            "Ticket keys length must be 48 bytes",
        ));
    };
    context.ticket_keys().set(keys);
    Ok(true.into())
}

fn get_ticket_keys<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let keys = context(scope, args)?.ticket_keys().bytes();
    let buffer = new_node_buffer(scope, keys.to_vec()).ok_or(Failure::Pending)?;
    Ok(buffer.into())
}

fn enable_ticket_key_callback<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    context(scope, args)?.ask_owner_for_ticket_keys();
    Ok(().into())
}

fn certificate_bytes<'s>(
    scope: &Scope<'s, '_>,
    certificate: Option<openssl::x509::X509>,
) -> BindingResult<'s> {
    let Some(certificate) = certificate else {
        return Ok(scope.null().into());
    };
    let der = certificate
        .to_der()
        .map_err(|errors| failure(scope, &errors, "i2d_X509"))?;
    Ok(new_node_buffer(scope, der).map_or(Return::Undefined, Into::into))
}

fn get_certificate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let certificate = own
        .identity
        .borrow()
        .as_ref()
        .map(|identity| identity.certificate.clone());
    certificate_bytes(scope, certificate)
}

fn get_issuer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let issuer = own
        .identity
        .borrow()
        .as_ref()
        .and_then(|identity| identity.issuer.clone());
    certificate_bytes(scope, issuer)
}

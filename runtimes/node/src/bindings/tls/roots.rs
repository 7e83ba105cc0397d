//! Root certificates: bundled (Mozilla's), the system's, the user's extra ones, and the list JavaScript set. Node:
//! `src/crypto/crypto_context.cc`, `tls.getCACertificates()`, `tls.setDefaultCACertificates()`.
//!
//! The system and its files are the guest's: `SSL_CERT_FILE`, `SSL_CERT_DIR`, `NODE_EXTRA_CA_CERTS` are the process's variables, read
//! through the kernel. Nothing of the host's is asked.

use std::cell::RefCell;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::x509::X509;

use super::super::crypto::errors::{error_text, failure};
use super::super::process::variable;
use super::secure_context::loaded;
use crate::glue::openssl::tls::{Roots, bundled_roots, certificates_of_pem};
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, Value};

/// Where the machine keeps its certificates, as OpenSSL is told by Node's build.
const SYSTEM_FILE: &str = "/etc/ssl/cert.pem";
const SYSTEM_DIRECTORY: &str = "/etc/ssl/certs";

/// What the process trusts.
#[derive(Default)]
struct TrustState {
    /// What `addRootCerts` uses, once made.
    default: RefCell<Option<Arc<Roots>>>,
    /// Set by `tls.setDefaultCACertificates()`.
    of_user: RefCell<Option<Vec<X509>>>,
}

fn out_of_memory(scope: &Scope<'_, '_>) -> Failure {
    failure(
        scope,
        &ErrorStack::get(),
        "The root certificates cannot be loaded",
    )
}

/// What is trusted when a context names nothing else.
pub(super) fn default_roots(scope: &mut Scope<'_, '_>) -> Result<Arc<Roots>, Failure> {
    let state = scope.env().state::<TrustState>();
    if let Some(known) = state.default.borrow().clone() {
        return Ok(known);
    }
    let of_user = state.of_user.borrow().clone();
    let roots = match of_user {
        Some(certificates) => new_roots(scope, certificates)?,
        None => first_roots(scope)?,
    };
    *state.default.borrow_mut() = Some(Arc::clone(&roots));
    Ok(roots)
}

fn new_roots(scope: &Scope<'_, '_>, certificates: Vec<X509>) -> Result<Arc<Roots>, Failure> {
    Roots::new(certificates)
        .map(Arc::new)
        .map_err(|errors| failure(scope, &errors, "X509_STORE_add_cert"))
}

/// The list as the command line and the environment want it.
fn first_roots(scope: &mut Scope<'_, '_>) -> Result<Arc<Roots>, Failure> {
    let env = scope.env();
    let options = env.command_line();
    let (openssl_ca, system_ca) = (
        options.is("--use-openssl-ca"),
        options.is("--use-system-ca"),
    );
    let extra = extra_certificates(scope, true);
    if !openssl_ca && !system_ca && extra.is_empty() {
        return bundled_roots().ok_or_else(|| out_of_memory(scope));
    }
    let mut certificates = Vec::new();
    if !openssl_ca {
        let bundled = bundled_roots().ok_or_else(|| out_of_memory(scope))?;
        certificates.extend_from_slice(bundled.certificates());
    }
    if openssl_ca || system_ca {
        certificates.extend(system_certificates(scope));
    }
    certificates.extend(extra);
    new_roots(scope, certificates)
}

/// The certificates of the file that `NODE_EXTRA_CA_CERTS` names. `warns`: says on standard error when it cannot be read.
fn extra_certificates(scope: &mut Scope<'_, '_>, warns: bool) -> Vec<X509> {
    let Some(path) = variable(scope, "NODE_EXTRA_CA_CERTS").filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    let env = scope.env();
    let problem = match env.read_file(path.as_bytes()) {
        Err(_) => "error:80000002:system library::No such file or directory".to_owned(),
        Ok(bytes) => match certificates_of_pem(&bytes) {
            Ok(certificates) => return certificates,
            Err(errors) => errors.errors().first().map_or_else(String::new, error_text),
        },
    };
    if warns {
        let line = format!("Warning: Ignoring extra certs from `{path}`, load failed: {problem}\n");
        env.print_error(line.as_bytes());
    }
    Vec::new()
}

/// The certificates of the machine's own files.
fn system_certificates(scope: &mut Scope<'_, '_>) -> Vec<X509> {
    let env = scope.env();
    let file = variable(scope, "SSL_CERT_FILE").unwrap_or_else(|| SYSTEM_FILE.into());
    let mut certificates = env
        .read_file(file.as_bytes())
        .ok()
        .and_then(|bytes| certificates_of_pem(&bytes).ok())
        .unwrap_or_default();
    let directories = variable(scope, "SSL_CERT_DIR").unwrap_or_else(|| SYSTEM_DIRECTORY.into());
    for directory in directories.split(':').filter(|part| !part.is_empty()) {
        let entries = super::super::fs::list(env.task(), directory.as_bytes());
        for (name, _) in entries.unwrap_or_default() {
            let path = [directory.as_bytes(), b"/", &name].concat();
            if let Ok(bytes) = env.read_file(&path)
                && let Ok(more) = certificates_of_pem(&bytes)
            {
                certificates.extend(more);
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    certificates.retain(|certificate| certificate.to_der().is_ok_and(|der| seen.insert(der)));
    certificates
}

fn pem_list<'s>(scope: &Scope<'s, '_>, certificates: &[X509], trim: bool) -> BindingResult<'s> {
    let mut list: Vec<Value<'s>> = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        let pem = certificate
            .to_pem()
            .map_err(|errors| failure(scope, &errors, "PEM_write_bio_X509"))?;
        let text = if trim { pem.trim_ascii_end() } else { &pem };
        list.push(scope.latin1(text)?.into());
    }
    Ok(scope.array(&list).into())
}

/// `getBundledRootCertificates()`.
pub(in crate::bindings) fn get_bundled<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    let roots = bundled_roots().ok_or_else(|| out_of_memory(scope))?;
    pem_list(scope, roots.certificates(), true)
}

/// `getSystemCACertificates()`.
pub(in crate::bindings) fn get_system<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    let certificates = system_certificates(scope);
    pem_list(scope, &certificates, false)
}

/// `getExtraCACertificates()`.
pub(in crate::bindings) fn get_extra<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    let certificates = extra_certificates(scope, false);
    pem_list(scope, &certificates, false)
}

/// `getUserRootCertificates()`: what `resetRootCertStore` was given.
pub(in crate::bindings) fn get_of_user<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    let state = scope.env().state::<TrustState>();
    let certificates = state.of_user.borrow().clone().unwrap_or_default();
    pem_list(scope, &certificates, false)
}

/// The newest error alone, which is the one Node tells here.
fn newest(errors: &ErrorStack) -> ErrorStack {
    if let Some(error) = errors.errors().last() {
        error.put();
    }
    ErrorStack::get()
}

/// `resetRootCertStore(certificates)`: from now on these are trusted by default.
pub(in crate::bindings) fn reset<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let list = args.array(0)?;
    let mut certificates: Vec<X509> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for index in 0..list.length() {
        let value = list.get_index(scope, index).ok_or(Failure::Pending)?;
        let Some(pem) = loaded(scope, value) else {
            return Err(Failure::type_error(
                "ERR_INVALID_ARG_TYPE",
                format!("Invalid certificate at index {index}"),
            ));
        };
        let found = certificates_of_pem(&pem)
            .map_err(|errors| failure(scope, &newest(&errors), "Failed to parse certificate"))?;
        if found.is_empty() {
            return Err(Failure::error(
                "ERR_CRYPTO_OPERATION_FAILED",
                format!("No valid certificates found in the provided array at index {index}"),
            ));
        }
        certificates.extend(
            found
                .into_iter()
                .filter(|one| one.to_der().is_ok_and(|der| seen.insert(der))),
        );
    }
    let state = scope.env().state::<TrustState>();
    *state.of_user.borrow_mut() = Some(certificates);
    *state.default.borrow_mut() = None;
    Ok(().into())
}

/// `startLoadingCertificatesOffThread()`: reads the bundled ones on a thread, once for the host process.
pub(in crate::bindings) fn start_loading<'s>(
    _: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        let reader = std::thread::Builder::new().name("cenote-roots".to_owned());
        if let Err(error) = reader.spawn(|| drop(bundled_roots())) {
            tracing::debug!(target: "cenote::node", %error, "reading the root certificates early");
        }
    });
    Ok(().into())
}

/// `isExtraRootCertsFileLoaded()`, for tests.
pub(in crate::bindings) fn is_extra_loaded<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    Ok((!extra_certificates(scope, false).is_empty()).into())
}

/// `getCertificateCompressionAlgorithms()`: OpenSSL is built without any.
pub(in crate::bindings) fn get_compressions<'s>(
    scope: &mut Scope<'s, '_>,
    _: &Args<'s>,
) -> BindingResult<'s> {
    Ok(scope.array(&[]).into())
}

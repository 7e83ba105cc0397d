//! Root certificates: lists of them with a certificate store, and the bundled ones (Mozilla's, by `webpki-root-certs`).

use std::sync::{Arc, LazyLock};

use foreign_types::ForeignType as _;
use openssl::error::ErrorStack;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};

use super::ffi;

/// Certificates that are trusted.
pub(crate) struct Roots {
    certificates: Vec<X509>,
    /// Of the same; shared, so nobody changes it. Making one costs milliseconds.
    store: X509Store,
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Roots({})", self.certificates.len())
    }
}

fn store_of(certificates: &[X509]) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for certificate in certificates {
        // A certificate that is there twice is no error since OpenSSL 1.1.1.
        store.add_cert(certificate.clone())?;
    }
    Ok(store.build())
}

impl Roots {
    /// Trusts these.
    pub(crate) fn new(certificates: Vec<X509>) -> Result<Self, ErrorStack> {
        crate::glue::openssl::init();
        let store = store_of(&certificates)?;
        Ok(Self {
            certificates,
            store,
        })
    }

    /// The certificates.
    pub(crate) fn certificates(&self) -> &[X509] {
        &self.certificates
    }

    /// One more reference to the store, which must not be changed.
    pub(super) fn shared_store(&self) -> Result<X509Store, ErrorStack> {
        let store = self.store.as_ptr();
        // SAFETY: the store lives.
        if unsafe { ffi::X509_STORE_up_ref(store) } != 1 {
            return Err(ErrorStack::get());
        }
        // SAFETY: the reference just taken.
        Ok(unsafe { X509Store::from_ptr(store) })
    }

    /// A new store of the same certificates.
    pub(super) fn own_store(&self) -> Result<X509Store, ErrorStack> {
        store_of(&self.certificates)
    }
}

static BUNDLED: LazyLock<Option<Arc<Roots>>> = LazyLock::new(|| {
    crate::glue::openssl::init();
    let certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|der| X509::from_der(der.as_ref()).ok())
        .collect();
    Roots::new(certificates).map(Arc::new).ok()
});

/// Mozilla's root certificates, the same for the whole host process; `None` only when memory is short.
pub(crate) fn bundled_roots() -> Option<Arc<Roots>> {
    BUNDLED.clone()
}

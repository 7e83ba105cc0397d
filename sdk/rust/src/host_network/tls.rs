//! TLS with guests: [`Authority`], which the machine trusts and which vouches for whatever host a guest asks for.
//!
//! Made with the machine and gone with it; its key leaves this process nowhere. A guest that could read it would gain nothing: nobody but the
//! machine's own programs trusts it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

/// Hosts whose certificates are kept.
const MAX_KEPT: usize = 256;
/// Days that certificates hold, from a day before they are made.
const DAYS: u32 = 3_650;
/// The authority's name.
const NAME: &str = "Network adapter of this machine";
/// The longest name of a host.
const MAX_NAME: usize = 253;

/// The machine's authority.
pub(super) struct Authority {
    pem: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl Authority {
    pub(super) fn new() -> Result<Self, String> {
        let minter = Minter::new().map_err(|error| error.to_string())?;
        let pem = minter
            .certificate
            .to_pem()
            .map_err(|error| error.to_string())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(minter));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            pem,
            config: Arc::new(config),
        })
    }

    /// As PEM.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.pem
    }

    /// Greets a guest as the host it asks for.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        TlsAcceptor::from(Arc::clone(&self.config))
            .accept(stream)
            .await
    }
}

/// Makes certificates.
struct Minter {
    certificate: X509,
    key: PKey<Private>,
    /// Lock order: a leaf.
    kept: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut made = X509NameBuilder::new()?;
    // The field has room for 64; the names that count are elsewhere.
    let name = name.get(..name.len().min(64)).unwrap_or("host");
    made.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(made.build())
}

/// What all certificates have.
fn begin(name: &str, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&*common_name(name)?)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::from_unix(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(DAYS)?)?;
    Ok(builder)
}

impl Minter {
    fn new() -> Result<Self, ErrorStack> {
        let key = new_key()?;
        let mut builder = begin(NAME, &key)?;
        builder.set_issuer_name(&*common_name(NAME)?)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            key,
            kept: Mutex::default(),
        })
    }

    fn mint(&self, host: &str) -> Result<CertifiedKey, String> {
        let told = |error: ErrorStack| error.to_string();
        let key = new_key().map_err(told)?;
        let made = || -> Result<X509, ErrorStack> {
            let mut builder = begin(host, &key)?;
            builder.set_issuer_name(self.certificate.subject_name())?;
            let mut names = SubjectAlternativeName::new();
            if host.parse::<std::net::IpAddr>().is_ok() {
                names.ip(host);
            } else {
                names.dns(host);
            }
            let names = names.build(&builder.x509v3_context(Some(&self.certificate), None))?;
            builder.append_extension(names)?;
            builder.append_extension(BasicConstraints::new().build()?)?;
            builder.append_extension(KeyUsage::new().digital_signature().build()?)?;
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            builder.sign(&self.key, MessageDigest::sha256())?;
            Ok(builder.build())
        };
        let certificate = made().and_then(|made| made.to_der()).map_err(told)?;
        let key = key.private_key_to_pkcs8().map_err(told)?;
        let key = PrivateKeyDer::Pkcs8(key.into());
        let key = ring::sign::any_supported_type(&key).map_err(|error| error.to_string())?;
        Ok(CertifiedKey::new(
            vec![CertificateDer::from(certificate)],
            key,
        ))
    }
}

impl ResolvesServerCert for Minter {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Checked by rustls to be a name of DNS. Who connects to an address without a name is refused: there is nothing to vouch for.
        let host = hello.server_name()?.to_ascii_lowercase();
        if host.len() > MAX_NAME {
            return None;
        }
        if let Some(kept) = self.kept.lock().get(&host) {
            return Some(Arc::clone(kept));
        }
        match self.mint(&host) {
            Ok(made) => {
                let made = Arc::new(made);
                let mut kept = self.kept.lock();
                if kept.len() >= MAX_KEPT {
                    kept.clear();
                }
                kept.insert(host, Arc::clone(&made));
                Some(made)
            }
            Err(error) => {
                tracing::warn!(target: "cenote::net", error, "no certificate for a host");
                None
            }
        }
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minter")
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

//! TLS of OpenSSL, over memory: [`TlsContext`] (`SSL_CTX`) and [`TlsSession`] (`SSL` with two memory BIOs).
//!
//! A session calls back into its owner while it reads and writes: [`TlsEvents`]. The owner is known for the length of one such
//! call only (`callbacks`), so nothing of the owner lies in OpenSSL's objects. A callback may use the session again to ask and
//! to set, but not to read or write: that answers [`Blocked`](WriteOutcome::Blocked), and the owner goes on after the call.
//!
//! Reading order: `callbacks`, `context`, `session`, `details` (what is asked of a session), `pem` (reading certificates and
//! keys without ever asking a terminal for a password), `trust` (root certificates), `ffi`.

mod callbacks;
mod context;
mod details;
mod ffi;
mod pem;
mod session;
mod trust;

pub(crate) use callbacks::{ProtocolChoice, TicketAnswer, TlsEvents};
pub(crate) use context::{DhOutcome, Identity, Method, Pkcs12Problem, TlsContext};
pub(crate) use details::{EphemeralKey, verify_error_code};
pub(crate) use pem::certificates_of_pem;
pub(crate) use session::{PeerCheck, ReadOutcome, Side, TlsFailure, TlsSession, WriteOutcome};
pub(crate) use trust::{Roots, bundled_roots};

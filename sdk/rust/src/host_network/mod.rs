//! The network outside, answered by the embedder: [`NetworkAdapter`].
//!
//! * [`adapter`]: what the embedder implements
//! * [`carry`]: connections of guests, as the kernel hands them over, to it
//! * [`http`]: requests of guests, where it answers those rather than connections
//! * [`tls`]: what lets requests within TLS be read: an authority that the machine trusts and nobody else
//!
//! Policy first: the kernel has asked before a connection comes here, about the address that the guest named, and each request is asked about
//! again, because it names a host of its own. Locks are leaves.

mod adapter;
mod carry;
mod http;
mod tls;

pub use adapter::{ByteStream, HostStream, HttpBody, NetworkAdapter, NetworkAnswer, NetworkTarget};
pub(crate) use carry::AdapterNetwork;

//! Sockets of one machine: `AF_UNIX`, and TCP and UDP over the machine's own loopback.
//!
//! [`Sockets`] is the machine's table of names; [`Socket`] is one end, and a [`File`](cenote_vfs::File). Nothing here blocks or knows
//! processes: a call that cannot go on answers `EAGAIN`, and the call layer waits on the socket's queue and tries again. Nothing here
//! reaches the host by itself: what is to leave goes through [`outward`], under policy, into what the embedder gave.
//!
//! Lock order (each may be taken while those above it are held, never the other way round):
//!
//! ```text
//! Socket::state            one end: bound, listening, connected
//! └─ Sockets::names        who is bound where
//!    └─ Listener::backlog  connections nobody accepted yet
//!       └─ Inbox::state    bytes and messages under way to one end (leaf)
//! ```
//!
//! `Uplink`'s locks are leaves too.
//!
//! Two sockets' `state`s are never held together. Wake-ups come after all locks are released. See socket(7), unix(7), tcp(7), udp(7).
#![forbid(unsafe_code)]

mod address;
mod connection;
mod datagram;
mod inbox;
mod multicast;
mod options;
pub mod outward;
mod socket;
mod table;

pub use address::{InodeKey, Name};
pub use inbox::{Outgoing, Received};
pub use outward::{Link, Network, Outward, Uplink};
pub use socket::Socket;
pub use table::{Listening, Sockets};

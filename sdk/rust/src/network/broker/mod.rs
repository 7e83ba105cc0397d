//! The way out of a process that may make no connection itself: [`Broker`] outside, [`Client`] inside.
//!
//! The process of a machine lies in a network of its own, which is empty, and its system-call filter knows no `socket`. What the kernel there
//! lets out is asked of the broker, which holds the same rules, keeps the names it resolved itself, and looks at each connection, datagram
//! and name again: what it refuses is not reached, even by a guest that has taken the process over. A TCP connection is handed over as a
//! connected descriptor; for datagrams there is a pair of sockets through which each passes with its address; names and records are answered.
//!
//! Where the embedder decides (`asks`, rules that ask), its word is asked for inside; whoever holds the broker sees question and answer pass and
//! tells it ([`Broker::allow_connect`]), so that what the embedder was not asked about, or refused, is not reached. Guarded addresses and what
//! rules say it keeps as ever.
//!
//! * [`wire`]: what is said; `channel`: sockets on which it is said; `server` and `client`: the two ends
//!
//! Locks are leaves.

mod channel;
mod client;
mod server;
mod wire;

#[cfg(test)]
mod tests;

pub use channel::pair as broker_pair;
pub use client::use_broker;
pub(crate) use client::{Came, Client, in_use};
pub use server::{Broker, NetworkGrant};

//! The way from a machine to its embedder: requests out, answers back by their number, over whichever host channel is open.
//!
//! * [`link`]: the channel, requests and their replies
//! * [`answers`]: questions with one answer, permissions and host functions
//! * [`commands`]: programs that the embedder runs for guests
//! * [`filesystem`]: filesystems that the embedder answers
//! * [`network`]: the network outside, as the embedder answers it: [`connection`] and [`request`] by one

mod answers;
mod commands;
mod connection;
mod filesystem;
mod link;
mod network;
mod request;

pub(crate) use answers::{ask_in, collection};
pub(crate) use commands::commands;
pub(crate) use filesystem::LinkFiles;
pub(crate) use link::{HostLink, InForce};
pub(crate) use network::{LinkNames, LinkNetwork};

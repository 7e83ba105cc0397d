//! The network between the embedder, the machine and the outside.
//!
//! Into the machine, whatever guests may do: [`Connection`] is a stream to a server in it, [`Response`] what `fetch` brings,
//! [`Listener`] who listens, [`PortForward`] a door for other programs of the host.
//!
//! Locks are leaves.

mod body;
mod fetch;
mod forward;
mod listener;
mod relay;
mod stream;

pub use body::{BodySender, RequestBody};
pub use fetch::Response;
pub use forward::PortForward;
pub use listener::{Listener, ListenerFilter};
pub use stream::Connection;

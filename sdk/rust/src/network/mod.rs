//! The network between the embedder, the machine and the outside.
//!
//! Out of the machine, under [`NetworkRule`]s: `outward` carries what the kernel lets out, `rules` and `guard` say what that is, `pins`
//! remembers which names stand for which addresses, `dns` is the machine's name service. A process that may make no connection itself asks
//! a `broker` outside of it, or the embedder's own network, past `adapter_guard`; `leave` is what the embedder allowed such a process by word.
//!
//! Into the machine, whatever guests may do: [`Connection`] is a stream to a server in it, [`Response`] what `fetch` brings,
//! [`Listener`] who listens, [`PortForward`] a door for other programs of the host.
//!
//! Locks are leaves.

mod adapter_guard;
mod body;
pub(crate) mod broker;
pub(crate) mod dns;
mod fetch;
mod forward;
pub(crate) mod guard;
pub(crate) mod leave;
mod listener;
pub(crate) mod outward;
pub(crate) mod pins;
pub(crate) mod relay;
pub(crate) mod rules;
mod stream;
mod way;

pub use adapter_guard::AdapterGuard;
pub(crate) use body::BoxedBody;
pub use body::{BodySender, RequestBody};
pub use dns::{Resolve, Resolving};
pub use fetch::Response;
pub use forward::PortForward;
pub use listener::{Listener, ListenerFilter};
pub use rules::{NetworkOperation, NetworkRule};
pub use stream::Connection;

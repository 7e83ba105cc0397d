//! The sidecar: machines served over gRPC, each in a worker process of its own behind walls.
//!
//! Two programs in one crate, which `cenote serve` and `cenote worker` start:
//!
//! * [`serve`]: the sidecar's own process. It holds no guest; `door` lets callers in, `front` starts workers and passes calls on.
//! * [`run_worker`]: a worker. `walls` locks it down before anything else runs; `services` are the contract over the machines in it.
//!
//! Neighbours: `sdk/proto` is the contract, `sdk/rust` the machines, `sdk/cli` the command line.
#![deny(unsafe_code)]

mod door;
mod failure;
mod front;
mod host_link;
mod machines;
mod metrics;
mod options;
mod services;
mod sidecar;
mod telemetry;
mod walls;
mod worker;

pub use cenote_proto::v1::Isolation;
pub use door::{Listen, Tls};
pub use sidecar::{ServeError, ServeOptions, serve};
pub use telemetry::{TelemetryError, TelemetryOptions};
pub use walls::{Grants, NetworkGrant, OwnWalls, lock_down, raise_own};
pub use worker::{WorkerOptions, run_worker};

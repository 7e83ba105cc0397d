//! What the tests share: where things lie ([`repository`]), oracles on the host ([`oracle`]), strict expectation lists
//! ([`expectations`]), generated cases ([`cases`]), what is shipped built ([`artefacts`]), a machine in a line ([`world`]), and the
//! host's own view of us ([`host`]).
//!
//! Nothing here is shipped.
#![forbid(unsafe_code)]

pub mod artefacts;
pub mod cases;
pub mod expectations;
pub mod host;
pub mod oracle;
pub mod repository;
pub mod world;

pub use cases::{Case, run_cases};
pub use expectations::Expectations;
pub use oracle::Outcome;

//! What a machine and a process may use: [`Budget`] per machine, [`rlimits`](rlimit) per process.

mod budget;
pub mod rlimit;

pub use budget::{Budget, BudgetWatch, Charge, Gauge, Limits, Resource};
pub use rlimit::RLimits;

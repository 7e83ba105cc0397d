//! The kernel's task of this process.

/// Placeholder until the kernel's `Task` lands.
#[derive(Debug)]
pub struct Task {}

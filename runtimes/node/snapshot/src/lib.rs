//! Node's start-up snapshot, made while the program is built: for `cenote::use_snapshot`.

/// The snapshot, 2 to 3 MB. Empty in a program that was built on another platform than it is for.
pub static START_UP_SNAPSHOT: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/start-up.snapshot"));

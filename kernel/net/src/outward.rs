//! The way out of the machine. Closed: every address that is not the machine's own is unreachable.
//!
//! When it opens (under policy, with the address checked being the address connected), it opens here and nowhere else.

use std::net::IpAddr;

use cenote_abi::Errno;
use cenote_base::{SysError, SysResult};

/// Whether a packet to `address` may leave.
///
/// # Errors
/// `ENETUNREACH`, always.
pub fn reach(address: IpAddr) -> SysResult {
    tracing::debug!(target: "cenote::audit", %address, "refused: the network outside the machine is closed");
    Err(SysError::with_note(
        Errno::ENETUNREACH,
        "the network outside the machine is closed",
    ))
}

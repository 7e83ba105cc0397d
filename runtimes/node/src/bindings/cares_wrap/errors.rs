//! The texts of c-ares' error numbers.

use super::channel::SERVERS_WHILE_PENDING;
use crate::glue::{Args, BindingResult, Scope, ScopeExt};

const TEXTS: &[&str] = &[
    "Successful completion",
    "DNS server returned answer with no data",
    "DNS server claims query was misformatted",
    "DNS server returned general failure",
    "Domain name not found",
    "DNS server does not implement requested operation",
    "DNS server refused query",
    "Misformatted DNS query",
    "Misformatted domain name",
    "Unsupported address family",
    "Misformatted DNS reply",
    "Could not contact DNS servers",
    "Timeout while contacting DNS servers",
    "End of file",
    "Error reading file",
    "Out of memory",
    "Channel is being destroyed",
    "Misformatted string",
    "Illegal flags specified",
    "Given hostname is not numeric",
    "Illegal hints flags specified",
    "c-ares library initialization not yet performed",
    "Error loading iphlpapi.dll",
    "Could not find GetNetworkParams function",
    "DNS query cancelled",
    "Invalid service name or number",
    "No DNS servers were configured",
];

/// `strerror(number)`.
pub(super) fn strerror<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let number = args.i32(scope, 0)?;
    let text = if number == SERVERS_WHILE_PENDING {
        "There are pending queries."
    } else {
        usize::try_from(number)
            .ok()
            .and_then(|number| TEXTS.get(number))
            .unwrap_or(&"unknown")
    };
    Ok(scope.text(text).into())
}

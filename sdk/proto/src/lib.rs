//! The gRPC contract between a sidecar and those who use it, compiled from `proto/`.
//!
//! [`v1`] is the contract: messages, clients and servers. [`rpc`] is the standard container of error details; [`status_with`] puts ours into it
//! and takes it out again.
//!
//! Neighbours: `sdk/server` serves it; `sdk/typescript` reads the same files.
#![forbid(unsafe_code)]

mod detail;

use std::collections::HashSet;
use std::sync::LazyLock;

use prost::Message;

pub use detail::{detail_of, status_with};

/// The contract, version 1.
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::too_many_lines,
    clippy::doc_markdown,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; the documentation is in the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("cenote.v1");
}

/// `google.rpc.Status`.
pub mod rpc {
    tonic::include_proto!("google.rpc");
}

/// The contract's descriptors, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("descriptors");

/// The contract's methods, as paths of calls: `/cenote.v1.Vms/Create`.
#[must_use]
pub fn methods() -> &'static HashSet<String> {
    static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        // Ours, compiled in: an unreadable one would leave the set empty, and a test would say so.
        let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
        let services = set.file.iter().flat_map(|file| {
            let package = file.package();
            file.service.iter().map(move |service| (package, service))
        });
        services
            .flat_map(|(package, service)| {
                let method = move |name: &str| format!("/{package}.{}/{name}", service.name());
                service.method.iter().map(move |one| method(one.name()))
            })
            .collect()
    });
    &METHODS
}

/// Whether a call's path is one of the contract's methods.
#[must_use]
pub fn is_method(path: &str) -> bool {
    methods().contains(path)
}

/// The metadata key that names a call's machine.
pub const VM_METADATA: &str = "cenote-vm";

/// What the contract has grown to within version 1.
pub const REVISION: u32 = 1;

/// The largest message, in bytes.
pub const MAX_MESSAGE: usize = 16 << 20;

/// The largest chunk of a stream that a server sends, in bytes.
pub const CHUNK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_told_from_nonsense() {
        assert!(is_method("/cenote.v1.Vms/Create"));
        assert!(is_method("/cenote.v1.HostChannel/Open"));
        assert!(!is_method("/cenote.v1.Vms/Nonsense"));
    }
}

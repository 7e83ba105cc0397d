//! The gRPC contract between a sidecar and those who use it, compiled from `proto/`.
//!
//! [`v1`] is the contract: messages, clients and servers. [`rpc`] is the standard container of error details; [`status_with`] puts ours into it
//! and takes it out again. [`exchange`] is how both sides of the host channel carry streams of bytes.
//!
//! Neighbours: `sdk/server` serves it; `sdk/typescript` reads the same files.
#![forbid(unsafe_code)]

mod detail;
pub mod exchange;

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

/// What the contract has grown to within version 1: raised whenever its messages or calls change, which a test here notices.
///
/// A server takes fields it does not know for unset, so one that is older than its client might grant what the client meant to refuse.
/// Clients therefore do not speak to a server of a smaller revision; a larger one only has more.
pub const REVISION: u32 = 6;

/// The largest message, in bytes.
pub const MAX_MESSAGE: usize = 16 << 20;

/// The largest chunk of a stream that a server sends, in bytes.
pub const CHUNK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract as it was when [`REVISION`] was raised last.
    const RECORDED: u64 = 0x8bce_9b2f_31d3_1dba;

    /// FNV-1a: a change of the contract changes it, and so will nobody by accident.
    fn digest(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn revision_is_raised_when_the_contract_changes() {
        let now = digest(DESCRIPTORS);
        assert_eq!(
            now, RECORDED,
            "the contract has changed: raise REVISION (here and in sdk/typescript/src/sidecar/revision.ts), run `npm run generate` \
             there, and record {now:#018x}"
        );
    }

    fn from_base64(text: &str) -> Vec<u8> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = 0_u32;
        let mut bytes = Vec::new();
        for (at, digit) in text.trim_end_matches('=').bytes().enumerate() {
            let value = DIGITS.iter().position(|one| *one == digit).unwrap();
            bits = bits << 6 | u32::try_from(value).unwrap();
            if at % 4 > 0 {
                let held = 8 - 2 * u32::try_from(at % 4).unwrap() - 2;
                bytes.push((bits >> held).to_le_bytes()[0]);
            }
        }
        bytes
    }

    /// A message without what its own name says: some compilers leave it out.
    fn plain(mut message: prost_types::DescriptorProto) -> prost_types::DescriptorProto {
        for field in &mut message.field {
            field.json_name = None;
        }
        message.nested_type = message.nested_type.into_iter().map(plain).collect();
        message
    }

    #[test]
    fn messages_of_the_typescript_package_are_the_contract() {
        let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let generated = concat!(env!("CARGO_MANIFEST_DIR"), "/../typescript/src/gen/");
        let ours = set
            .file
            .into_iter()
            .filter(|file| file.package() == "cenote.v1");
        let mut count = 0;
        for file in ours {
            let name = file.name().replace(".proto", "_pb.ts");
            let text = std::fs::read_to_string(format!("{generated}{name}")).unwrap();
            let told = text
                .split("fileDesc(\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let told =
                prost_types::FileDescriptorProto::decode(&*from_base64(told.unwrap())).unwrap();
            let messages = |file: prost_types::FileDescriptorProto| -> Vec<_> {
                file.message_type.into_iter().map(plain).collect()
            };
            let hint = format!("{name}: run `npm run generate` in sdk/typescript");
            assert_eq!(told.enum_type, file.enum_type, "{hint}");
            assert_eq!(told.service, file.service, "{hint}");
            assert_eq!(messages(told), messages(file), "{hint}");
            count += 1;
        }
        assert_eq!(count, 7);
        let revision = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../typescript/src/sidecar/revision.ts"
        );
        let revision = std::fs::read_to_string(revision).unwrap();
        assert!(revision.contains(&format!("export const REVISION = {REVISION};")));
    }

    #[test]
    fn methods_are_told_from_nonsense() {
        assert!(is_method("/cenote.v1.Vms/Create"));
        assert!(is_method("/cenote.v1.HostChannel/Open"));
        assert!(!is_method("/cenote.v1.Vms/Nonsense"));
    }
}

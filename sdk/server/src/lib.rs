//! The sidecar: machines served over gRPC.
#![forbid(unsafe_code)]

//! The gRPC contract between a sidecar and those who use it.

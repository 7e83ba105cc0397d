//! Compiles the contract under `proto/` without an external `protoc`, and keeps its descriptors for reflection.

use std::path::PathBuf;

type Failure = Box<dyn std::error::Error>;

/// The contract's files.
const FILES: [&str; 7] = [
    "cenote/v1/common.proto",
    "cenote/v1/vms.proto",
    "cenote/v1/processes.proto",
    "cenote/v1/files.proto",
    "cenote/v1/terminals.proto",
    "cenote/v1/network.proto",
    "cenote/v1/host.proto",
];

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=proto");
    let files = FILES
        .into_iter()
        .chain(["google/rpc/status.proto"])
        .map(|file| format!("proto/{file}"));
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // Comments are for the generated code; reflection does without.
    std::fs::write(
        out.join("descriptors.bin"),
        compiler
            .include_source_info(false)
            .encode_file_descriptor_set(),
    )?;
    let descriptors = compiler.include_source_info(true).file_descriptor_set();
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}

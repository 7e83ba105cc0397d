//! `cenote package`: the finished program makes of itself what is shipped.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

/// Writes a copy of this program with node's start-up snapshot in it, so that its first start is as quick as any other.
///
/// For releases: strip the program before, because `strip` cuts the snapshot off.
#[derive(Debug, Parser)]
#[command(
    name = "cenote package",
    bin_name = "cenote package",
    version,
    max_term_width = 100
)]
struct PackageLine {
    /// The file to write
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

/// Runs `package` if the command line begins so.
pub(crate) fn run(
    mut args: impl Iterator<Item = OsString>,
) -> Option<Result<(), Box<dyn std::error::Error>>> {
    let program = args.next()?;
    if args.next()? != "package" {
        return None;
    }
    let line = PackageLine::parse_from(std::iter::once(program).chain(args));
    Some(cenote::write_packaged_program(&line.to).map_err(Into::into))
}

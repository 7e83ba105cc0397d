//! The command line: one variant a command, with the text `--help` shows.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything a change must pass: format, clippy, docs, tests, tidy, and deny and typos where installed.
    Ci(CiOptions),
    /// Check the conventions of STYLE.md that a machine can check.
    Tidy(TidyOptions),
    /// Build the programs that ship (commands/build.sh): toolchain first, then the recipes named, or all.
    Commands(CommandsOptions),
    /// Find, check and show the pinned standard library of Node that the build embeds.
    NodeLib(NodeLibOptions),
    /// Show and verify the V8 library the repository carries.
    V8(V8Options),
    /// Run other projects' test suites in the VM and write a table to docs/compat.
    Conformance(ConformanceOptions),
    /// Measure the speed table of ARCHITECTURE.md beside the host's own node and shell; writes docs/bench.md.
    Bench(BenchOptions),
    /// Run the tests of scale at full size: 200 machines at once, 5,000 made and disposed of, a minute of floods.
    Soak,
    /// Write docs/compat/syscalls.md, bindings.md and modules.md from the tables in the sources.
    CompatDocs(CompatDocsOptions),
}

#[derive(Debug, Args)]
pub(crate) struct CiOptions {
    /// Leave out the tests of the default members, because `cargo test` has just run them (.ci/run says so).
    #[arg(long)]
    pub(crate) tested: bool,
    /// Run only these steps.
    pub(crate) steps: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TidyOptions {
    /// Rewrite the generated documents instead of comparing them.
    #[arg(long)]
    pub(crate) write: bool,
    /// Also print the reports: longest files and functions, unsafe code, host contacts.
    #[arg(long)]
    pub(crate) report: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommandsOptions {
    /// Arguments for commands/build.py: names of recipes, --list, --pin.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NodeLibOptions {
    /// Write every module as a file under this folder, to read.
    #[arg(long, value_name = "DIR")]
    pub(crate) extract: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct V8Options {
    /// Build the library again from source (takes hours).
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Suite {
    /// Node's own test suite.
    Node,
    /// The unit tests of the WebAssembly Linux Interface.
    Linux,
    /// bash's and dash's own tests.
    Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ConformanceOptions {
    /// Which suite.
    pub(crate) suite: Suite,
    /// Arguments for the suite's runner (`--help` shows them).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// Arguments for the harness: names of rows, --samples.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompatDocsOptions {
    /// Compare instead of writing; fails when a document is out of date.
    #[arg(long)]
    pub(crate) check: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        super::Flags::command().debug_assert();
    }
}

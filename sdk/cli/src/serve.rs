//! `cenote serve`: machines for other processes, over gRPC; `cenote worker`: what it starts for each machine.
//!
//! Both have command lines of their own: none of the options of a machine means anything to them.
#![expect(
    clippy::print_stdout,
    reason = "the address is told on standard output"
)]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cenote_server::{
    Grants, Isolation, Listen, ServeOptions, TelemetryOptions, Tls, WorkerOptions, raise_own,
    run_worker, serve,
};
use clap::{Args, Parser, ValueEnum};

use crate::options::duration;

/// Runs the shells, the tools and node once: what is shipped, and no guest's code.
const PREPARE: [&str; 3] = ["sh", "-c", "cat /dev/null; node -e 0; exec bash -c :"];

type Failure = Box<dyn std::error::Error>;

/// Runs `serve` or `worker` if the command line begins so. Must be called while the process has one thread.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Option<Result<(), Failure>> {
    let program = args.next()?;
    let command = args.next()?;
    let line = std::iter::once(program).chain(args);
    if command == "serve" {
        Some(serve_with(ServeLine::parse_from(line)))
    } else if command == "worker" {
        Some(work(WorkerLine::parse_from(line)))
    } else {
        None
    }
}

/// Serves virtual machines over gRPC, each in a locked-down process of its own.
///
/// Prints one line of JSON with the address when callers may come: {"listening":"unix:/run/cenote.sock","pid":1,"version":"0.1.0"}
#[derive(Debug, Parser)]
#[command(
    name = "cenote serve",
    bin_name = "cenote serve",
    version,
    max_term_width = 100
)]
struct ServeLine {
    /// Where callers come in
    #[command(flatten)]
    door: Door,
    /// Where machines live that do not say
    #[arg(long, value_enum, default_value = "process")]
    isolation: IsolationName,
    /// Warm workers kept ready
    #[arg(long, value_name = "N", default_value_t = 1)]
    spares: usize,
    /// Memory that one worker may take, in MiB; past it the worker is ended [default: half of the host's]
    #[arg(long, value_name = "MIB")]
    worker_memory: Option<u64>,
    /// End when standard input ends
    #[arg(long)]
    owner_stdin: bool,
    /// How long calls may go on after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    drain: Duration,
    /// Serve Prometheus metrics at `http://ADDRESS/metrics`
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// What is logged to standard error, as JSON lines (a tracing filter) [default: warn]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Send a span a call to this OpenTelemetry collector (OTLP over gRPC)
    #[arg(long, value_name = "URL")]
    traces: Option<String>,
}

/// Where callers come in.
#[derive(Debug, Args)]
struct Door {
    /// Listen on this Unix socket, for this user alone [default: cenote-PID.sock in `$XDG_RUNTIME_DIR` or the directory of temporary files]
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    socket: Option<PathBuf>,
    /// Listen on TCP, with TLS and a token
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "tls_cert",
        requires = "tls_key",
        requires = "token_file"
    )]
    listen: Option<SocketAddr>,
    /// The server's certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "listen")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "listen")]
    tls_key: Option<PathBuf>,
    /// A file with the token that callers send, at least 16 bytes
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
}

/// Where a machine lives.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum IsolationName {
    /// In a process of its own
    Process,
    /// With others in one process
    Shared,
}

impl Door {
    fn listen(self) -> Result<Listen, Failure> {
        let (Some(address), Some(certificate), Some(key), Some(token)) =
            (self.listen, self.tls_cert, self.tls_key, self.token_file)
        else {
            return Ok(Listen::Unix(self.socket.unwrap_or_else(default_socket)));
        };
        let read = |path: PathBuf| {
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Listen::Tcp {
            address,
            tls: Tls {
                certificate: read(certificate)?,
                key: read(key)?,
            },
            token: String::from_utf8(read(token)?)?.trim().to_owned(),
        })
    }
}

fn default_socket() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    runtime
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join(format!("cenote-{}.sock", std::process::id()))
}

fn serve_with(line: ServeLine) -> Result<(), Failure> {
    // Before anything is opened.
    let walls = raise_own();
    let options = ServeOptions {
        listen: line.door.listen()?,
        isolation: match line.isolation {
            IsolationName::Process => Isolation::Process,
            IsolationName::Shared => Isolation::Shared,
        },
        spares: line.spares,
        worker_memory: line.worker_memory.map(|mib| mib.saturating_mul(1 << 20)),
        // Also when the file of this program is replaced meanwhile.
        worker: "/proc/self/exe".into(),
        worker_args: vec!["worker".into()],
        prepare_args: PREPARE.map(OsString::from).to_vec(),
        ends_with_stdin: line.owner_stdin,
        drain: line.drain,
        metrics: line.metrics,
        telemetry: TelemetryOptions {
            log: line.log,
            traces: line.traces,
        },
    };
    serve(options, walls, |line| println!("{line}"))?;
    Ok(())
}

/// Holds one machine, or several that share it. Started by `cenote serve`; its standard input is the connection, its standard output the
/// way to its broker.
#[derive(Debug, Parser)]
#[command(name = "cenote worker")]
struct WorkerLine {
    /// A directory of the host that may be read
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
    /// A directory of the host that may be changed
    #[arg(long, value_name = "PATH")]
    write: Vec<PathBuf>,
    /// Start no engine before the first machine
    #[arg(long)]
    cold: bool,
    /// Have room for the programs of many machines
    #[arg(long)]
    roomy: bool,
}

fn work(line: WorkerLine) -> Result<(), Failure> {
    run_worker(&WorkerOptions {
        grants: Grants {
            read: line.read,
            write: line.write,
            ..Grants::default()
        },
        is_cold: line.cold,
        is_roomy: line.roomy,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_lines_are_consistent() {
        ServeLine::command().debug_assert();
        WorkerLine::command().debug_assert();
    }

    #[test]
    fn tcp_needs_tls_and_a_token() {
        assert!(ServeLine::try_parse_from(["cenote serve", "--listen", "127.0.0.1:0"]).is_err());
        for option in ["--tls-cert", "--tls-key", "--token-file"] {
            let line = ["cenote serve", "--socket", "/tmp/s", option, "/tmp/file"];
            assert!(ServeLine::try_parse_from(line).is_err(), "{option}");
        }
    }
}

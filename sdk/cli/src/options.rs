//! The command line of `cenote`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cenote::{HostMount, Timing};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::inspect::InspectOptions;

/// What `--help` says of whose an argument is.
const WHOSE: &str = "\
Options of the machine stand before the command or right after it. What follows the file, the code or the program's name is the \
program's own, whatever it looks like: `cenote run app.mjs --env x` gives both words to app.mjs. After `sh` and `bash`, the first word \
that is none of the machine's long options begins the shell's own arguments: `cenote bash --cwd / -p -c pwd`. `--` ends the machine's \
options, too.";

/// Runs Node programs and Linux shells in a virtual machine of their own, inside this process.
///
/// Programs see the machine's files and processes, never the host's, except what --mount, --node-modules and --env grant.
/// Standard input, output and error, the exit status and Ctrl-C pass through; on a terminal the program gets one of its own.
#[derive(Debug, Parser)]
#[command(
    name = "cenote",
    bin_name = "cenote",
    version,
    max_term_width = 100,
    after_help = WHOSE
)]
pub(crate) struct Options {
    /// What to run.
    #[command(subcommand)]
    pub(crate) action: Action,
    /// The machine it runs in.
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Run JavaScript given on the command line, as an ES module
    Exec {
        /// Read the code as CommonJS
        #[arg(long)]
        common_js: bool,
        /// The code
        code: String,
        #[command(flatten)]
        inspect: InspectOptions,
        /// What the code finds in process.argv from index 1 on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run a JavaScript file of the host; its directory is mounted read-only where it lies. Without one: node's prompt, or a program from standard input
    Run {
        #[command(flatten)]
        inspect: InspectOptions,
        /// The file
        file: Option<PathBuf>,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run dash: `-c SCRIPT`, a script file of the host, or commands from standard input
    #[command(after_help = WHOSE)]
    Sh {
        /// As for sh, from the first word on that is none of the machine's long options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run bash: as for sh
    #[command(after_help = WHOSE)]
    Bash {
        /// As for bash, from the first word on that is none of the machine's long options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Work in the machine on this terminal: bash with job control, line editing and colours, or another program
    Shell {
        /// The program instead of a login shell
        program: Option<String>,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run any command of the machine
    Command {
        /// Its name or path in the machine
        program: String,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Give other programs machines, over gRPC (has options of its own)
    #[command(disable_help_flag = true)]
    Serve {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

impl Action {
    /// How it can be debugged, if it can.
    pub(crate) const fn inspect(&self) -> Option<&InspectOptions> {
        match self {
            Self::Exec { inspect, .. } | Self::Run { inspect, .. } => Some(inspect),
            _ => None,
        }
    }
}

/// The machine.
#[derive(Debug, Args)]
pub(crate) struct MachineOptions {
    /// Set an environment variable; NAME alone takes the host's value
    #[arg(long, global = true, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Working directory in the machine (default /root)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
    /// Show a host directory in the machine; read-only unless :rw is added, with at most so much written to it (`:rw,size=100M`)
    #[arg(long, global = true, value_name = "HOST:GUEST[:rw[,size=BYTES]]")]
    pub(crate) mount: Vec<Mount>,
    /// Put the files of a tar file or OCI layer (plain, gzip or zstd) over those that ship, or show them read-only at a directory
    #[arg(long, global = true, value_name = "FILE[:GUEST]")]
    pub(crate) image: Vec<ImageAt>,
    /// Show a host `node_modules` directory, read-only, where the code that is run resolves packages
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) node_modules: Option<PathBuf>,
    /// Use the WASM commands of this directory instead of those shipped
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) commands_dir: Option<PathBuf>,
    /// Give the program pipes even when standard input, output and error are a terminal
    #[arg(long, global = true)]
    pub(crate) no_terminal: bool,
    /// Kill everything after this long (seconds, or with a unit: 5, 0.5, 2m, 300ms; 0: never); exit status 124
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Run as this user of the machine (default 0:0, its superuser)
    #[arg(long, global = true, value_name = "UID[:GID]")]
    pub(crate) user: Option<User>,
    /// How many processors programs see, 1 to 1024; no limit (default: as many as cenote itself may use)
    #[arg(long, global = true, value_name = "N")]
    pub(crate) processors: Option<u32>,
    /// How much of time programs see: the real clocks, whole milliseconds, or a clock that stands still
    #[arg(long, global = true, value_name = "MODE", default_value = "coarse")]
    pub(crate) timing: TimingMode,
    /// Refuse to start child processes
    #[arg(long, global = true)]
    pub(crate) deny_child_process: bool,
    /// Allow only these programs to be started (paths in the machine, globs). A link is not named, but the file it leads to: `ls` and what else
    /// links to it is /bin/coreutils
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) allow_program: Vec<String>,
    /// Refuse to read files that match (globs, in the machine; files, not links to them)
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) deny_read: Vec<String>,
    /// Refuse to change files that match
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) deny_write: Vec<String>,
    /// Let guests reach a host outside: a name (`*.example.com`), an address or a range (`10.0.0.0/8`), with ports after a colon; all
    /// public addresses if none is named. Private addresses and the host's own are reached only when named
    #[arg(long, global = true, value_name = "HOST[:PORTS]", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub(crate) allow_net: Vec<String>,
    /// Refuse to reach a host outside, though --allow-net lets it
    #[arg(long, global = true, value_name = "HOST[:PORTS]", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub(crate) deny_net: Vec<String>,
    /// Let programs of the host connect to a port of the machine, on 127.0.0.1 unless an address is named; HOST 0 chooses a free port
    #[arg(short = 'p', long, global = true, value_name = "[ADDRESS:]HOST:GUEST")]
    pub(crate) publish: Vec<Publish>,
    /// Write a trace of what the machine does to standard error (a tracing filter, such as `cenote::exec=debug`)
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) trace: Option<String>,
}

/// How much of time programs see.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TimingMode {
    Off,
    Coarse,
    Frozen,
}

impl From<TimingMode> for Timing {
    fn from(mode: TimingMode) -> Self {
        match mode {
            TimingMode::Off => Self::Off,
            TimingMode::Coarse => Self::Coarse,
            TimingMode::Frozen => Self::Frozen,
        }
    }
}

/// `FILE[:GUEST]`.
#[derive(Clone, Debug)]
pub(crate) struct ImageAt {
    pub(crate) file: PathBuf,
    pub(crate) guest: String,
}

impl FromStr for ImageAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, guest) = match text.rsplit_once(':') {
            Some((file, guest)) if guest.starts_with('/') => (file, guest),
            _ => (text, "/"),
        };
        if file.is_empty() {
            return Err("expected FILE[:GUEST], e.g. tools.tar.gz:/opt".into());
        }
        Ok(Self {
            file: file.into(),
            guest: guest.into(),
        })
    }
}

/// A time: seconds as timeout(1) takes them (`5`, `0.5`, `2m`), or with units (`300ms`, `1m 30s`).
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.chars().last() {
        Some('s') => (text.strip_suffix('s'), 1.0),
        Some('m') => (text.strip_suffix('m'), 60.0),
        Some('h') => (text.strip_suffix('h'), 3_600.0),
        Some('d') => (text.strip_suffix('d'), 86_400.0),
        _ => (Some(text), 1.0),
    };
    let plain = number
        .filter(|number| number.chars().all(|c| c.is_ascii_digit() || c == '.'))
        .and_then(|number| number.parse::<f64>().ok())
        .map(|number| Duration::try_from_secs_f64(number * unit));
    match plain {
        Some(duration) => duration.map_err(|error| error.to_string()),
        None => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}

/// Bytes, perhaps with a unit: `4096`, `64K`, `100M`, `2G`.
fn bytes(text: &str) -> Result<u64, String> {
    let unit = match text.chars().last() {
        Some('K' | 'k') => 1 << 10,
        Some('M' | 'm') => 1 << 20,
        Some('G' | 'g') => 1 << 30,
        _ => 1,
    };
    let digits = text.trim_end_matches(['K', 'k', 'M', 'm', 'G', 'g']);
    let count: Option<u64> = digits.parse().ok();
    count
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| format!("`{text}` is no size; expected e.g. 64K, 100M, 2G"))
}

/// `HOST:GUEST[:rw[,size=BYTES]]`.
#[derive(Clone, Debug)]
pub(crate) struct Mount(pub(crate) HostMount);

impl FromStr for Mount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, options) = match text.rsplit_once(':') {
            Some((rest, options)) if !options.starts_with('/') => (rest, options),
            _ => (text, "ro"),
        };
        let (host, guest) = rest
            .rsplit_once(':')
            .ok_or("expected HOST:GUEST, e.g. ./src:/work")?;
        if host.is_empty() || !guest.starts_with('/') {
            return Err("GUEST must be an absolute path in the machine, e.g. ./src:/work".into());
        }
        let mut mount = HostMount::new(host, guest);
        for option in options.split(',') {
            mount = match option.split_once('=') {
                None if option == "rw" => mount.writable(),
                None if option == "ro" => mount,
                Some(("size", size)) => mount.size_limit(bytes(size)?),
                _ => {
                    return Err(format!(
                        "`{option}` is no option of a mount: ro, rw, size=BYTES"
                    ));
                }
            };
        }
        Ok(Self(mount))
    }
}

/// `[ADDRESS:]HOST:GUEST`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Publish {
    pub(crate) host: SocketAddr,
    pub(crate) guest: u16,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "expected [ADDRESS:]HOST:GUEST, e.g. 8080:3000 or 0.0.0.0:8080:3000";
        let (host, guest) = text.rsplit_once(':').ok_or(wrong)?;
        let guest = guest.parse().map_err(|_| wrong)?;
        let host = match host.parse::<u16>() {
            Ok(port) => (Ipv4Addr::LOCALHOST, port).into(),
            Err(_) => host.parse().map_err(|_| wrong)?,
        };
        if guest == 0 {
            return Err("a port of the machine is between 1 and 65535".into());
        }
        Ok(Self { host, guest })
    }
}

/// `UID[:GID]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl FromStr for User {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Ok(Self {
            uid: uid.parse()?,
            gid: gid.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cenote::MountAccess;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn mount_is_read_only_unless_asked() {
        let Mount(mount) = "./src:/work".parse().unwrap();
        assert_eq!(
            (mount.guest.as_str(), mount.access),
            ("/work", MountAccess::ReadOnly)
        );
        let Mount(mount) = "/a:b:/work:rw".parse().unwrap();
        assert_eq!(
            (mount.host.to_str(), mount.access),
            (Some("/a:b"), MountAccess::ReadWrite)
        );
        assert!("src:work".parse::<Mount>().is_err());
        let Mount(mount) = "/a:/work:rw,size=2K".parse().unwrap();
        assert_eq!(
            (mount.access, mount.size_limit),
            (MountAccess::ReadWrite, Some(2_048))
        );
        assert!("/a:/work:size=many".parse::<Mount>().is_err());
        assert!("/a:/work:wr".parse::<Mount>().is_err());
    }

    #[test]
    fn image_lies_at_the_root_unless_a_place_is_named() {
        let at = |text: &str| text.parse::<ImageAt>().unwrap();
        assert_eq!(at("a.tar").guest, "/");
        let named = at("dir:x/a.tar:/opt");
        assert_eq!(
            (named.file.to_str(), named.guest.as_str()),
            (Some("dir:x/a.tar"), "/opt")
        );
    }

    #[test]
    fn published_port_is_on_loopback_unless_an_address_is_named() {
        let publish = |text: &str| text.parse::<Publish>();
        let one = publish("8080:3000").unwrap();
        assert_eq!(
            (one.host, one.guest),
            ("127.0.0.1:8080".parse().unwrap(), 3000)
        );
        let all = publish("[::]:80:81").unwrap();
        assert_eq!((all.host, all.guest), ("[::]:80".parse().unwrap(), 81));
        assert!(publish("8080").is_err() && publish("a:1").is_err() && publish("1:0").is_err());
    }

    #[test]
    fn duration_without_a_unit_is_in_seconds() {
        for (text, millis) in [
            ("5", 5_000),
            ("0.5", 500),
            (".25", 250),
            ("2m", 120_000),
            ("1.5s", 1_500),
            ("300ms", 300),
            ("1m 30s", 90_000),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in [
            "",
            "s",
            ".",
            "-1",
            "1x",
            "nan",
            "inf",
            "1e3",
            "99999999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}

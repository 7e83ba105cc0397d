//! From the contract's statuses to this crate's errors.

use std::io;

use cenote_abi::Errno;
use cenote_base::SysError;
use cenote_proto::detail_of;
use cenote_proto::v1::ErrorDetail;
use tonic::{Code, Status};

use crate::{Error, Scope, limits};

/// What a call was about, for failures that do not say.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    /// The machine.
    Machine,
    /// A process of it.
    Process(i32),
    /// A terminal, by its program's process id.
    Terminal(i32),
    /// A port of it.
    Port(u16),
}

/// The operations of files that errors name.
const OPERATIONS: &[&str] = &[
    "boot", "build", "export", "image", "import", "install", "mkdir", "mount", "open", "read",
    "readdir", "readlink", "register", "remove", "rename", "restore", "seek", "setattr",
    "snapshot", "stat", "symlink", "watch", "write",
];

/// The options that errors name.
const OPTIONS: &[&str] = &[
    "cols",
    "commands_dir",
    "cwd",
    "filename",
    "files",
    "host_commands",
    "host_functions",
    "image",
    "hostname",
    "loopback_exempt_ports",
    "memory_directory",
    "mount",
    "mount_callback",
    "mount_vfs",
    "mounts",
    "names",
    "node_modules",
    "os.arch",
    "os.homedir",
    "os.machine",
    "os.platform",
    "os.release",
    "os.tmpdir",
    "os.type",
    "os.version",
    "permissions",
    "permissions.env",
    "permissions.files",
    "permissions.host_functions",
    "permissions.network",
    "permissions.program_rules",
    "permissions.programs",
    "processors",
    "rows",
    "snapshot",
    "user",
    "warm",
];

fn known(names: &'static [&'static str], name: &str, otherwise: &'static str) -> &'static str {
    let found = names.iter().find(|known| **known == name);
    found.copied().unwrap_or(otherwise)
}

/// The error for a status.
pub(super) fn error(status: &Status, about: About) -> Error {
    let Some(detail) = detail_of(status) else {
        return without_detail(status);
    };
    let message = status.message().to_owned();
    // Behind a limit or a permission is the machine's own answer.
    let errno = Errno::from_name(&detail.code).or_else(|| Errno::from_name(&detail.errno));
    if let Some(errno) = errno {
        return of_errno(errno, &detail, about);
    }
    match detail.code.as_str() {
        "OPTION" => {
            let prefix = format!("option `{}`: ", detail.option);
            let reason = message.strip_prefix(&prefix).unwrap_or(&message);
            Error::Option {
                option: known(OPTIONS, &detail.option, "options"),
                reason: reason.to_owned(),
            }
        }
        "HOST_PATH" => Error::HostPath {
            option: known(OPTIONS, &detail.option, "mounts"),
            path: String::from_utf8_lossy(&detail.path).into_owned().into(),
            cause: io::Error::other(message),
        },
        "TIMEOUT" => Error::TimedOut { what: message },
        // A snapshot goes with its machine.
        "DISPOSED" | "NO_SUCH_VM" | "NO_SUCH_SNAPSHOT" => Error::Disposed,
        "ARCHIVE" | "LIMIT" if !detail.operation.is_empty() => {
            let operation = known(OPERATIONS, &detail.operation, "import");
            let prefix = format!("{operation}: ");
            Error::Archive {
                operation,
                reason: message.strip_prefix(&prefix).unwrap_or(&message).to_owned(),
            }
        }
        "WORKER_DIED" => Error::WorkerDied {
            reason: message,
            stderr: detail.stderr,
        },
        "UNIMPLEMENTED" => Error::NotOffered { what: message },
        "EPROTO" => of_port(about, message),
        _ => Error::Remote {
            code: detail.code,
            reason: message,
        },
    }
}

fn of_port(about: About, reason: String) -> Error {
    match about {
        About::Port(port) => Error::Http { port, reason },
        _ => Error::Remote {
            code: "EPROTO".to_owned(),
            reason,
        },
    }
}

/// The error for an errno of the machine's.
pub(super) fn of_errno(errno: Errno, detail: &ErrorDetail, about: About) -> Error {
    let refused = Scope::named(&detail.permission).and_then(Scope::refusal);
    let cause = match limits::note(&detail.option).or(refused) {
        Some(note) => SysError::with_note(errno, note),
        None => SysError::new(errno),
    };
    let path = || cenote_base::path::display(&detail.path);
    match (detail.operation.as_str(), about) {
        ("exec", _) => Error::Start {
            program: path(),
            cause,
        },
        ("", About::Process(pid)) => Error::Stream {
            stream: "process",
            pid,
            cause,
        },
        ("", About::Terminal(pid)) => Error::Stream {
            stream: "terminal",
            pid,
            cause,
        },
        ("", About::Port(port)) => Error::Connect { port, cause },
        (operation, _) => Error::File {
            operation: known(OPERATIONS, operation, "access"),
            path: path(),
            cause,
        },
    }
}

/// Not one of ours: the connection's word, or the library's.
fn without_detail(status: &Status) -> Error {
    match status.code() {
        Code::Unimplemented => Error::NotOffered {
            what: status.message().to_owned(),
        },
        Code::OutOfRange | Code::ResourceExhausted | Code::InvalidArgument => Error::Remote {
            code: "MESSAGE".to_owned(),
            reason: status.message().to_owned(),
        },
        _ => Error::WorkerDied {
            reason: format!(
                "the connection to its supervisor broke: {}",
                status.message()
            ),
            stderr: String::new(),
        },
    }
}

/// Whether a machine that was disposed of is the reason.
pub(super) fn is_disposed(status: &Status) -> bool {
    detail_of(status)
        .is_some_and(|detail| matches!(detail.code.as_str(), "DISPOSED" | "NO_SUCH_VM"))
}

//! Failures as the contract tells them: a gRPC status with an `ErrorDetail`.

use cenote_proto::status_with;
use cenote_proto::v1::ErrorDetail;
use tonic::{Code, Status};

/// A failure with a code of the contract's table.
pub(crate) fn failure(code: Code, name: &str, message: impl Into<String>) -> Status {
    let detail = ErrorDetail {
        code: name.into(),
        ..ErrorDetail::default()
    };
    status_with(code, message, &detail)
}

/// Something of the contract that this server cannot do yet.
pub(crate) fn unimplemented(what: &str) -> Status {
    failure(
        Code::Unimplemented,
        "UNIMPLEMENTED",
        format!("{what} is not built yet"),
    )
}

/// An option that makes no sense.
pub(crate) fn option(name: &str, reason: impl std::fmt::Display) -> Status {
    let detail = ErrorDetail {
        code: "OPTION".into(),
        option: name.into(),
        ..ErrorDetail::default()
    };
    status_with(
        Code::InvalidArgument,
        format!("option `{name}`: {reason}"),
        &detail,
    )
}

/// A machine that is not there.
pub(crate) fn no_such_vm(id: &str) -> Status {
    let detail = ErrorDetail {
        code: "NO_SUCH_VM".into(),
        vm: id.into(),
        ..ErrorDetail::default()
    };
    status_with(
        Code::NotFound,
        format!("there is no machine `{id}`"),
        &detail,
    )
}

/// A snapshot that is not there.
pub(crate) fn no_such_snapshot(id: &str) -> Status {
    failure(
        Code::NotFound,
        "NO_SUCH_SNAPSHOT",
        format!("there is no snapshot `{id}`: it was dropped, or its machine has ended"),
    )
}

/// A process that was not started from outside, or was forgotten.
pub(crate) fn no_such_process(vm: &str, pid: i32) -> Status {
    let detail = ErrorDetail {
        code: "NO_SUCH_PROCESS".into(),
        vm: vm.into(),
        ..ErrorDetail::default()
    };
    status_with(
        Code::NotFound,
        format!("process {pid} was not started from outside the machine, or its end is long ago"),
        &detail,
    )
}

/// A machine that was disposed of.
pub(crate) fn disposed(vm: &str) -> Status {
    let detail = ErrorDetail {
        code: "DISPOSED".into(),
        vm: vm.into(),
        ..ErrorDetail::default()
    };
    status_with(Code::Aborted, "the machine was disposed of", &detail)
}

/// The gRPC status that stands for an errno.
fn code_of(errno: &str) -> Code {
    match errno {
        "ENOENT" | "ESRCH" => Code::NotFound,
        "EEXIST" => Code::AlreadyExists,
        "EACCES" | "EPERM" | "EROFS" => Code::PermissionDenied,
        "ENOSPC" | "EDQUOT" | "EMFILE" | "ENFILE" | "ENOMEM" | "EAGAIN" | "EFBIG" => {
            Code::ResourceExhausted
        }
        "EINVAL" | "ENAMETOOLONG" => Code::InvalidArgument,
        "EIO" => Code::Internal,
        _ => Code::FailedPrecondition,
    }
}

/// A failure of the SDK, with the machine it happened in.
pub(crate) fn of_error(vm: &str, error: &cenote::Error) -> Status {
    let mut detail = ErrorDetail {
        vm: vm.into(),
        ..ErrorDetail::default()
    };
    let mut code = Code::Internal;
    if let Some(errno) = error.errno() {
        detail.code = errno.name().into();
        code = code_of(errno.name());
    }
    let errno = error
        .errno()
        .filter(|_| error.limit().is_some() || error.permission().is_some());
    detail.errno = errno.map_or_else(String::new, |errno| errno.name().into());
    match error {
        cenote::Error::File {
            operation, path, ..
        } => {
            detail.operation = (*operation).into();
            detail.path = path.clone().into_bytes().into();
        }
        cenote::Error::Start { program, .. } => {
            detail.operation = "exec".into();
            detail.path = program.clone().into_bytes().into();
        }
        cenote::Error::Option { option, .. } => {
            code = Code::InvalidArgument;
            detail.code = "OPTION".into();
            detail.option = (*option).into();
        }
        cenote::Error::HostPath { option, path, .. } => {
            code = Code::FailedPrecondition;
            detail.code = "HOST_PATH".into();
            detail.option = (*option).into();
            detail.path = path.to_string_lossy().into_owned().into_bytes().into();
        }
        cenote::Error::NothingReturned { exit_code, stderr } => {
            code = Code::FailedPrecondition;
            detail.code = "NO_VALUE".into();
            detail.exit_code = Some(*exit_code);
            detail.stderr.clone_from(stderr);
        }
        cenote::Error::Archive { operation, .. } => {
            code = Code::InvalidArgument;
            detail.code = "ARCHIVE".into();
            detail.operation = (*operation).into();
        }
        cenote::Error::Http { .. } => detail.code = "EPROTO".into(),
        cenote::Error::TimedOut { .. } => {
            code = Code::DeadlineExceeded;
            detail.code = "TIMEOUT".into();
        }
        cenote::Error::Disposed => {
            code = Code::Aborted;
            detail.code = "DISPOSED".into();
        }
        cenote::Error::Runtime { .. } => detail.code = "RUNTIME".into(),
        _ if detail.code.is_empty() => detail.code = "EIO".into(),
        _ => {}
    }
    if let Some(option) = error.limit() {
        code = Code::ResourceExhausted;
        detail.code = "LIMIT".into();
        detail.option = cenote::contract_option(option).into();
        detail.limit = detail.option.trim_start_matches("limits.").into();
    }
    if let Some(scope) = error.permission() {
        code = Code::PermissionDenied;
        detail.code = "PERMISSION".into();
        detail.permission = scope.name().into();
        detail.option = format!("permissions.{}", scope.name());
    }
    status_with(code, error.to_string(), &detail)
}

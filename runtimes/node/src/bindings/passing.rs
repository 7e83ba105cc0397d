//! Handles that travel between processes, over an IPC channel: the descriptor goes along with the message (`SCM_RIGHTS`), and becomes
//! a handle of its kind on the other side. Node: `LibuvStreamWrap::OnUvRead`; libuv: `uv_write2`, `uv_accept` of a pending handle.

use std::sync::Arc;

use cenote_abi::fs::FdFlags;
use cenote_abi::limits::Resource;
use cenote_abi::socket::{AddressFamily, SocketType};
use cenote_base::{Fd, Pid, SysResult};
use cenote_kernel::{Task, syscall};
use cenote_net::Socket;
use cenote_vfs::OpenFile;

use super::{connection, pipe_wrap, tcp_wrap, udp_wrap};
use crate::glue::{Object, Scope, ScopeExt, native_ref};

/// The kernel's file under a handle.
pub(super) fn file_of(scope: &Scope<'_, '_>, handle: Object<'_>) -> Option<Arc<OpenFile>> {
    let native = native_ref(scope, handle)?;
    native
        .stream()
        .and_then(|stream| stream.file())
        .or_else(|| native.file())
}

/// A descriptor of the process for a file.
///
/// # Errors
/// `EMFILE`.
pub(super) fn show(task: &Task, file: Arc<OpenFile>) -> SysResult<Fd> {
    let limit = syscall::prlimit64(task, Pid::new(0), Resource::OpenFiles, None)?.soft;
    task.files().insert(file, FdFlags::FD_CLOEXEC, limit)
}

/// A handle over a file that came; `None` for what is no socket, or when there is no room for it.
pub(super) fn receive<'s>(scope: &mut Scope<'s, '_>, file: Arc<OpenFile>) -> Option<Object<'s>> {
    let (family, kind) = file
        .downcast::<Socket>()
        .map(|socket| (socket.family(), socket.kind()))?;
    let env = scope.env();
    let fd = match show(env.task(), file) {
        Ok(fd) => fd,
        Err(error) => {
            tracing::debug!(target: "cenote::node", %error, "a handle that came finds no room");
            return None;
        }
    };
    match (family, kind) {
        (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Stream) => {
            connection::adopt(scope, &tcp_wrap::TCP, fd)
        }
        (AddressFamily::Unix, SocketType::Stream) => connection::adopt(scope, &pipe_wrap::PIPE, fd),
        (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Datagram) => {
            udp_wrap::adopt(scope, fd)
        }
        _ => {
            if let Err(error) = syscall::close(env.task(), fd) {
                tracing::debug!(target: "cenote::node", %fd, %error, "a handle of no kind");
            }
            None
        }
    }
}

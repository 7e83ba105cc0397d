//! What `process_wrap` and `spawn_sync` share: Node's description of a child becomes the kernel's [`Spawn`].
//!
//! As libuv does it (src/unix/process.c): descriptors are first moved above the child's numbers and then put in their places; signal
//! dispositions and mask are the default ones; the program is searched along the child's own `PATH`.

use std::sync::Arc;

use cenote_abi::fs::{FdFlags, Mode, OpenFlags};
use cenote_abi::limits::Resource;
use cenote_abi::wait::{WaitOptions, WaitStatus};
use cenote_abi::{Errno, SigSet};
use cenote_base::wait::block_on;
use cenote_base::{Credentials, Fd, Gid, Pid, SysResult, Uid};
use cenote_kernel::syscall::WaitTarget;
use cenote_kernel::{FileAction, Spawn, Task, syscall};
use cenote_net::Socket;
use cenote_vfs::OpenFile;

/// One descriptor of a child.
#[derive(Debug)]
pub(super) enum Stdio {
    /// `/dev/null`.
    Ignore,
    /// One of ours.
    Inherit(i32),
    /// This file.
    File(Arc<OpenFile>),
}

/// A child to be started.
#[derive(Debug, Default)]
pub(super) struct Child {
    pub(super) file: Vec<u8>,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) cwd: Option<Vec<u8>>,
    /// Ours when there is none.
    pub(super) env: Option<Vec<Vec<u8>>>,
    pub(super) stdio: Vec<Stdio>,
    pub(super) detached: bool,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// Most descriptors a child can be given by number.
const MAX_STDIO: usize = 256;

/// Two connected ends: ours and the child's.
///
/// # Errors
/// `ENFILE`: the machine's limit `sockets` or `open_files`.
pub(super) fn channel(task: &Task) -> SysResult<(Arc<OpenFile>, Arc<OpenFile>)> {
    use cenote_abi::socket::{AddressFamily, PeerCredentials, SocketType};
    let owner = PeerCredentials {
        pid: task.pid().raw(),
        uid: syscall::geteuid(task).raw(),
        gid: syscall::getegid(task).raw(),
    };
    let (ours, theirs) =
        task.kernel()
            .sockets()
            .pair(AddressFamily::Unix, SocketType::Stream, 0, owner)?;
    let open = |socket: Arc<Socket>| OpenFile::new(socket, OpenFlags::O_RDWR);
    Ok((open(ours), open(theirs)))
}

/// Descriptors put aside for a child; closed when dropped.
struct Aside<'a> {
    task: &'a Task,
    fds: Vec<Fd>,
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        for fd in self.fds.drain(..) {
            if let Err(error) = syscall::close(self.task, fd) {
                tracing::debug!(target: "cenote::node", %fd, %error, "a descriptor put aside for a child");
            }
        }
    }
}

impl Child {
    /// Starts it.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`: no such program or directory. `EAGAIN`, `EMFILE`, `ENFILE`: a limit. `EBADF`, `EPERM`, `E2BIG`.
    pub(super) fn start(self, task: &Task) -> SysResult<Pid> {
        if self.stdio.len() > MAX_STDIO {
            return Err(Errno::EMFILE.into());
        }
        let count = i32::try_from(self.stdio.len()).map_err(|_| Errno::EMFILE)?;
        let limit = syscall::prlimit64(task, Pid::new(0), Resource::OpenFiles, None)?.soft;
        let credentials = credentials(task, self.uid, self.gid);
        let mut aside = Aside {
            task,
            fds: Vec::new(),
        };
        let mut file_actions = Vec::new();
        for (number, stdio) in (0..).zip(self.stdio) {
            let file = match stdio {
                Stdio::Ignore if number > 2 => continue,
                Stdio::Ignore => {
                    file_actions.push(FileAction::Open {
                        fd: Fd::new(number),
                        path: b"/dev/null".to_vec(),
                        flags: if number == 0 {
                            OpenFlags::O_RDONLY
                        } else {
                            OpenFlags::O_RDWR
                        },
                        mode: Mode::empty(),
                    });
                    continue;
                }
                Stdio::Inherit(fd) => task.files().get(Fd::new(fd))?,
                Stdio::File(file) => file,
            };
            let put = task
                .files()
                .insert_from(Fd::new(count), file, FdFlags::FD_CLOEXEC, limit)?;
            aside.fds.push(put);
            file_actions.push(FileAction::Dup2(put, Fd::new(number)));
        }
        if let Some(cwd) = self.cwd {
            file_actions.push(FileAction::ChangeDirectory(cwd));
        }
        let envp = self.env.unwrap_or_else(|| task.envp().to_vec());
        let request = Spawn {
            search_path: Some(syscall::search_path(&envp)),
            path: self.file,
            argv: self.args,
            envp,
            file_actions,
            process_group: None,
            signal_mask: Some(SigSet::EMPTY),
            default_signals: SigSet::ALL,
            new_session: self.detached,
            reset_ids: false,
            credentials,
        };
        block_on(syscall::posix_spawn(task, request))
    }
}

/// Who the child is, when that was asked for.
fn credentials(task: &Task, uid: Option<u32>, gid: Option<u32>) -> Option<Credentials> {
    if uid.is_none() && gid.is_none() {
        return None;
    }
    let uid = uid.map_or_else(|| syscall::getuid(task), Uid::new);
    let gid = gid.map_or_else(|| syscall::getgid(task), Gid::new);
    Some(Credentials::of(uid, gid))
}

/// How a child ended, if it has; it is gone then.
pub(super) fn reap(task: &Task, pid: Pid) -> Option<WaitStatus> {
    let waited = block_on(syscall::wait4(
        task,
        WaitTarget::Pid(pid),
        WaitOptions::WNOHANG,
    ));
    match waited {
        Ok(waited) => waited.map(|(_, status, _)| status),
        // Somebody else reaped it (a handler of SIGCHLD set to be ignored): its status is lost.
        Err(error) if error.errno() == Errno::ECHILD => Some(WaitStatus::Exited(0)),
        Err(_) => None,
    }
}

/// Status and signal, as libuv tells them: the status is 0 when a signal ended it.
pub(super) fn exit_of(status: WaitStatus) -> (i32, Option<cenote_abi::SigNum>) {
    match status {
        WaitStatus::Exited(code) => (i32::from(code), None),
        WaitStatus::Signaled { signal, .. } => (0, Some(signal)),
        WaitStatus::Stopped(_) | WaitStatus::Continued => (0, None),
    }
}

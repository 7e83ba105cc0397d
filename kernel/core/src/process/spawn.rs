//! Starting a program in a new process: [`Spawn`] for guests (`posix_spawn(3)`), [`SpawnRequest`] for the embedder.
//!
//! The child is made as fork makes it, changed as asked, and given its program before it runs. When any of that fails it
//! vanishes without a trace: nobody sees a zombie of it.

use std::sync::Arc;

use cenote_abi::fs::{FdFlags, Mode, OpenFlags};
use cenote_abi::limits::Resource;
use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum, SigSet};
use cenote_base::path::is_absolute;
use cenote_base::{Credentials, Fd, Pgid, Pid, SysError, SysResult, Waiter};
use cenote_vfs::OpenFile;
use cenote_vfs::lookup::{LookupFlags, resolve};

use super::exec::unless_ending;
use super::fork::{Seed, ThreadSeed, create, fork};
use super::{ExitCell, FsContext, Process, ProgramInfo, Task, exec, job_control};
use crate::fd::FdTable;
use crate::kernel::Kernel;
use crate::loader::{
    self, DEFAULT_PATH, Loaded, Origin, as_path, candidates, load_stand_in, variable,
};
use crate::signal::send::send_kernel;
use crate::signal::{ProcessSignals, SigAction};
use crate::syscall::fd::close_files;
use crate::syscall::{At, fd, path};
use crate::tty::Terminal;

/// A change to the child's descriptors or place before it runs, carried out in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileAction {
    /// Opens a file at this number.
    Open {
        /// The number.
        fd: Fd,
        /// The path, seen from the child.
        path: Vec<u8>,
        /// How.
        flags: OpenFlags,
        /// Permissions if it is made.
        mode: Mode,
    },
    /// Closes this number; that it is not open is no error.
    Close(Fd),
    /// Copies a descriptor; the same number twice clears its `FD_CLOEXEC`.
    Dup2(Fd, Fd),
    /// Changes the working directory.
    ChangeDirectory(Vec<u8>),
    /// Changes the working directory to an open one.
    ChangeDirectoryTo(Fd),
}

/// What `posix_spawn(3)` is asked for.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// The program: a path, or a name when `search_path` is set.
    pub path: Vec<u8>,
    /// Its arguments, the name first.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub envp: Vec<Vec<u8>>,
    /// Changes to files, in order.
    pub file_actions: Vec<FileAction>,
    /// `POSIX_SPAWN_SETPGROUP`: the group to join, 0 for one of its own.
    pub process_group: Option<Pgid>,
    /// `POSIX_SPAWN_SETSIGMASK`.
    pub signal_mask: Option<SigSet>,
    /// `POSIX_SPAWN_SETSIGDEF`: signals that get their default action.
    pub default_signals: SigSet,
    /// `POSIX_SPAWN_SETSID`.
    pub new_session: bool,
    /// `POSIX_SPAWN_RESETIDS`: the effective ids become the real ones.
    pub reset_ids: bool,
    /// `posix_spawnp`: a name without a slash is looked for along the caller's `PATH`, this value of it.
    pub search_path: Option<Vec<u8>>,
    /// Runs as these users and groups (Node's `uid` and `gid` options); the caller must be allowed to become them.
    pub credentials: Option<Credentials>,
}

/// What the embedder starts.
#[derive(Clone, Debug)]
pub struct SpawnRequest {
    /// A path, or a name to be found along the `PATH` of `envp`.
    pub program: Vec<u8>,
    /// Its arguments, the name first.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub envp: Vec<Vec<u8>>,
    /// Its working directory.
    pub cwd: Vec<u8>,
    /// Who it is.
    pub credentials: Credentials,
    /// Permissions its new files do not get.
    pub umask: u32,
    /// Its open files.
    pub files: Vec<(Fd, Arc<OpenFile>)>,
    /// Whether it leads a session of its own; otherwise it only leads a group.
    pub new_session: bool,
    /// The terminal that controls its session; needs `new_session`.
    pub controlling_terminal: Option<Arc<Terminal>>,
}

/// A process the embedder started.
#[derive(Clone, Debug)]
pub struct ChildHandle {
    process: Arc<Process>,
    exit: Arc<ExitCell>,
}

impl ChildHandle {
    /// Its id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn try_status(&self) -> Option<WaitStatus> {
        self.exit.status()
    }

    /// Waits until it ends.
    pub async fn wait(&self) -> WaitStatus {
        let waiter = Waiter::new();
        let _registration = self.exit.queue().register(waiter.clone());
        loop {
            if let Some(status) = self.exit.status() {
                return status;
            }
            waiter.woken().await;
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `ESRCH`: it has ended.
    pub fn kill(&self, signal: SigNum) -> SysResult {
        if self.exit.status().is_some() {
            return Err(Errno::ESRCH.into());
        }
        send_kernel(&self.process, signal);
        Ok(())
    }
}

/// A process in the making; dropped before it runs, it vanishes.
struct Nascent {
    task: Option<Arc<Task>>,
}

impl Nascent {
    fn of(task: Arc<Task>) -> Self {
        Self { task: Some(task) }
    }

    fn task(&self) -> &Arc<Task> {
        self.task.as_ref().expect("taken only by start")
    }

    fn start(mut self, loaded: Loaded) -> Arc<Task> {
        let task = self.task.take().expect("taken once");
        let program = exec::commit(&task, loaded);
        program.start(Arc::clone(&task));
        task
    }
}

impl Drop for Nascent {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        task.disown();
        drop(task.process().files().close_all());
        let mut tree = task.kernel().table().lock();
        let parent = tree
            .node(task.pid())
            .and_then(|node| tree.node(node.parent))
            .map(|node| Arc::clone(&node.process));
        let node = tree.remove(task.pid());
        drop(tree);
        drop(node);
        // A thread of the parent may be waiting for children of which this was the last.
        if let Some(parent) = parent {
            parent.child_queue().wake_all();
        }
        task.kernel().process_ended().wake_all();
    }
}

/// `posix_spawn`: makes a child of `task`'s process and starts its program.
pub(crate) async fn spawn(task: &Task, request: Spawn) -> SysResult<Pid> {
    let child = Nascent::of(fork(task)?);
    apply_attributes(child.task(), &request)?;
    for action in request.file_actions {
        apply_file_action(child.task(), action).await?;
    }
    let paths = match &request.search_path {
        Some(search) => candidates(&request.path, search),
        None => vec![request.path.clone()],
    };
    let name = match &request.search_path {
        Some(_) => request.path,
        None => as_path(&request.path),
    };
    let load = async {
        let stand_in = load_stand_in(child.task(), &name, &request.argv, &request.envp).await?;
        match stand_in {
            Some(loaded) => Ok(loaded),
            None => {
                let (argv, envp) = (request.argv, request.envp);
                load_first(child.task(), Origin::Guest, &paths, argv, envp).await
            }
        }
    };
    let loaded = unless_ending(task, load).await?;
    let pid = child.task().pid();
    drop(child.start(loaded));
    Ok(pid)
}

fn apply_attributes(child: &Arc<Task>, request: &Spawn) -> SysResult {
    let process = child.process();
    let mut signals = process.signals().lock();
    for signal in request.default_signals.iter() {
        signals.actions.set(signal, SigAction::default());
    }
    if let Some(mask) = request.signal_mask {
        drop(signals.set_mask(child.tid(), mask));
    }
    drop(signals);
    if request.new_session {
        job_control::setsid(child.kernel(), process)?;
    }
    if let Some(group) = request.process_group {
        job_control::setpgid(child.kernel(), process, Pid::new(0), group)?;
    }
    if request.reset_ids {
        let mut credentials = (*process.credentials()).clone();
        credentials.euid = credentials.uid;
        credentials.egid = credentials.gid;
        credentials.fsuid = credentials.uid;
        credentials.fsgid = credentials.gid;
        process.set_credentials(credentials);
    }
    if let Some(credentials) = &request.credentials {
        let own = process.credentials();
        if !own.is_privileged() && *credentials != *own {
            return Err(Errno::EPERM.into());
        }
        process.set_credentials(credentials.clone());
    }
    Ok(())
}

async fn apply_file_action(child: &Arc<Task>, action: FileAction) -> SysResult {
    let files = child.process().files();
    let limit = child
        .process()
        .rlimits()
        .lock()
        .of(Resource::OpenFiles)
        .soft;
    match action {
        FileAction::Open {
            fd: wanted,
            path,
            flags,
            mode,
        } => {
            let opened = path::openat(child, At::Cwd, &path, flags, mode).await?;
            if opened != wanted {
                let file = files.remove(opened)?;
                close_files(
                    child,
                    files.replace(wanted, file, flags.descriptor(), limit)?,
                );
            }
        }
        FileAction::Close(fd) => {
            if let Ok(file) = files.remove(fd) {
                close_files(child, [file]);
            }
        }
        FileAction::Dup2(old, new) => {
            let file = files.get(old)?;
            if old == new {
                files.set_flags(new, FdFlags::empty())?;
            } else {
                close_files(child, files.replace(new, file, FdFlags::empty(), limit)?);
            }
        }
        FileAction::ChangeDirectory(to) => path::chdir(child, &to)?,
        FileAction::ChangeDirectoryTo(fd) => fd::fchdir(child, fd)?,
    }
    Ok(())
}

/// Loads the first of `paths` that can be. Errors other than "not there" are remembered, as execvp(3) does.
async fn load_first(
    task: &Task,
    origin: Origin,
    paths: &[Vec<u8>],
    argv: Vec<Vec<u8>>,
    envp: Vec<Vec<u8>>,
) -> SysResult<Loaded> {
    let mut failure = SysError::new(Errno::ENOENT);
    for path in paths {
        match loader::load(task, origin, None, path, argv.clone(), envp.clone()).await {
            Ok(loaded) => return Ok(loaded),
            Err(error)
                if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) && paths.len() > 1 => {}
            Err(error) if error.errno() == Errno::EACCES && paths.len() > 1 => failure = error,
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

/// Starts a process for the embedder.
pub(crate) async fn spawn_first(
    kernel: &Arc<Kernel>,
    request: SpawnRequest,
) -> SysResult<ChildHandle> {
    if kernel.is_shut_down() {
        return Err(SysError::with_note(
            Errno::EAGAIN,
            "the machine was shut down",
        ));
    }
    if !is_absolute(&request.cwd) {
        return Err(SysError::with_note(
            Errno::EINVAL,
            "the working directory must be absolute",
        ));
    }
    let files = FdTable::default();
    let rlimits = kernel.initial_rlimits();
    let limit = rlimits.of(Resource::OpenFiles).soft;
    for (fd, file) in request.files {
        drop(files.replace(fd, file, FdFlags::empty(), limit)?);
    }
    let root = kernel.namespace().root();
    let fs = FsContext {
        cwd: root.clone(),
        root,
        umask: request.umask & 0o777,
    };
    let seed = Seed {
        parent: Pid::INIT,
        files,
        fs,
        credentials: Arc::new(request.credentials),
        rlimits,
        program: ProgramInfo::default(),
        signals: ProcessSignals::default(),
        thread: ThreadSeed::default(),
        nice: 0,
        affinity: None,
        no_new_privs: false,
        own_session: request.new_session,
        own_group: true,
    };
    let child = Nascent::of(create(kernel, seed)?);
    let cwd = child.task().with_lookup(|cx| {
        resolve(
            cx,
            None,
            &request.cwd,
            LookupFlags::FOLLOW | LookupFlags::DIRECTORY,
        )
    })?;
    child.task().process().fs().lock().cwd = cwd;
    if let Some(terminal) = request.controlling_terminal {
        terminal.adopt_session_of(child.task())?;
    }
    let search = variable(&request.envp, b"PATH").unwrap_or(DEFAULT_PATH);
    let paths = candidates(&request.program, search);
    let loaded = load_first(
        child.task(),
        Origin::Embedder,
        &paths,
        request.argv,
        request.envp,
    )
    .await?;
    let process = Arc::clone(child.task().process());
    let exit = Arc::clone(&process.exit);
    drop(child.start(loaded));
    Ok(ChildHandle { process, exit })
}

//! A machine for tests: [`World`], whose programs are closures that run on threads of their own.
//!
//! A file that holds `test-program NAME` is the program registered under that name. A closure runs with its [`Task`],
//! may block (`block_on`), and answers its exit code; between calls it looks at signals when it wants to.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cenote_base::limits::Limits;
use cenote_base::policy::{InsideOnly, Policy};
use cenote_base::wait::block_on;
use cenote_base::{Credentials, Fd, ManualClock, SysResult};
use cenote_kernel::abi::Errno;
use cenote_kernel::abi::fs::Mode;
use cenote_kernel::abi::wait::WaitStatus;
use cenote_kernel::vfs::fs::Tmpfs;
use cenote_kernel::vfs::{LookupContext, OpenFile, ops};
use cenote_kernel::{
    BoxFuture, ChildHandle, Delivery, Entropy, Image, Kernel, KernelOptions, Program, Runtime,
    SpawnRequest, Spawner, Task,
};
use parking_lot::Mutex;

type Body = Arc<dyn Fn(&Arc<Task>) -> i32 + Send + Sync>;

/// Asserts that a call fails with an errno.
macro_rules! assert_errno {
    ($call:expr, $errno:ident) => {
        match $call {
            Err(error) => assert_eq!(error.errno(), cenote_kernel::abi::Errno::$errno),
            Ok(value) => panic!("expected {}, got {value:?}", stringify!($errno)),
        }
    };
}
pub(crate) use assert_errno;

/// Runs futures on threads.
#[derive(Debug)]
struct Threads;

impl Spawner for Threads {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) {
        #[expect(clippy::disallowed_methods, reason = "the test is the embedder")]
        drop(std::thread::spawn(move || block_on(future)));
    }
}

/// Not random at all.
#[derive(Debug)]
struct Counting;

impl Entropy for Counting {
    fn fill(&self, buf: &mut [u8]) {
        for (byte, value) in buf.iter_mut().zip((1..=255).cycle()) {
            *byte = value;
        }
    }
}

/// Runs closures.
#[derive(Default)]
struct ClosureRuntime {
    programs: Mutex<HashMap<Vec<u8>, Body>>,
}

impl std::fmt::Debug for ClosureRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClosureRuntime")
    }
}

const MAGIC: &[u8] = b"test-program ";

impl Runtime for ClosureRuntime {
    fn name(&self) -> &'static str {
        "closure"
    }

    fn recognises(&self, header: &[u8]) -> bool {
        header.starts_with(MAGIC)
    }

    fn load<'a>(&'a self, image: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>> {
        Box::pin(async move {
            let mut content = [0; 128];
            let count = image.file.pread(&mut content, 0)?;
            let name = content[..count].strip_prefix(MAGIC).ok_or(Errno::ENOEXEC)?;
            let body = self
                .programs
                .lock()
                .get(name)
                .cloned()
                .ok_or(Errno::ENOEXEC)?;
            Ok(Box::new(ClosureProgram { body }) as Box<dyn Program>)
        })
    }
}

struct ClosureProgram {
    body: Body,
}

impl Program for ClosureProgram {
    fn start(self: Box<Self>, task: Arc<Task>) {
        run(task, self.body);
    }
}

/// Runs a closure as a task's process.
pub(crate) fn run(task: Arc<Task>, body: Body) {
    #[expect(clippy::disallowed_methods, reason = "the test is the runtime")]
    drop(std::thread::spawn(move || {
        let code = body(&task);
        if !task.must_end() {
            cenote_kernel::syscall::exit_group(&task, code);
        }
        task.finish();
    }));
}

/// Runs a closure in a copy of the task's process; answers the child's id.
pub(crate) fn fork_with(
    task: &Task,
    body: impl Fn(&Arc<Task>) -> i32 + Send + Sync + 'static,
) -> SysResult<cenote_base::Pid> {
    let child = cenote_kernel::syscall::fork(task)?;
    let pid = child.pid();
    run(child, Arc::new(body));
    Ok(pid)
}

/// Does what a runtime does after a call: delivers signals. Answers the handlers that were to run.
pub(crate) fn deliver(task: &Task) -> Vec<i32> {
    let mut handled = Vec::new();
    loop {
        match block_on(task.next_delivery()) {
            Delivery::None | Delivery::End => return handled,
            Delivery::Handler(call) => {
                handled.push(call.signal.raw());
                task.handler_returned(&call);
            }
        }
    }
}

/// A machine, its clock and its programs.
pub(crate) struct World {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) clock: Arc<ManualClock>,
    runtime: Arc<ClosureRuntime>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), Arc::new(InsideOnly))
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::with(limits, Arc::new(InsideOnly))
    }

    pub(crate) fn with(limits: Limits, policy: Arc<dyn Policy>) -> Self {
        let clock = ManualClock::new();
        let runtime = Arc::new(ClosureRuntime::default());
        let budget = cenote_base::limits::Budget::new(limits.clone());
        let root = Tmpfs::new(clock.clone(), Arc::clone(&budget));
        let kernel = Kernel::new(KernelOptions {
            clock: clock.clone(),
            spawner: Arc::new(Threads),
            policy,
            limits,
            budget: Some(budget),
            hostname: "cenote".into(),
            system: cenote_kernel::System::default(),
            root,
            runtimes: vec![runtime.clone()],
            entropy: Arc::new(Counting),
            network: None,
        });
        kernel.boot().unwrap();
        let world = Self {
            kernel,
            clock,
            runtime,
        };
        for directory in ["/bin", "/tmp"] {
            world
                .lookup(|cx| ops::mkdir(cx, None, directory.as_bytes(), Mode::from_raw(0o777)))
                .unwrap();
        }
        world
    }

    fn lookup<R>(&self, look: impl FnOnce(&LookupContext<'_>) -> R) -> R {
        let (root, credentials) = (self.kernel.namespace().root(), Credentials::root());
        look(&LookupContext::new(&root, &root, &credentials, 0))
    }

    /// Writes a file.
    pub(crate) fn write_file(&self, path: &str, content: &[u8], mode: u32) {
        self.lookup(|cx| ops::write_file(cx, None, path.as_bytes(), content, Mode::from_raw(mode)))
            .unwrap();
    }

    /// Makes a program at a path.
    pub(crate) fn program(
        &self,
        path: &str,
        body: impl Fn(&Arc<Task>) -> i32 + Send + Sync + 'static,
    ) {
        self.runtime
            .programs
            .lock()
            .insert(path.as_bytes().to_vec(), Arc::new(body));
        self.write_file(path, &[MAGIC, path.as_bytes()].concat(), 0o755);
    }

    pub(crate) fn request(&self, program: &str) -> SpawnRequest {
        SpawnRequest {
            program: program.into(),
            argv: vec![program.into()],
            envp: vec![b"PATH=/bin".to_vec()],
            cwd: b"/".to_vec(),
            credentials: Credentials::root(),
            umask: 0o022,
            files: Vec::new(),
            new_session: true,
            controlling_terminal: None,
        }
    }

    /// Starts a closure as a process.
    pub(crate) fn spawn(
        &self,
        body: impl Fn(&Arc<Task>) -> i32 + Send + Sync + 'static,
    ) -> ChildHandle {
        self.spawn_with(|_| {}, body)
    }

    /// Starts a closure as a process that is not quite like others.
    pub(crate) fn spawn_with(
        &self,
        edit: impl FnOnce(&mut SpawnRequest),
        body: impl Fn(&Arc<Task>) -> i32 + Send + Sync + 'static,
    ) -> ChildHandle {
        let path = format!("/bin/program-{}", self.runtime.programs.lock().len());
        self.program(&path, body);
        let mut request = self.request(&path);
        edit(&mut request);
        block_on(self.kernel.spawn(request)).unwrap()
    }

    /// Runs a closure as a process to its end; a panic in it fails the test.
    pub(crate) fn run(
        &self,
        body: impl Fn(&Arc<Task>) -> i32 + Send + Sync + 'static,
    ) -> WaitStatus {
        block_on(self.spawn(body).wait())
    }

    /// Runs a closure that makes assertions.
    pub(crate) fn check(&self, body: impl Fn(&Arc<Task>) + Send + Sync + 'static) {
        let status = self.run(move |task| {
            body(task);
            0
        });
        assert_eq!(
            status,
            WaitStatus::Exited(0),
            "an assertion in the process failed"
        );
    }

    /// A pipe for a process's standard output and the embedder.
    pub(crate) fn pipe(&self) -> (Arc<OpenFile>, Arc<OpenFile>) {
        self.kernel.pipe().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        block_on(self.kernel.shutdown());
    }
}

/// Waits until a condition holds that other threads bring about.
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_micros(100));
    }
    panic!("it never happened");
}

/// The first three descriptors.
pub(crate) fn fd(raw: i32) -> Fd {
    Fd::new(raw)
}

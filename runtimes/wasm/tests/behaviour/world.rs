//! A machine for the tests of this crate: a kernel with a root in memory, the shipped commands in `/bin`, devices, and
//! a way to run a command to its end.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::fs::{Mode, OpenFlags};
use cenote_abi::wait::WaitStatus;
use cenote_base::limits::{Budget, Limits};
use cenote_base::policy::InsideOnly;
use cenote_base::{Clock, Credentials, Fd, HostClock};
use cenote_kernel::process::{ChildHandle, SpawnRequest};
use cenote_kernel::{Entropy, Kernel, KernelOptions, Spawner, host_io};
use cenote_vfs::fs::Tmpfs;
use cenote_vfs::{LookupContext, OpenFile, ops};
use cenote_wasm::{WasmOptions, WasmRuntime};

/// No test waits longer than this for a guest.
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine.
pub(crate) struct World {
    pub(crate) kernel: Arc<Kernel>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: WaitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

#[derive(Debug)]
struct TokioSpawner(tokio::runtime::Handle);

impl Spawner for TokioSpawner {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) {
        self.0.spawn(future);
    }
}

/// Not random at all: tests want the same run twice.
#[derive(Debug)]
struct Counting;

impl Entropy for Counting {
    fn fill(&self, buf: &mut [u8]) {
        for (index, byte) in buf.iter_mut().enumerate() {
            *byte = u8::try_from(index % 251).unwrap();
        }
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_path_buf()
}

/// The bytes of a shipped module.
pub(crate) fn shipped(name: &str) -> Vec<u8> {
    let path = repository().join(format!("registry/wasm/{name}.wasm.zst"));
    zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap()
}

impl World {
    /// A machine with default limits.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), WasmOptions::default())
    }

    pub(crate) fn with(limits: Limits, options: WasmOptions) -> Self {
        if std::env::var_os("CENOTE_TRACE").is_some() {
            drop(
                tracing_subscriber::fmt()
                    .with_env_filter(tracing_subscriber::EnvFilter::from_env("CENOTE_TRACE"))
                    .with_writer(std::io::stderr)
                    .try_init(),
            );
        }
        let handle = tokio::runtime::Handle::current();
        let clock: Arc<dyn Clock> = Arc::new(HostClock::new(handle.clone()));
        let budget = Budget::new(limits.clone());
        let root = Tmpfs::new(Arc::clone(&clock), Arc::clone(&budget));
        let runtime = WasmRuntime::with_options(handle.clone(), options).unwrap();
        let kernel = Kernel::new(KernelOptions {
            clock: Arc::clone(&clock),
            spawner: Arc::new(TokioSpawner(handle)),
            policy: Arc::new(InsideOnly),
            limits,
            budget: Some(budget),
            hostname: "cenote".to_owned(),
            system: cenote_kernel::System::default(),
            root,
            runtimes: vec![Arc::new(runtime)],
            entropy: Arc::new(Counting),
            network: None,
        });
        let world = Self { kernel };
        world.kernel.boot().unwrap();
        for directory in ["/bin", "/tmp", "/work"] {
            world.make_directory(directory);
        }
        world
    }

    /// A machine with dash as `/bin/sh` and the coreutils.
    pub(crate) fn with_shell() -> Self {
        let world = Self::new();
        world.add_shell();
        world
    }

    pub(crate) fn add_shell(&self) {
        self.write_program("/bin/sh", &shipped("dash"));
        self.write_program("/bin/coreutils", &shipped("coreutils"));
        for name in [
            "cat", "wc", "echo", "true", "false", "sleep", "ls", "head", "seq", "sort", "uniq",
            "mkdir", "rm", "touch", "yes", "timeout", "nohup", "env", "id", "stat", "cp", "mv",
            "ln", "tr", "basename", "date", "printf", "test", "dd", "tee", "kill",
        ] {
            self.link("coreutils", &format!("/bin/{name}"));
        }
    }

    fn context(&self) -> Context {
        Context {
            root: self.kernel.namespace().root(),
            credentials: Credentials::root(),
        }
    }

    pub(crate) fn make_directory(&self, path: &str) {
        ops::mkdir(
            &self.context().lookup(),
            None,
            path.as_bytes(),
            Mode::from_raw(0o755),
        )
        .unwrap();
    }

    pub(crate) fn link(&self, target: &str, path: &str) {
        ops::symlink(
            &self.context().lookup(),
            target.as_bytes(),
            None,
            path.as_bytes(),
        )
        .unwrap();
    }

    pub(crate) fn write_program(&self, path: &str, bytes: &[u8]) {
        let flags = OpenFlags::O_CREAT | OpenFlags::O_WRONLY | OpenFlags::O_TRUNC;
        let file = ops::open(
            &self.context().lookup(),
            None,
            path.as_bytes(),
            flags,
            Mode::from_raw(0o755),
        )
        .unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = file.write(rest).unwrap();
            rest = &rest[count..];
        }
    }

    /// Writes a module given as text.
    pub(crate) fn write_wat(&self, path: &str, text: &str) {
        self.write_program(path, &module_of(text));
    }

    pub(crate) fn read_file(&self, path: &str) -> Vec<u8> {
        let file = ops::open(
            &self.context().lookup(),
            None,
            path.as_bytes(),
            OpenFlags::O_RDONLY,
            Mode::empty(),
        )
        .unwrap();
        let mut bytes = vec![0; usize::try_from(file.stat().unwrap().size).unwrap()];
        let mut done = 0;
        while done < bytes.len() {
            done += file.read(&mut bytes[done..]).unwrap();
        }
        bytes
    }

    /// Starts a command with its output into pipes.
    pub(crate) async fn spawn(&self, argv: &[&str]) -> Result<Running, cenote_base::SysError> {
        self.spawn_in(argv, "/work", &["PATH=/bin", "HOME=/"]).await
    }

    pub(crate) async fn spawn_in(
        &self,
        argv: &[&str],
        cwd: &str,
        envp: &[&str],
    ) -> Result<Running, cenote_base::SysError> {
        let flags = OpenFlags::O_RDWR;
        let null = ops::open(
            &self.context().lookup(),
            None,
            b"/dev/null",
            flags,
            Mode::empty(),
        )
        .unwrap();
        let (out, out_writer) = self.kernel.pipe().unwrap();
        let (err, err_writer) = self.kernel.pipe().unwrap();
        let list = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let child = self
            .kernel
            .spawn(SpawnRequest {
                program: argv[0].as_bytes().to_vec(),
                argv: list(argv),
                envp: list(envp),
                cwd: cwd.as_bytes().to_vec(),
                credentials: Credentials::root(),
                umask: 0o022,
                files: vec![
                    (Fd::new(0), null),
                    (Fd::new(1), out_writer),
                    (Fd::new(2), err_writer),
                ],
                new_session: true,
                controlling_terminal: None,
            })
            .await?;
        Ok(Running {
            child,
            stdout: tokio::spawn(read_all(out)),
            stderr: tokio::spawn(read_all(err)),
        })
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, argv: &[&str]) -> Outcome {
        self.spawn(argv).await.unwrap().end().await
    }

    /// Runs a shell script to its end.
    pub(crate) async fn sh(&self, script: &str) -> Outcome {
        self.run(&["/bin/sh", "-c", script]).await
    }
}

/// A command that runs.
pub(crate) struct Running {
    pub(crate) child: ChildHandle,
    stdout: tokio::task::JoinHandle<Vec<u8>>,
    stderr: tokio::task::JoinHandle<Vec<u8>>,
}

impl Running {
    /// Waits for its end and for the end of its output.
    pub(crate) async fn end(self) -> Outcome {
        let ended = async {
            Outcome {
                status: self.child.wait().await,
                stdout: String::from_utf8_lossy(&self.stdout.await.unwrap()).into_owned(),
                stderr: String::from_utf8_lossy(&self.stderr.await.unwrap()).into_owned(),
            }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the guest ends in time")
    }
}

async fn read_all(file: Arc<OpenFile>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 65536];
    while let Ok(count) = host_io::read(&file, &mut buffer).await {
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

struct Context {
    root: cenote_vfs::Location,
    credentials: Credentials,
}

impl Context {
    fn lookup(&self) -> LookupContext<'_> {
        LookupContext {
            root: &self.root,
            cwd: &self.root,
            credentials: &self.credentials,
            umask: 0,
            caller: None,
        }
    }
}

/// Text to bytes.
pub(crate) fn module_of(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The exit code, for programs that must exit.
pub(crate) fn code(outcome: &Outcome) -> u8 {
    match outcome.status {
        WaitStatus::Exited(code) => code,
        other => panic!("{other:?}, stderr: {}", outcome.stderr),
    }
}

/// Asserts what a command printed and that it succeeded.
#[track_caller]
pub(crate) fn assert_prints(outcome: &Outcome, expected: &str) {
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (expected, ""),
        "{:?}",
        outcome.status
    );
    assert_eq!(code(outcome), 0);
}

//! Which functions of Node's library programs run: found once by running some, and kept compiled.
//!
//! V8 compiles a function when it is first called. A code cache made after a program ran holds what it called; the start-up snapshot and
//! every process after it take the functions from there ([`crate::loader::builtins`]). The programs here are ours and run in a machine of
//! their own, so no guest has a part in what others execute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cenote_base::limits::{Budget, Limits};
use cenote_base::{Clock, Credentials, Fd, SysResult};
use cenote_kernel::{
    BoxFuture, Entropy, Image, Kernel, KernelOptions, Program, SpawnRequest, Task,
};

use crate::glue::{Scope, ScopeExt};
use crate::loader::builtins;
use crate::program;
use crate::runtime::start_thread;
use crate::snapshot::StoppedClock;

/// What was learnt.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    /// Code caches of library modules, by id.
    pub(crate) caches: HashMap<String, Vec<u8>>,
    /// The modules that the first program compiled, in its order.
    pub(crate) first: Vec<String>,
}

/// A program that shows what is used: its arguments, and its file.
struct Lesson {
    args: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const LESSONS: &[Lesson] = &[
    Lesson {
        args: &["--input-type=module", "--eval", "console.log('hi')", "--"],
        files: &[],
    },
    Lesson {
        args: &["/lesson/main.cjs"],
        files: &[
            ("/lesson/main.cjs", include_str!("training/main.cjs")),
            ("/lesson/part.cjs", "module.exports = { part: 1 };\n"),
            ("/lesson/data.json", "{ \"data\": [1, 2] }\n"),
            ("/lesson/package.json", "{ \"name\": \"lesson\" }\n"),
        ],
    },
    Lesson {
        args: &["/lesson/main.mjs"],
        files: &[
            ("/lesson/main.mjs", include_str!("training/main.mjs")),
            ("/lesson/part.mjs", "export const part = 1;\n"),
        ],
    },
];

/// Runs the programs, from the snapshot if there is one already: V8 takes code caches only where the isolate began as that which made
/// them. The larger cache of a module counts. What fails is missing, and said in the trace.
pub(crate) fn learn(snapshot: Option<&'static [u8]>) -> Lessons {
    let mut all = Lessons::default();
    for (index, lesson) in LESSONS.iter().enumerate() {
        let notes = Arc::new(Notes::default());
        match attend(lesson, snapshot, &notes) {
            Ok(0) => {}
            Ok(status) => {
                tracing::warn!(target: "cenote::node", status, args = ?lesson.args, "a lesson failed");
            }
            Err(error) => {
                tracing::warn!(target: "cenote::node", %error, args = ?lesson.args, "a lesson did not start");
            }
        }
        let found = notes.take();
        if index == 0 {
            all.first = found.iter().map(|(id, _)| id.clone()).collect();
        }
        for (id, cache) in found {
            let known = all.caches.entry(id).or_default();
            if cache.len() > known.len() {
                *known = cache;
            }
        }
    }
    all
}

/// What a program's thread found, in the order of compilation.
type Found = Vec<(String, Vec<u8>)>;

/// Where the threads of a lesson leave what they found.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Found>);

impl Notes {
    fn take(&self) -> Found {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what this thread compiled; nothing, if it is none of a lesson.
    pub(crate) fn take_from(scope: &Scope<'_, '_>) {
        if let Some(notes) = scope.env().threads().notes.get() {
            let found = builtins::take_recorded(scope);
            let mut all = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(found);
        }
    }
}

/// Runs one program to its end in a machine with nothing but its files; its exit status.
fn attend(lesson: &Lesson, snapshot: Option<&'static [u8]>, notes: &Arc<Notes>) -> SysResult<i32> {
    let limits = Limits::default();
    let budget = Budget::new(limits.clone());
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    let root = cenote_vfs::fs::tmpfs::Tmpfs::new(Arc::clone(&clock), Arc::clone(&budget));
    let kernel = Kernel::new(KernelOptions {
        clock,
        spawner: Arc::new(Nobody),
        policy: Arc::new(cenote_base::policy::InsideOnly),
        limits,
        budget: Some(budget),
        hostname: "lesson".into(),
        system: cenote_kernel::System::default(),
        root,
        runtimes: vec![Arc::new(School {
            snapshot,
            notes: Arc::clone(notes),
        })],
        entropy: Arc::new(Sameness),
        network: None,
    });
    let image = crate::NodeRuntime::image();
    let own = [("/usr/bin/node", image.as_slice())];
    let files = lesson
        .files
        .iter()
        .map(|(path, text)| (*path, text.as_bytes()));
    for (path, bytes) in files.chain(own) {
        place(&kernel, path, bytes)?;
    }
    let (stdin, _) = kernel.pipe()?;
    // The outputs are small: nobody has to read them for the program to end.
    let (_out, stdout) = kernel.pipe()?;
    let (error_text, stderr) = kernel.pipe()?;
    let argv = std::iter::once(&"node").chain(lesson.args);
    let child = cenote_base::wait::block_on(kernel.spawn(SpawnRequest {
        program: b"/usr/bin/node".to_vec(),
        argv: argv.map(|arg| arg.as_bytes().to_vec()).collect(),
        envp: vec![b"PATH=/usr/bin:/bin".to_vec(), b"HOME=/root".to_vec()],
        cwd: b"/".to_vec(),
        credentials: Credentials::root(),
        umask: 0o022,
        files: vec![
            (Fd::new(0), stdin),
            (Fd::new(1), stdout),
            (Fd::new(2), stderr),
        ],
        new_session: true,
        controlling_terminal: None,
    }))?;
    let status = cenote_base::wait::block_on(child.wait());
    let mut text = vec![0; 4096];
    if let Ok(count) = error_text.read(&mut text)
        && count > 0
    {
        text.truncate(count);
        tracing::warn!(target: "cenote::node", text = %String::from_utf8_lossy(&text), "a lesson wrote an error");
    }
    cenote_base::wait::block_on(kernel.shutdown());
    Ok(match status {
        cenote_base::abi::wait::WaitStatus::Exited(code) => code.into(),
        _ => -1,
    })
}

fn place(kernel: &Arc<Kernel>, path: &str, bytes: &[u8]) -> SysResult {
    use cenote_base::abi::fs::{Mode, OpenFlags};
    use cenote_vfs::{LookupContext, ops};
    let root = kernel.namespace().root();
    let credentials = Credentials::root();
    let cx = LookupContext::new(&root, &root, &credentials, 0);
    let mode = Mode::from_bits_truncate(0o755);
    for (end, _) in path.match_indices('/').skip(1) {
        let folder = path.get(..end).unwrap_or_default();
        match ops::mkdir(&cx, None, folder.as_bytes(), mode) {
            Err(error) if error.errno() != cenote_base::abi::Errno::EEXIST => return Err(error),
            _ => {}
        }
    }
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
    ops::open(&cx, None, path.as_bytes(), flags, mode)?.write(bytes)?;
    Ok(())
}

/// Nothing of a lesson runs by itself.
#[derive(Debug)]
struct Nobody;

impl cenote_kernel::Spawner for Nobody {
    fn spawn(&self, _: BoxFuture<'static, ()>) {}
}

/// What comes out must not depend on chance.
#[derive(Debug)]
struct Sameness;

impl Entropy for Sameness {
    fn fill(&self, buf: &mut [u8]) {
        buf.fill(7);
    }
}

/// The runtime of a lesson's machine.
#[derive(Debug)]
struct School {
    snapshot: Option<&'static [u8]>,
    notes: Arc<Notes>,
}

impl cenote_kernel::Runtime for School {
    fn name(&self) -> &'static str {
        "node"
    }

    fn recognises(&self, header: &[u8]) -> bool {
        crate::runtime::is_image(header)
    }

    fn load<'a>(&'a self, _: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>> {
        let pupil = Pupil {
            snapshot: self.snapshot,
            notes: Arc::clone(&self.notes),
        };
        Box::pin(async move { Ok(Box::new(pupil) as Box<dyn Program>) })
    }
}

struct Pupil {
    snapshot: Option<&'static [u8]>,
    notes: Arc<Notes>,
}

impl Program for Pupil {
    fn start(self: Box<Self>, task: Arc<Task>) {
        start_thread("node-lesson".into(), task, move |task| {
            program::run_lesson(task, self.snapshot, self.notes);
        });
    }
}

//! The start-up snapshot: the bootstrapped context, frozen once and restored by every process in a few milliseconds. With it goes a code
//! cache of what programs run besides (`training`).
//!
//! Made when first needed (half a second), kept in memory and in the cache folder under a key of everything it depends on (our sources,
//! Node's, V8's version, the build profile), written atomically. A file that is damaged or from another V8 is not used. Without
//! a cache folder that can be written every host process makes its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use cenote_base::{Clock, MonoTime};
use sha2::{Digest as _, Sha256};

use crate::environment::Environment;
use crate::glue::{external_references, install_isolate_callbacks, number_first_context};
use crate::isolate::{HeapLimits, initialize_v8};
use crate::loader;
use crate::options::CommandLine;
use crate::threads::{Thread, ThreadGroup};

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Node's bootstrap threw.
    #[error("Node's bootstrap failed: {0}")]
    Bootstrap(String),
    /// V8 made no blob.
    #[error("V8 made no snapshot")]
    NoBlob,
}

static BLOB: OnceLock<Result<&'static [u8], String>> = OnceLock::new();

/// Code caches of library modules, and which modules a process starts with.
static CODE: OnceLock<Code> = OnceLock::new();

/// Compiled functions of the library.
#[derive(Debug, Default)]
struct Code {
    caches: HashMap<String, &'static [u8]>,
    /// What the smallest program asks for besides the snapshot, in this order.
    first: Vec<String>,
}

/// The snapshot, made or loaded the first time.
///
/// # Errors
/// When Node's bootstrap fails, which is a bug of ours.
pub(crate) fn blob() -> Result<&'static [u8], SnapshotError> {
    BLOB.get_or_init(|| load_or_make().map_err(|error| error.to_string()))
        .clone()
        .map_err(SnapshotError::Bootstrap)
}

/// The code cache of a module of the library.
pub(crate) fn code_cache(id: &str) -> Option<&'static [u8]> {
    CODE.get()?.caches.get(id).copied()
}

/// The modules that the smallest program asks for besides those of the snapshot.
pub(crate) fn first_modules() -> &'static [String] {
    CODE.get().map_or(&[], |code| &code.first)
}

fn load_or_make() -> Result<&'static [u8], SnapshotError> {
    initialize_v8();
    let path = cache_file();
    if let Some((blob, code)) = path.as_ref().and_then(load) {
        CODE.get_or_init(|| code);
        return Ok(blob);
    }
    let blob: &'static [u8] = Box::leak(make()?.into_boxed_slice());
    let lessons = crate::training::learn(Some(blob));
    CODE.get_or_init(|| Code {
        caches: leak(lessons.caches),
        first: lessons.first,
    });
    let bytes = pack(blob);
    if let Some(path) = path
        && let Err(error) = store(&path, &bytes)
    {
        tracing::debug!(target: "cenote::node", %error, path = %path.display(), "start-up snapshot is not cached");
    }
    Ok(blob)
}

fn leak(caches: HashMap<String, Vec<u8>>) -> HashMap<String, &'static [u8]> {
    let leak = |bytes: Vec<u8>| &*Box::leak(bytes.into_boxed_slice());
    caches
        .into_iter()
        .map(|(id, cache)| (id, leak(cache)))
        .collect()
}

/// The snapshot, the code caches, and the first modules: each part with its length before it.
fn pack(blob: &[u8]) -> Vec<u8> {
    fn part(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    let mut out = Vec::new();
    part(&mut out, blob);
    if let Some(code) = CODE.get() {
        part(&mut out, code.first.join("\n").as_bytes());
        for (id, cache) in &code.caches {
            part(&mut out, id.as_bytes());
            part(&mut out, cache);
        }
    }
    out
}

/// The reverse of [`pack`].
fn unpack(bytes: &'static [u8]) -> Option<(&'static [u8], Code)> {
    fn part(rest: &mut &'static [u8]) -> Option<&'static [u8]> {
        let (len, after) = rest.split_first_chunk::<8>()?;
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        let (part, after) = after.split_at_checked(len)?;
        *rest = after;
        Some(part)
    }
    let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).ok();
    let mut rest = bytes;
    let blob = part(&mut rest)?;
    let mut code = Code::default();
    if !rest.is_empty() {
        let first = text(part(&mut rest)?)?;
        code.first = first.lines().map(str::to_owned).collect();
    }
    while !rest.is_empty() {
        let id = text(part(&mut rest)?)?.to_owned();
        code.caches.insert(id, part(&mut rest)?);
    }
    Some((blob, code))
}

/// Where start-up snapshots are kept: a folder of the user's caches.
#[must_use]
pub fn snapshot_directory() -> Option<PathBuf> {
    cenote_base::cache_directory("snapshots")
}

/// The build's key, V8's version and flags.
fn cache_file() -> Option<PathBuf> {
    let directory = snapshot_directory()?;
    let name = format!(
        "node-{}-{}-{}-{:08x}.snapshot",
        env!("CENOTE_NODE_VERSION"),
        v8::V8::get_version(),
        env!("CENOTE_SNAPSHOT_KEY"),
        v8::script_compiler::cached_data_version_tag(),
    );
    Some(directory.join(name))
}

/// Which context of the snapshot Node's library lives in.
pub(crate) const MAIN_CONTEXT: usize = 0;

const DIGEST_LEN: usize = 32;

/// What was kept, if it is whole and of this V8.
fn load(path: &PathBuf) -> Option<(&'static [u8], Code)> {
    let mut bytes = std::fs::read(path).ok()?;
    if bytes.len() <= DIGEST_LEN {
        return None;
    }
    let packed = bytes.split_off(DIGEST_LEN);
    if Sha256::digest(&packed).as_slice() != bytes {
        return None;
    }
    unpack(Box::leak(packed.into_boxed_slice()))
}

fn store(path: &std::path::Path, packed: &[u8]) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let mut bytes = Sha256::digest(packed).to_vec();
    bytes.extend_from_slice(packed);
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, path)
}

/// A clock that stands still: bootstrap must not see the time.
#[derive(Debug)]
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> MonoTime {
        MonoTime::default()
    }

    fn realtime(&self) -> cenote_base::abi::fs::Timespec {
        cenote_base::abi::fs::Timespec::default()
    }

    fn timer(&self, _at: MonoTime) -> cenote_base::clock::Timer {
        Box::pin(std::future::pending())
    }
}

/// Runs the bootstrap in a fresh isolate and freezes it. On a thread of its own: V8 wants to be entered in order.
fn make() -> Result<Vec<u8>, SnapshotError> {
    let caches = crate::training::learn(None).caches;
    std::thread::Builder::new()
        .name("node-snapshot".into())
        .stack_size(8 << 20)
        .spawn(move || make_here(caches))
        .map_err(|_| SnapshotError::NoBlob)?
        .join()
        .map_err(|_| SnapshotError::NoBlob)?
}

fn make_here(caches: HashMap<String, Vec<u8>>) -> Result<Vec<u8>, SnapshotError> {
    let mut isolate = v8::Isolate::snapshot_creator(Some(external_references()), None);
    let env = Environment::new(
        &mut isolate,
        Thread::main(ThreadGroup::new(HeapLimits::default())),
    );
    env.attach(Arc::new(StoppedClock), None, CommandLine::default());
    loader::builtins::use_caches(&env, caches);
    install_isolate_callbacks(&mut isolate);
    let outcome = {
        v8::scope!(let scope, &mut isolate);
        // The default context stays V8's own: `vm` makes its contexts of it. Ours is the additional one, number 0.
        let bare = v8::Context::new(scope, v8::ContextOptions::default());
        scope.set_default_context(bare);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        env.set_context(v8::Global::new(scope, context));
        number_first_context(scope, context);
        let outcome = bootstrap(scope);
        let index = scope.add_context(context);
        debug_assert_eq!(index, MAIN_CONTEXT, "the first context added");
        if outcome.is_ok() {
            let packed = env.to_snapshot(scope);
            scope.add_context_data(context, packed);
        }
        outcome
    };
    // What bootstrap looked at through a WeakRef is a root until the end of the job, and would drag the context into the
    // isolate's part of the blob.
    isolate.clear_kept_objects();
    // Every handle must be gone before the blob is made.
    env.clear();
    isolate.remove_slot::<Rc<Environment>>();
    drop(env);
    let blob = isolate.create_blob(v8::FunctionCodeHandling::Keep);
    outcome?;
    blob.map(|blob| blob.to_vec()).ok_or(SnapshotError::NoBlob)
}

fn bootstrap(scope: &mut v8::PinScope<'_, '_>) -> Result<(), SnapshotError> {
    v8::tc_scope!(let catch, scope);
    loader::bootstrap(catch, true).map_err(|failure| {
        let exception = catch.exception().or_else(|| failure.to_exception(catch));
        let text = exception
            .map(|exception| describe(catch, exception))
            .unwrap_or_default();
        SnapshotError::Bootstrap(text)
    })
}

/// The stack, or the message, of an exception.
pub(crate) fn describe(
    scope: &v8::PinScope<'_, '_>,
    exception: v8::Local<'_, v8::Value>,
) -> String {
    let stack = v8::Local::<v8::Object>::try_from(exception)
        .ok()
        .and_then(|object| {
            let key = v8::String::new(scope, "stack")?;
            object
                .get(scope, key.into())
                .filter(|stack| stack.is_string())
        });
    stack.unwrap_or(exception).to_rust_string_lossy(scope)
}

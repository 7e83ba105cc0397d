//! The start-up snapshot: the bootstrapped context, frozen once and restored by every process in a few milliseconds. With it goes a code
//! cache of what programs run besides (`training`).
//!
//! A program may have it embedded (`embedded`; `cenote` and all that use the crate `cenote-snapshot`). Otherwise it is made when first needed (half a second), kept in memory and in the
//! cache folder (`kept`). Both are under a key of everything it depends on (our sources, Node's, V8's version); one that is
//! damaged or from another V8 is not used. Without a cache folder that can be written every host process makes its own.

mod embedded;
mod kept;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use crate::environment::Environment;
use crate::glue::{external_references, install_isolate_callbacks, number_first_context};
use crate::isolate::{HeapLimits, initialize_v8};
use crate::loader;
use crate::options::CommandLine;
use crate::threads::{Thread, ThreadGroup};
use cenote_base::{Clock, MonoTime};

use kept::Code;

pub use embedded::use_snapshot;
pub use kept::snapshot_directory;

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
    let (found, from) = match embedded::load() {
        Some(found) => (Some(found), "program"),
        None => (load_kept(), "cache"),
    };
    if let Some((blob, code)) = found {
        tracing::debug!(target: "cenote::node", from, bytes = blob.len(), "start-up snapshot");
        CODE.get_or_init(|| code);
        return Ok(blob);
    }
    let (blob, code) = bootstrap_and_train()?;
    let packed = kept::pack(blob, &code);
    CODE.get_or_init(|| code);
    tracing::debug!(target: "cenote::node", from = "bootstrap", bytes = blob.len(), "start-up snapshot");
    if let Some(path) = kept::cache_file()
        && let Err(error) = kept::store(&path, &kept::seal(&packed))
    {
        tracing::debug!(target: "cenote::node", %error, path = %path.display(), "start-up snapshot is not cached");
    }
    Ok(blob)
}

fn load_kept() -> Option<(&'static [u8], Code)> {
    kept::unseal(std::fs::read(kept::cache_file()?).ok()?)
}

/// Makes the snapshot whatever caches have, and gives the bytes to embed: for [`use_snapshot`], in a program of the same build. Takes a second.
///
/// # Errors
/// When Node's bootstrap fails, which is a bug of ours.
pub fn make_snapshot() -> Result<Vec<u8>, SnapshotError> {
    initialize_v8();
    let (blob, code) = bootstrap_and_train()?;
    Ok(embedded::write(&kept::pack(blob, &code)))
}

/// The snapshot, and what a first program that starts from it has compiled.
fn bootstrap_and_train() -> Result<(&'static [u8], Code), SnapshotError> {
    let blob: &'static [u8] = Box::leak(make()?.into_boxed_slice());
    let lessons = crate::training::learn(Some(blob));
    let code = Code {
        caches: leak(lessons.caches),
        first: lessons.first,
    };
    Ok((blob, code))
}

fn leak(caches: HashMap<String, Vec<u8>>) -> HashMap<String, &'static [u8]> {
    let leak = |bytes: Vec<u8>| &*Box::leak(bytes.into_boxed_slice());
    caches
        .into_iter()
        .map(|(id, cache)| (id, leak(cache)))
        .collect()
}

/// Which context of the snapshot Node's library lives in.
pub(crate) const MAIN_CONTEXT: usize = 0;

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

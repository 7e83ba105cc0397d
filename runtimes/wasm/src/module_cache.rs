//! Compiled modules and components by content: once per digest in memory, once per digest and engine on disk.
//!
//! [`ModuleCache`] is shared by every machine of the OS process. A module that is wanted by several programs at once is
//! compiled by one of them, the others wait. On disk a module lies under `$CENOTE_CACHE_DIR` or the user's cache
//! directory, in a folder named after the engine's compatibility hash; entries are put there by rename, so a reader
//! sees a whole file or none. A file that wasmtime refuses is compiled again and replaced.
//!
//! Lock order: `entries` is a leaf.
//!
//! Code on disk is trusted: whoever can write the cache directory can run code as this user. It is made with mode 0700
//! and not used at all when it belongs to someone else or others may write to it.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, Linker, Module, Precompiled};

use crate::component::{ComponentImage, ComponentProcess};
use crate::image::ProgramImage;
use crate::process::Process;

/// SHA-256 of a module's bytes.
pub(crate) type Digest = [u8; 32];

/// Modules kept in memory beyond those in use.
const IDLE_IN_MEMORY: usize = 64;

/// Bytes the cache may take on disk; the oldest entries go first.
const DISK_LIMIT: u64 = 2 << 30;

/// Told about compilations, so that a person who waits knows why.
pub trait CompileObserver: Send + Sync + std::fmt::Debug {
    /// `name` (a file's path) is not cached and is being compiled now.
    fn compiling(&self, name: &str);
    /// The compilation of `name` ended, well or not.
    fn compiled(&self, name: &str);
}

/// The host functions of all worlds.
pub(crate) struct Linkers {
    pub(crate) modules: Linker<Process>,
    pub(crate) components: ComponentLinker<ComponentProcess>,
}

/// What is compiled.
#[derive(Clone)]
enum Code {
    Module(Module),
    Component(Component),
}

/// A program that is compiled and linked.
#[derive(Clone, Debug)]
pub(crate) enum Executable {
    /// A core module.
    Module(Arc<ProgramImage>),
    /// A component.
    Component(Arc<ComponentImage>),
}

/// The cache.
pub(crate) struct ModuleCache {
    engine: Engine,
    linkers: Linkers,
    directory: Option<PathBuf>,
    entries: Mutex<HashMap<Digest, Arc<Entry>>>,
    uses: AtomicU64,
    /// Compilations at once: each uses every processor by itself, so more would only take memory.
    compilers: Semaphore,
}

impl std::fmt::Debug for ModuleCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleCache")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// One digest: empty while its module is being compiled.
#[derive(Debug, Default)]
struct Entry {
    image: OnceCell<Executable>,
    last_use: AtomicU64,
}

impl ModuleCache {
    /// A cache for this engine; `directory` as [`module_directory`] finds it, or `None` for memory alone.
    pub(crate) fn new(engine: Engine, linkers: Linkers, directory: Option<PathBuf>) -> Self {
        let directory = directory.and_then(|base| prepare_directory(&base, &engine));
        Self {
            engine,
            linkers,
            directory,
            entries: Mutex::default(),
            uses: AtomicU64::new(0),
            compilers: Semaphore::new(2),
        }
    }

    /// Returns the module with this digest, from memory, from disk, or compiled from what `bytes` gives.
    ///
    /// # Errors
    /// The reason why the bytes are not a program.
    pub(crate) async fn get<F>(
        &self,
        digest: Digest,
        name: &str,
        handle: &Handle,
        observer: Option<&Arc<dyn CompileObserver>>,
        bytes: F,
    ) -> Result<Executable, String>
    where
        F: FnOnce() -> Result<Arc<[u8]>, String> + Send,
    {
        let entry = self.entry(digest);
        let make = || async {
            let code = self
                .load_or_compile(digest, name, handle, observer, bytes)
                .await?;
            self.link(&code)
        };
        let image = entry.image.get_or_try_init(make).await.cloned();
        if image.is_err() {
            self.lock().remove(&digest);
        }
        image
    }

    fn link(&self, code: &Code) -> Result<Executable, String> {
        Ok(match code {
            Code::Module(module) => {
                let image = ProgramImage::new(&self.linkers.modules, module)?;
                Executable::Module(Arc::new(image))
            }
            Code::Component(component) => {
                let image = ComponentImage::new(&self.linkers.components, component)?;
                Executable::Component(Arc::new(image))
            }
        })
    }

    fn entry(&self, digest: Digest) -> Arc<Entry> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.lock();
        if entries.len() > IDLE_IN_MEMORY && !entries.contains_key(&digest) {
            evict_oldest(&mut entries);
        }
        let entry = entries.entry(digest).or_default();
        entry.last_use.store(now, Ordering::Relaxed);
        Arc::clone(entry)
    }

    async fn load_or_compile<F>(
        &self,
        digest: Digest,
        name: &str,
        handle: &Handle,
        observer: Option<&Arc<dyn CompileObserver>>,
        bytes: F,
    ) -> Result<Code, String>
    where
        F: FnOnce() -> Result<Arc<[u8]>, String>,
    {
        let path = self
            .directory
            .as_ref()
            .map(|directory| directory.join(format!("{}.cwasm", hex(&digest))));
        if let Some(code) = path.as_ref().and_then(|path| load(&self.engine, path)) {
            return Ok(code);
        }
        let _turn = self
            .compilers
            .acquire()
            .await
            .map_err(|error| error.to_string())?;
        let bytes = bytes()?;
        let started = Instant::now();
        if let Some(observer) = observer {
            observer.compiling(name);
        }
        let engine = self.engine.clone();
        let result = handle
            .spawn_blocking(move || compile(&engine, &bytes, path.as_deref()))
            .await;
        if let Some(observer) = observer {
            observer.compiled(name);
        }
        let code = result.map_err(|error| format!("the compiler panicked: {error}"))??;
        tracing::debug!(target: "cenote::compile", name, milliseconds = started.elapsed().as_millis(), "compiled");
        Ok(code)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Entry>>> {
        // The map is whole between any two statements that touch it, so a panic elsewhere does not spoil it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where compiled modules go unless the embedder says otherwise: a folder of the user's caches.
#[must_use]
pub fn module_directory() -> Option<PathBuf> {
    cenote_base::cache_directory("modules")
}

fn evict_oldest(entries: &mut HashMap<Digest, Arc<Entry>>) {
    // Programs hold the compiled code themselves; an entry that someone is compiling has a second owner.
    let oldest = entries
        .iter()
        .filter(|(_, entry)| Arc::strong_count(entry) == 1)
        .min_by_key(|(_, entry)| entry.last_use.load(Ordering::Relaxed))
        .map(|(digest, _)| *digest);
    if let Some(digest) = oldest {
        entries.remove(&digest);
    }
}

/// Makes the folder for this engine's modules; `None` when the place cannot be trusted or used.
fn prepare_directory(base: &Path, engine: &Engine) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let directory = base.join(format!("{:016x}", hasher.finish()));
    if let Err(error) = make_private(&directory) {
        tracing::warn!(target: "cenote::compile", directory = %directory.display(), %error, "compiled modules are not kept on disk");
        return None;
    }
    Some(directory)
}

#[cfg(unix)]
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let metadata = fs::metadata(directory)?;
    let mine = metadata.uid() == rustix::process::geteuid().as_raw();
    if !mine || metadata.mode() & 0o022 != 0 {
        return Err(std::io::Error::other(
            "the directory belongs to someone else or others may write to it",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)
}

/// Maps a compiled module from disk; `None` when there is none or wasmtime refuses it.
#[expect(
    unsafe_code,
    reason = "deserialisation trusts what this program itself wrote into its private directory"
)]
fn load(engine: &Engine, path: &Path) -> Option<Code> {
    let loaded = match Engine::detect_precompiled_file(path).ok()?? {
        Precompiled::Module => {
            // SAFETY: the file was written by `store` below, from `Module::serialize`, into a directory that was checked in
            // `make_private` to be writable by this user alone; it is replaced by rename and never modified in place.
            unsafe { Module::deserialize_file(engine, path) }.map(Code::Module)
        }
        Precompiled::Component => {
            // SAFETY: as above, from `Component::serialize`.
            unsafe { Component::deserialize_file(engine, path) }.map(Code::Component)
        }
    };
    match loaded {
        Ok(code) => Some(code),
        Err(error) => {
            tracing::warn!(target: "cenote::compile", path = %path.display(), error = %format!("{error:#}"), "cached module refused");
            None
        }
    }
}

fn compile(engine: &Engine, bytes: &[u8], path: Option<&Path>) -> Result<Code, String> {
    let compiled = if wasmparser::Parser::is_component(bytes) {
        Component::from_binary(engine, bytes).map(Code::Component)
    } else {
        Module::from_binary(engine, bytes).map(Code::Module)
    };
    let code = compiled.map_err(|error| format!("{error:#}"))?;
    if let Some(path) = path
        && let Err(error) = store(&code, path)
    {
        tracing::warn!(target: "cenote::compile", path = %path.display(), %error, "compiled module not kept on disk");
    }
    Ok(code)
}

fn store(code: &Code, path: &Path) -> std::io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let serialized = match code {
        Code::Module(module) => module.serialize(),
        Code::Component(component) => component.serialize(),
    };
    let code = serialized.map_err(|error| std::io::Error::other(format!("{error:#}")))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(&code))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error that is reported is the one above.
        drop(fs::remove_file(&temporary));
    }
    if let Some(directory) = path.parent() {
        make_room(directory);
    }
    written
}

/// Removes the oldest entries until the folder is within its limit.
fn make_room(directory: &Path) {
    let Ok(list) = fs::read_dir(directory) else {
        return;
    };
    let mut files: Vec<_> = list
        .filter_map(Result::ok)
        .filter_map(|entry| {
            entry
                .metadata()
                .ok()
                .map(|data| (data.modified().ok(), data.len(), entry.path()))
        })
        .collect();
    let mut total: u64 = files.iter().map(|(_, size, _)| *size).sum();
    files.sort();
    for (_, size, path) in files {
        if total <= DISK_LIMIT {
            return;
        }
        if fs::remove_file(path).is_ok() {
            total = total.saturating_sub(size);
        }
    }
}

fn hex(digest: &Digest) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

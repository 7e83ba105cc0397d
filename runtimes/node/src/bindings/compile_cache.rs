//! The compile cache on disk: what V8 compiled, and what TypeScript was stripped to, kept in the guest's files between runs.
//! Node: `src/compile_cache.cc`; used by `contextify`, `module_wrap` and `modules`.
//!
//! The files' layout is ours: Node's own tool chain does not read them. Their code is sealed (see [`crate::code_cache`]), so a
//! file that another host process wrote, or that a guest changed, is a miss.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use cenote_base::SysResult;
use cenote_base::abi::Errno;
use cenote_base::abi::fs::{AtFlags, Mode, OpenFlags, RenameFlags};
use cenote_kernel::syscall::{self, At};
use sha2::{Digest as _, Sha256};

use crate::bindings::permission::Permission as Scoped;
use crate::code_cache;
use crate::environment::Environment;
use crate::glue::{Scope, ScopeExt, js_string_bytes};

/// What a file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    CommonJs,
    Module,
    StrippedTypeScript,
    TransformedTypeScript,
    TransformedTypeScriptWithSourceMaps,
}

impl Kind {
    /// As `cachedCodeTypes` numbers them.
    pub(super) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::CommonJs,
            1 => Self::Module,
            2 => Self::StrippedTypeScript,
            3 => Self::TransformedTypeScript,
            4 => Self::TransformedTypeScriptWithSourceMaps,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::CommonJs => "CommonJS",
            Self::Module => "ESM",
            Self::StrippedTypeScript => "StrippedTypeScript",
            Self::TransformedTypeScript => "TransformedTypeScript",
            Self::TransformedTypeScriptWithSourceMaps => "TransformedTypeScriptWithSourceMaps",
        }
    }
}

/// How enabling went, as `compileCacheStatus` numbers it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    Failed = 0,
    Enabled = 1,
    AlreadyEnabled = 2,
    Disabled = 3,
}

/// One source file's cache.
#[derive(Debug)]
pub(super) struct Entry {
    kind: Kind,
    source: String,
    path: String,
    code_size: usize,
    code_hash: [u8; HASH],
    /// Sealed bytes.
    cache: RefCell<Option<Vec<u8>>>,
    is_new: Cell<bool>,
    is_persisted: Cell<bool>,
}

const HASH: usize = 32;
const MAGIC: &[u8; 8] = b"cenotec1";
const HEADER: usize = MAGIC.len() + 8 + HASH;

/// The compile cache of an isolate.
#[derive(Default)]
struct CompileCache {
    /// The folder with the version's tag, once enabled.
    folder: RefCell<Option<String>>,
    is_portable: Cell<bool>,
    is_debug: Cell<bool>,
    entries: RefCell<BTreeMap<String, Rc<Entry>>>,
}

impl CompileCache {
    fn debug(&self, env: &Environment, text: &str) {
        if self.is_debug.get() {
            env.print_error(text.as_bytes());
        }
    }
}

/// Joins and normalises a path against the working directory.
fn absolute(env: &Environment, path: &str) -> String {
    let cwd = syscall::getcwd(env.task())
        .map(|cwd| String::from_utf8_lossy(&cwd).into_owned())
        .unwrap_or_default();
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{cwd}/{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The way from a folder to a file; both absolute.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let down = to.iter().skip(common).copied();
    up.chain(down).collect::<Vec<&str>>().join("/")
}

/// Turns the cache on: the status, a message, the folder.
pub(super) fn enable(
    scope: &Scope<'_, '_>,
    directory: &str,
    is_portable: bool,
) -> (Status, Option<String>, Option<String>) {
    let env = scope.env();
    let state = env.state::<CompileCache>();
    let debug = super::process::variable(scope, "NODE_DEBUG_NATIVE").unwrap_or_default();
    let wants_debug = debug
        .split(',')
        .any(|part| part.trim().eq_ignore_ascii_case("COMPILE_CACHE"));
    state.is_debug.set(wants_debug);
    let answer = try_enable(scope, &env, &state, directory, is_portable);
    if let (_, Some(message), _) = &answer {
        state.debug(&env, &format!("[compile cache] {message}\n"));
    }
    answer
}

fn try_enable(
    scope: &Scope<'_, '_>,
    env: &Environment,
    state: &CompileCache,
    directory: &str,
    is_portable: bool,
) -> (Status, Option<String>, Option<String>) {
    let is_set =
        |name: &str| super::process::variable(scope, name).is_some_and(|value| !value.is_empty());
    if is_set("NODE_DISABLE_COMPILE_CACHE") {
        let message = "Disabled by NODE_DISABLE_COMPILE_CACHE".to_owned();
        return (Status::Disabled, Some(message), None);
    }
    if let Some(folder) = &*state.folder.borrow() {
        let base = folder.rsplit_once('/').map_or("", |(base, _)| base);
        return (Status::AlreadyEnabled, None, Some(base.to_owned()));
    }
    let base = absolute(env, directory);
    let tag = format!(
        "v{}-x64-{:08x}-{}",
        env!("CENOTE_NODE_VERSION"),
        v8::script_compiler::cached_data_version_tag(),
        syscall::getuid(env.task()).raw()
    );
    let folder = format!("{base}/{tag}");
    let text = format!("[compile cache] resolved path {directory} + {tag} -> {folder}\n");
    state.debug(env, &text);
    for (scope_name, what) in [
        (Scoped::FileSystemWrite, "write"),
        (Scoped::FileSystemRead, "read"),
    ] {
        if !super::permission::is_granted(scope, scope_name, folder.as_bytes()) {
            let message = format!(
                "Skipping compile cache because {what} permission for {folder} is not granted"
            );
            return (Status::Failed, Some(message), None);
        }
    }
    let made = make_folders(env, &folder);
    let outcome = made.map_or_else(|error| error.errno().text(), |()| "success");
    let text = format!("[compile cache] creating cache directory {folder}...{outcome}\n");
    state.debug(env, &text);
    if made.is_err() {
        let message = format!("Cannot create cache directory: {outcome}");
        return (Status::Failed, Some(message), None);
    }
    *state.folder.borrow_mut() = Some(folder);
    state.is_portable.set(is_portable);
    (Status::Enabled, None, Some(base))
}

/// `mkdir -p`.
fn make_folders(env: &Environment, path: &str) -> SysResult<()> {
    let mode = Mode::from_bits_truncate(0o777);
    for (at, _) in path.match_indices('/').skip(1).chain([(path.len(), "")]) {
        let part = path.get(..at).unwrap_or(path);
        match syscall::mkdirat(env.task(), At::Cwd, part.as_bytes(), mode) {
            Err(error) if error.errno() != Errno::EEXIST => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The folder that is used, if the cache is on.
pub(super) fn folder(scope: &Scope<'_, '_>) -> Option<String> {
    scope.env().state::<CompileCache>().folder.borrow().clone()
}

/// The cache of a source file, made or read; `None` while the cache is off.
pub(super) fn lookup<'s>(
    scope: &Scope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
    kind: Kind,
) -> Option<Rc<Entry>> {
    let env = scope.env();
    let state = env.state::<CompileCache>();
    let folder = state.folder.borrow().clone()?;
    let code = js_string_bytes(scope, code);
    let source = filename.to_rust_string_lossy(scope);
    let mut key = source.clone();
    let plain = key.strip_prefix("file://").unwrap_or(&key);
    if state.is_portable.get() && plain.starts_with('/') {
        key = relative(&folder, &absolute(&env, plain));
        state.debug(
            &env,
            &format!("[compile cache] using relative path {key} from {folder}\n"),
        );
    }
    let digest = Sha256::new()
        .chain_update([kind as u8])
        .chain_update(key.as_bytes())
        .finalize();
    let mut name = String::new();
    for byte in digest.iter().take(4) {
        write!(name, "{byte:02x}").ok()?;
    }
    let code_hash: [u8; HASH] = Sha256::digest(&code).into();
    if let Some(known) = state.entries.borrow().get(&name)
        && known.code_hash == code_hash
    {
        return Some(Rc::clone(known));
    }
    let entry = Rc::new(Entry {
        kind,
        path: format!("{folder}/{name}"),
        source,
        code_size: code.len(),
        code_hash,
        cache: RefCell::new(None),
        is_new: Cell::new(false),
        is_persisted: Cell::new(false),
    });
    read(&env, &state, &entry);
    state.entries.borrow_mut().insert(name, Rc::clone(&entry));
    Some(entry)
}

/// Reads a cache file.
fn read(env: &Environment, state: &CompileCache, entry: &Entry) {
    let found = crate::program::read_file(env, entry.path.as_bytes());
    let outcome = match &found {
        Err(error) => error.errno().text().to_owned(),
        Ok(bytes) => match parse(bytes, entry) {
            Ok(cache) => {
                let size = cache.len();
                *entry.cache.borrow_mut() = Some(cache.to_vec());
                format!("success, size={size}")
            }
            Err(why) => why.to_owned(),
        },
    };
    state.debug(
        env,
        &format!(
            "[compile cache] reading cache from {} for {} {}... {outcome}\n",
            entry.path,
            entry.kind.name(),
            entry.source
        ),
    );
}

fn parse<'b>(bytes: &'b [u8], entry: &Entry) -> Result<&'b [u8], &'static str> {
    let (header, cache) = bytes
        .split_at_checked(HEADER)
        .ok_or("reading header failed")?;
    let (magic, header) = header.split_at_checked(MAGIC.len()).ok_or("no header")?;
    if magic != MAGIC {
        return Err("magic number mismatch");
    }
    let (size, hash) = header.split_at_checked(8).ok_or("no header")?;
    if size != (entry.code_size as u64).to_le_bytes() {
        return Err("code size mismatch");
    }
    if hash != entry.code_hash {
        return Err("code hash mismatch");
    }
    code_cache::open(cache)
        .map(|_| cache)
        .ok_or("cache hash mismatch")
}

impl Entry {
    /// The sealed cache, if there is one.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.cache.borrow().clone()
    }

    /// Where it is or will be.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The text TypeScript was turned into.
    pub(super) fn text(&self) -> Option<String> {
        let cache = self.cache.borrow();
        let text = code_cache::open(cache.as_deref()?)?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// The same, told to who watches the cache.
    pub(super) fn text_told(&self, env: &Environment) -> Option<String> {
        let text = self.text();
        let (kind, source) = (self.kind.name(), &self.source);
        let line = match &text {
            Some(_) => {
                format!(
                    "[compile cache] retrieving transpile cache for {kind} {source}...success\n"
                )
            }
            None => format!("[compile cache] no transpile cache for {kind} {source}\n"),
        };
        env.state::<CompileCache>().debug(env, &line);
        text
    }

    /// Keeps what V8 made, unless it was taken from here and accepted. `make` serialises it.
    pub(super) fn keep(
        &self,
        scope: &Scope<'_, '_>,
        was_rejected: bool,
        make: impl FnOnce() -> Option<v8::UniqueRef<v8::CachedData<'static>>>,
    ) {
        let env = scope.env();
        let state = env.state::<CompileCache>();
        let had_cache = self.cache.borrow().is_some();
        let (was, then) = match (had_cache, was_rejected) {
            (true, false) => ("accepted", "keeping"),
            (true, true) => ("rejected", "refreshing"),
            (false, _) => ("not initialized", "initializing"),
        };
        state.debug(
            &env,
            &format!(
                "[compile cache] V8 code cache for {} {} was {was}, {then} the in-memory entry\n",
                self.kind.name(),
                self.source
            ),
        );
        if had_cache && !was_rejected {
            return;
        }
        let sealed = make().and_then(|cache| code_cache::seal(&cache));
        self.is_new.set(sealed.is_some());
        *self.cache.borrow_mut() = sealed;
    }

    fn keep_text(&self, env: &Environment, text: &str) {
        let state = env.state::<CompileCache>();
        state.debug(
            env,
            &format!(
                "[compile cache] saving transpilation cache for {} {}\n",
                self.kind.name(),
                self.source
            ),
        );
        *self.cache.borrow_mut() = code_cache::seal(text.as_bytes());
        self.is_new.set(true);
    }
}

/// Keeps what TypeScript was turned into, in the entry of this path.
pub(super) fn keep_text(scope: &Scope<'_, '_>, path: &str, text: &str) {
    let env = scope.env();
    let state = env.state::<CompileCache>();
    let entry = state
        .entries
        .borrow()
        .values()
        .find(|entry| entry.path == path)
        .cloned();
    if let Some(entry) = entry {
        entry.keep_text(&env, text);
    }
}

/// Writes what is new to disk, and forgets what was read.
pub(crate) fn persist(env: &Environment) {
    let state = env.state::<CompileCache>();
    if state.folder.borrow().is_none() {
        return;
    }
    let entries = std::mem::take(&mut *state.entries.borrow_mut());
    for entry in entries.values() {
        let (kind, source) = (entry.kind.name(), &entry.source);
        let skip = if entry.cache.borrow().is_none() {
            Some("the cache was not initialized")
        } else if !entry.is_new.get() {
            Some("cache was the same")
        } else if entry.is_persisted.get() {
            Some("cache was already persisted")
        } else {
            None
        };
        if let Some(why) = skip {
            state.debug(
                env,
                &format!("[compile cache] skip persisting {kind} {source} because {why}\n"),
            );
            continue;
        }
        write_entry(env, &state, entry);
    }
    state.debug(env, "[compile cache] Clear deserialized cache.\n");
}

/// Says that a flush that JavaScript asked for is done.
pub(super) fn note_flushed(env: &Environment) {
    let state = env.state::<CompileCache>();
    state.debug(
        env,
        "[compile cache] module.flushCompileCache() finished.\n",
    );
}

fn write_entry(env: &Environment, state: &CompileCache, entry: &Entry) {
    let (kind, source) = (entry.kind.name(), &entry.source);
    let temporary = format!("{}.{:06x}", entry.path, env.pids().0);
    state.debug(
        env,
        &format!(
            "[compile cache] Creating temporary file for cache of {source} ({kind})... -> {temporary}\n"
        ),
    );
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(entry.code_size as u64).to_le_bytes());
    bytes.extend_from_slice(&entry.code_hash);
    bytes.extend_from_slice(entry.cache.borrow().as_deref().unwrap_or_default());
    let written = write_file(env, temporary.as_bytes(), &bytes);
    let outcome = outcome_of(&written);
    state.debug(
        env,
        &format!(
            "[compile cache] writing cache for {kind} {source} to temporary file {temporary} [{} {}]...{outcome}\n",
            entry.code_size,
            bytes.len()
        ),
    );
    if written.is_err() {
        return;
    }
    let renamed = syscall::renameat2(
        env.task(),
        At::Cwd,
        temporary.as_bytes(),
        At::Cwd,
        entry.path.as_bytes(),
        RenameFlags::empty(),
    );
    if renamed.is_err() {
        let removed =
            syscall::unlinkat(env.task(), At::Cwd, temporary.as_bytes(), AtFlags::empty());
        tracing::debug!(target: "cenote::node", ?removed, "a cache file was not renamed");
    }
    let outcome = outcome_of(&renamed);
    state.debug(
        env,
        &format!(
            "[compile cache] Renaming {temporary} to {}...{outcome}\n",
            entry.path
        ),
    );
    entry.is_persisted.set(renamed.is_ok());
}

fn outcome_of(result: &SysResult<()>) -> String {
    match result {
        Ok(()) => "success".to_owned(),
        Err(error) => format!("failed: {}", error.errno().text()),
    }
}

fn write_file(env: &Environment, path: &[u8], mut bytes: &[u8]) -> SysResult<()> {
    let task = env.task();
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_CLOEXEC;
    let mode = Mode::from_bits_truncate(0o600);
    let fd = crate::blocking::blocking(env, async || {
        syscall::openat(task, At::Cwd, path, flags, mode).await
    })?;
    let outcome = loop {
        if bytes.is_empty() {
            break Ok(());
        }
        let written =
            crate::blocking::blocking(env, async || syscall::write(task, fd, bytes).await);
        match written {
            Ok(0) => break Err(Errno::EIO.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) => break Err(error),
        }
    };
    let closed = syscall::close(task, fd);
    outcome.and(closed)
}

/// Turns the cache on when `NODE_COMPILE_CACHE` names a folder.
pub(crate) fn enable_by_environment(scope: &Scope<'_, '_>) {
    let variable = |name| super::process::variable(scope, name);
    let Some(directory) = variable("NODE_COMPILE_CACHE").filter(|value| !value.is_empty()) else {
        return;
    };
    let is_portable = variable("NODE_COMPILE_CACHE_PORTABLE").as_deref() == Some("1");
    let (status, message, _) = enable(scope, &directory, is_portable);
    tracing::debug!(target: "cenote::node", ?status, ?message, "compile cache");
}

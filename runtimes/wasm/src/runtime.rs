//! [`WasmRuntime`]: what the kernel is given to run WebAssembly, and what its programs share.

use std::sync::{Arc, OnceLock};

use cenote_base::SysResult;
use cenote_kernel::{BoxFuture, Image, Program, Runtime};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use wasmtime::Linker;

use crate::component::ComponentProgram;
use crate::digest_cache::{DigestCache, FileState};
use crate::engine::SharedEngine;
use crate::error::EngineError;
use crate::image::{inspect, read_all, refuse};
use crate::module_cache::{
    CompileObserver, Digest, Executable, Linkers, ModuleCache, module_directory,
};
use crate::program::WasmProgram;

/// Memory a process may have: 256 MiB.
const DEFAULT_MEMORY_LIMIT: u64 = 256 << 20;

/// What can be chosen about a runtime.
#[derive(Clone, Debug)]
pub struct WasmOptions {
    /// Bytes of memory one process may have (`limits.wasm_memory`).
    pub memory_limit: u64,
    /// Told when a program has to be compiled first.
    pub observer: Option<Arc<dyn CompileObserver>>,
}

impl Default for WasmOptions {
    fn default() -> Self {
        Self {
            memory_limit: DEFAULT_MEMORY_LIMIT,
            observer: None,
        }
    }
}

/// What all machines of this OS process share: compiled code and host functions.
#[derive(Debug)]
struct Globals {
    cache: ModuleCache,
    digests: DigestCache,
}

/// What the programs of one runtime share.
pub(crate) struct Shared {
    engine: &'static SharedEngine,
    globals: &'static Globals,
    handle: Handle,
    options: WasmOptions,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn engine(&self) -> &'static SharedEngine {
        self.engine
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn memory_limit(&self) -> u64 {
        self.options.memory_limit
    }
}

/// Runs WebAssembly modules as processes.
#[derive(Debug)]
pub struct WasmRuntime {
    shared: Arc<Shared>,
}

impl WasmRuntime {
    /// A runtime with the default options.
    ///
    /// # Errors
    /// As [`with_options`](Self::with_options).
    pub fn new(handle: Handle) -> Result<Self, EngineError> {
        Self::with_options(handle, WasmOptions::default())
    }

    /// A runtime whose processes are tasks of `handle`'s tokio runtime.
    ///
    /// # Errors
    /// The engine could not be made on this host.
    pub fn with_options(handle: Handle, options: WasmOptions) -> Result<Self, EngineError> {
        let engine = SharedEngine::of_process()?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                globals: globals(engine)?,
                handle,
                options,
            }),
        })
    }
}

fn globals(engine: &'static SharedEngine) -> Result<&'static Globals, EngineError> {
    static GLOBALS: OnceLock<Result<Globals, EngineError>> = OnceLock::new();
    GLOBALS
        .get_or_init(|| {
            let linkers =
                make_linkers(engine).map_err(|error| EngineError::Linker(format!("{error:#}")))?;
            let cache = ModuleCache::new(engine.engine().clone(), linkers, module_directory());
            Ok(Globals {
                cache,
                digests: DigestCache::default(),
            })
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// All host functions of all worlds.
fn make_linkers(engine: &SharedEngine) -> wasmtime::Result<Linkers> {
    let mut modules = Linker::new(engine.engine());
    crate::linux::define(&mut modules)?;
    crate::wasi_p1::define(&mut modules)?;
    let mut components = wasmtime::component::Linker::new(engine.engine());
    crate::component::define(&mut components)?;
    Ok(Linkers {
        modules,
        components,
    })
}

impl WasmRuntime {
    /// The digest of a program file, and its bytes where they had to be read for it.
    fn digest_of(&self, image: &Image) -> SysResult<(Digest, Option<Arc<[u8]>>)> {
        if let Some(digest) = image.digest {
            return Ok((digest, None));
        }
        let digests = &self.shared.globals.digests;
        let before = FileState::from(&image.file.stat()?);
        if let Some(digest) = digests.get(&before) {
            return Ok((digest, None));
        }
        let bytes = read_all(&image.file, &image.path)?;
        let digest = Sha256::digest(&bytes).into();
        if FileState::from(&image.file.stat()?) == before {
            digests.put(before, digest, image.kernel.clock().realtime());
        }
        Ok((digest, Some(bytes)))
    }
}

impl Runtime for WasmRuntime {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn recognises(&self, header: &[u8]) -> bool {
        header.starts_with(b"\0asm")
    }

    fn load<'a>(&'a self, image: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>> {
        Box::pin(async move {
            let (digest, bytes) = self.digest_of(&image)?;
            let name = String::from_utf8_lossy(&image.path).into_owned();
            let source = || {
                let bytes = match bytes {
                    Some(bytes) => bytes,
                    None => {
                        read_all(&image.file, &image.path).map_err(|error| error.to_string())?
                    }
                };
                // What is compiled is kept under this digest for everybody: it must be the bytes' own.
                if Digest::from(Sha256::digest(&bytes)) != digest {
                    return Err("the file changed while it was loaded".to_owned());
                }
                inspect(&bytes, is_known_import)?;
                Ok(bytes)
            };
            let cache = &self.shared.globals.cache;
            let compiled = cache
                .get(
                    digest,
                    &name,
                    &self.shared.handle,
                    self.shared.options.observer.as_ref(),
                    source,
                )
                .await;
            let ready = compiled.map_err(|reason| refuse(&image.path, &reason))?;
            let shared = Arc::clone(&self.shared);
            let program: Box<dyn Program> = match ready {
                Executable::Module(image) => Box::new(WasmProgram { shared, image }),
                Executable::Component(image) => Box::new(ComponentProgram { shared, image }),
            };
            Ok(program)
        })
    }
}

fn is_known_import(module: &str, name: &str) -> bool {
    crate::linux::has_import(module, name) || crate::wasi_p1::has_import(module, name)
}

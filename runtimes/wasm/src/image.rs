//! A module that is ready to be instantiated: checked, compiled, linked; and what it says about itself.
//!
//! [`inspect`] reads the imports of untrusted bytes before anything is compiled, so that a module for another world is
//! refused at once and by name. [`ProgramImage`] keeps, per module, the resolved imports and the places of exports.

use cenote_abi::Errno;
use cenote_base::{SysError, SysResult};
use wasmparser::{Parser, Payload, TypeRef};
use wasmtime::{InstancePre, Linker, Module, ModuleExport};

use crate::process::Process;

/// The largest module that is looked at. Python with its modules has 23 MB.
pub(crate) const MAX_MODULE: u64 = 128 << 20;

/// The world a module was built for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum World {
    /// Linux's calls: imports from `wali` or `cenote`.
    Linux,
    /// WASI preview 1, and modules that import nothing.
    Wasi,
}

/// A compiled module with its imports resolved.
pub(crate) struct ProgramImage {
    pub(crate) pre: InstancePre<Process>,
    pub(crate) world: World,
    pub(crate) exports: ExportPlaces,
    /// `__heap_base`'s value is the instance's; this says where to read it.
    pub(crate) heap_base: Option<ModuleExport>,
}

impl std::fmt::Debug for ProgramImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgramImage")
            .field("world", &self.world)
            .finish_non_exhaustive()
    }
}

/// Where a module's exports are, so that an instance need not look them up by name.
pub(crate) struct ExportPlaces {
    pub(crate) start: Option<ModuleExport>,
    pub(crate) memory: Option<ModuleExport>,
    pub(crate) stack_pointer: Option<ModuleExport>,
    pub(crate) signal_trampoline: Option<ModuleExport>,
    pub(crate) function_table: Option<ModuleExport>,
    pub(crate) asyncify_state: Option<ModuleExport>,
    pub(crate) asyncify_data: Option<ModuleExport>,
    pub(crate) asyncify_functions: Option<[ModuleExport; 4]>,
}

impl ProgramImage {
    /// Links a compiled module.
    ///
    /// # Errors
    /// The text of what does not fit.
    pub(crate) fn new(linker: &Linker<Process>, module: &Module) -> Result<Self, String> {
        let pre = linker
            .instantiate_pre(module)
            .map_err(|error| format!("{error:#}"))?;
        let is_linux = module
            .imports()
            .any(|import| matches!(import.module(), "wali" | "cenote"));
        let place = |name: &str| module.get_export_index(name);
        let functions = [
            place("asyncify_start_unwind"),
            place("asyncify_stop_unwind"),
            place("asyncify_start_rewind"),
            place("asyncify_stop_rewind"),
        ];
        let asyncify_functions = match functions {
            [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
            _ => None,
        };
        Ok(Self {
            pre,
            world: if is_linux { World::Linux } else { World::Wasi },
            heap_base: place("__heap_base"),
            exports: ExportPlaces {
                start: place("_start"),
                memory: place("memory"),
                stack_pointer: place("__stack_pointer"),
                signal_trampoline: place("__cenote_signal"),
                function_table: place("__indirect_function_table"),
                asyncify_state: place("__asyncify_state"),
                asyncify_data: place("__asyncify_data"),
                asyncify_functions,
            },
        })
    }
}

/// Reads what a module imports and exports, without compiling anything. What a component needs is known when it is linked.
///
/// # Errors
/// The reason why it cannot be a program here.
pub(crate) fn inspect(bytes: &[u8], is_known: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    if Parser::is_component(bytes) {
        return Ok(());
    }
    let mut has_start = false;
    let mut sections = Parser::new(0).parse_all(bytes);
    for payload in &mut sections {
        match payload.map_err(|error| format!("not a valid module: {error}"))? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| format!("not a valid module: {error}"))?;
                    if !matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        return Err(format!(
                            "imports {}.{}, which is not a function",
                            import.module, import.name
                        ));
                    }
                    if !is_known(import.module, import.name) {
                        return Err(format!(
                            "imports {}.{}, which this system does not have",
                            import.module, import.name
                        ));
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(|error| format!("not a valid module: {error}"))?;
                    has_start |=
                        export.name == "_start" && export.kind == wasmparser::ExternalKind::Func;
                }
            }
            _ => {}
        }
    }
    if has_start {
        Ok(())
    } else {
        Err("exports no function _start".to_owned())
    }
}

/// An error of the loader: the reason goes to the trace, the guest sees `ENOEXEC`.
pub(crate) fn refuse(path: &[u8], reason: &str) -> SysError {
    tracing::info!(target: "cenote::exec", path = %path.escape_ascii(), reason, "not executable");
    SysError::with_note(
        Errno::ENOEXEC,
        "the module is not valid here; the trace (cenote::exec) has the reason",
    )
}

/// The bytes of a program file, whole.
///
/// # Errors
/// `ENOEXEC`: larger than any program. What reading answers.
pub(crate) fn read_all(
    file: &cenote_vfs::OpenFile,
    path: &[u8],
) -> SysResult<std::sync::Arc<[u8]>> {
    if let Some(bytes) = file
        .location()
        .and_then(|location| location.inode().shared_bytes())
    {
        return Ok(bytes);
    }
    let size = file.stat()?.size;
    if size > MAX_MODULE {
        return Err(refuse(path, "larger than 128 MiB"));
    }
    let size = usize::try_from(size).map_err(|_| Errno::ENOEXEC)?;
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        let at = u64::try_from(done).unwrap_or(u64::MAX);
        match file.pread(&mut bytes[done..], at)? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes.into())
}

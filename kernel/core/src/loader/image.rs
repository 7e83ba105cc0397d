//! Opening what is to be executed and finding the runtime for it: [`load`].

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType, Mode, OpenFlags};
use cenote_base::path::{file_name, join};
use cenote_base::policy::Request;
use cenote_base::{Credentials, Gid, Pid, SysError, SysResult, Uid};
use cenote_vfs::lookup::{LookupFlags, resolve, resolve_parent};
use cenote_vfs::{Location, MountFlags, OpenFile, permission};

use super::{Program, shebang};
use crate::kernel::Kernel;
use crate::process::info::shorten_comm;
use crate::process::{ProgramInfo, Task};

/// How much of a file decides what it is: Linux's `BINPRM_BUF_SIZE`.
pub(super) const HEADER_LEN: usize = 256;
/// How many `#!` lines may lead from one to the next, as on Linux.
const MAX_INTERPRETERS: usize = 5;
/// The longest single argument or variable, with its zero: `MAX_ARG_STRLEN`.
const MAX_STRING: usize = 128 << 10;
/// All arguments and variables together: a quarter of the 8 MiB stack.
const MAX_STRINGS: usize = 2 << 20;

/// A program file on its way to a runtime.
#[derive(Clone, Debug)]
pub struct Image {
    /// The machine.
    pub kernel: Arc<Kernel>,
    /// The file, open for reading.
    pub file: Arc<OpenFile>,
    /// Its path in the machine.
    pub path: Vec<u8>,
    /// The arguments, after `#!` lines were followed.
    pub argv: Arc<Vec<Vec<u8>>>,
    /// The environment.
    pub envp: Arc<Vec<Vec<u8>>>,
    /// The SHA-256 of the file, where the filesystem knows it and it cannot change.
    pub digest: Option<[u8; 32]>,
    /// The process that is to run it.
    pub pid: Pid,
}

/// A program that could be loaded, and what the process becomes with it.
pub(crate) struct Loaded {
    pub(crate) program: Box<dyn Program>,
    pub(crate) info: ProgramInfo,
    /// Those after set-user-id and set-group-id bits.
    pub(crate) credentials: Credentials,
}

/// Who wants a program to run. The policy and the bounds of arguments are for guests: what the embedder starts is what it
/// permits, and it may hand a program's whole source over as an argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A program of the machine, by exec or spawn.
    Guest,
    /// The embedder.
    Embedder,
}

/// Loads a program for `task`, which is not changed.
///
/// # Errors
/// `E2BIG`: arguments and environment are too long. `EACCES`: not a regular file, not executable, on a `noexec` mount,
/// or refused by the policy. `ENOEXEC`: no runtime knows the format. `ELOOP`: too many interpreters. `ENOENT`, `ENOTDIR`….
pub(crate) async fn load(
    task: &Task,
    origin: Origin,
    at: Option<&Location>,
    path: &[u8],
    argv: Vec<Vec<u8>>,
    envp: Vec<Vec<u8>>,
) -> SysResult<Loaded> {
    let is_guest = origin == Origin::Guest;
    if is_guest {
        check_size(&argv, &envp)?;
    }
    let comm = shorten_comm(file_name(path).unwrap_or(path));
    let envp = Arc::new(envp);
    let mut argv = argv;
    let mut path = path.to_vec();
    let mut start = at.cloned();
    for _ in 0..MAX_INTERPRETERS {
        let found = find(task, start.as_ref(), &path)?;
        if is_guest {
            permit(task, &found, &argv, &envp)?;
        }
        let mut header = [0; HEADER_LEN];
        let header = read_header(&found.file, &mut header)?;
        if let Some(line) = shebang::parse(header)? {
            let script = std::mem::replace(&mut path, line.interpreter.to_vec());
            let own: Vec<Vec<u8>> = std::iter::once(path.clone())
                .chain(line.argument.map(<[u8]>::to_vec))
                .chain(std::iter::once(script))
                .collect();
            argv = own.into_iter().chain(argv.into_iter().skip(1)).collect();
            if is_guest {
                check_size(&argv, &envp)?;
            }
            start = None;
            continue;
        }
        // The bits of a script do not count, only those of what interprets it.
        let credentials = found.credentials;
        let runtime = task
            .kernel()
            .runtime_for(header)
            .ok_or_else(|| unknown_format(header))?;
        let argv = Arc::new(argv);
        let image = Image {
            kernel: Arc::clone(task.kernel()),
            digest: found.location.inode().content_digest(),
            file: found.file,
            path: found.path.clone(),
            argv: Arc::clone(&argv),
            envp: Arc::clone(&envp),
            pid: task.pid(),
        };
        let program = runtime.load(image).await?;
        let info = ProgramInfo {
            argv,
            envp,
            exe_path: found.path.into(),
            comm,
        };
        return Ok(Loaded {
            program,
            info,
            credentials,
        });
    }
    Err(SysError::with_note(Errno::ELOOP, "too many interpreters"))
}

fn unknown_format(header: &[u8]) -> SysError {
    let note = match header {
        [0x7f, b'E', b'L', b'F', ..] => {
            "an ELF program for the host; only WebAssembly and JavaScript run here"
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            "a Mach-O program for the host; only WebAssembly and JavaScript run here"
        }
        [b'M', b'Z', ..] => "a Windows program; only WebAssembly and JavaScript run here",
        _ => "no runtime knows this format",
    };
    tracing::debug!(target: "cenote::exec", note, "not executable");
    SysError::with_note(Errno::ENOEXEC, note)
}

pub(super) fn check_size(argv: &[Vec<u8>], envp: &[Vec<u8>]) -> SysResult {
    let mut total = 0_usize;
    for string in argv.iter().chain(envp) {
        if string.len() >= MAX_STRING {
            return Err(SysError::with_note(
                Errno::E2BIG,
                "one argument or variable is too long",
            ));
        }
        // The string, its zero, and the pointer to it.
        total = total.saturating_add(string.len() + 1 + 8);
    }
    if total > MAX_STRINGS {
        return Err(SysError::with_note(
            Errno::E2BIG,
            "arguments and environment are too long",
        ));
    }
    Ok(())
}

/// Asks the policy about a program that was found.
fn permit(task: &Task, found: &Found, argv: &[Vec<u8>], envp: &[Vec<u8>]) -> SysResult {
    task.kernel().permit(&Request::Execute {
        path: &found.place,
        found_as: &found.found_as,
        argv,
        envp,
        cwd: &task.place(),
    })
}

struct Found {
    location: Location,
    /// Its path from the machine's root, whatever root the process has.
    place: Vec<u8>,
    /// The same of the name that was looked up, which may be a link to it.
    found_as: Vec<u8>,
    file: Arc<OpenFile>,
    path: Vec<u8>,
    credentials: Credentials,
}

fn find(task: &Task, at: Option<&Location>, path: &[u8]) -> SysResult<Found> {
    let flags = if at.is_some() {
        LookupFlags::FOLLOW | LookupFlags::EMPTY_PATH
    } else {
        LookupFlags::FOLLOW
    };
    let root = task.kernel().namespace().root();
    let (location, shown, found_as) = task.with_lookup(|cx| {
        let location = resolve(cx, at, path, flags)?;
        let shown = location.path_from(cx.root);
        let found_as = match path {
            b"" => None,
            path => {
                let parent = resolve_parent(cx, at, path)?;
                let name = parent.name(Errno::EACCES)?;
                Some(join(&parent.directory.path_from(&root), name))
            }
        };
        Ok::<_, SysError>((location, shown, found_as))
    })?;
    let place = location.path_from(&root);
    if location.inode().file_type() != FileType::Regular {
        return Err(Errno::EACCES.into());
    }
    let mount_flags = location.mount().flags();
    if mount_flags.contains(MountFlags::NOEXEC) {
        return Err(SysError::with_note(Errno::EACCES, "mounted noexec"));
    }
    let stat = location.inode().stat()?;
    let mut credentials = (*task.process().credentials()).clone();
    permission::check(&stat, &credentials, AccessFlags::X_OK)?;
    let bits_count = !mount_flags.contains(MountFlags::NOSUID)
        && !task
            .process()
            .no_new_privs()
            .load(std::sync::atomic::Ordering::Relaxed);
    if bits_count && stat.permissions().contains(Mode::S_ISUID) {
        credentials.euid = Uid::new(stat.uid);
        credentials.fsuid = credentials.euid;
    }
    if bits_count && stat.permissions().contains(Mode::S_ISGID | Mode::S_IXGRP) {
        credentials.egid = Gid::new(stat.gid);
        credentials.fsgid = credentials.egid;
    }
    credentials.suid = credentials.euid;
    credentials.sgid = credentials.egid;
    let file = OpenFile::of_inode(location.clone(), OpenFlags::O_RDONLY);
    Ok(Found {
        location,
        found_as: found_as.unwrap_or_else(|| place.clone()),
        place,
        file,
        path: shown,
        credentials,
    })
}

fn read_header<'a>(file: &OpenFile, header: &'a mut [u8; HEADER_LEN]) -> SysResult<&'a [u8]> {
    let mut len = 0;
    while len < HEADER_LEN {
        let count = file.pread(&mut header[len..], u64::try_from(len).unwrap_or(u64::MAX))?;
        if count == 0 {
            break;
        }
        len += count;
    }
    Ok(&header[..len])
}

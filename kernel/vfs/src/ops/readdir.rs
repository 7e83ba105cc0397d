//! Whole directories and whole files at once, for the embedder and for tests.

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, OpenFlags};
use cenote_base::SysResult;

use super::open;
use crate::dentry::Location;
use crate::lookup::LookupContext;

/// The most that is read at once: a guest may make a file of any size out of holes.
const MAX_WHOLE: usize = 1 << 30;
/// How much is asked for in one read.
const STEP: usize = 64 << 10;

/// An entry of a directory.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ListedEntry {
    /// The name.
    pub name: Vec<u8>,
    /// The inode's number.
    pub ino: u64,
    /// The kind of file.
    pub file_type: FileType,
}

/// Lists a directory, without `.` and `..`, in the filesystem's order.
///
/// # Errors
/// `ENOTDIR`, `EACCES`, and those of the path walk.
pub fn list(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
) -> SysResult<Vec<ListedEntry>> {
    let directory = open(cx, at, path, OpenFlags::O_DIRECTORY, Mode::empty())?;
    let mut entries = Vec::new();
    directory.read_dir(&mut |entry| {
        if !matches!(entry.name, b"." | b"..") {
            entries.push(ListedEntry {
                name: entry.name.to_vec(),
                ino: entry.ino,
                file_type: entry.file_type,
            });
        }
        true
    })?;
    Ok(entries)
}

/// Reads a whole regular file.
///
/// # Errors
/// `EINVAL`: a device or pipe, which might never end. `EFBIG`: more than a gibibyte. Those of `open` and of reading.
pub fn read_file(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8]) -> SysResult<Vec<u8>> {
    let file = open(
        cx,
        at,
        path,
        OpenFlags::O_RDONLY | OpenFlags::O_NONBLOCK,
        Mode::empty(),
    )?;
    let kind = file.stat()?.file_type();
    if !matches!(kind, Some(FileType::Regular | FileType::Directory)) {
        return Err(Errno::EINVAL.into());
    }
    let mut content = Vec::new();
    loop {
        let filled = content.len();
        if filled > MAX_WHOLE {
            return Err(Errno::EFBIG.into());
        }
        content.resize(filled + STEP, 0);
        let count = file.read(content.get_mut(filled..).unwrap_or_default())?;
        content.truncate(filled + count);
        if count == 0 {
            return Ok(content);
        }
    }
}

/// Writes a whole file, making it or replacing what is in it.
///
/// # Errors
/// Those of `open` and of writing; `EAGAIN` when a file would block.
pub fn write_file(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    content: &[u8],
    mode: Mode,
) -> SysResult {
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_NONBLOCK;
    let file = open(cx, at, path, flags, mode)?;
    let mut rest = content;
    while !rest.is_empty() {
        let count = file.write(rest)?;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}

//! The start-up snapshot in the program's own file: after everything the linker put there, with a trailer by which it is found.
//!
//! ```text
//! program … | digest and snapshot | key | length of the first | length of the key | magic
//! ```
//!
//! Lengths are 64 bits, little-endian. This crate's build script cannot make it, because it takes the bindings to bootstrap Node; so the finished
//! program does, into a copy of itself ([`write_packaged_program`]). `strip` cuts the trailer off: strip first.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::kept::{self, Code};

const MAGIC: [u8; 16] = *b"cenote snapshot\n";

/// Both lengths and the magic.
const TRAILER: usize = 8 + 8 + MAGIC.len();

/// More than a snapshot ever takes, and than a key.
const MOST_SNAPSHOT: u64 = 256 << 20;
const MOST_KEY: u64 = 1 << 10;

/// The file of the program that runs: also when it was replaced meanwhile, where the host tells.
fn own_file() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    }
}

/// Where the parts lie in a program's file.
struct Place {
    /// Where the linker's part ends.
    program: u64,
    sealed: u64,
    key: u64,
}

/// Finds the trailer; `None` when there is none, or one that cannot be.
fn find(file: &mut File) -> io::Result<Option<Place>> {
    let end = file.seek(SeekFrom::End(0))?;
    let Some(start) = end.checked_sub(TRAILER as u64) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(start))?;
    let mut trailer = [0; TRAILER];
    file.read_exact(&mut trailer)?;
    let (lengths, magic) = trailer.split_at(16);
    if magic != MAGIC {
        return Ok(None);
    }
    let number = |at: usize| {
        let bytes = lengths
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(u64::MAX, u64::from_le_bytes)
    };
    let (sealed, key) = (number(0), number(8));
    if sealed > MOST_SNAPSHOT || key > MOST_KEY {
        return Ok(None);
    }
    Ok(start.checked_sub(sealed + key).map(|program| Place {
        program,
        sealed,
        key,
    }))
}

fn read_part(file: &mut File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    // Both lengths were found to be small.
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The snapshot of this program's file, if it has one that is whole and fits.
pub(super) fn load() -> Option<(&'static [u8], Code)> {
    let load = || -> io::Result<Option<_>> {
        let mut file = File::open(own_file()?)?;
        let Some(place) = find(&mut file)? else {
            return Ok(None);
        };
        let key = read_part(&mut file, place.program + place.sealed, place.key)?;
        if key != kept::portable_key().as_bytes() {
            tracing::warn!(target: "cenote::node", "the start-up snapshot in the program is of another build");
            return Ok(None);
        }
        let loaded = kept::unseal(read_part(&mut file, place.program, place.sealed)?);
        if loaded.is_none() {
            tracing::warn!(target: "cenote::node", "the start-up snapshot in the program is damaged");
        }
        Ok(loaded)
    };
    match load() {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::debug!(target: "cenote::node", %error, "the program's own file cannot be read");
            None
        }
    }
}

/// The file of this program, if a start-up snapshot was put into it. For those who lock a process down that starts Node.
#[must_use]
pub fn packaged_program() -> Option<PathBuf> {
    let path = own_file().ok()?;
    let mut file = File::open(&path).ok()?;
    find(&mut file).ok().flatten().map(|_| path)
}

/// Writes a copy of the program that runs to `to`, with `sealed` in it in the place of what it may have had, and its access rights.
pub(super) fn write(to: &Path, sealed: &[u8]) -> io::Result<()> {
    let mut program = File::open(own_file()?)?;
    let len = find(&mut program)?.map(|place| place.program);
    let rights = program.metadata()?.permissions();
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::create_dir_all(directory.unwrap_or(Path::new(".")))?;
    let partial = to.with_extension(format!("partial-{}", std::process::id()));
    let written = (|| {
        let mut copy = File::create(&partial)?;
        program.seek(SeekFrom::Start(0))?;
        io::copy(&mut program.take(len.unwrap_or(u64::MAX)), &mut copy)?;
        let key = kept::portable_key();
        copy.write_all(sealed)?;
        copy.write_all(key.as_bytes())?;
        copy.write_all(&(sealed.len() as u64).to_le_bytes())?;
        copy.write_all(&(key.len() as u64).to_le_bytes())?;
        copy.write_all(&MAGIC)?;
        copy.set_permissions(rights)?;
        copy.sync_all()?;
        std::fs::rename(&partial, to)
    })();
    if written.is_err() {
        // What was begun is of no use; the error that matters is the first.
        let _removed: io::Result<()> = std::fs::remove_file(&partial);
    }
    written
}

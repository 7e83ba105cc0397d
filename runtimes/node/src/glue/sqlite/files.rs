//! SQLite's files are the guest's: a VFS over the kernel's calls. SQLite: <https://sqlite.org/vfs.html>, `src/os_unix.c`.
//!
//! Locks are open file description locks on the bytes SQLite's own Unix layer uses, so guests of all kinds agree on them.
//! Differs: no shared memory, so write-ahead logs work in exclusive locking mode only.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, AtFlags, Flock, LockType, Mode, OpenFlags, Whence};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At, Fcntl, FcntlResult};

use super::{calls, sys};

const MAX_PATH: c_int = 4096;
const NAME: &CStr = c"cenote";
const SECTOR: c_int = 4096;

// The bytes that are locked.
const PENDING: i64 = 0x4000_0000;
const RESERVED: i64 = PENDING + 1;
const SHARED_FIRST: i64 = PENDING + 2;
const SHARED_LEN: i64 = 510;

/// An open file.
struct KernelFile {
    task: Arc<Task>,
    fd: Fd,
    level: c_int,
    deletes: Option<Vec<u8>>,
}

/// What SQLite has of it: its own part first.
#[repr(C)]
struct Handle {
    base: sys::sqlite3_file,
    file: *mut KernelFile,
}

static METHODS: sys::sqlite3_io_methods = sys::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Registers the VFS as the only one; SQLite's code.
pub(super) fn register() -> c_int {
    let vfs = sys::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(size_of::<Handle>()).expect("a small struct"),
        mxPathname: MAX_PATH,
        pNext: std::ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: std::ptr::null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_ms),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // The library keeps it for as long as the host process lives.
    let vfs = Box::leak(Box::new(vfs));
    // SAFETY: a complete table that is never freed.
    unsafe { sys::sqlite3_vfs_register(vfs, 1) }
}

/// The path SQLite gives.
///
/// # Safety
/// A NUL-terminated text must be there, unless the pointer is null.
unsafe fn path_at(name: *const c_char) -> Option<Vec<u8>> {
    // SAFETY: by the contract of this function.
    unsafe { super::text_of(name) }
}

// Files by name

unsafe extern "C" fn open(
    _: *mut sys::sqlite3_vfs,
    name: sys::sqlite3_filename,
    handle: *mut sys::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let handle = handle.cast::<Handle>();
    // Without methods SQLite does not close what failed to open.
    let nothing = Handle {
        base: sys::sqlite3_file {
            pMethods: std::ptr::null(),
        },
        file: std::ptr::null_mut(),
    };
    // SAFETY: SQLite gives room for `szOsFile` bytes, aligned for pointers.
    unsafe { handle.write(nothing) };
    let Some(user) = calls::user() else {
        return sys::SQLITE_CANTOPEN;
    };
    // SAFETY: a file's name, or null for a temporary one.
    let path = unsafe { path_at(name) };
    let Ok((file, out)) = open_for(&user.task, path, flags) else {
        return sys::SQLITE_CANTOPEN;
    };
    let opened = Handle {
        base: sys::sqlite3_file {
            pMethods: &raw const METHODS,
        },
        file: Box::into_raw(Box::new(file)),
    };
    // SAFETY: as above.
    unsafe { handle.write(opened) };
    if !out_flags.is_null() {
        // SAFETY: checked just now.
        unsafe { *out_flags = out };
    }
    sys::SQLITE_OK
}

fn open_for(
    task: &Arc<Task>,
    path: Option<Vec<u8>>,
    flags: c_int,
) -> SysResult<(KernelFile, c_int)> {
    let is_temporary = path.is_none();
    let path = match path {
        Some(path) => path,
        None => temporary_name(task)?,
    };
    let mut wanted = OpenFlags::O_CLOEXEC;
    wanted.set(OpenFlags::O_CREAT, flags & sys::SQLITE_OPEN_CREATE != 0);
    wanted.set(
        OpenFlags::O_EXCL,
        flags & sys::SQLITE_OPEN_EXCLUSIVE != 0 || is_temporary,
    );
    let mode = Mode::from_bits_truncate(if is_temporary { 0o600 } else { 0o644 });
    let writes = flags & sys::SQLITE_OPEN_READWRITE != 0;
    let first = if writes {
        wanted | OpenFlags::O_RDWR
    } else {
        wanted
    };
    let opened = block_on(syscall::openat(task, At::Cwd, &path, first, mode));
    let (fd, out) = match opened {
        Ok(fd) => (fd, flags),
        // As on Unix: what may not be written is opened to be read.
        Err(error) if writes && is_refusal(error.errno()) => {
            let read_only = OpenFlags::O_CLOEXEC | OpenFlags::O_RDONLY;
            let fd = block_on(syscall::openat(task, At::Cwd, &path, read_only, mode))?;
            let changed = sys::SQLITE_OPEN_READWRITE | sys::SQLITE_OPEN_CREATE;
            (fd, (flags & !changed) | sys::SQLITE_OPEN_READONLY)
        }
        Err(error) => return Err(error),
    };
    if syscall::fstat(task, fd)?.file_type() == Some(cenote_abi::fs::FileType::Directory) {
        syscall::close(task, fd)?;
        return Err(Errno::EISDIR.into());
    }
    let deletes = flags & sys::SQLITE_OPEN_DELETEONCLOSE != 0 || is_temporary;
    let file = KernelFile {
        task: Arc::clone(task),
        fd,
        level: sys::SQLITE_LOCK_NONE,
        deletes: deletes.then_some(path),
    };
    Ok((file, out))
}

fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::EACCES | Errno::EPERM | Errno::EROFS)
}

fn temporary_name(task: &Task) -> SysResult<Vec<u8>> {
    let mut random = [0; 8];
    syscall::getrandom(task, &mut random, cenote_abi::random::RandomFlags::empty())?;
    Ok(format!("/tmp/etilqs_{:016x}", u64::from_ne_bytes(random)).into_bytes())
}

unsafe extern "C" fn delete(_: *mut sys::sqlite3_vfs, name: *const c_char, _sync: c_int) -> c_int {
    // SAFETY: SQLite names a file.
    let (Some(user), Some(path)) = (calls::user(), unsafe { path_at(name) }) else {
        return sys::SQLITE_IOERR_DELETE;
    };
    match syscall::unlinkat(&user.task, At::Cwd, &path, AtFlags::empty()) {
        Ok(()) => sys::SQLITE_OK,
        Err(error) if error.errno() == Errno::ENOENT => sys::SQLITE_IOERR_DELETE_NOENT,
        Err(_) => sys::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    _: *mut sys::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: SQLite names a file.
    let (Some(user), Some(path)) = (calls::user(), unsafe { path_at(name) }) else {
        return sys::SQLITE_IOERR_ACCESS;
    };
    let task = &user.task;
    let answer = if flags == sys::SQLITE_ACCESS_EXISTS {
        // An empty journal is none.
        syscall::fstatat(task, At::Cwd, &path, AtFlags::empty()).is_ok_and(|stat| stat.size > 0)
    } else {
        let wanted = AccessFlags::R_OK | AccessFlags::W_OK;
        syscall::faccessat(task, At::Cwd, &path, wanted, AtFlags::empty()).is_ok()
    };
    // SAFETY: SQLite waits for the answer there.
    unsafe { *result = c_int::from(answer) };
    sys::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut sys::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite names a file.
    let (Some(user), Some(path)) = (calls::user(), unsafe { path_at(name) }) else {
        return sys::SQLITE_CANTOPEN;
    };
    let Ok(full) = absolute(&user.task, &path) else {
        return sys::SQLITE_CANTOPEN;
    };
    if full.len() >= usize::try_from(room).unwrap_or(0) {
        return sys::SQLITE_CANTOPEN;
    }
    // SAFETY: there is room for this and one more byte, as was just checked.
    unsafe { std::ptr::copy_nonoverlapping(full.as_ptr(), out.cast::<u8>(), full.len()) };
    // SAFETY: that one more byte is in the same room.
    let end = unsafe { out.add(full.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    sys::SQLITE_OK
}

/// The path from the root, without `.`, `..` and doubled slashes.
fn absolute(task: &Task, path: &[u8]) -> SysResult<Vec<u8>> {
    let mut whole = if path.starts_with(b"/") {
        Vec::new()
    } else {
        syscall::getcwd(task)?
    };
    whole.push(b'/');
    whole.extend_from_slice(path);
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut full = Vec::with_capacity(whole.len());
    for part in parts {
        full.push(b'/');
        full.extend_from_slice(part);
    }
    Ok(full)
}

// Open files

/// The file behind a handle.
///
/// # Safety
/// `handle` must be one that `open` made and `close` has not seen.
unsafe fn file_of<'a>(handle: *mut sys::sqlite3_file) -> &'a mut KernelFile {
    // SAFETY: by the contract of this function, ours and complete.
    let file = unsafe { (*handle.cast::<Handle>()).file };
    // SAFETY: from `Box::into_raw`; SQLite uses a file from one thread at a time.
    unsafe { &mut *file }
}

unsafe extern "C" fn close(handle: *mut sys::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes what is open.
    let file = unsafe { (*handle.cast::<Handle>()).file };
    // SAFETY: from `Box::into_raw`, taken back once.
    let mut file = unsafe { Box::from_raw(file) };
    let mut code = set_level(&mut file, sys::SQLITE_LOCK_NONE);
    if syscall::close(&file.task, file.fd).is_err() {
        code = sys::SQLITE_IOERR_CLOSE;
    }
    if let Some(path) = &file.deletes {
        let _gone = syscall::unlinkat(&file.task, At::Cwd, path, AtFlags::empty());
    }
    code
}

unsafe extern "C" fn read(
    handle: *mut sys::sqlite3_file,
    buffer: *mut c_void,
    len: c_int,
    at: sys::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite reads what is open.
    let file = unsafe { file_of(handle) };
    let (Ok(len), Ok(at)) = (usize::try_from(len), u64::try_from(at)) else {
        return sys::SQLITE_IOERR_READ;
    };
    // SAFETY: SQLite gives a buffer of `len` bytes that it has written before or will not read until it is filled.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), len) };
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let position = at.saturating_add(done as u64);
        match block_on(syscall::pread(&file.task, file.fd, rest, position)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(_) => return sys::SQLITE_IOERR_READ,
        }
    }
    let rest = buffer.get_mut(done..).unwrap_or_default();
    if rest.is_empty() {
        return sys::SQLITE_OK;
    }
    rest.fill(0);
    sys::SQLITE_IOERR_SHORT_READ
}

unsafe extern "C" fn write(
    handle: *mut sys::sqlite3_file,
    data: *const c_void,
    len: c_int,
    at: sys::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite writes what is open.
    let file = unsafe { file_of(handle) };
    let (Ok(len), Ok(at)) = (usize::try_from(len), u64::try_from(at)) else {
        return sys::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite gives `len` bytes.
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    let mut done = 0;
    while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
        let position = at.saturating_add(done as u64);
        match block_on(syscall::pwrite(&file.task, file.fd, rest, position)) {
            Ok(0) => return sys::SQLITE_FULL,
            Ok(count) => done += count,
            Err(error) if matches!(error.errno(), Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG) => {
                return sys::SQLITE_FULL;
            }
            Err(_) => return sys::SQLITE_IOERR_WRITE,
        }
    }
    sys::SQLITE_OK
}

unsafe extern "C" fn truncate(handle: *mut sys::sqlite3_file, size: sys::sqlite3_int64) -> c_int {
    // SAFETY: SQLite truncates what is open.
    let file = unsafe { file_of(handle) };
    let outcome = u64::try_from(size).map(|size| syscall::ftruncate(&file.task, file.fd, size));
    if matches!(outcome, Ok(Ok(()))) {
        sys::SQLITE_OK
    } else {
        sys::SQLITE_IOERR_TRUNCATE
    }
}

unsafe extern "C" fn sync(handle: *mut sys::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite syncs what is open.
    let file = unsafe { file_of(handle) };
    match syscall::fsync(&file.task, file.fd) {
        Ok(()) => sys::SQLITE_OK,
        Err(_) => sys::SQLITE_IOERR_FSYNC,
    }
}

unsafe extern "C" fn file_size(
    handle: *mut sys::sqlite3_file,
    size: *mut sys::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite measures what is open.
    let file = unsafe { file_of(handle) };
    let Ok(stat) = syscall::fstat(&file.task, file.fd) else {
        return sys::SQLITE_IOERR_FSTAT;
    };
    // SAFETY: SQLite waits for the answer there.
    unsafe { *size = i64::try_from(stat.size).unwrap_or(i64::MAX) };
    sys::SQLITE_OK
}

// Locks

fn range(kind: LockType, start: i64, len: i64) -> Flock {
    Flock {
        kind,
        whence: Whence::Set,
        start,
        len,
        pid: 0,
    }
}

/// Takes or changes a lock; `SQLITE_BUSY` when another has it.
fn take(file: &KernelFile, kind: LockType, start: i64, len: i64) -> c_int {
    let lock = Fcntl::OfdSetLock(range(kind, start, len));
    match block_on(syscall::fcntl(&file.task, file.fd, lock)) {
        Ok(_) => sys::SQLITE_OK,
        Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::EACCES) => sys::SQLITE_BUSY,
        Err(_) => sys::SQLITE_IOERR_LOCK,
    }
}

unsafe extern "C" fn lock(handle: *mut sys::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: SQLite locks what is open.
    let file = unsafe { file_of(handle) };
    if file.level >= wanted {
        return sys::SQLITE_OK;
    }
    if file.level == sys::SQLITE_LOCK_NONE {
        // Nobody begins to read while somebody waits to write.
        let code = take(file, LockType::Read, PENDING, 1);
        if code != sys::SQLITE_OK {
            return code;
        }
        let code = take(file, LockType::Read, SHARED_FIRST, SHARED_LEN);
        let released = take(file, LockType::Unlock, PENDING, 1);
        if code != sys::SQLITE_OK || released != sys::SQLITE_OK {
            return code.max(released);
        }
        file.level = sys::SQLITE_LOCK_SHARED;
    }
    if wanted >= sys::SQLITE_LOCK_RESERVED && file.level < sys::SQLITE_LOCK_RESERVED {
        let code = take(file, LockType::Write, RESERVED, 1);
        if code != sys::SQLITE_OK {
            return code;
        }
        file.level = sys::SQLITE_LOCK_RESERVED;
    }
    if wanted == sys::SQLITE_LOCK_EXCLUSIVE {
        let code = take(file, LockType::Write, PENDING, 1);
        if code != sys::SQLITE_OK {
            return code;
        }
        file.level = sys::SQLITE_LOCK_PENDING;
        let code = take(file, LockType::Write, SHARED_FIRST, SHARED_LEN);
        if code != sys::SQLITE_OK {
            return code;
        }
        file.level = sys::SQLITE_LOCK_EXCLUSIVE;
    }
    sys::SQLITE_OK
}

/// Lowers the lock.
fn set_level(file: &mut KernelFile, level: c_int) -> c_int {
    if file.level <= level {
        return sys::SQLITE_OK;
    }
    let mut code = sys::SQLITE_OK;
    if level == sys::SQLITE_LOCK_SHARED {
        code = take(file, LockType::Read, SHARED_FIRST, SHARED_LEN);
    } else {
        code = code.max(take(file, LockType::Unlock, SHARED_FIRST, SHARED_LEN));
    }
    code = code.max(take(file, LockType::Unlock, PENDING, 2));
    file.level = level;
    if code == sys::SQLITE_OK {
        code
    } else {
        sys::SQLITE_IOERR_UNLOCK
    }
}

unsafe extern "C" fn unlock(handle: *mut sys::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite unlocks what is open.
    let file = unsafe { file_of(handle) };
    set_level(file, level)
}

unsafe extern "C" fn check_reserved_lock(
    handle: *mut sys::sqlite3_file,
    result: *mut c_int,
) -> c_int {
    // SAFETY: SQLite asks about what is open.
    let file = unsafe { file_of(handle) };
    let question = Fcntl::OfdGetLock(range(LockType::Write, RESERVED, 1));
    let held = file.level >= sys::SQLITE_LOCK_RESERVED
        || matches!(
            block_on(syscall::fcntl(&file.task, file.fd, question)),
            Ok(FcntlResult::Lock(found)) if found.kind != LockType::Unlock
        );
    // SAFETY: SQLite waits for the answer there.
    unsafe { *result = c_int::from(held) };
    sys::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut sys::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    sys::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut sys::sqlite3_file) -> c_int {
    SECTOR
}

unsafe extern "C" fn device_characteristics(_: *mut sys::sqlite3_file) -> c_int {
    0
}

// The rest of a system

unsafe extern "C" fn randomness(_: *mut sys::sqlite3_vfs, len: c_int, out: *mut c_char) -> c_int {
    let (Some(user), Ok(count)) = (calls::user(), usize::try_from(len)) else {
        return 0;
    };
    let mut bytes = vec![0; count];
    let flags = cenote_abi::random::RandomFlags::empty();
    if syscall::getrandom(&user.task, &mut bytes, flags).is_err() {
        return 0;
    }
    // SAFETY: SQLite gives room for `len` bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast::<u8>(), count) };
    len
}

unsafe extern "C" fn sleep(_: *mut sys::sqlite3_vfs, microseconds: c_int) -> c_int {
    let Some(user) = calls::user() else {
        return 0;
    };
    let clock = cenote_base::timing::steady(user.task.kernel().clock());
    let time = std::time::Duration::from_micros(u64::try_from(microseconds).unwrap_or(0));
    let wake = clock.now().after(time);
    // In short pieces: the process may have to end meanwhile.
    while clock.now() < wake && !user.task.must_end() {
        let piece = clock.now().after(std::time::Duration::from_millis(20));
        block_on(clock.timer(piece.min(wake)));
    }
    microseconds
}

/// Milliseconds since the beginning of the Julian period.
fn julian_ms() -> i64 {
    const UNIX_EPOCH: i64 = 210_866_760_000_000;
    calls::user().map_or(UNIX_EPOCH, |user| {
        let now = user.task.kernel().clock().realtime();
        UNIX_EPOCH
            .saturating_add(now.sec.saturating_mul(1000))
            .saturating_add(i64::from(now.nsec) / 1_000_000)
    })
}

unsafe extern "C" fn current_time_ms(
    _: *mut sys::sqlite3_vfs,
    out: *mut sys::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite waits for the answer there.
    unsafe { *out = julian_ms() };
    sys::SQLITE_OK
}

unsafe extern "C" fn current_time(_: *mut sys::sqlite3_vfs, out: *mut f64) -> c_int {
    #[expect(clippy::cast_precision_loss, reason = "days, as SQLite wants them")]
    let days = julian_ms() as f64 / 86_400_000.0;
    // SAFETY: SQLite waits for the answer there.
    unsafe { *out = days };
    sys::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut sys::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}

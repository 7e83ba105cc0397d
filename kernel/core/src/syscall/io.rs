//! Reading and writing: `read` to `copy_file_range`. Waiting happens here, files never do.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

use cenote_abi::fs::{FileType, IOV_MAX, OpenFlags};
use cenote_abi::limits::{RLIM_INFINITY, Resource};
use cenote_abi::signal::{SI_KERNEL, SigInfo};
use cenote_abi::{Errno, SigNum};
use cenote_base::{Fd, SysError, SysResult};
use cenote_vfs::OpenFile;

use super::{socket, traced_wait};
use crate::pipe::PipeEnd;
use crate::process::Task;
use crate::signal::send::{Target, send};
use crate::tty;

/// Up to how many bytes scattered buffers are gathered into one, so that a packet or a small pipe write stays whole.
const GATHER: usize = 64 << 10;
/// The most one call transfers, as on Linux.
const MAX_TRANSFER: usize = 0x7fff_f000;

fn would_block(error: &SysError) -> bool {
    error.errno() == Errno::EAGAIN
}

/// Tries until it succeeds, waiting on the file in between; once only when the file does not block.
pub(crate) async fn blocking<T>(
    task: &Task,
    file: &OpenFile,
    mut attempt: impl FnMut() -> SysResult<T> + Send,
) -> SysResult<T> {
    match attempt() {
        Err(error) if would_block(&error) && !file.is_nonblocking() => {}
        done => return done,
    }
    let Some(queue) = file.wait_queue() else {
        return Err(Errno::EAGAIN.into());
    };
    task.wait_for(&[queue], || match attempt() {
        Err(error) if would_block(&error) => None,
        done => Some(done),
    })
    .await
}

async fn read_file(task: &Task, file: &OpenFile, buf: &mut [u8]) -> SysResult<usize> {
    let len = buf.len().min(MAX_TRANSFER);
    let buf = &mut buf[..len];
    if let Some(done) = tty::read(task, file, buf).await {
        return done;
    }
    match socket::patience(file) {
        // socket(7): SO_RCVTIMEO counts for read(2) too.
        Some(patience) if !file.is_nonblocking() => {
            socket::blocking(task, file, false, patience, |_| file.read(buf)).await
        }
        _ => blocking(task, file, || file.read(buf)).await,
    }
}

/// How many of `len` bytes may be written from `at` on: all, unless the file is regular and `RLIMIT_FSIZE` is near.
///
/// # Errors
/// `EFBIG`, and `SIGXFSZ`: none.
pub(crate) fn within_file_size(
    task: &Task,
    file: &OpenFile,
    at: Option<u64>,
    len: u64,
) -> SysResult<u64> {
    let limit = task
        .process()
        .rlimits()
        .lock()
        .of(Resource::RLIMIT_FSIZE)
        .soft;
    if limit == RLIM_INFINITY || len == 0 {
        return Ok(len);
    }
    let stat = file.stat()?;
    if stat.file_type() != Some(FileType::Regular) {
        return Ok(len);
    }
    let is_appending = file.flags().contains(OpenFlags::O_APPEND);
    let at = if is_appending {
        stat.size
    } else {
        at.unwrap_or_else(|| file.offset())
    };
    match limit.checked_sub(at) {
        Some(room) if room > 0 => Ok(len.min(room)),
        _ => {
            file_too_large(task);
            Err(Errno::EFBIG.into())
        }
    }
}

/// Sends `SIGXFSZ` to the caller.
pub(crate) fn file_too_large(task: &Task) {
    let info = SigInfo {
        pid: task.pid().raw(),
        ..SigInfo::new(SigNum::SIGXFSZ, SI_KERNEL)
    };
    // Only queues of real-time signals can be full.
    send(task.process(), info, Target::Thread(task.tid())).ok();
}

/// As [`within_file_size`], for a size that is set of a file of this type.
///
/// # Errors
/// `EFBIG`, and `SIGXFSZ`: over the limit.
pub(crate) fn check_new_size(task: &Task, file_type: Option<FileType>, size: u64) -> SysResult {
    let limit = task
        .process()
        .rlimits()
        .lock()
        .of(Resource::RLIMIT_FSIZE)
        .soft;
    if file_type == Some(FileType::Regular) && size > limit {
        file_too_large(task);
        return Err(Errno::EFBIG.into());
    }
    Ok(())
}

/// Writes everything, unless the file does not block or something comes between.
async fn write_file(task: &Task, file: &OpenFile, buf: &[u8]) -> SysResult<usize> {
    tty::await_foreground_to_write(task, file).await?;
    let buf = &buf[..buf.len().min(MAX_TRANSFER)];
    let room = within_file_size(task, file, None, widen(buf.len()))?;
    let buf = &buf[..usize::try_from(room).unwrap_or(usize::MAX).min(buf.len())];
    let mut written = 0;
    loop {
        let rest = buf.get(written..).unwrap_or_default();
        match blocking(task, file, || file.write(rest)).await {
            Ok(count) => {
                written += count;
                let is_stream = file.wait_queue().is_some();
                if written >= buf.len() || count == 0 || !is_stream || file.is_nonblocking() {
                    return Ok(written);
                }
            }
            Err(_) if written > 0 => return Ok(written),
            Err(error) => {
                if error.errno() == Errno::EPIPE {
                    broken_pipe(task);
                }
                return Err(error);
            }
        }
    }
}

/// Sends `SIGPIPE` to the caller, as writing to a pipe without readers does.
pub(crate) fn broken_pipe(task: &Task) {
    let info = SigInfo {
        pid: task.pid().raw(),
        ..SigInfo::new(SigNum::SIGPIPE, SI_KERNEL)
    };
    // Only queues of real-time signals can be full.
    send(task.process(), info, Target::Thread(task.tid())).ok();
}

/// Reads bytes. See read(2).
///
/// # Errors
/// `EBADF`: not open for reading. `EAGAIN`: nothing yet, and the file does not block. `EINTR`. `EISDIR`. `EINVAL`.
/// `EIO`: a terminal, from the background of an orphaned group.
pub async fn read(task: &Task, fd: Fd, buf: &mut [u8]) -> SysResult<usize> {
    traced_wait(task, "read", async {
        let file = task.files().get(fd)?;
        read_file(task, &file, buf).await
    })
    .await
}

/// Writes bytes. See write(2).
///
/// # Errors
/// `EBADF`: not open for writing. `EPIPE`: nobody will read (and `SIGPIPE`). `EAGAIN`, `EINTR`, `ENOSPC`, `EFBIG`.
pub async fn write(task: &Task, fd: Fd, buf: &[u8]) -> SysResult<usize> {
    traced_wait(task, "write", async {
        let file = task.files().get(fd)?;
        write_file(task, &file, buf).await
    })
    .await
}

fn check_count(count: usize) -> SysResult {
    if count > IOV_MAX {
        Err(Errno::EINVAL.into())
    } else {
        Ok(())
    }
}

fn scatter(bytes: &[u8], bufs: &mut [IoSliceMut<'_>]) {
    let mut rest = bytes;
    for buf in bufs {
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
    }
}

fn gather(bufs: &[IoSlice<'_>], total: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(total);
    for buf in bufs {
        bytes.extend_from_slice(buf);
    }
    bytes
}

fn total(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(0, usize::saturating_add)
}

/// Reads into several buffers. See readv(2).
///
/// # Errors
/// As [`read`]; `EINVAL`: too many buffers.
pub async fn readv(task: &Task, fd: Fd, bufs: &mut [IoSliceMut<'_>]) -> SysResult<usize> {
    traced_wait(task, "readv", async {
        check_count(bufs.len())?;
        let file = task.files().get(fd)?;
        let wanted = total(bufs.iter().map(|buf| buf.len()));
        if bufs.iter().filter(|buf| !buf.is_empty()).count() <= 1 {
            return match bufs.iter_mut().find(|buf| !buf.is_empty()) {
                Some(buf) => read_file(task, &file, buf).await,
                None => read_file(task, &file, &mut []).await,
            };
        }
        let mut bytes = vec![0; wanted.min(GATHER)];
        let count = read_file(task, &file, &mut bytes).await?;
        scatter(bytes.get(..count).unwrap_or_default(), bufs);
        Ok(count)
    })
    .await
}

/// Writes several buffers. See writev(2).
///
/// # Errors
/// As [`write()`]; `EINVAL`: too many buffers.
pub async fn writev(task: &Task, fd: Fd, bufs: &[IoSlice<'_>]) -> SysResult<usize> {
    traced_wait(task, "writev", async {
        check_count(bufs.len())?;
        let file = task.files().get(fd)?;
        let wanted = total(bufs.iter().map(|buf| buf.len()));
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        if let (first, None) = (filled.next(), filled.next()) {
            return write_file(task, &file, first.map_or(&[][..], |buf| buf)).await;
        }
        if wanted <= GATHER {
            return write_file(task, &file, &gather(bufs, wanted)).await;
        }
        let mut written = 0;
        for buf in bufs {
            match write_file(task, &file, buf).await {
                Ok(count) => {
                    written += count;
                    if count < buf.len() {
                        break;
                    }
                }
                Err(_) if written > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    })
    .await
}

/// Reads at a position. See pread(2).
///
/// # Errors
/// As [`read`]; `ESPIPE`: has no positions. `EINVAL`: past the largest offset.
pub async fn pread(task: &Task, fd: Fd, buf: &mut [u8], at: u64) -> SysResult<usize> {
    traced_wait(task, "pread64", async {
        let file = task.files().get(fd)?;
        blocking(task, &file, || file.pread(buf, at)).await
    })
    .await
}

/// Writes at a position. See pwrite(2).
///
/// # Errors
/// As [`write()`]; `ESPIPE`: has no positions. `EINVAL`: past the largest offset.
pub async fn pwrite(task: &Task, fd: Fd, buf: &[u8], at: u64) -> SysResult<usize> {
    traced_wait(task, "pwrite64", async {
        let file = task.files().get(fd)?;
        let room = within_file_size(task, &file, Some(at), widen(buf.len()))?;
        let buf = &buf[..usize::try_from(room).unwrap_or(usize::MAX).min(buf.len())];
        blocking(task, &file, || file.pwrite(buf, at)).await
    })
    .await
}

/// Reads at a position into several buffers. See preadv(2).
///
/// # Errors
/// As [`pread`]; `EINVAL`: too many buffers.
pub async fn preadv(task: &Task, fd: Fd, bufs: &mut [IoSliceMut<'_>], at: u64) -> SysResult<usize> {
    traced_wait(task, "preadv", async {
        check_count(bufs.len())?;
        let file = task.files().get(fd)?;
        let mut count = 0_usize;
        for buf in bufs.iter_mut() {
            let position = at.checked_add(widen(count)).ok_or(Errno::EINVAL)?;
            let got = blocking(task, &file, || file.pread(buf, position)).await?;
            count += got;
            if got < buf.len() {
                break;
            }
        }
        Ok(count)
    })
    .await
}

/// Writes several buffers at a position. See pwritev(2).
///
/// # Errors
/// As [`pwrite`]; `EINVAL`: too many buffers.
pub async fn pwritev(task: &Task, fd: Fd, bufs: &[IoSlice<'_>], at: u64) -> SysResult<usize> {
    traced_wait(task, "pwritev", async {
        check_count(bufs.len())?;
        let file = task.files().get(fd)?;
        let mut count = 0_usize;
        for buf in bufs {
            let position = at.checked_add(widen(count)).ok_or(Errno::EINVAL)?;
            match blocking(task, &file, || file.pwrite(buf, position)).await {
                Ok(put) => {
                    count += put;
                    if put < buf.len() {
                        break;
                    }
                }
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    })
    .await
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Copies bytes between open files; with `offset` from that position, answering the position after. See sendfile(2).
///
/// # Errors
/// `EBADF`: not open for reading or writing. `EINVAL`: `input` cannot be read at positions. `EAGAIN`, `EPIPE`, `ENOSPC`….
pub async fn sendfile(
    task: &Task,
    output: Fd,
    input: Fd,
    offset: Option<u64>,
    count: usize,
) -> SysResult<(usize, Option<u64>)> {
    traced_wait(task, "sendfile", async {
        let (to, from) = (task.files().get(output)?, task.files().get(input)?);
        // What was read has to be given back when it cannot be written: Linux, splice_direct_to_actor.
        if from.stat()?.file_type() != Some(FileType::Regular) {
            return Err(Errno::EINVAL.into());
        }
        let mut buf = vec![0; count.min(GATHER)];
        let mut position = offset;
        let mut copied = 0;
        while copied < count {
            let room = (count - copied).min(buf.len());
            let chunk = &mut buf[..room];
            let got = match position {
                Some(at) => from.pread(chunk, at),
                None => blocking(task, &from, || from.read(chunk)).await,
            };
            let got = match got {
                Ok(0) => break,
                Ok(got) => got,
                Err(_) if copied > 0 => break,
                Err(error) => return Err(error),
            };
            let outcome = write_file(task, &to, &buf[..got]).await;
            let put = *outcome.as_ref().unwrap_or(&0);
            position = position.map(|at| at.saturating_add(widen(put)));
            if position.is_none() && put < got {
                give_back(&from, got - put);
            }
            copied += put;
            match outcome {
                Err(error) if copied == 0 => return Err(error),
                Ok(put) if put == got => {}
                _ => break,
            }
        }
        Ok((copied, position))
    })
    .await
}

/// Moves bytes between a pipe and another file, or two pipes: at most one pipe full. Answers how many, and the given positions
/// after. See splice(2).
///
/// # Errors
/// `EINVAL`: neither is a pipe, or the target appends. `ESPIPE`: a position for a pipe. `EBADF`: not open so. `EAGAIN`, `EPIPE`,
/// `EINTR`….
pub async fn splice(
    task: &Task,
    (input, input_offset): (Fd, Option<u64>),
    (output, output_offset): (Fd, Option<u64>),
    count: usize,
) -> SysResult<(usize, Option<u64>, Option<u64>)> {
    traced_wait(task, "splice", async {
        let (from, to) = (task.files().get(input)?, task.files().get(output)?);
        let is_pipe = |file: &OpenFile| file.downcast::<PipeEnd>().is_some();
        if (is_pipe(&from) && input_offset.is_some()) || (is_pipe(&to) && output_offset.is_some()) {
            return Err(Errno::ESPIPE.into());
        }
        if !(is_pipe(&from) || is_pipe(&to)) || to.flags().contains(OpenFlags::O_APPEND) {
            return Err(Errno::EINVAL.into());
        }
        let mut buf = vec![0; count.min(GATHER)];
        let got = match input_offset {
            Some(at) => blocking(task, &from, || from.pread(&mut buf, at)).await?,
            None => read_file(task, &from, &mut buf).await?,
        };
        let bytes = buf.get(..got).unwrap_or_default();
        let put = match output_offset {
            Some(at) => blocking(task, &to, || to.pwrite(bytes, at)).await?,
            None => write_file(task, &to, bytes).await?,
        };
        if input_offset.is_none() && put < got {
            give_back(&from, got - put);
        }
        let after = |at: u64| at.saturating_add(widen(put));
        Ok((put, input_offset.map(after), output_offset.map(after)))
    })
    .await
}

/// Copies what waits in a pipe into another and leaves it there. See tee(2).
///
/// # Errors
/// `EINVAL`: not two different pipes. `EBADF`: not open so. `EAGAIN`, `EPIPE`, `EINTR`.
pub async fn tee(task: &Task, input: Fd, output: Fd, count: usize) -> SysResult<usize> {
    traced_wait(task, "tee", async {
        let (from, to) = (task.files().get(input)?, task.files().get(output)?);
        let (Some(source), Some(_)) = (from.downcast::<PipeEnd>(), to.downcast::<PipeEnd>()) else {
            return Err(Errno::EINVAL.into());
        };
        if from.stat()?.ino == to.stat()?.ino {
            return Err(Errno::EINVAL.into());
        }
        let mut buf = vec![0; count.min(GATHER)];
        let got = blocking(task, &from, || source.peek(&mut buf)).await?;
        write_file(task, &to, buf.get(..got).unwrap_or_default()).await
    })
    .await
}

/// Moves the offset back over bytes that were read and not passed on.
fn give_back(file: &Arc<OpenFile>, count: usize) {
    if let Ok(back) = i64::try_from(count) {
        // What has no positions cannot take bytes back: they are lost, as on Linux after an error.
        file.seek(-back, cenote_abi::fs::Whence::Cur).ok();
    }
}

/// Copies a range of one regular file to another. Answers how much, and the positions after. See `copy_file_range(2)`.
///
/// # Errors
/// `EINVAL`: not regular files, or the ranges overlap. `EBADF`: not open so, or for appending. `ENOSPC`, `EFBIG`.
pub async fn copy_file_range(
    task: &Task,
    input: Fd,
    input_offset: Option<u64>,
    output: Fd,
    output_offset: Option<u64>,
    count: usize,
) -> SysResult<(usize, u64, u64)> {
    traced_wait(task, "copy_file_range", async {
        use cenote_abi::fs::Whence;
        let (from, to) = (task.files().get(input)?, task.files().get(output)?);
        for file in [&from, &to] {
            match file.stat()?.file_type() {
                Some(FileType::Regular) => {}
                Some(FileType::Directory) => return Err(Errno::EISDIR.into()),
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        if to.flags().contains(OpenFlags::O_APPEND) {
            return Err(Errno::EBADF.into());
        }
        let (source, target) = (
            input_offset.unwrap_or(from.offset()),
            output_offset.unwrap_or(to.offset()),
        );
        let (one, other) = (from.stat()?, to.stat()?);
        let span = widen(count);
        if (one.dev, one.ino) == (other.dev, other.ino)
            && source < target.saturating_add(span)
            && target < source.saturating_add(span)
        {
            return Err(Errno::EINVAL.into());
        }
        let mut buf = vec![0; count.min(GATHER)];
        let mut copied = 0;
        while copied < count {
            let room = (count - copied).min(buf.len());
            let got = from.pread(&mut buf[..room], source.saturating_add(widen(copied)))?;
            if got == 0 {
                break;
            }
            match to.pwrite(&buf[..got], target.saturating_add(widen(copied))) {
                Ok(put) => copied += put,
                Err(_) if copied > 0 => break,
                Err(error) => return Err(error),
            }
        }
        let (source, target) = (
            source.saturating_add(widen(copied)),
            target.saturating_add(widen(copied)),
        );
        if input_offset.is_none() {
            from.seek(i64::try_from(source).unwrap_or(i64::MAX), Whence::Set)?;
        }
        if output_offset.is_none() {
            to.seek(i64::try_from(target).unwrap_or(i64::MAX), Whence::Set)?;
        }
        Ok((copied, source, target))
    })
    .await
}

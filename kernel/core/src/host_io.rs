//! The embedder's side of pipes and other files: reading and writing with no task, no signals, no process.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::{SysResult, Waiter};
use cenote_vfs::OpenFile;

use crate::tty::PtyMaster;

/// Reads what is there, waiting until there is something; 0 at the end.
///
/// # Errors
/// Those of the file but `EAGAIN`.
pub async fn read(file: &OpenFile, buf: &mut [u8]) -> SysResult<usize> {
    match retry(file, || file.read(buf)).await {
        // A terminal nobody has open any more: for the embedder, the end.
        Err(error) if error.errno() == Errno::EIO && file.downcast::<PtyMaster>().is_some() => {
            Ok(0)
        }
        done => done,
    }
}

/// Writes all of `bytes`, waiting for room as often as needed.
///
/// # Errors
/// `EPIPE`: the readers are gone. Others of the file but `EAGAIN`.
pub async fn write_all(file: &OpenFile, bytes: &[u8]) -> SysResult {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = retry(file, || file.write(rest)).await?;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}

async fn retry(file: &OpenFile, mut attempt: impl FnMut() -> SysResult<usize>) -> SysResult<usize> {
    match attempt() {
        Err(error) if error.errno() == Errno::EAGAIN => {}
        done => return done,
    }
    let Some(queue) = file.wait_queue() else {
        return Err(Errno::EAGAIN.into());
    };
    let waiter: Arc<Waiter> = Waiter::new();
    let _registration = queue.register(waiter.clone());
    loop {
        match attempt() {
            Err(error) if error.errno() == Errno::EAGAIN => waiter.woken().await,
            done => return done,
        }
    }
}

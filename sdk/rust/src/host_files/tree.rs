//! A [`HostFileSystem`] as the kernel's [`RemoteTree`]: waiting for its answers.
//!
//! The kernel's calls to filesystems are synchronous, so the guest's thread waits here: for the answer, the deadline, or the guest's end.
//! Other guests of the thread are moved to another one meanwhile.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Timespec};
use cenote_base::wait::{block_on, current};
use cenote_base::{SysError, SysResult, Waiter};
use cenote_vfs::fs::{RemoteFs, RemoteStat, RemoteTree};
use cenote_vfs::{AttributeChanges, FileSystem, SetTime};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::filesystem::{FileAnswer, FileChanges, HostFileSystem, HostStat};
use crate::{FileKind, host};

/// How long a guest waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A filesystem of the embedder and where the machine sees it.
#[derive(Clone)]
pub(crate) struct HostFilesMount {
    pub(crate) filesystem: Arc<dyn HostFileSystem>,
    pub(crate) guest: String,
    pub(crate) is_writable: bool,
}

impl HostFilesMount {
    /// Whether it is at `/`.
    pub(crate) fn is_root(&self) -> bool {
        self.guest.bytes().all(|byte| byte == b'/')
    }

    /// What the kernel mounts.
    pub(crate) fn filesystem(&self, handle: &Handle) -> Arc<dyn FileSystem> {
        let tree = HostTree::new(Arc::clone(&self.filesystem), handle.clone());
        RemoteFs::new(Arc::new(tree), self.is_writable)
    }
}

impl fmt::Debug for HostFilesMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFilesMount({})", self.guest)
    }
}

/// A filesystem of the embedder, as the kernel asks it.
struct HostTree {
    filesystem: Arc<dyn HostFileSystem>,
    handle: Handle,
}

/// A call under way; given up when this is dropped.
struct Asked<T>(JoinHandle<Result<T, Errno>>);

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl HostTree {
    fn new(filesystem: Arc<dyn HostFileSystem>, handle: Handle) -> Self {
        Self { filesystem, handle }
    }

    fn wait<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn HostFileSystem) -> FileAnswer<T> + Send + 'static,
    ) -> SysResult<T> {
        let filesystem = Arc::clone(&self.filesystem);
        let asked = async move {
            let answer = tokio::time::timeout(PATIENCE, ask(&*filesystem)).await;
            answer.unwrap_or(Err(Errno::ETIMEDOUT))
        };
        let asked = Asked(self.handle.spawn(asked));
        host::wait_here(|| block_on(answered(asked)))
    }
}

/// The answer, or `EINTR` when the guest for which this thread works has to end.
async fn answered<T>(mut asked: Asked<T>) -> SysResult<T> {
    let guest = current();
    let waiter = Waiter::new();
    let _registration = guest
        .as_ref()
        .map(|guest| guest.end_queue().register(waiter.clone()));
    loop {
        if guest.as_ref().is_some_and(|guest| guest.must_end()) {
            return Err(Errno::EINTR.into());
        }
        let mut woken = pin!(waiter.woken());
        let done = poll_fn(|cx| match Pin::new(&mut asked.0).poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => woken.as_mut().poll(cx).map(|()| None),
        })
        .await;
        match done {
            Some(Ok(answer)) => return answer.map_err(Into::into),
            Some(Err(error)) => {
                tracing::warn!(target: "cenote::host_files", %error, "the filesystem failed");
                return Err(SysError::with_note(
                    Errno::EIO,
                    "the embedder's filesystem panicked",
                ));
            }
            None => {}
        }
    }
}

fn kind(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::Regular,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::Other => FileType::Socket,
    }
}

fn timespec(time: SystemTime) -> Timespec {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Timespec {
            sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nsec: since.subsec_nanos(),
        },
        // Before 1970 whole seconds are enough.
        Err(before) => Timespec {
            sec: i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |sec| -sec),
            nsec: 0,
        },
    }
}

fn system_time(time: SetTime) -> SystemTime {
    match time {
        SetTime::Now => SystemTime::now(),
        SetTime::To(time) => {
            let seconds = Duration::from_secs(time.sec.unsigned_abs());
            let whole = if time.sec < 0 {
                UNIX_EPOCH.checked_sub(seconds)
            } else {
                UNIX_EPOCH.checked_add(seconds)
            };
            let whole = whole.unwrap_or(UNIX_EPOCH);
            whole
                .checked_add(Duration::from_nanos(time.nsec.into()))
                .unwrap_or(whole)
        }
    }
}

fn stat(told: HostStat) -> RemoteStat {
    RemoteStat {
        kind: kind(told.kind),
        size: told.size,
        mode: told.mode,
        uid: told.uid,
        gid: told.gid,
        ino: told.inode,
        nlink: told.links,
        atime: timespec(told.accessed),
        mtime: timespec(told.modified),
        ctime: timespec(told.changed),
    }
}

impl RemoteTree for HostTree {
    fn stat(&self, path: &[u8]) -> SysResult<RemoteStat> {
        let path = path.to_vec();
        self.wait(move |fs| fs.stat(path)).map(stat)
    }

    fn read_dir(&self, path: &[u8]) -> SysResult<Vec<(Vec<u8>, FileType)>> {
        let path = path.to_vec();
        let entries = self.wait(move |fs| fs.read_dir(path))?;
        let entries = entries.into_iter();
        Ok(entries.map(|(name, of)| (name, kind(of))).collect())
    }

    fn read(&self, path: &[u8], offset: u64, len: usize) -> SysResult<Vec<u8>> {
        let path = path.to_vec();
        self.wait(move |fs| fs.read(path, offset, len))
    }

    fn write(&self, path: &[u8], offset: u64, bytes: &[u8]) -> SysResult {
        let (path, bytes) = (path.to_vec(), bytes.to_vec());
        self.wait(move |fs| fs.write(path, offset, bytes))
    }

    fn create(&self, path: &[u8], mode: u32) -> SysResult {
        let path = path.to_vec();
        self.wait(move |fs| fs.create(path, mode))
    }

    fn truncate(&self, path: &[u8], size: u64) -> SysResult {
        let path = path.to_vec();
        self.wait(move |fs| fs.truncate(path, size))
    }

    fn mkdir(&self, path: &[u8], mode: u32) -> SysResult {
        let path = path.to_vec();
        self.wait(move |fs| fs.mkdir(path, mode))
    }

    fn unlink(&self, path: &[u8]) -> SysResult {
        let path = path.to_vec();
        self.wait(move |fs| fs.unlink(path))
    }

    fn rmdir(&self, path: &[u8]) -> SysResult {
        let path = path.to_vec();
        self.wait(move |fs| fs.rmdir(path))
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> SysResult {
        let (from, to) = (from.to_vec(), to.to_vec());
        self.wait(move |fs| fs.rename(from, to))
    }

    fn symlink(&self, target: &[u8], path: &[u8]) -> SysResult {
        let (target, path) = (target.to_vec(), path.to_vec());
        self.wait(move |fs| fs.symlink(target, path))
    }

    fn read_link(&self, path: &[u8]) -> SysResult<Vec<u8>> {
        let path = path.to_vec();
        self.wait(move |fs| fs.read_link(path))
    }

    fn link(&self, from: &[u8], to: &[u8]) -> SysResult {
        let (from, to) = (from.to_vec(), to.to_vec());
        self.wait(move |fs| fs.link(from, to))
    }

    fn set_attributes(&self, path: &[u8], changes: &AttributeChanges) -> SysResult {
        let path = path.to_vec();
        let changes = FileChanges {
            mode: changes.mode.map(|mode| mode.raw() & 0o7777),
            uid: changes.uid.map(cenote_base::Uid::raw),
            gid: changes.gid.map(cenote_base::Gid::raw),
            accessed: changes.atime.map(system_time),
            modified: changes.mtime.map(system_time),
        };
        self.wait(move |fs| fs.set_attributes(path, changes))
    }
}

impl fmt::Debug for HostTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostTree")
    }
}

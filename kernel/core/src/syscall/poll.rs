//! Waiting for readiness: `poll` and `select`. epoll and the descriptors made for waiting are in [`event`](crate::event).

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::limits::Resource;
use cenote_abi::poll::{FD_SETSIZE, PollEvents};
use cenote_abi::{Errno, SigSet};
use cenote_base::{Fd, SysError, SysResult, WaitQueue};
use cenote_vfs::OpenFile;

use super::traced_wait;
use crate::process::Task;

pub use crate::event::calls::*;

/// One descriptor of a [`poll`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: Fd,
    /// What is asked for.
    pub events: PollEvents,
    /// What is so.
    pub revents: PollEvents,
}

impl PollFd {
    /// A question.
    #[must_use]
    pub const fn new(fd: Fd, events: PollEvents) -> Self {
        Self {
            fd,
            events,
            revents: PollEvents::empty(),
        }
    }
}

/// While a call waits with another signal mask: puts it back, unless a handler's delivery will.
pub(crate) async fn with_mask<T>(
    task: &Task,
    mask: Option<SigSet>,
    call: impl Future<Output = SysResult<T>>,
) -> SysResult<T> {
    let Some(mask) = mask else { return call.await };
    task.suspend_with_mask(mask);
    let outcome = call.await;
    if !matches!(&outcome, Err(error) if error.errno() == Errno::EINTR) {
        task.restore_saved_mask();
    }
    outcome
}

/// Waits until one of some descriptors is ready; answers how many are. With a mask: ppoll(2). See poll(2).
///
/// # Errors
/// `EINTR`: a handler is to run. `EINVAL`: more descriptors than the process may have.
pub async fn poll(
    task: &Task,
    fds: &mut [PollFd],
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<usize> {
    traced_wait(task, "poll", async {
        let limit = task.process().rlimits().lock().of(Resource::OpenFiles).soft;
        if u64::try_from(fds.len()).unwrap_or(u64::MAX) > limit {
            return Err(Errno::EINVAL.into());
        }
        with_mask(task, mask, poll_files(task, fds, timeout)).await
    })
    .await
}

async fn poll_files(
    task: &Task,
    fds: &mut [PollFd],
    timeout: Option<Duration>,
) -> SysResult<usize> {
    let files: Vec<Option<Arc<OpenFile>>> = fds
        .iter()
        .map(|entry| task.files().get(entry.fd).ok())
        .collect();
    let queues: Vec<&WaitQueue> = files
        .iter()
        .flatten()
        .filter_map(|file| file.wait_queue())
        .collect();
    let deadline = timeout.map(|timeout| task.kernel().clock().now().after(timeout));
    let ready = || match look(fds, &files) {
        0 => None,
        count => Some(Ok(count)),
    };
    match task.wait_until(&queues, deadline, ready).await {
        Ok(count) => Ok(count.unwrap_or(0)),
        Err(error) if error.errno() == Errno::EINTR => Err(SysError::interrupted_for_good()),
        Err(error) => Err(error),
    }
}

fn look(fds: &mut [PollFd], files: &[Option<Arc<OpenFile>>]) -> usize {
    let mut count = 0;
    for (entry, file) in fds.iter_mut().zip(files) {
        entry.revents = match file {
            _ if entry.fd.raw() < 0 => PollEvents::empty(),
            None => PollEvents::POLLNVAL,
            Some(file) => file.poll() & (entry.events | PollEvents::ALWAYS | PollEvents::POLLNVAL),
        };
        count += usize::from(!entry.revents.is_empty());
    }
    count
}

/// A set of descriptors of [`select`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FdSet {
    words: [u64; FD_SETSIZE / 64],
}

impl Default for FdSet {
    fn default() -> Self {
        Self {
            words: [0; FD_SETSIZE / 64],
        }
    }
}

impl FdSet {
    /// The set with these words, lowest descriptors first.
    #[must_use]
    pub const fn from_words(words: [u64; FD_SETSIZE / 64]) -> Self {
        Self { words }
    }

    /// The words of the set.
    #[must_use]
    pub const fn words(&self) -> &[u64; FD_SETSIZE / 64] {
        &self.words
    }

    fn place(fd: i32) -> Option<(usize, u64)> {
        let fd = usize::try_from(fd).ok().filter(|fd| *fd < FD_SETSIZE)?;
        Some((fd / 64, 1 << (fd % 64)))
    }

    /// Adds a descriptor; one past the end of a set is not added.
    pub fn insert(&mut self, fd: Fd) {
        if let Some((word, bit)) = Self::place(fd.raw()) {
            self.words[word] |= bit;
        }
    }

    /// Whether a descriptor is in the set.
    #[must_use]
    pub fn contains(&self, fd: Fd) -> bool {
        Self::place(fd.raw()).is_some_and(|(word, bit)| self.words[word] & bit != 0)
    }
}

/// The three sets of [`select`], asked for and answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SelectSets {
    /// To be read.
    pub read: FdSet,
    /// To be written.
    pub write: FdSet,
    /// With something exceptional.
    pub except: FdSet,
}

/// Waits until one of the descriptors below `count` in the sets is ready; leaves the ready ones and answers how many.
/// With a mask: pselect(2). See select(2).
///
/// # Errors
/// `EBADF`: one is not open. `EINTR`: a handler is to run. `EINVAL`: `count` is out of range.
pub async fn select(
    task: &Task,
    count: i32,
    sets: &mut SelectSets,
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<usize> {
    traced_wait(task, "select", async {
        if count < 0 {
            return Err(Errno::EINVAL.into());
        }
        let last = count.min(i32::try_from(FD_SETSIZE).unwrap_or(i32::MAX));
        let mut fds: Vec<PollFd> = Vec::new();
        for raw in 0..last {
            let fd = Fd::new(raw);
            let mut events = PollEvents::empty();
            if sets.read.contains(fd) {
                events |= PollEvents::READABLE;
            }
            if sets.write.contains(fd) {
                events |= PollEvents::WRITABLE;
            }
            if sets.except.contains(fd) {
                events |= PollEvents::POLLPRI;
            }
            if !events.is_empty() {
                task.files().get(fd)?;
                fds.push(PollFd::new(fd, events));
            }
        }
        with_mask(task, mask, poll_files(task, &mut fds, timeout)).await?;
        Ok(answer(&fds, sets))
    })
    .await
}

/// Linux: fs/select.c, `POLLIN_SET` and its like say which events make a descriptor ready in which set.
fn answer(fds: &[PollFd], sets: &mut SelectSets) -> usize {
    let readable =
        PollEvents::READABLE | PollEvents::POLLHUP | PollEvents::POLLERR | PollEvents::POLLRDBAND;
    let writable = PollEvents::WRITABLE | PollEvents::POLLERR | PollEvents::POLLWRBAND;
    let mut found = SelectSets::default();
    let mut count = 0;
    for entry in fds {
        for (asked, answered, ready) in [
            (&sets.read, &mut found.read, readable),
            (&sets.write, &mut found.write, writable),
            (&sets.except, &mut found.except, PollEvents::POLLPRI),
        ] {
            if asked.contains(entry.fd) && entry.revents.intersects(ready) {
                answered.insert(entry.fd);
                count += 1;
            }
        }
    }
    *sets = found;
    count
}

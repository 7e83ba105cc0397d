//! A counter to wait for: [`EventFd`]. See eventfd(2).
//!
//! Lock order: `EventFd::count` is a leaf; waiters are woken after it is released.

use std::any::Any;

use cenote_abi::Errno;
use cenote_abi::fs::Stat;
use cenote_abi::poll::{EventFdFlags, PollEvents};
use cenote_base::{SysResult, WaitQueue};
use cenote_vfs::File;
use parking_lot::Mutex;

/// The largest count.
const MAX: u64 = u64::MAX - 1;

/// A counter behind a descriptor.
#[derive(Debug)]
pub(crate) struct EventFd {
    count: Mutex<u64>,
    is_semaphore: bool,
    queue: WaitQueue,
}

impl EventFd {
    pub(crate) fn new(initial: u32, flags: EventFdFlags) -> Self {
        Self {
            count: Mutex::new(u64::from(initial)),
            is_semaphore: flags.contains(EventFdFlags::EFD_SEMAPHORE),
            queue: WaitQueue::new(),
        }
    }
}

impl File for EventFd {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        let target = buf.get_mut(..8).ok_or(Errno::EINVAL)?;
        let mut count = self.count.lock();
        if *count == 0 {
            return Err(Errno::EAGAIN.into());
        }
        let taken = if self.is_semaphore { 1 } else { *count };
        *count -= taken;
        drop(count);
        target.copy_from_slice(&taken.to_ne_bytes());
        self.queue.wake(PollEvents::WRITABLE);
        Ok(8)
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        let bytes = buf.first_chunk::<8>().ok_or(Errno::EINVAL)?;
        let added = u64::from_ne_bytes(*bytes);
        if added == u64::MAX {
            return Err(Errno::EINVAL.into());
        }
        let mut count = self.count.lock();
        let sum = count
            .checked_add(added)
            .filter(|sum| *sum <= MAX)
            .ok_or(Errno::EAGAIN)?;
        *count = sum;
        drop(count);
        self.queue.wake(PollEvents::READABLE);
        Ok(8)
    }

    fn poll(&self) -> PollEvents {
        let count = *self.count.lock();
        let mut events = PollEvents::empty();
        if count > 0 {
            events |= PollEvents::READABLE;
        }
        if count < MAX {
            events |= PollEvents::WRITABLE;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(crate::anonymous::event_stat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

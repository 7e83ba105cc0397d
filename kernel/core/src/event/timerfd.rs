//! A timer to wait for: [`TimerFd`]. See `timerfd_create(2)`.
//!
//! Differs: the time of day of a machine is never set, so `TFD_TIMER_CANCEL_ON_SET` never cancels.
//!
//! Lock order: `Shared::expired` is a leaf; waiters are woken after it is released.

use std::any::Any;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::clock::ClockId;
use cenote_abi::fs::Stat;
use cenote_abi::poll::PollEvents;
use cenote_base::{SysResult, WaitQueue};
use cenote_vfs::File;
use parking_lot::Mutex;

use crate::kernel::Kernel;
use crate::timer::{Alarm, AlarmSetting};

/// A timer behind a descriptor.
#[derive(Debug)]
pub(crate) struct TimerFd {
    clock: ClockId,
    alarm: Alarm,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    expired: Mutex<u64>,
    queue: WaitQueue,
}

impl TimerFd {
    pub(crate) fn new(kernel: &Kernel, clock: ClockId) -> Self {
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        let ring = Box::new(move |count: u64| {
            let mut expired = told.expired.lock();
            *expired = expired.saturating_add(count);
            drop(expired);
            told.queue.wake(PollEvents::READABLE);
        });
        let alarm = Alarm::new(
            Arc::clone(kernel.clock()),
            Arc::clone(kernel.spawner()),
            ring,
        );
        Self {
            clock,
            alarm,
            shared,
        }
    }

    pub(crate) fn clock(&self) -> ClockId {
        self.clock
    }

    pub(crate) fn set(&self, setting: AlarmSetting) -> AlarmSetting {
        let before = self.alarm.set(setting);
        *self.shared.expired.lock() = 0;
        before
    }

    pub(crate) fn setting(&self) -> AlarmSetting {
        self.alarm.setting()
    }
}

impl File for TimerFd {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        let target = buf.get_mut(..8).ok_or(Errno::EINVAL)?;
        let count = std::mem::take(&mut *self.shared.expired.lock());
        if count == 0 {
            return Err(Errno::EAGAIN.into());
        }
        target.copy_from_slice(&count.to_ne_bytes());
        Ok(8)
    }

    fn poll(&self) -> PollEvents {
        if *self.shared.expired.lock() > 0 {
            PollEvents::READABLE
        } else {
            PollEvents::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.queue)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(crate::anonymous::event_stat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

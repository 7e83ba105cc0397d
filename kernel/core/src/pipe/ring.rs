//! The bytes of a pipe, and how many ends are open: [`Ring`].
//!
//! Lock order: `Ring::state` is a leaf. Readers and writers are woken after it is released.
//!
//! Follows pipe(7) and POSIX `write`: up to [`PIPE_BUF`] bytes are written whole or not at all.
//! Differs: the capacity is fixed; `F_SETPIPE_SZ` answers `EPERM`.

use std::collections::VecDeque;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::PIPE_BUF;
use cenote_abi::poll::PollEvents;
use cenote_base::limits::{Budget, Charge, Resource};
use cenote_base::{SysResult, WaitQueue};
use parking_lot::Mutex;

/// How many bytes a pipe holds.
pub(crate) const CAPACITY: usize = 65_536;

/// A pipe.
#[derive(Debug)]
pub(crate) struct Ring {
    state: Mutex<State>,
    /// Woken when there is something to read, or no writer is left.
    readable: WaitQueue,
    /// Woken when there is room, or no reader is left.
    writable: WaitQueue,
    ino: u64,
    _charge: Charge,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    readers: Ends,
    writers: Ends,
    /// An end that reads and writes was opened: it waits for room on `readable`.
    has_double_end: bool,
}

/// The ends of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// Open now.
    pub(crate) open: usize,
    /// Ever opened: what opening a named pipe waits for.
    pub(crate) ever: u64,
}

impl Ends {
    fn add(&mut self) {
        self.open += 1;
        self.ever += 1;
    }
}

impl Ring {
    /// An empty pipe without ends.
    ///
    /// # Errors
    /// `ENFILE`: the machine has all the pipes allowed.
    pub(crate) fn new(budget: &Arc<Budget>, ino: u64) -> SysResult<Arc<Self>> {
        let charge = budget.charge(Resource::Pipes, 1)?;
        Ok(Arc::new(Self {
            state: Mutex::default(),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            ino,
            _charge: charge,
        }))
    }

    pub(crate) fn ino(&self) -> u64 {
        self.ino
    }

    pub(crate) fn readable(&self) -> &WaitQueue {
        &self.readable
    }

    pub(crate) fn writable(&self) -> &WaitQueue {
        &self.writable
    }

    /// Adds an end that reads; answers the writers there were at that moment.
    pub(crate) fn add_reader(&self) -> Ends {
        let mut state = self.state.lock();
        state.readers.add();
        let writers = state.writers;
        drop(state);
        self.writable.wake_all();
        writers
    }

    /// Adds an end that writes; answers the readers there were at that moment.
    pub(crate) fn add_writer(&self) -> Ends {
        let mut state = self.state.lock();
        state.writers.add();
        let readers = state.readers;
        drop(state);
        self.readable.wake_all();
        readers
    }

    /// Notes that one end does both.
    pub(crate) fn note_double_end(&self) {
        self.state.lock().has_double_end = true;
    }

    pub(crate) fn remove_reader(&self) {
        let mut state = self.state.lock();
        state.readers.open -= 1;
        state.forget_if_unused();
        drop(state);
        self.writable.wake_all();
    }

    pub(crate) fn remove_writer(&self) {
        let mut state = self.state.lock();
        state.writers.open -= 1;
        state.forget_if_unused();
        drop(state);
        self.readable.wake_all();
    }

    pub(crate) fn readers(&self) -> Ends {
        self.state.lock().readers
    }

    pub(crate) fn writers(&self) -> Ends {
        self.state.lock().writers
    }

    /// How many bytes wait to be read.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().bytes.len()
    }

    /// Copies bytes out and leaves them, for tee(2).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn peek(&self, buf: &mut [u8]) -> SysResult<usize> {
        self.state.lock().copy_out(buf)
    }

    /// Takes bytes out; 0 when there are none and no writer is left.
    ///
    /// # Errors
    /// `EAGAIN`: there are none yet.
    pub(crate) fn read(&self, buf: &mut [u8]) -> SysResult<usize> {
        let mut state = self.state.lock();
        let count = state.copy_out(buf)?;
        if count == 0 {
            return Ok(0);
        }
        state.bytes.drain(..count);
        let has_double_end = state.has_double_end;
        drop(state);
        self.writable.wake(PollEvents::WRITABLE);
        if has_double_end {
            self.readable.wake(PollEvents::WRITABLE);
        }
        Ok(count)
    }

    /// Puts bytes in: as many as there is room for, but up to [`PIPE_BUF`] all or none.
    ///
    /// # Errors
    /// `EAGAIN`: there is no room. `EPIPE`: no reader is left.
    pub(crate) fn write(&self, buf: &[u8]) -> SysResult<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        if state.readers.open == 0 {
            return Err(Errno::EPIPE.into());
        }
        let room = CAPACITY - state.bytes.len();
        if room == 0 || (buf.len() <= PIPE_BUF && room < buf.len()) {
            return Err(Errno::EAGAIN.into());
        }
        let count = buf.len().min(room);
        state.bytes.extend(&buf[..count]);
        drop(state);
        self.readable.wake(PollEvents::READABLE);
        Ok(count)
    }

    /// What poll says of a read end.
    pub(crate) fn poll_read(&self) -> PollEvents {
        let state = self.state.lock();
        let mut events = PollEvents::empty();
        if !state.bytes.is_empty() {
            events |= PollEvents::READABLE;
        }
        // A named pipe that never had a writer has not been hung up.
        if state.writers.open == 0 && state.writers.ever > 0 {
            events |= PollEvents::POLLHUP;
        }
        events
    }

    /// What poll says of a write end.
    pub(crate) fn poll_write(&self) -> PollEvents {
        let state = self.state.lock();
        let mut events = PollEvents::empty();
        // Linux: writable when a PIPE_BUF fits.
        if CAPACITY - state.bytes.len() >= PIPE_BUF {
            events |= PollEvents::WRITABLE;
        }
        if state.readers.open == 0 {
            events |= PollEvents::POLLERR;
        }
        events
    }
}

impl State {
    fn copy_out(&self, buf: &mut [u8]) -> SysResult<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.bytes.is_empty() {
            return if self.writers.open == 0 {
                Ok(0)
            } else {
                Err(Errno::EAGAIN.into())
            };
        }
        let count = buf.len().min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let from_front = count.min(front.len());
        buf[..from_front].copy_from_slice(&front[..from_front]);
        buf[from_front..count].copy_from_slice(&back[..count - from_front]);
        Ok(count)
    }

    /// A named pipe forgets what nobody has read when nobody has it open.
    fn forget_if_unused(&mut self) {
        if self.readers.open == 0 && self.writers.open == 0 {
            self.bytes = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::limits::Limits;

    use super::*;

    fn ring() -> Arc<Ring> {
        let ring = Ring::new(&Budget::new(Limits::default()), 1).unwrap();
        ring.add_reader();
        ring.add_writer();
        ring
    }

    #[test]
    fn bytes_come_out_as_they_went_in_across_the_wrap() {
        let ring = ring();
        let mut expected = Vec::new();
        let mut received = Vec::new();
        for round in 0..40u8 {
            let chunk: Vec<u8> = (0..5_000u32)
                .map(|n| u8::try_from(n % 251).unwrap() ^ round)
                .collect();
            let written = ring.write(&chunk).unwrap();
            expected.extend_from_slice(&chunk[..written]);
            let mut buf = [0; 4_999];
            let read = ring.read(&mut buf).unwrap();
            received.extend_from_slice(&buf[..read]);
        }
        let mut buf = [0; CAPACITY];
        let read = ring.read(&mut buf).unwrap();
        received.extend_from_slice(&buf[..read]);
        assert_eq!(received, expected);
    }

    #[test]
    fn small_write_is_whole_or_not_at_all() {
        let ring = ring();
        assert_eq!(ring.write(&[1; CAPACITY - 100]).unwrap(), CAPACITY - 100);
        assert_eq!(ring.write(&[2; 101]).unwrap_err().errno(), Errno::EAGAIN);
        assert_eq!(ring.write(&[2; PIPE_BUF + 1]).unwrap(), 100);
        assert_eq!(ring.write(&[3; 1]).unwrap_err().errno(), Errno::EAGAIN);
    }

    #[test]
    fn closed_ends_are_seen() {
        let ring = ring();
        ring.write(b"x").unwrap();
        ring.remove_writer();
        assert_eq!(ring.poll_read(), PollEvents::READABLE | PollEvents::POLLHUP);
        assert_eq!(ring.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(ring.read(&mut [0; 8]).unwrap(), 0);
        let ring = self::ring();
        ring.remove_reader();
        assert_eq!(ring.write(b"x").unwrap_err().errno(), Errno::EPIPE);
        assert!(ring.poll_write().contains(PollEvents::POLLERR));
    }
}

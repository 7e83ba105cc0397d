//! What is under way to one end of a connection, or to one datagram socket: [`Inbox`].
//!
//! Bytes of a stream run together until a message carries descriptors; datagrams and packets keep their bounds. Descriptors travel
//! with the first byte of their message, as unix(7) has it.
//!
//! Lock order: `Inbox::state` is a leaf; the queues are woken after it.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{MessageFlags, PeerCredentials, SocketAddress};
use cenote_base::{SysError, SysResult, WaitQueue};
use cenote_vfs::OpenFile;
use parking_lot::Mutex;

/// Bytes under way to one end before a sender has to wait: Linux's `net.core.wmem_default`.
pub(crate) const CAPACITY: usize = 212_992;
/// Messages under way to one end, for those that carry few bytes.
const MAX_MESSAGES: usize = 1_024;

/// A message to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Its bytes.
    pub bytes: &'a [IoSlice<'a>],
    /// Descriptions that go along (`SCM_RIGHTS`).
    pub rights: Vec<Arc<OpenFile>>,
    /// Who sends it.
    pub credentials: PeerCredentials,
    /// How.
    pub flags: MessageFlags,
}

impl Outgoing<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes
            .iter()
            .fold(0, |sum, part| sum.saturating_add(part.len()))
    }
}

/// A message that was received.
#[derive(Debug)]
pub struct Received {
    /// How many bytes were put into the buffers.
    pub copied: usize,
    /// How long the message was, for datagrams that did not fit.
    pub length: usize,
    /// Who sent it; unnamed for streams.
    pub from: SocketAddress,
    /// Descriptions that came along.
    pub rights: Vec<Arc<OpenFile>>,
    /// Who sent it.
    pub credentials: Option<PeerCredentials>,
    /// `MSG_TRUNC`, `MSG_EOR`.
    pub flags: MessageFlags,
}

#[derive(Debug)]
struct Segment {
    bytes: VecDeque<u8>,
    length: usize,
    from: SocketAddress,
    rights: Vec<Arc<OpenFile>>,
    credentials: PeerCredentials,
}

#[derive(Debug, Default)]
struct State {
    segments: VecDeque<Segment>,
    bytes: usize,
    /// No more will be sent: the reader sees the end once it read all.
    ended: bool,
    /// Nobody will read: senders get `EPIPE`.
    closed: bool,
    /// The other side went away with our bytes unread: the reader gets `ECONNRESET` once.
    reset: bool,
    /// Senders of datagrams who found no room.
    waiting: Vec<Weak<WaitQueue>>,
    /// The writer of a connection found no room, by sending or by polling. Others are not woken when there is some: Linux's `SOCK_NOSPACE`.
    is_starved: bool,
}

impl State {
    fn has_room(&self) -> bool {
        self.closed || (self.bytes < CAPACITY && self.segments.len() < MAX_MESSAGES)
    }
}

/// One direction, or one mailbox.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    keeps_bounds: bool,
    /// The queue of the end that reads.
    reader: Arc<WaitQueue>,
    /// The queue of the end that writes, for connections.
    writer: Option<Arc<WaitQueue>>,
}

impl Inbox {
    pub(crate) fn new(
        keeps_bounds: bool,
        reader: Arc<WaitQueue>,
        writer: Option<Arc<WaitQueue>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            keeps_bounds,
            reader,
            writer,
        })
    }

    /// Takes a message, or what fits of a stream's bytes. `sender` is told when there is room again.
    pub(crate) fn put(
        &self,
        message: Outgoing<'_>,
        from: SocketAddress,
        sender: &Arc<WaitQueue>,
    ) -> SysResult<usize> {
        let total = message.len();
        if self.keeps_bounds && total > CAPACITY {
            return Err(SysError::with_note(
                Errno::EMSGSIZE,
                "larger than a message can be",
            ));
        }
        let mut state = self.state.lock();
        if state.closed {
            return Err(Errno::EPIPE.into());
        }
        let room = CAPACITY.saturating_sub(state.bytes);
        let fits = if self.keeps_bounds {
            total <= room
        } else {
            room > 0 || total == 0
        };
        if !fits || state.segments.len() >= MAX_MESSAGES {
            if self.writer.is_none() {
                state.waiting.push(Arc::downgrade(sender));
            } else {
                state.is_starved = true;
            }
            return Err(Errno::EAGAIN.into());
        }
        if total == 0 && !self.keeps_bounds {
            return Ok(0);
        }
        let count = total.min(room.max(usize::from(self.keeps_bounds) * total));
        state.bytes += count;
        match state.segments.back_mut() {
            Some(last)
                if !self.keeps_bounds
                    && message.rights.is_empty()
                    && last.credentials == message.credentials =>
            {
                copy(&mut last.bytes, message.bytes, count);
            }
            _ => {
                let mut bytes = VecDeque::with_capacity(count);
                copy(&mut bytes, message.bytes, count);
                state.segments.push_back(Segment {
                    bytes,
                    length: count,
                    from,
                    rights: message.rights,
                    credentials: message.credentials,
                });
            }
        }
        drop(state);
        self.reader.wake(PollEvents::READABLE);
        Ok(count)
    }

    /// Takes a message, or bytes of a stream. Nothing to take is `EAGAIN`, or the end.
    pub(crate) fn take(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        flags: MessageFlags,
    ) -> SysResult<Received> {
        let peek = flags.contains(MessageFlags::MSG_PEEK);
        let mut state = self.state.lock();
        if state.segments.is_empty() {
            if std::mem::take(&mut state.reset) {
                return Err(Errno::ECONNRESET.into());
            }
            return if state.ended || state.closed {
                Ok(nothing())
            } else {
                Err(Errno::EAGAIN.into())
            };
        }
        let received = if self.keeps_bounds {
            take_message(&mut state, buffers, peek)
        } else {
            take_bytes(&mut state, buffers, peek)
        };
        let waiting = if peek {
            Vec::new()
        } else {
            std::mem::take(&mut state.waiting)
        };
        let frees_writer = state.is_starved && state.has_room();
        if frees_writer {
            state.is_starved = false;
        }
        drop(state);
        if let Some(writer) = &self.writer
            && frees_writer
        {
            writer.wake(PollEvents::WRITABLE);
        }
        for sender in waiting.iter().filter_map(Weak::upgrade) {
            sender.wake(PollEvents::WRITABLE);
        }
        Ok(received)
    }

    /// No more will be sent.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.reader.wake_all();
    }

    /// Further messages fail with `EPIPE`; those that came can be read.
    pub(crate) fn refuse(&self) {
        self.state.lock().closed = true;
        if let Some(writer) = &self.writer {
            writer.wake_all();
        }
    }

    /// The sender went away without reading what was sent to it.
    pub(crate) fn reset(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.reset = true;
        drop(state);
        self.reader.wake_all();
    }

    /// Whether the other side went away with our bytes unread; told once.
    pub(crate) fn take_reset(&self) -> bool {
        std::mem::take(&mut self.state.lock().reset)
    }

    /// Nobody will read any more. Answers whether something was left unread.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        state.bytes = 0;
        let left = std::mem::take(&mut state.segments);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        if let Some(writer) = &self.writer {
            writer.wake_all();
        }
        for sender in waiting.iter().filter_map(Weak::upgrade) {
            sender.wake_all();
        }
        // Descriptions that nobody received are let go here, outside the lock: they may be sockets.
        !left.is_empty()
    }

    /// How many bytes can be read now: all of a stream's, the next message's otherwise.
    pub(crate) fn readable(&self) -> usize {
        let state = self.state.lock();
        if self.keeps_bounds {
            state.segments.front().map_or(0, |next| next.bytes.len())
        } else {
            state.bytes
        }
    }

    /// What the reading end may do.
    pub(crate) fn poll_reader(&self) -> PollEvents {
        let state = self.state.lock();
        let mut events = PollEvents::empty();
        if !state.segments.is_empty() || state.ended || state.closed || state.reset {
            events |= PollEvents::READABLE;
        }
        if state.ended || state.closed {
            events |= PollEvents::POLLRDHUP;
        }
        if state.reset {
            events |= PollEvents::POLLERR;
        }
        events
    }

    /// Whether a sender finds room; if not, it is told when there is some.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.state.lock();
        let has_room = state.has_room();
        state.is_starved |= !has_room;
        has_room
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }
}

/// Appends the first `count` bytes of the parts.
fn copy(to: &mut VecDeque<u8>, parts: &[IoSlice<'_>], count: usize) {
    let mut rest = count;
    for part in parts {
        let taken = part.get(..rest).unwrap_or(part);
        to.extend(taken);
        rest -= taken.len();
    }
}

fn nothing() -> Received {
    Received {
        copied: 0,
        length: 0,
        from: SocketAddress::Unspecified,
        rights: Vec::new(),
        credentials: None,
        flags: MessageFlags::empty(),
    }
}

/// Copies the front of `bytes` into the buffers, from their position `at` on.
fn fill(bytes: &VecDeque<u8>, buffers: &mut [IoSliceMut<'_>], mut at: usize) -> usize {
    let (front, back) = bytes.as_slices();
    let mut copied: usize = 0;
    for buffer in buffers {
        if at >= buffer.len() {
            at -= buffer.len();
            continue;
        }
        for (part, before) in [(front, 0), (back, front.len())] {
            let start = copied.saturating_sub(before);
            let rest = part.get(start..).unwrap_or_default();
            let room = buffer.get_mut(at..).unwrap_or_default();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            copied += count;
            at += count;
        }
        at = 0;
    }
    copied
}

fn take_message(state: &mut State, buffers: &mut [IoSliceMut<'_>], peek: bool) -> Received {
    let mut received = nothing();
    let Some(next) = state.segments.front_mut() else {
        return received;
    };
    received.copied = fill(&next.bytes, buffers, 0);
    received.length = next.length;
    received.from = next.from;
    received.credentials = Some(next.credentials);
    if received.copied < next.length {
        received.flags |= MessageFlags::MSG_TRUNC;
    }
    if peek {
        received.rights = next.rights.clone();
    } else if let Some(taken) = state.segments.pop_front() {
        state.bytes -= taken.length;
        received.rights = taken.rights;
    }
    received
}

fn take_bytes(state: &mut State, buffers: &mut [IoSliceMut<'_>], peek: bool) -> Received {
    let mut received = nothing();
    let mut index = 0;
    while let Some(next) = state.segments.get_mut(index) {
        // Descriptors end a read that already has bytes, and so does another sender.
        let is_first = received.credentials.is_none();
        if !is_first && (!next.rights.is_empty() || received.credentials != Some(next.credentials))
        {
            break;
        }
        let count = fill(&next.bytes, buffers, received.copied);
        received.copied += count;
        received.credentials = Some(next.credentials);
        let had_rights = !next.rights.is_empty();
        let whole = count == next.bytes.len();
        if peek {
            received.rights.extend(next.rights.iter().cloned());
            index += 1;
        } else {
            received.rights.append(&mut next.rights);
            next.bytes.drain(..count);
            state.bytes -= count;
            if whole {
                state.segments.pop_front();
            }
        }
        if had_rights || !whole {
            break;
        }
    }
    received.length = received.copied;
    received
}

//! Changes of files to wait for: [`Inotify`]. See inotify(7).
//!
//! Each watch is an observer of the tree of files; what it is told goes into a queue of its instance.
//! Differs: changes that do not pass the tree (by the host, in a mounted host directory) are not seen; `IN_UNMOUNT` never comes.
//!
//! Lock order: `Inotify::watches`, then `Shared::events`, a leaf; waiters are woken after it is released.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::Stat;
use cenote_abi::poll::{InotifyMask, PollEvents};
use cenote_base::{SysError, SysResult, WaitQueue};
use cenote_vfs::watch::{Change, ChangeKind, Watch, WatchObserver};
use cenote_vfs::{File, IoctlCaller, IoctlRequest, Location};
use parking_lot::Mutex;

/// How many changes wait before the rest is lost.
const MAX_EVENTS: usize = 4_096;
/// How many instances a machine may have: Linux's `max_user_instances`.
const MAX_INSTANCES: usize = 128;
/// How many files one instance may watch.
const MAX_WATCHES: usize = 8_192;
/// The size of a `struct inotify_event` without a name; names are padded to a multiple of it.
const HEADER: usize = 16;

/// A queue of changes behind a descriptor.
#[derive(Debug)]
pub(crate) struct Inotify {
    watches: Mutex<Watches>,
    shared: Arc<Shared>,
    instances: Arc<Instances>,
}

/// How many instances a machine has.
#[derive(Debug, Default)]
pub(crate) struct Instances(AtomicUsize);

#[derive(Debug, Default)]
struct Watches {
    by_number: BTreeMap<i32, Watched>,
    last: i32,
}

#[derive(Debug)]
struct Watched {
    file: (u64, u64),
    point: Arc<Point>,
    _watch: Watch,
}

#[derive(Debug, Default)]
struct Shared {
    events: Mutex<VecDeque<Event>>,
    queue: WaitQueue,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Event {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

/// What the tree tells of changes.
#[derive(Debug)]
struct Point {
    number: i32,
    mask: AtomicU32,
    /// The file is gone, or was told of once with `IN_ONESHOT`.
    is_over: AtomicBool,
    shared: Weak<Shared>,
}

impl Shared {
    fn push(&self, event: Event) {
        let mut events = self.events.lock();
        // inotify(7): an event equal to the last one that nobody has read is not told twice.
        if events.back() == Some(&event) {
            return;
        }
        if events.len() < MAX_EVENTS {
            events.push_back(event);
        } else if events.len() == MAX_EVENTS {
            let mask = InotifyMask::IN_Q_OVERFLOW.bits();
            events.push_back(Event {
                watch: -1,
                mask,
                cookie: 0,
                name: Vec::new(),
            });
        }
        drop(events);
        self.queue.wake(PollEvents::READABLE);
    }
}

fn bit_of(kind: ChangeKind) -> InotifyMask {
    match kind {
        ChangeKind::Created => InotifyMask::IN_CREATE,
        ChangeKind::Deleted => InotifyMask::IN_DELETE,
        ChangeKind::MovedFrom => InotifyMask::IN_MOVED_FROM,
        ChangeKind::MovedTo => InotifyMask::IN_MOVED_TO,
        ChangeKind::Modified => InotifyMask::IN_MODIFY,
        ChangeKind::Accessed => InotifyMask::IN_ACCESS,
        ChangeKind::Attributes => InotifyMask::IN_ATTRIB,
        ChangeKind::Opened => InotifyMask::IN_OPEN,
        ChangeKind::ClosedWritten => InotifyMask::IN_CLOSE_WRITE,
        ChangeKind::ClosedUnwritten => InotifyMask::IN_CLOSE_NOWRITE,
        ChangeKind::DeletedSelf => InotifyMask::IN_DELETE_SELF,
        ChangeKind::MovedSelf => InotifyMask::IN_MOVE_SELF,
    }
}

impl WatchObserver for Point {
    fn changed(&self, change: &Change<'_>) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let asked = InotifyMask::from_bits_retain(self.mask.load(Ordering::Relaxed));
        let bit = bit_of(change.kind);
        let ends = change.kind == ChangeKind::DeletedSelf;
        if asked.contains(bit) && !self.is_over.load(Ordering::Acquire) {
            let mut mask = bit;
            mask.set(InotifyMask::IN_ISDIR, change.is_directory);
            shared.push(Event {
                watch: self.number,
                mask: mask.bits(),
                cookie: change.cookie,
                name: change.name.map(<[u8]>::to_vec).unwrap_or_default(),
            });
            if asked.contains(InotifyMask::IN_ONESHOT) {
                self.end(&shared);
            }
        }
        if ends {
            self.end(&shared);
        }
    }
}

impl Point {
    /// The watch tells nothing more, but that it is over.
    fn end(&self, shared: &Shared) {
        if !self.is_over.swap(true, Ordering::AcqRel) {
            shared.push(Event {
                watch: self.number,
                mask: InotifyMask::IN_IGNORED.bits(),
                cookie: 0,
                name: Vec::new(),
            });
        }
    }
}

impl Inotify {
    /// An instance that watches nothing.
    ///
    /// # Errors
    /// `EMFILE`: the machine has all it may have.
    pub(crate) fn new(instances: &Arc<Instances>) -> SysResult<Self> {
        let before = instances.0.fetch_add(1, Ordering::AcqRel);
        let made = Self {
            watches: Mutex::default(),
            shared: Arc::default(),
            instances: Arc::clone(instances),
        };
        // The guard gives back what was taken too much.
        if before < MAX_INSTANCES {
            Ok(made)
        } else {
            Err(SysError::with_note(
                Errno::EMFILE,
                "too many inotify instances",
            ))
        }
    }

    /// Watches a file, or asks anew of a watched one; answers the watch's number.
    ///
    /// # Errors
    /// `EINVAL`: nothing is asked for. `EEXIST`: watched already, with `IN_MASK_CREATE`. `ENOSPC`: too many.
    pub(crate) fn add(&self, location: &Location, mask: InotifyMask) -> SysResult<i32> {
        if !mask.intersects(InotifyMask::IN_ALL_EVENTS) {
            return Err(Errno::EINVAL.into());
        }
        let stat = location.inode().stat()?;
        let file = (stat.dev, stat.ino);
        let mut watches = self.watches.lock();
        watches
            .by_number
            .retain(|_, watched| !watched.point.is_over.load(Ordering::Acquire));
        if let Some(watched) = watches
            .by_number
            .values()
            .find(|watched| watched.file == file)
        {
            if mask.contains(InotifyMask::IN_MASK_CREATE) {
                return Err(Errno::EEXIST.into());
            }
            if mask.contains(InotifyMask::IN_MASK_ADD) {
                watched.point.mask.fetch_or(mask.bits(), Ordering::Relaxed);
            } else {
                watched.point.mask.store(mask.bits(), Ordering::Relaxed);
            }
            return Ok(watched.point.number);
        }
        if watches.by_number.len() >= MAX_WATCHES {
            return Err(SysError::with_note(Errno::ENOSPC, "too many watches"));
        }
        let number = watches.last.checked_add(1).ok_or(Errno::ENOSPC)?;
        watches.last = number;
        let point = Arc::new(Point {
            number,
            mask: AtomicU32::new(mask.bits()),
            is_over: AtomicBool::new(false),
            shared: Arc::downgrade(&self.shared),
        });
        let observer: Arc<dyn WatchObserver> = point.clone();
        let watch = location.watch(observer)?;
        let watched = Watched {
            file,
            point,
            _watch: watch,
        };
        watches.by_number.insert(number, watched);
        Ok(number)
    }

    /// Stops watching.
    ///
    /// # Errors
    /// `EINVAL`: not a watch.
    pub(crate) fn remove(&self, number: i32) -> SysResult {
        let removed = self.watches.lock().by_number.remove(&number);
        let watched = removed.ok_or(Errno::EINVAL)?;
        watched.point.end(&self.shared);
        Ok(())
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        self.instances.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn padded(name: &[u8]) -> usize {
    if name.is_empty() {
        0
    } else {
        (name.len() + 1).next_multiple_of(HEADER)
    }
}

/// Lays an event out as `struct inotify_event`; `None`: it does not fit.
fn encode(event: &Event, buf: &mut [u8]) -> Option<usize> {
    let name_len = padded(&event.name);
    let record = buf.get_mut(..HEADER + name_len)?;
    record.fill(0);
    let len = u32::try_from(name_len).ok()?;
    let fields = [event.watch.cast_unsigned(), event.mask, event.cookie, len];
    for (target, field) in record.chunks_exact_mut(4).zip(fields) {
        target.copy_from_slice(&field.to_ne_bytes());
    }
    let name = record.get_mut(HEADER..HEADER + event.name.len())?;
    name.copy_from_slice(&event.name);
    Some(HEADER + name_len)
}

impl File for Inotify {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        let mut events = self.shared.events.lock();
        if events.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        let mut filled = 0;
        while let Some(event) = events.front() {
            let Some(count) = encode(event, buf.get_mut(filled..).unwrap_or_default()) else {
                break;
            };
            filled += count;
            events.pop_front();
        }
        if filled == 0 {
            Err(Errno::EINVAL.into())
        } else {
            Ok(filled)
        }
    }

    fn poll(&self) -> PollEvents {
        if self.shared.events.lock().is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::READABLE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.queue)
    }

    fn ioctl(&self, _caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        let IoctlRequest::BytesReadable(count) = request else {
            return Err(Errno::ENOTTY.into());
        };
        let events = self.shared.events.lock();
        let bytes: usize = events
            .iter()
            .map(|event| HEADER + padded(&event.name))
            .sum();
        *count = i32::try_from(bytes).unwrap_or(i32::MAX);
        Ok(0)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(crate::anonymous::event_stat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

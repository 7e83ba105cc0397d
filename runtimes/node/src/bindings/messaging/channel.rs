//! The part of message ports that threads share: queues ([`PortData`]), and who hears whom ([`SiblingGroup`]).
//! Node: `MessagePortData` and `SiblingGroup` in `src/node_messaging.cc`.
//!
//! A [`Port`] owns its `PortData`: a `MessagePort` object has one, or a message that carries it. Dropping it tells the others.
//!
//! Lock order: `SiblingGroup::ports`, then `PortData::state`. Messages are dropped with no lock held, because they may own ports.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::message::Message;
use crate::event_loop::Remote;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who reads a port's queue: wakes the loop, once until it has looked.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    remote: Remote,
    number: i32,
    is_scheduled: Arc<AtomicBool>,
}

impl Owner {
    /// The native object of this number, in this loop's isolate.
    pub(super) fn new(remote: Remote, number: i32) -> Self {
        Self {
            remote,
            number,
            is_scheduled: Arc::default(),
        }
    }

    /// Has the loop look at the queue. From any thread.
    pub(super) fn trigger(&self) {
        if self.is_scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let number = self.number;
        let is_scheduled = Arc::clone(&self.is_scheduled);
        self.remote.send(move |scope| {
            is_scheduled.store(false, Ordering::Release);
            super::port::on_message(scope, number, super::port::Mode::Normal);
        });
    }
}

/// What the head of a queue is.
pub(super) enum Head {
    /// Nothing, or nothing that is wanted.
    None,
    /// The other side closed.
    Close,
    Message(Arc<Message>),
}

#[derive(Debug, Default)]
struct PortState {
    /// `None` says that the other side closed.
    queue: VecDeque<Option<Arc<Message>>>,
    owner: Option<Owner>,
}

/// A port's queue.
#[derive(Debug, Default)]
pub(crate) struct PortData {
    state: Mutex<PortState>,
    group: Mutex<Option<Arc<SiblingGroup>>>,
}

impl PortData {
    fn add(&self, message: Option<Arc<Message>>) {
        let mut state = lock(&self.state);
        state.queue.push_back(message);
        let owner = state.owner.clone();
        drop(state);
        if let Some(owner) = owner {
            owner.trigger();
        }
    }

    /// Says who reads the queue from now on.
    pub(super) fn set_owner(&self, owner: Option<Owner>) {
        let old = std::mem::replace(&mut lock(&self.state).owner, owner);
        drop(old);
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).queue.len()
    }

    /// Takes the head of the queue. A port that does not want messages still hears the close.
    pub(super) fn take(&self, wants_messages: bool) -> Head {
        let mut state = lock(&self.state);
        let is_wanted = match state.queue.front() {
            None => false,
            Some(Some(_)) => wants_messages,
            Some(None) => true,
        };
        if !is_wanted {
            return Head::None;
        }
        match state.queue.pop_front().flatten() {
            Some(message) => Head::Message(message),
            None => Head::Close,
        }
    }

    /// Throws the queue away.
    pub(crate) fn clear(&self) {
        let queue = std::mem::take(&mut lock(&self.state).queue);
        drop(queue);
    }
}

/// The owned end of a queue.
#[derive(Debug)]
pub(crate) struct Port(Arc<PortData>);

impl Port {
    /// A port that nobody is connected with yet.
    pub(crate) fn new(threads: &crate::threads::ThreadGroup) -> Self {
        let data = Arc::new(PortData::default());
        threads.add_port(&data);
        Self(data)
    }

    /// The queue.
    pub(super) const fn data(&self) -> &Arc<PortData> {
        &self.0
    }

    /// Whether both are the same port.
    pub(super) fn is(&self, other: &Arc<PortData>) -> bool {
        Arc::ptr_eq(&self.0, other)
    }

    /// Connects two ports with each other.
    pub(crate) fn entangle(&self, other: &Self) {
        let group = Arc::new(SiblingGroup::default());
        group.add(self);
        group.add(other);
    }

    /// Sends to all the others of the group.
    pub(super) fn dispatch(&self, message: &Arc<Message>) -> Dispatched {
        let group = lock(&self.0.group).clone();
        group.map_or(Dispatched::Refused, |group| {
            group.dispatch(&self.0, message)
        })
    }

    /// Leaves the group: the other side of a channel is told.
    pub(super) fn disentangle(&self) {
        let group = lock(&self.0.group).take();
        if let Some(group) = group {
            group.remove(&self.0);
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.0.set_owner(None);
        self.disentangle();
        self.0.clear();
    }
}

/// What became of a message.
pub(super) enum Dispatched {
    /// It went to at least one port.
    Sent,
    /// There is no other port.
    Nobody,
    /// It went nowhere, and the program is warned.
    Lost(&'static str),
    /// It cannot be sent this way: the port is not connected, or something in it can be received only once.
    Refused,
}

/// Ports that hear each other: the two of a channel, or all of a `BroadcastChannel`'s name.
#[derive(Debug, Default)]
pub(crate) struct SiblingGroup {
    is_named: bool,
    ports: Mutex<Vec<Arc<PortData>>>,
}

impl SiblingGroup {
    /// The group of a name, still empty.
    pub(crate) fn named() -> Arc<Self> {
        Arc::new(Self {
            is_named: true,
            ports: Mutex::default(),
        })
    }

    /// Adds a port.
    pub(super) fn add(self: &Arc<Self>, port: &Port) {
        lock(&self.ports).push(Arc::clone(port.data()));
        let old = lock(&port.0.group).replace(Arc::clone(self));
        drop(old);
    }

    fn dispatch(&self, source: &Arc<PortData>, message: &Arc<Message>) -> Dispatched {
        let ports = lock(&self.ports);
        if !ports.iter().any(|port| Arc::ptr_eq(port, source)) {
            return Dispatched::Refused;
        }
        if ports.len() <= 1 {
            return Dispatched::Nobody;
        }
        if ports.len() > 2 && message.has_transferables() {
            return Dispatched::Refused;
        }
        for port in ports.iter().filter(|port| !Arc::ptr_eq(port, source)) {
            if message.carries(port) {
                return Dispatched::Lost(
                    "The target port was posted to itself, and the communication channel was lost",
                );
            }
            port.add(Some(Arc::clone(message)));
        }
        Dispatched::Sent
    }

    fn remove(&self, port: &Arc<PortData>) {
        let mut ports = lock(&self.ports);
        ports.retain(|other| !Arc::ptr_eq(other, port));
        // With one left, a channel is over; a name stays usable.
        let last = (!self.is_named && ports.len() == 1)
            .then(|| ports.first().map(Arc::clone))
            .flatten();
        drop(ports);
        port.add(None);
        if let Some(last) = last {
            last.add(None);
        }
    }
}

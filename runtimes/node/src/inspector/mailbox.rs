//! [`Mailbox`]: work for an isolate's agent from other threads. It is done in the loop, between two steps of running JavaScript
//! (V8's interrupts), or while JavaScript is paused or waits for a debugger, whichever comes first.
//! Node: `src/inspector/main_thread_interface.cc`.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::environment::Environment;
use crate::event_loop::{CallContext, Remote, in_callback_scope};
use crate::glue::{Scope, ScopeExt, interrupt_for_inspector};
use crate::inspector::Agent;

/// Something to do with an agent, on its thread.
pub(crate) type Work = Box<dyn FnOnce(&mut Scope<'_, '_>, &Rc<Agent>) + Send>;

/// Work for one isolate. The lock is a leaf.
pub(crate) struct Mailbox {
    letters: Mutex<Letters>,
    /// Of messages that wait.
    bytes: AtomicUsize,
    isolate: v8::IsolateHandle,
    remote: Remote,
}

#[derive(Default)]
struct Letters {
    list: VecDeque<Work>,
    is_closed: bool,
}

/// Bytes of messages that wait for an isolate which does not take them.
const WAITING: usize = 64 << 20;

/// A message that waits.
struct Weight {
    mailbox: Arc<Mailbox>,
    size: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.mailbox.bytes.fetch_sub(self.size, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    fn letters(&self) -> std::sync::MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the isolate's thread do something. Nothing happens when the isolate is at its end.
    pub(crate) fn post(&self, work: impl FnOnce(&mut Scope<'_, '_>, &Rc<Agent>) + Send + 'static) {
        let is_first = {
            let mut letters = self.letters();
            if letters.is_closed {
                return;
            }
            letters.list.push_back(Box::new(work));
            letters.list.len() == 1
        };
        if is_first {
            interrupt_for_inspector(&self.isolate);
            self.remote.send(|scope| {
                let object = scope.object();
                in_callback_scope(scope, object, &CallContext::ROOT, deliver);
            });
        }
        self.remote.wake();
    }

    /// The same with a message of this many bytes, of which only so many wait. Whether there was room.
    pub(crate) fn post_message(
        self: &Arc<Self>,
        message: String,
        work: impl FnOnce(&mut Scope<'_, '_>, &Rc<Agent>, &str) + Send + 'static,
    ) -> bool {
        let size = message.len();
        if self.bytes.fetch_add(size, Ordering::AcqRel) > WAITING {
            self.bytes.fetch_sub(size, Ordering::AcqRel);
            return false;
        }
        let weight = Weight {
            mailbox: Arc::clone(self),
            size,
        };
        self.post(move |scope, agent| {
            drop(weight);
            work(scope, agent, &message);
        });
        true
    }

    fn take(&self) -> VecDeque<Work> {
        std::mem::take(&mut self.letters().list)
    }

    /// Takes nothing any more.
    pub(crate) fn close(&self) {
        let left = {
            let mut letters = self.letters();
            letters.is_closed = true;
            std::mem::take(&mut letters.list)
        };
        drop(left);
    }
}

/// The isolate's mailbox, made the first time.
#[derive(Default)]
struct Own(std::cell::OnceCell<Arc<Mailbox>>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mailbox) = self.0.get() {
            mailbox.close();
        }
    }
}

/// The mailbox of an isolate.
pub(crate) fn mailbox(env: &Environment) -> Arc<Mailbox> {
    let own = env.state::<Own>();
    let mailbox = own.0.get_or_init(|| {
        Arc::new(Mailbox {
            letters: Mutex::default(),
            bytes: AtomicUsize::new(0),
            isolate: env.isolate_handle().clone(),
            remote: env.event_loop().io().remote(),
        })
    });
    Arc::clone(mailbox)
}

/// Does what has come.
pub(crate) fn deliver(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let mailbox = mailbox(&env);
    loop {
        let work = mailbox.take();
        if work.is_empty() || !env.can_call_into_js() || env.task().must_end() {
            return;
        }
        let agent = super::agent(scope);
        for work in work {
            v8::scope!(let inner, scope);
            work(inner, &agent);
        }
    }
}

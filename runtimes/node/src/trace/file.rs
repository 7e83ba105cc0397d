//! The trace file: `node_trace.1.log`, one array of events. Node: `src/tracing/node_trace_writer.cc`.
//!
//! The main thread alone writes it. Workers leave their events with their process ([`SharedTrace`]), from where it takes them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cenote_base::abi::fs::{Mode, OpenFlags};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At};

use crate::environment::Environment;

/// Bytes of events kept before they go on.
const BUFFERED: usize = 256 << 10;

/// Bytes of workers' events that wait for the main thread at most; what comes then is lost.
const MOST_WAITING: usize = 16 << 20;

/// What the threads of a process share of their tracing. The lock is a leaf.
#[derive(Debug, Default)]
pub(crate) struct SharedTrace(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// What the main thread traces, with how many asked for each.
    categories: BTreeMap<String, usize>,
    writes_file: bool,
    waiting: String,
}

impl SharedTrace {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the main thread traces.
    pub(super) fn publish(&self, categories: &BTreeMap<String, usize>, writes_file: bool) {
        let mut shared = self.lock();
        shared.categories.clone_from(categories);
        shared.writes_file = writes_file;
    }

    /// What the main thread traces, if that goes into a file.
    pub(super) fn published(&self) -> Option<Vec<String>> {
        let shared = self.lock();
        let names = || shared.categories.keys().cloned().collect();
        shared.writes_file.then(names)
    }

    fn leave(&self, events: &str) {
        let mut shared = self.lock();
        if shared.waiting.len() + events.len() < MOST_WAITING {
            join(&mut shared.waiting, events);
        }
    }

    fn take(&self) -> String {
        std::mem::take(&mut self.lock().waiting)
    }
}

/// Where the file is, as the command line says it.
pub(crate) fn path(env: &Environment) -> String {
    let pattern = env.command_line().text("--trace-event-file-pattern");
    let pattern = if pattern.is_empty() {
        "node_trace.${rotation}.log".to_owned()
    } else {
        pattern
    };
    pattern
        .replace("${pid}", &env.pids().0.to_string())
        .replace("${rotation}", "1")
}

fn join(text: &mut String, events: &str) {
    if !text.is_empty() && !events.is_empty() {
        text.push(',');
    }
    text.push_str(events);
}

/// The way of an isolate's events to the file.
#[derive(Default)]
pub(super) struct TraceFile {
    text: RefCell<String>,
    fd: Cell<Option<Fd>>,
    has_failed: Cell<bool>,
}

impl TraceFile {
    /// Adds an event.
    pub(super) fn push(&self, env: &Environment, event: &str) {
        let is_full = {
            let mut text = self.text.borrow_mut();
            join(&mut text, event);
            text.len() > BUFFERED
        };
        if is_full {
            self.flush(env);
        }
    }

    fn flush(&self, env: &Environment) {
        let mut events = self.text.take();
        let shared = &env.threads().trace;
        if !env.is_main_thread() {
            shared.leave(&events);
            return;
        }
        join(&mut events, &shared.take());
        if events.is_empty() || self.has_failed.get() {
            return;
        }
        let start = if self.fd.get().is_none() {
            "{\"traceEvents\":["
        } else {
            ","
        };
        match self.open(env) {
            Ok(fd) => {
                crate::program::write_all(env.task(), fd, start.as_bytes());
                crate::program::write_all(env.task(), fd, events.as_bytes());
            }
            Err(error) => {
                self.has_failed.set(true);
                tracing::debug!(target: "cenote::node", %error, "the trace file");
            }
        }
    }

    fn open(&self, env: &Environment) -> SysResult<Fd> {
        if let Some(fd) = self.fd.get() {
            return Ok(fd);
        }
        let path = path(env);
        let flags =
            OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o644);
        let fd = crate::blocking::blocking(env, async || {
            syscall::openat(env.task(), At::Cwd, path.as_bytes(), flags, mode).await
        })?;
        self.fd.set(Some(fd));
        Ok(fd)
    }

    /// Writes the rest, at the end of the thread.
    pub(super) fn finish(&self, env: &Environment) {
        self.flush(env);
        if let Some(fd) = self.fd.get() {
            crate::program::write_all(env.task(), fd, b"]}");
        }
    }
}

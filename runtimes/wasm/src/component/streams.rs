//! Byte streams over descriptors of the process: `wasi:io/streams` for pipes, terminals and files.
//!
//! WASI's `read` and `write` never wait, the kernel's calls do: a call is begun, and dropped again if it would wait. What could not
//! be written stays with the stream, which takes no more until it is gone. The blocking forms wait in the kernel.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::tty::Termios;
use cenote_base::{Fd, SysError, SysResult};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, PollFd};
use cenote_vfs::{IoctlRequest, TtyRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_io::bytes::Bytes;

/// Bytes one read gives at most.
const MAX_READ: usize = 64 << 10;

/// Bytes a stream takes at once when its file does not wait, and when it may: a pipe that is ready takes `PIPE_BUF`.
const FILE_PERMIT: usize = 64 << 10;
const PIPE_PERMIT: usize = 4096;

/// A descriptor of the process, closed when its last owner goes.
#[derive(Debug)]
pub(super) struct OpenFd {
    pub(super) task: Arc<Task>,
    pub(super) fd: Fd,
    closes: bool,
}

impl OpenFd {
    /// One that was opened for the program.
    pub(super) fn opened(task: Arc<Task>, fd: Fd) -> Arc<Self> {
        Arc::new(Self {
            task,
            fd,
            closes: true,
        })
    }

    /// One the process was started with, which stays open.
    pub(super) fn inherited(task: Arc<Task>, fd: Fd) -> Arc<Self> {
        Arc::new(Self {
            task,
            fd,
            closes: false,
        })
    }

    /// Waits until one of `events` is so.
    async fn ready(&self, events: PollEvents) {
        let mut fds = [PollFd::new(self.fd, events)];
        if let Err(error) = syscall::poll(&self.task, &mut fds, None, None).await {
            // An interruption ends the wait early, which callers of `ready` allow for.
            tracing::trace!(target: "cenote::wasi", %error, "a wait ended early");
        }
    }

    fn is_terminal(&self) -> bool {
        let mut settings = Termios::default();
        let request = IoctlRequest::Tty(TtyRequest::Settings(&mut settings));
        syscall::ioctl(&self.task, self.fd, request).is_ok()
    }
}

impl Drop for OpenFd {
    fn drop(&mut self) {
        if self.closes
            && let Err(error) = syscall::close(&self.task, self.fd)
        {
            tracing::debug!(target: "cenote::wasi", %error, "a descriptor that was closed already");
        }
    }
}

/// The answer of a call that need not wait.
fn at_once<T>(call: impl Future<Output = T>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

fn failed(error: SysError) -> StreamError {
    if error.errno() == Errno::EPIPE {
        StreamError::Closed
    } else {
        StreamError::LastOperationFailed(error.into())
    }
}

/// Where a stream reads or writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// At the descriptor's own position.
    Here,
    /// At a position of the stream's own.
    At(u64),
    /// At the end.
    End,
}

/// Reads a descriptor.
#[derive(Debug)]
pub(super) struct Input {
    from: Arc<OpenFd>,
    place: Place,
}

impl Input {
    pub(super) fn new(from: Arc<OpenFd>, place: Place) -> Self {
        Self { from, place }
    }

    async fn fetch(&self, size: usize) -> SysResult<Vec<u8>> {
        let mut bytes = vec![0; size.min(MAX_READ)];
        let OpenFd { task, fd, .. } = &*self.from;
        let count = match self.place {
            Place::At(at) => syscall::pread(task, *fd, &mut bytes, at).await?,
            Place::Here | Place::End => syscall::read(task, *fd, &mut bytes).await?,
        };
        bytes.truncate(count);
        Ok(bytes)
    }

    fn deliver(&mut self, size: usize, fetched: SysResult<Vec<u8>>) -> StreamResult<Bytes> {
        let bytes = fetched.map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        if let Place::At(at) = &mut self.place {
            *at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        Ok(bytes.into())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        self.from.ready(PollEvents::POLLIN).await;
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match at_once(self.fetch(size)) {
            Some(Err(error)) if matches!(error.errno(), Errno::EAGAIN | Errno::EINTR) => {
                Ok(Bytes::new())
            }
            Some(fetched) => self.deliver(size, fetched),
            None => Ok(Bytes::new()),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            let fetched = self.fetch(size).await;
            match fetched {
                Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::EINTR) => {
                    // What interrupted ends the process, or was nothing to it.
                    if self.from.task.must_end() {
                        return Err(StreamError::Closed);
                    }
                    self.ready().await;
                }
                fetched => return self.deliver(size, fetched),
            }
        }
    }
}

/// Writes a descriptor.
#[derive(Debug)]
pub(super) struct Output {
    to: Arc<OpenFd>,
    place: Place,
    /// Taken from the program, not yet written.
    pending: Vec<u8>,
    failure: Option<SysError>,
}

impl Output {
    pub(super) fn new(to: Arc<OpenFd>, place: Place) -> Self {
        Self {
            to,
            place,
            pending: Vec::new(),
            failure: None,
        }
    }

    async fn put(&self) -> SysResult<usize> {
        let OpenFd { task, fd, .. } = &*self.to;
        let at = match self.place {
            Place::Here => return syscall::write(task, *fd, &self.pending).await,
            Place::At(at) => at,
            Place::End => syscall::fstat(task, *fd)?.size,
        };
        syscall::pwrite(task, *fd, &self.pending, at).await
    }

    fn note(&mut self, put: SysResult<usize>) -> bool {
        match put {
            Ok(count) => {
                self.pending.drain(..count.min(self.pending.len()));
                if let Place::At(at) = &mut self.place {
                    *at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                }
                count > 0
            }
            Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::EINTR) => false,
            Err(error) => {
                self.pending.clear();
                self.failure = Some(error);
                false
            }
        }
    }

    /// Writes what can be written without waiting.
    fn drain(&mut self) {
        while !self.pending.is_empty() {
            let Some(put) = at_once(self.put()) else {
                return;
            };
            if !self.note(put) {
                return;
            }
        }
    }

    /// Writes everything.
    async fn drain_all(&mut self) {
        while !self.pending.is_empty() && !self.to.task.must_end() {
            let put = self.put().await;
            if !self.note(put) && !self.pending.is_empty() {
                self.to.ready(PollEvents::POLLOUT).await;
            }
        }
    }

    fn check(&mut self) -> StreamResult<()> {
        match self.failure.take() {
            Some(error) => Err(failed(error)),
            None => Ok(()),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.drain_all().await;
        if self.failure.is_none() && matches!(self.place, Place::Here) {
            self.to.ready(PollEvents::POLLOUT).await;
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if self.pending.len().saturating_add(bytes.len()) > 2 * FILE_PERMIT {
            return Err(StreamError::trap(
                "more was written than check-write allowed",
            ));
        }
        self.pending.extend_from_slice(&bytes);
        self.drain();
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.drain();
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.drain();
        self.check()?;
        if !self.pending.is_empty() {
            return Ok(0);
        }
        if !matches!(self.place, Place::Here) {
            return Ok(FILE_PERMIT);
        }
        let mut fds = [PollFd::new(self.to.fd, PollEvents::POLLOUT)];
        let now = Some(std::time::Duration::ZERO);
        let is_ready = at_once(syscall::poll(&self.to.task, &mut fds, now, None))
            .is_some_and(|ready| ready.is_ok_and(|count| count > 0));
        Ok(if is_ready { PIPE_PERMIT } else { 0 })
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.drain_all().await;
        self.check()?;
        self.pending.extend_from_slice(&bytes);
        self.drain_all().await;
        self.check()
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        loop {
            self.ready().await;
            match self.check_write()? {
                0 if self.to.task.must_end() => return Err(StreamError::Closed),
                0 => {}
                permit => return Ok(permit),
            }
        }
    }
}

/// One of the three streams a process is started with.
#[derive(Clone, Debug)]
pub(super) struct Standard(pub(super) Arc<OpenFd>);

impl IsTerminal for Standard {
    fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

impl StdinStream for Standard {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Only WASI 0.3 and preview 1 of the crate ask for this form; neither is linked.
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Input::new(Arc::clone(&self.0), Place::Here))
    }
}

impl StdoutStream for Standard {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // As for standard input.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Output::new(Arc::clone(&self.0), Place::Here))
    }
}

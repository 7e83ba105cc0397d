//! Our standard output and error as the program's: what it writes goes out, and when nobody reads ours any more, nobody reads the program's.
//!
//! A program of the host notices a reader that has gone when it writes (`EPIPE`, `SIGPIPE`). So does ours: [`watch`] closes its pipe as soon
//! as our reader goes, before the program's next write.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use cenote::Process;
use rustix::event::{PollFd, PollFlags, poll};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// One of our streams that the program writes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outlet {
    Stdout,
    Stderr,
}

impl Outlet {
    /// Carries what the program writes to ours, until it ends; fails when ours does not take it though somebody reads it.
    pub(crate) fn join(self, process: &Process) -> JoinHandle<io::Result<()>> {
        let watched = process.clone();
        std::thread::spawn(move || match self {
            Self::Stdout => watch(&io::stdout(), || self.close(&watched)),
            Self::Stderr => watch(&io::stderr(), || self.close(&watched)),
        });
        let (process, handle) = (process.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let mut stream = match self {
                Self::Stdout => process.stdout(),
                Self::Stderr => process.stderr(),
            };
            let next = || handle.block_on(stream.next());
            let carried = match self {
                Self::Stdout => copy(next, io::stdout()),
                Self::Stderr => copy(next, io::stderr()),
            };
            self.close(&process);
            match carried {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                carried => carried,
            }
        })
    }

    /// Nobody reads what the program writes here from now on.
    fn close(self, process: &Process) {
        match self {
            Self::Stdout => process.close_stdout(),
            Self::Stderr => process.close_stderr(),
        }
    }
}

/// Waits until nobody reads one of our streams any more: of a pipe the reader is gone, a connection is closed both ways, a terminal is hung
/// up. For a file that is never.
fn watch(stream: &impl AsFd, gone: impl FnOnce()) {
    // What is asked for is nothing: errors and hang-ups are told anyway.
    let mut asked = [PollFd::new(stream, PollFlags::empty())];
    loop {
        match poll(&mut asked, None) {
            Ok(1..) => return gone(),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // A stream that cannot be watched fails when it is written to.
            Err(_) => return,
        }
    }
}

/// Copies chunks to a stream of ours until there are no more or ours does not take them.
pub(crate) fn copy(
    mut next: impl FnMut() -> Option<Vec<u8>>,
    mut to: impl Write,
) -> io::Result<()> {
    while let Some(chunk) = next() {
        to.write_all(&chunk).and_then(|()| to.flush())?;
    }
    Ok(())
}

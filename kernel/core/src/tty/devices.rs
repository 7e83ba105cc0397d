//! Terminals by name: `/dev/tty`, `/dev/ptmx`, and the rest of `/dev` that the kernel's core adds to a [`DevFs`].

use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, Mode, OpenFlags};
use cenote_base::{Gid, SysResult, Uid};
use cenote_vfs::fs::devfs::{DevFs, DeviceNode};
use cenote_vfs::{File, IoctlCaller};

use crate::kernel::Kernel;
use crate::process::Task;

/// `/dev/tty`: the controlling terminal of who opens it.
#[derive(Debug)]
struct CurrentTerminal;

impl DeviceNode for CurrentTerminal {
    fn device(&self) -> DeviceId {
        DeviceId::new(5, 0)
    }

    fn open(
        &self,
        _flags: OpenFlags,
        caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Arc<dyn File>> {
        let task = caller
            .and_then(|caller| caller.as_any().downcast_ref::<Task>())
            .ok_or(Errno::ENXIO)?;
        let session = task
            .kernel()
            .table()
            .session_of(task.pid())
            .ok_or(Errno::ENXIO)?;
        Ok(session.terminal().ok_or(Errno::ENXIO)?.open_slave()?)
    }
}

/// `/dev/ptmx`: a new pseudo-terminal each time.
#[derive(Debug)]
struct Multiplexer {
    kernel: Weak<Kernel>,
}

impl DeviceNode for Multiplexer {
    fn device(&self) -> DeviceId {
        DeviceId::new(5, 2)
    }

    fn open(
        &self,
        _flags: OpenFlags,
        caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Arc<dyn File>> {
        let kernel = self.kernel.upgrade().ok_or(Errno::ENXIO)?;
        let task = caller.and_then(|caller| caller.as_any().downcast_ref::<Task>());
        let owner = task.map_or((Uid::ROOT, Gid::ROOT), |task| {
            let own = task.process().credentials();
            (own.fsuid, own.fsgid)
        });
        Ok(kernel.ptys().create(&kernel, owner, true)?)
    }
}

/// Adds terminals, links and mount points to `/dev`.
///
/// # Errors
/// `EEXIST`: a name is taken.
pub(crate) fn populate(kernel: &Arc<Kernel>, devfs: &DevFs) -> SysResult {
    devfs.add("tty", Arc::new(CurrentTerminal))?;
    devfs.add(
        "ptmx",
        Arc::new(Multiplexer {
            kernel: Arc::downgrade(kernel),
        }),
    )?;
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        devfs.add_link(name, target)?;
    }
    devfs.add_directory("pts", Mode::from_raw(0o755))?;
    devfs.add_directory("shm", Mode::from_raw(0o1777))?;
    Ok(())
}

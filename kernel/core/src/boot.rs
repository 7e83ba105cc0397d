//! Filling a new machine's tree: `/dev` and `/proc` mounted over its root filesystem.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::Mode;
use cenote_base::{Credentials, SysResult};
use cenote_vfs::fs::Tmpfs;
use cenote_vfs::fs::devfs::DevFs;
use cenote_vfs::lookup::{LookupFlags, resolve};
use cenote_vfs::{FileSystem, LookupContext, MountFlags, ops};

use crate::kernel::Kernel;
use crate::procfs::ProcFs;
use crate::tty::{devices, devpts::DevPts};

impl Kernel {
    /// Mounts `/dev` (with `/dev/pts` and `/dev/shm`) and `/proc`, making the directories where they are missing. Call
    /// once, before anything runs.
    ///
    /// # Errors
    /// Those of making a directory and of mounting.
    pub fn boot(self: &Arc<Self>) -> SysResult {
        let entropy = Arc::clone(self.entropy());
        let fill = move |buf: &mut [u8]| {
            entropy.fill(buf);
            Ok(())
        };
        let devfs = DevFs::new(Arc::clone(self.clock()), Arc::new(fill));
        devices::populate(self, &devfs)?;
        let nothing_runs = MountFlags::NOSUID | MountFlags::NOEXEC;
        self.mount_at(b"/dev", devfs, MountFlags::NOSUID)?;
        self.mount_at(b"/dev/pts", DevPts::new(self.ptys()), nothing_runs)?;
        let shm = Tmpfs::with_root(
            Arc::clone(self.clock()),
            Arc::clone(self.budget()),
            &cenote_vfs::NewOwner::root(Mode::from_raw(0o1777)),
        );
        self.mount_at(b"/dev/shm", shm, MountFlags::NOSUID | MountFlags::NODEV)?;
        self.mount_at(
            b"/proc",
            ProcFs::new(self),
            nothing_runs | MountFlags::NODEV,
        )
    }

    /// Mounts a filesystem at a path, making the directory if it is missing.
    ///
    /// # Errors
    /// Those of making a directory and of mounting.
    pub fn mount_at(
        &self,
        path: &[u8],
        filesystem: Arc<dyn FileSystem>,
        flags: MountFlags,
    ) -> SysResult {
        let (root, credentials) = (self.namespace().root(), Credentials::root());
        let cx = LookupContext::new(&root, &root, &credentials, 0);
        let place = match resolve(&cx, None, path, LookupFlags::FOLLOW) {
            Err(error) if error.errno() == Errno::ENOENT => {
                ops::mkdir(&cx, None, path, Mode::from_raw(0o755))?;
                resolve(&cx, None, path, LookupFlags::FOLLOW)?
            }
            found => found?,
        };
        self.namespace().mount(&place, filesystem, flags).map(drop)
    }
}

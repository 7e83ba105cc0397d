//! A filesystem as a whole: [`FileSystem`], and the numbers by which filesystems are told apart.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cenote_abi::fs::{DeviceId, StatFs};
use cenote_base::SysResult;

use crate::inode::Inode;

/// A tree of inodes that can be mounted.
pub trait FileSystem: Send + Sync + Debug + 'static {
    /// The name of the kind, as `/proc/mounts` shows it.
    fn type_name(&self) -> &'static str;

    /// The top directory.
    fn root(&self) -> Arc<dyn Inode>;

    /// Tells size and limits.
    ///
    /// # Errors
    /// `EIO`: of the host.
    fn statfs(&self) -> SysResult<StatFs>;

    /// Whether nothing in it can be changed, whatever the mount says.
    fn is_read_only(&self) -> bool {
        false
    }

    /// Makes everything durable, where there is something to be durable on.
    ///
    /// # Errors
    /// `EIO`: of the host.
    fn sync(&self) -> SysResult {
        Ok(())
    }

    /// This filesystem as itself.
    fn as_any(&self) -> &dyn Any;
}

/// Returns a device number (`st_dev`) no other filesystem in this OS process has.
#[must_use]
pub fn next_device() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let minor = u32::try_from(NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff).unwrap_or(0);
    // Major 0 is Linux's for filesystems without a device.
    DeviceId::new(0, minor).encode()
}

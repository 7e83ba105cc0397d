//! The devices that are only memory: null(4), zero, full(4), random(4).

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, OpenFlags, Whence};
use cenote_base::SysResult;

use super::{DeviceNode, Entropy};
use crate::file::{File, IoctlCaller};

/// Which one.
#[derive(Clone)]
pub(super) enum Memory {
    Null,
    Zero,
    Full,
    Random(Entropy),
}

/// The node in the directory, and the open file.
#[derive(Clone)]
pub(super) struct MemoryDevice {
    pub(super) device: DeviceId,
    pub(super) memory: Memory,
}

impl DeviceNode for MemoryDevice {
    fn device(&self) -> DeviceId {
        self.device
    }

    fn open(
        &self,
        _flags: OpenFlags,
        _caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Arc<dyn File>> {
        Ok(Arc::new(self.clone()))
    }
}

impl File for MemoryDevice {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        match &self.memory {
            Memory::Null => return Ok(0),
            Memory::Zero | Memory::Full => buf.fill(0),
            Memory::Random(entropy) => entropy(buf)?,
        }
        Ok(buf.len())
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        match &self.memory {
            Memory::Full => Err(Errno::ENOSPC.into()),
            Memory::Null | Memory::Zero | Memory::Random(_) => Ok(buf.len()),
        }
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek_data(&self, _offset: u64, _whence: Whence) -> SysResult<u64> {
        Err(Errno::EINVAL.into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for MemoryDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MemoryDevice({}:{})",
            self.device.major, self.device.minor
        )
    }
}

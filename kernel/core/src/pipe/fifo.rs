//! Named pipes: a [`Ring`] behind an inode, and the devices that only `mknod` names. See fifo(7).
//!
//! The ring hangs on the inode's attachment while an end is open. Opening here never waits; the call layer waits for
//! the other side ([`PipeEnd::has_met_other_side`]).

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_base::SysResult;
use cenote_base::limits::Budget;
use cenote_vfs::{File, Inode, SpecialFiles};

use super::{PipeEnd, Ring, Side};
use crate::anonymous;

/// Opens named pipes for the tree of files.
#[derive(Debug)]
pub(crate) struct FifoOpener {
    budget: Arc<Budget>,
}

impl FifoOpener {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget }
    }
}

impl SpecialFiles for FifoOpener {
    fn open_fifo(&self, inode: &Arc<dyn Inode>, flags: OpenFlags) -> SysResult<Arc<dyn File>> {
        let attachment = inode.attachment().ok_or(Errno::ENXIO)?;
        let ring = attachment.find_or_attach(|| Ring::new(&self.budget, anonymous::next_ino()))?;
        let side = Side::of(flags)?;
        if side == Side::Write && flags.contains(OpenFlags::O_NONBLOCK) && ring.readers().open == 0
        {
            return Err(Errno::ENXIO.into());
        }
        Ok(PipeEnd::open(ring, side, true))
    }
}

//! A tree whose top shows two filesystems at once: [`JoinedFs`]. For a filesystem of the embedder at `/`, beside what a machine cannot be without.
//!
//! A name at the top belongs to the machine when it is one of `kept`, or when the other filesystem has no such name; new names go to the other one.
//! Below the top, each file is of one of the two: moving between them is `EXDEV`.
//!
//! Until [`JoinedFs::open`] only the machine's own is there: the other side cannot answer while the machine is made.
//!
//! Locks: none.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, RenameFlags, Stat, StatFs};
use cenote_base::SysResult;

use crate::filesystem::FileSystem;
use crate::inode::{AttributeChanges, DirEntry, Inode, NewNode, NewOwner};

/// Cursors of the other filesystem have this bit.
const OTHERS: u64 = 1 << 62;

/// Two filesystems under one top.
pub struct JoinedFs {
    own: Arc<dyn FileSystem>,
    top: Arc<Top>,
}

impl JoinedFs {
    /// Joins the machine's own filesystem, which has the names `kept` for itself, with another.
    #[must_use]
    pub fn new(own: Arc<dyn FileSystem>, other: &Arc<dyn FileSystem>, kept: &[&[u8]]) -> Arc<Self> {
        let top = Arc::new(Top {
            own: own.root(),
            other: other.root(),
            kept: kept.iter().map(|name| name.to_vec()).collect(),
            is_open: AtomicBool::new(false),
        });
        Arc::new(Self { own, top })
    }

    /// From now on the other filesystem is asked.
    pub fn open(&self) {
        self.top.is_open.store(true, Ordering::Release);
    }
}

impl FileSystem for JoinedFs {
    fn type_name(&self) -> &'static str {
        "joined"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Top>::clone(&self.top)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        self.own.statfs()
    }

    fn sync(&self) -> SysResult {
        self.own.sync()
    }

    fn as_any(&self) -> &dyn Any {
        // What is kept of a machine's root, a snapshot, is of its own files.
        self.own.as_any()
    }
}

impl fmt::Debug for JoinedFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinedFs({:?})", self.own)
    }
}

/// The top directory.
#[derive(Debug)]
struct Top {
    own: Arc<dyn Inode>,
    other: Arc<dyn Inode>,
    kept: Vec<Vec<u8>>,
    is_open: AtomicBool,
}

/// Whose a name is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Own,
    Other,
}

impl Top {
    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    fn is_kept(&self, name: &[u8]) -> bool {
        self.kept.iter().any(|kept| kept == name)
    }

    fn of(&self, side: Side) -> &Arc<dyn Inode> {
        match side {
            Side::Own => &self.own,
            Side::Other => &self.other,
        }
    }

    /// Finds a name, and whose it is.
    fn find(&self, name: &[u8]) -> SysResult<(Side, Arc<dyn Inode>)> {
        if self.is_open() && !self.is_kept(name) {
            match self.other.lookup(name) {
                Ok(found) => return Ok((Side::Other, found)),
                Err(error) if error.errno() == Errno::ENOENT => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Side::Own, self.own.lookup(name)?))
    }

    /// Where a name that is not there is made.
    fn place(&self, name: &[u8]) -> Side {
        if self.is_open() && !self.is_kept(name) {
            Side::Other
        } else {
            Side::Own
        }
    }
}

impl Inode for Top {
    fn stat(&self) -> SysResult<Stat> {
        self.own.stat()
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        self.find(name).map(|(_, found)| found)
    }

    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        if self.find(name).is_ok() {
            return Err(Errno::EEXIST.into());
        }
        self.of(self.place(name)).create(name, node, owner)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        if self.find(name).is_ok() {
            return Err(Errno::EEXIST.into());
        }
        self.of(self.place(name)).link(name, target)
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        let (side, _) = self.find(name)?;
        self.of(side).unlink(name)
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        let (side, _) = self.find(name)?;
        self.of(side).rmdir(name)
    }

    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        let (side, _) = self.find(from)?;
        // The top is for others what `as_any` says, the other filesystem's: for ourselves we look closer.
        let is_top = std::ptr::addr_eq(
            std::ptr::from_ref(to_dir.as_any()),
            std::ptr::from_ref(self.other.as_any()),
        );
        if !is_top {
            return self.of(side).rename(from, to_dir, to, flags);
        }
        let target = match self.find(to) {
            Ok((side, _)) => side,
            Err(error) if error.errno() == Errno::ENOENT => self.place(to),
            Err(error) => return Err(error),
        };
        if side != target {
            return Err(Errno::EXDEV.into());
        }
        self.of(side).rename(from, self.of(side), to, flags)
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let is_open = self.is_open();
        let mut stopped = false;
        if cursor & OTHERS == 0 {
            self.own.read_dir(cursor, &mut |entry| {
                // What the other side hides is told when its turn comes.
                let is_hidden =
                    is_open && !self.is_kept(entry.name) && self.other.lookup(entry.name).is_ok();
                if is_hidden {
                    return true;
                }
                stopped = !emit(entry);
                !stopped
            })?;
        }
        if stopped || !is_open {
            return Ok(());
        }
        self.other.read_dir(cursor & !OTHERS, &mut |entry| {
            if self.is_kept(entry.name) {
                return true;
            }
            emit(DirEntry {
                next_cursor: entry.next_cursor | OTHERS,
                ..entry
            })
        })
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        self.own.set_attributes(changes)
    }

    fn is_slow(&self) -> bool {
        self.other.is_slow()
    }

    fn as_any(&self) -> &dyn Any {
        // Moves into the top from below come as moves into the other filesystem's: new names are made there.
        self.other.as_any()
    }
}

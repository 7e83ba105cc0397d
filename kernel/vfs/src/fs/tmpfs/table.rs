//! The files of one filesystem by their numbers: [`Table`], with what they cost: [`Files`].
//!
//! A table is what a snapshot holds. Copying one takes a moment (see [`Trie`]), so a snapshot, and a filesystem that starts from one, cost
//! the same however many files there are, and no look-up goes through an older one. Files of layers are in the table once they changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Timespec};
use cenote_base::SysResult;
use cenote_base::limits::{Budget, Charge, Resource};

use super::attributes::Attributes;
use super::content::Content;
use super::directory::{Directory, entry_cost};
use super::trie::Trie;
use crate::fs::overlay::scattered;
use crate::inode::Inode;

/// What a file is and holds. Copies share all that is large.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) attributes: Attributes,
    pub(super) body: Body,
    /// What is charged for bytes, target or entries.
    pub(super) bytes: u64,
    /// Whether its inode is charged: those of layers are only when they had to be kept.
    pub(super) is_charged: bool,
    /// Made with `O_TMPFILE`, so that the first name may come later.
    pub(super) may_be_linked: bool,
}

/// What kinds of file are made of.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Regular(Content),
    /// A regular file whose content is still the layer's.
    Below(Arc<dyn Inode>),
    Directory(Box<Directory>),
    Symlink(Arc<[u8]>),
    Special,
}

/// Files by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    files: Trie<Arc<File>>,
    last_ino: u64,
    /// Files without a name, which somebody has open.
    orphans: BTreeSet<u64>,
}

/// What the files of a filesystem cost its machine.
#[derive(Debug)]
pub(super) struct Meter {
    inodes: Charge,
    bytes: Charge,
}

/// A filesystem's files and what they cost.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) table: Table,
    pub(super) meter: Meter,
}

impl File {
    pub(super) fn new(attributes: Attributes, body: Body) -> Self {
        Self {
            attributes,
            body,
            bytes: 0,
            is_charged: false,
            may_be_linked: false,
        }
    }

    pub(super) fn directory(&self) -> SysResult<&Directory> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    pub(super) fn directory_mut(&mut self) -> SysResult<&mut Directory> {
        match &mut self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// The content of a regular file that is no layer's.
    pub(super) fn content_mut(&mut self) -> SysResult<&mut Content> {
        match &mut self.body {
            Body::Regular(content) => Ok(content),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            Body::Below(_) | Body::Symlink(_) | Body::Special => Err(Errno::EINVAL.into()),
        }
    }
}

impl Table {
    pub(super) fn get(&self, ino: u64) -> Option<&File> {
        self.files.get(scattered(ino)).map(|file| &**file)
    }

    pub(super) fn get_mut(&mut self, ino: u64) -> SysResult<&mut File> {
        let file = self.files.get_mut(scattered(ino)).ok_or(Errno::ENOENT)?;
        Ok(Arc::make_mut(file))
    }

    pub(super) fn insert(&mut self, ino: u64, file: File) {
        self.files.insert(scattered(ino), Arc::new(file));
    }

    pub(super) fn next_ino(&mut self) -> u64 {
        self.last_ino += 1;
        self.last_ino
    }

    pub(super) fn add_orphan(&mut self, ino: u64) {
        self.orphans.insert(ino);
    }

    pub(super) fn remove_orphan(&mut self, ino: u64) -> bool {
        self.orphans.remove(&ino)
    }
}

impl Meter {
    pub(super) fn new(budget: &Arc<Budget>, inodes: u64, bytes: u64) -> SysResult<Self> {
        Ok(Self {
            inodes: budget.charge(Resource::Inodes, inodes)?,
            bytes: budget.charge(Resource::FilesystemBytes, bytes)?,
        })
    }

    pub(super) fn add_inode(&mut self) -> SysResult {
        self.inodes.resize(self.inodes.amount().saturating_add(1))
    }

    /// Makes what is charged for one file `amount`.
    pub(super) fn recharge(&mut self, held: &mut u64, amount: u64) -> SysResult {
        if *held != amount {
            let others = self.bytes.amount().saturating_sub(*held);
            self.bytes.resize(others.saturating_add(amount))?;
            *held = amount;
        }
        Ok(())
    }

    /// Gives back what a file cost.
    fn release(&mut self, file: &File) {
        let inodes = self
            .inodes
            .amount()
            .saturating_sub(u64::from(file.is_charged));
        let bytes = self.bytes.amount().saturating_sub(file.bytes);
        // Less is always granted.
        self.inodes.resize(inodes).ok();
        self.bytes.resize(bytes).ok();
    }

    /// What is charged: inodes and bytes.
    pub(super) fn amounts(&self) -> (u64, u64) {
        (self.inodes.amount(), self.bytes.amount())
    }
}

impl Files {
    pub(super) fn split(&mut self, ino: u64) -> SysResult<(&mut File, &mut Meter)> {
        Ok((self.table.get_mut(ino)?, &mut self.meter))
    }

    /// The directory of this number, if entries can be made in it: it was not removed.
    pub(super) fn living(&self, ino: u64) -> SysResult<&Directory> {
        let directory = self.table.get(ino).ok_or(Errno::ENOENT)?.directory()?;
        if directory.is_dead {
            Err(Errno::ENOENT.into())
        } else {
            Ok(directory)
        }
    }

    /// Adds an entry that was looked for before, and charges for its name.
    pub(super) fn add_entry(
        &mut self,
        directory: u64,
        name: &[u8],
        (ino, kind): (u64, FileType),
        now: Timespec,
    ) -> SysResult {
        let (file, meter) = self.split(directory)?;
        file.directory()?;
        let amount = file.bytes.saturating_add(entry_cost(name));
        meter.recharge(&mut file.bytes, amount)?;
        if let Err(error) = file.directory_mut()?.insert(name, ino, kind) {
            let amount = file.bytes.saturating_sub(entry_cost(name));
            meter.recharge(&mut file.bytes, amount)?;
            return Err(error);
        }
        if kind == FileType::Directory {
            file.attributes.nlink += 1;
        }
        file.attributes.modified(now);
        Ok(())
    }

    /// Removes an entry that was found before, and what was charged for its name.
    pub(super) fn remove_entry(
        &mut self,
        directory: u64,
        name: &[u8],
        kind: FileType,
        now: Timespec,
    ) -> SysResult {
        let (file, meter) = self.split(directory)?;
        if file.directory_mut()?.remove(name) {
            let amount = file.bytes.saturating_sub(entry_cost(name));
            meter.recharge(&mut file.bytes, amount)?;
        }
        if kind == FileType::Directory {
            file.attributes.nlink = file.attributes.nlink.saturating_sub(1);
        }
        file.attributes.modified(now);
        Ok(())
    }

    /// Takes a file out and gives back what it cost. To be dropped without the lock: it may be large.
    pub(super) fn purge(&mut self, ino: u64) -> Option<Arc<File>> {
        self.table.orphans.remove(&ino);
        let file = self.table.files.remove(scattered(ino))?;
        self.meter.release(&file);
        Some(file)
    }

    /// A copy without the files that have no name, and what its files would cost: inodes and bytes.
    pub(super) fn copied(&self) -> (Table, u64, u64) {
        let mut table = self.table.clone();
        let (mut inodes, mut bytes) = self.meter.amounts();
        for ino in std::mem::take(&mut table.orphans) {
            if let Some(file) = table.files.remove(scattered(ino)) {
                inodes = inodes.saturating_sub(u64::from(file.is_charged));
                bytes = bytes.saturating_sub(file.bytes);
            }
        }
        (table, inodes, bytes)
    }
}

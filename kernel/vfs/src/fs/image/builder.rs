//! How an image is made: [`ImageBuilder`], one call a file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, Mode, Stat, Timespec};
use cenote_base::path::{NAME_MAX, components};
use cenote_base::{Gid, SysResult, Uid};

use super::Image;
use super::content::Content;
use super::node::{Body, Named, Node};
use crate::filesystem::next_device;
use crate::inode::Attachment;

/// How deep a tree may be: making it recurses.
const MAX_DEPTH: usize = 256;

/// A tree in the making. Paths are taken from its top, with or without a leading slash; directories on the way that
/// were not mentioned are the superuser's, with mode 755.
#[derive(Debug)]
pub struct ImageBuilder {
    root: Draft,
    time: Timespec,
    /// The regular files, which may have several names: content, and how many.
    files: Vec<(Arc<dyn Content>, u64)>,
}

#[derive(Debug)]
struct Draft {
    mode: Mode,
    uid: Uid,
    gid: Gid,
    kind: DraftKind,
}

#[derive(Debug)]
enum DraftKind {
    Directory(BTreeMap<Box<[u8]>, Draft>),
    /// An index into `files`.
    Regular(usize),
    Symlink(Box<[u8]>),
    Special(FileType, DeviceId),
}

impl Draft {
    fn of_root(mode: u32, kind: DraftKind) -> Self {
        Self {
            mode: Mode::from_raw(mode),
            uid: Uid::ROOT,
            gid: Gid::ROOT,
            kind,
        }
    }
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageBuilder {
    /// An empty tree, all of whose files are of the beginning of 1970.
    #[must_use]
    pub fn new() -> Self {
        let root = Draft::of_root(0o755, DraftKind::Directory(BTreeMap::new()));
        Self {
            root,
            time: Timespec::ZERO,
            files: Vec::new(),
        }
    }

    /// The time all files show.
    #[must_use]
    pub fn with_time(self, time: Timespec) -> Self {
        Self { time, ..self }
    }

    /// Adds a directory, or sets the mode of one that is there.
    ///
    /// # Errors
    /// `ENOTDIR`: something on the way, or at the path, is no directory. `EINVAL`, `ENAMETOOLONG`: not a path for a file.
    pub fn directory(&mut self, path: &[u8], mode: Mode) -> SysResult<&mut Self> {
        let draft = self.descend(components(path))?;
        match draft.kind {
            DraftKind::Directory(_) => draft.mode = mode,
            _ => return Err(Errno::ENOTDIR.into()),
        }
        Ok(self)
    }

    /// Adds a regular file.
    ///
    /// # Errors
    /// As [`directory`](Self::directory); `EEXIST`: the path is taken.
    pub fn file(
        &mut self,
        path: &[u8],
        mode: Mode,
        content: Arc<dyn Content>,
    ) -> SysResult<&mut Self> {
        let index = self.files.len();
        self.add(path, Draft::of_root(mode.raw(), DraftKind::Regular(index)))?;
        self.files.push((content, 1));
        Ok(self)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn symlink(&mut self, path: &[u8], target: &[u8]) -> SysResult<&mut Self> {
        self.add(
            path,
            Draft::of_root(0o777, DraftKind::Symlink(target.into())),
        )
    }

    /// Adds another name of a regular file that was added.
    ///
    /// # Errors
    /// As [`file`](Self::file); `ENOENT`, `EINVAL`: `existing` is not there, or no regular file.
    pub fn hard_link(&mut self, path: &[u8], existing: &[u8]) -> SysResult<&mut Self> {
        let file = self.find(existing)?;
        let DraftKind::Regular(index) = file.kind else {
            return Err(Errno::EINVAL.into());
        };
        let name = Draft {
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            kind: DraftKind::Regular(index),
        };
        self.add(path, name)?;
        if let Some((_, links)) = self.files.get_mut(index) {
            *links += 1;
        }
        Ok(self)
    }

    /// Adds a device, named pipe or socket name.
    ///
    /// # Errors
    /// As [`file`](Self::file); `EINVAL`: another kind of file.
    pub fn special(
        &mut self,
        path: &[u8],
        mode: Mode,
        kind: FileType,
        device: DeviceId,
    ) -> SysResult<&mut Self> {
        match kind {
            FileType::Regular | FileType::Directory | FileType::Symlink => {
                Err(Errno::EINVAL.into())
            }
            _ => self.add(
                path,
                Draft::of_root(mode.raw(), DraftKind::Special(kind, device)),
            ),
        }
    }

    /// Gives a file that was added to a user and a group.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`.
    pub fn owner(&mut self, path: &[u8], uid: Uid, gid: Gid) -> SysResult<&mut Self> {
        let draft = self.find(path)?;
        (draft.uid, draft.gid) = (uid, gid);
        Ok(self)
    }

    fn find(&mut self, path: &[u8]) -> SysResult<&mut Draft> {
        let mut draft = &mut self.root;
        for name in components(path) {
            let DraftKind::Directory(entries) = &mut draft.kind else {
                return Err(Errno::ENOTDIR.into());
            };
            draft = entries.get_mut(name).ok_or(Errno::ENOENT)?;
        }
        Ok(draft)
    }

    fn add(&mut self, path: &[u8], draft: Draft) -> SysResult<&mut Self> {
        let mut names = components(path);
        let name = names.next_back().ok_or(Errno::EINVAL)?;
        check_name(name)?;
        let DraftKind::Directory(entries) = &mut self.descend(names)?.kind else {
            return Err(Errno::ENOTDIR.into());
        };
        match entries.entry(name.into()) {
            Entry::Occupied(_) => Err(Errno::EEXIST.into()),
            Entry::Vacant(vacant) => {
                vacant.insert(draft);
                Ok(self)
            }
        }
    }

    fn descend<'n>(&mut self, names: impl Iterator<Item = &'n [u8]>) -> SysResult<&mut Draft> {
        let mut draft = &mut self.root;
        for (depth, name) in names.enumerate() {
            check_name(name)?;
            if depth >= MAX_DEPTH {
                return Err(Errno::ENAMETOOLONG.into());
            }
            let DraftKind::Directory(entries) = &mut draft.kind else {
                return Err(Errno::ENOTDIR.into());
            };
            let absent = || Draft::of_root(0o755, DraftKind::Directory(BTreeMap::new()));
            draft = entries.entry(name.into()).or_insert_with(absent);
        }
        Ok(draft)
    }

    /// Makes the tree.
    #[must_use]
    pub fn build(self) -> Arc<Image> {
        let made = vec![None; self.files.len()];
        let mut freeze = Freeze {
            device: next_device(),
            time: self.time,
            last_ino: 0,
            files: self.files,
            made,
        };
        let root = freeze.node(self.root);
        Arc::new(Image {
            root,
            device: freeze.device,
            files: freeze.last_ino,
        })
    }
}

/// Turns drafts into nodes.
struct Freeze {
    device: u64,
    time: Timespec,
    last_ino: u64,
    files: Vec<(Arc<dyn Content>, u64)>,
    /// The nodes of the regular files that were met.
    made: Vec<Option<Arc<Node>>>,
}

impl Freeze {
    fn node(&mut self, draft: Draft) -> Arc<Node> {
        let Draft {
            mode,
            uid,
            gid,
            kind,
        } = draft;
        self.last_ino += 1;
        let stat = Stat {
            dev: self.device,
            ino: self.last_ino,
            nlink: 1,
            uid: uid.raw(),
            gid: gid.raw(),
            blksize: 4096,
            atime: self.time,
            mtime: self.time,
            ctime: self.time,
            btime: self.time,
            ..Stat::default()
        };
        let stat = |kind: FileType| Stat {
            mode: kind.mode_bits() | mode.raw(),
            ..stat
        };
        match kind {
            DraftKind::Directory(entries) => {
                let entries: Vec<_> = entries
                    .into_iter()
                    .map(|(name, draft)| (name, self.node(draft)))
                    .collect();
                let is_directory = |node: &&Named| matches!(node.1.body, Body::Directory(_));
                let nlink = 2 + entries.iter().filter(is_directory).count() as u64;
                let stat = Stat {
                    nlink,
                    size: 4096,
                    ..stat(FileType::Directory)
                };
                Arc::new(Node {
                    stat,
                    body: Body::Directory(entries),
                })
            }
            DraftKind::Regular(index) => self.file(index, stat(FileType::Regular)),
            DraftKind::Symlink(target) => {
                let stat = Stat {
                    size: target.len() as u64,
                    ..stat(FileType::Symlink)
                };
                Arc::new(Node {
                    stat,
                    body: Body::Symlink(target),
                })
            }
            DraftKind::Special(kind, device) => {
                let stat = Stat {
                    rdev: device.encode(),
                    ..stat(kind)
                };
                Arc::new(Node {
                    stat,
                    body: Body::Special(kind, Attachment::default()),
                })
            }
        }
    }

    fn file(&mut self, index: usize, stat: Stat) -> Arc<Node> {
        if let Some(Some(made)) = self.made.get(index) {
            return Arc::clone(made);
        }
        // An index is only ever written down together with its file.
        let (content, nlink) = self.files.get(index).expect("every index has its file");
        let size = content.len();
        let stat = Stat {
            nlink: *nlink,
            size,
            blocks: size.div_ceil(512),
            ..stat
        };
        let node = Arc::new(Node {
            stat,
            body: Body::Regular(Arc::clone(content)),
        });
        if let Some(place) = self.made.get_mut(index) {
            *place = Some(Arc::clone(&node));
        }
        node
    }
}

fn check_name(name: &[u8]) -> SysResult {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if matches!(name, b"." | b"..") || name.contains(&0) {
        Err(Errno::EINVAL.into())
    } else {
        Ok(())
    }
}

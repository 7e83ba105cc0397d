//! A tree of one directory and one file, which the test changes behind the filesystem's back.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Timespec};
use cenote_base::SysResult;
use parking_lot::Mutex;

use super::{RemoteFs, RemoteStat, RemoteTree};
use crate::filesystem::FileSystem;
use crate::inode::{AttributeChanges, NewNode, NewOwner};
use crate::testing::errno;
use cenote_abi::fs::{Mode, RenameFlags};

#[derive(Debug, Default)]
struct Files(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl RemoteTree for Files {
    fn stat(&self, path: &[u8]) -> SysResult<RemoteStat> {
        let files = self.0.lock();
        let (kind, size) = match files.get(path) {
            Some(bytes) => (FileType::Regular, bytes.len()),
            None if path.is_empty() => (FileType::Directory, 0),
            None => return Err(Errno::ENOENT.into()),
        };
        Ok(RemoteStat {
            kind,
            size: size as u64,
            mode: 0o644,
            uid: 0,
            gid: 0,
            ino: 0,
            nlink: 0,
            atime: Timespec::default(),
            mtime: Timespec::default(),
            ctime: Timespec::default(),
        })
    }
    fn read_dir(&self, _path: &[u8]) -> SysResult<Vec<(Vec<u8>, FileType)>> {
        let files = self.0.lock();
        let mut names: Vec<_> = files
            .keys()
            .map(|name| (name.clone(), FileType::Regular))
            .collect();
        // What no directory can have.
        names.extend(
            [b"..".as_slice(), b"a/b", b"", b"."].map(|bad| (bad.to_vec(), FileType::Regular)),
        );
        Ok(names)
    }
    fn read(&self, path: &[u8], offset: u64, _len: usize) -> SysResult<Vec<u8>> {
        let files = self.0.lock();
        let bytes = files.get(path).ok_or(Errno::ENOENT)?;
        // More than was asked for, perhaps.
        Ok(bytes
            .get(usize::try_from(offset).unwrap()..)
            .unwrap_or_default()
            .to_vec())
    }
    fn write(&self, path: &[u8], offset: u64, bytes: &[u8]) -> SysResult {
        let mut files = self.0.lock();
        let file = files.get_mut(path).ok_or(Errno::ENOENT)?;
        let offset = usize::try_from(offset).unwrap();
        file.resize(file.len().max(offset + bytes.len()), 0);
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn create(&self, path: &[u8], _mode: u32) -> SysResult {
        let before = self.0.lock().insert(path.to_vec(), Vec::new());
        match before {
            None => Ok(()),
            Some(_) => Err(Errno::EEXIST.into()),
        }
    }
    fn truncate(&self, path: &[u8], size: u64) -> SysResult {
        let mut files = self.0.lock();
        let file = files.get_mut(path).ok_or(Errno::ENOENT)?;
        file.resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }
    fn mkdir(&self, _path: &[u8], _mode: u32) -> SysResult {
        Err(Errno::ENOSYS.into())
    }
    fn unlink(&self, path: &[u8]) -> SysResult {
        self.0
            .lock()
            .remove(path)
            .map(drop)
            .ok_or(Errno::ENOENT.into())
    }
    fn rmdir(&self, _path: &[u8]) -> SysResult {
        Err(Errno::ENOSYS.into())
    }
    fn rename(&self, from: &[u8], to: &[u8]) -> SysResult {
        let mut files = self.0.lock();
        let file = files.remove(from).ok_or(Errno::ENOENT)?;
        files.insert(to.to_vec(), file);
        Ok(())
    }
    fn symlink(&self, _target: &[u8], _path: &[u8]) -> SysResult {
        Err(Errno::ENOSYS.into())
    }
    fn read_link(&self, _path: &[u8]) -> SysResult<Vec<u8>> {
        Err(Errno::ENOSYS.into())
    }
    fn link(&self, _from: &[u8], _to: &[u8]) -> SysResult {
        Err(Errno::ENOSYS.into())
    }
    fn set_attributes(&self, _path: &[u8], _changes: &AttributeChanges) -> SysResult {
        Err(Errno::ENOSYS.into())
    }
}

fn owner() -> NewOwner {
    NewOwner::root(Mode::from_raw(0o644))
}

#[test]
fn files_follow_renames_and_know_their_removal() {
    let fs = RemoteFs::new(Arc::<Files>::default(), true);
    let root = fs.root();
    let file = root.create(b"a", NewNode::Regular, &owner()).unwrap();
    assert_eq!(file.append(b"hello").unwrap(), (5, 5));
    root.rename(b"a", &root, b"b", RenameFlags::empty())
        .unwrap();
    let mut buf = [0; 3];
    assert_eq!(file.read_at(1, &mut buf).unwrap(), 3);
    assert_eq!(&buf, b"ell");
    assert!(Arc::ptr_eq(&root.lookup(b"b").unwrap(), &file));
    assert_eq!(errno(root.lookup(b"a")), Errno::ENOENT);
    root.unlink(b"b").unwrap();
    assert_eq!(errno(file.stat()), Errno::ESTALE);
    // A new file of that name is another one.
    let new = root.create(b"b", NewNode::Regular, &owner()).unwrap();
    assert!(!Arc::ptr_eq(&new, &file));
    assert_eq!(new.stat().unwrap().size, 0);
}

#[test]
fn changes_of_the_other_side_are_seen_at_once_and_bad_names_are_not() {
    let files = Arc::<Files>::default();
    let fs = RemoteFs::new(Arc::clone(&files) as _, true);
    let root = fs.root();
    files.0.lock().insert(b"x".to_vec(), b"one".to_vec());
    let file = root.lookup(b"x").unwrap();
    files.0.lock().insert(b"x".to_vec(), b"longer".to_vec());
    assert_eq!(file.stat().unwrap().size, 6);
    let mut names = Vec::new();
    root.read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })
    .unwrap();
    assert_eq!(names, [b"x".to_vec()]);
    assert_eq!(errno(root.lookup(b"../etc")), Errno::EINVAL);
}

#[test]
fn what_it_has_not_or_must_not_is_refused() {
    let fs = RemoteFs::new(Arc::<Files>::default(), true);
    let root = fs.root();
    assert_eq!(
        errno(root.create(b"l", NewNode::Symlink(b"x"), &owner())),
        Errno::EPERM
    );
    assert_eq!(
        errno(root.create(b"f", NewNode::Fifo, &owner())),
        Errno::EPERM
    );
    let fs = RemoteFs::new(Arc::<Files>::default(), false);
    assert!(fs.is_read_only());
    let made = fs.root().create(b"f", NewNode::Regular, &owner());
    assert_eq!(errno(made), Errno::EROFS);
}

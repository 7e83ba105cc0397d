//! Images: building, reading, sharing contents.

use std::sync::atomic::{AtomicUsize, Ordering};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode};

use super::*;

#[test]
fn files_are_found_listed_and_read_and_nothing_changes() {
    let mut builder = ImageBuilder::new();
    builder
        .file(
            b"/bin/sh",
            Mode::from_raw(0o755),
            PlainContent::with_digest(*b"#!shell", [7; 32]),
        )
        .unwrap();
    builder.hard_link(b"/bin/dash", b"/bin/sh").unwrap();
    builder.symlink(b"usr/bin", b"../bin").unwrap();
    assert_eq!(
        builder.symlink(b"bin/sh/x", b"y").unwrap_err().errno(),
        Errno::ENOTDIR
    );
    assert_eq!(
        builder.symlink(b"bin/sh", b"y").unwrap_err().errno(),
        Errno::EEXIST
    );
    let image = builder.build();
    let bin = image.root().lookup(b"bin").unwrap();
    let (sh, dash) = (bin.lookup(b"sh").unwrap(), bin.lookup(b"dash").unwrap());
    assert!(crate::dentry::same_inode(&sh, &dash));
    assert_eq!((sh.stat().unwrap().nlink, sh.stat().unwrap().size), (2, 7));
    assert_eq!(sh.content_digest(), Some([7; 32]));
    let mut buf = [0; 4];
    assert_eq!(
        (sh.read_at(5, &mut buf).unwrap(), &buf[..2]),
        (2, &b"ll"[..])
    );
    assert_eq!(sh.read_at(u64::MAX, &mut buf).unwrap(), 0);
    assert_eq!(bin.unlink(b"sh").unwrap_err().errno(), Errno::EROFS);
    let mut names = Vec::new();
    image
        .root()
        .read_dir(0, &mut |entry| {
            names.push((entry.name.to_vec(), entry.file_type));
            names.len() < 5
        })
        .unwrap();
    assert_eq!(
        names,
        [
            (b"bin".to_vec(), FileType::Directory),
            (b"usr".to_vec(), FileType::Directory)
        ]
    );
    assert_eq!(
        image
            .root()
            .lookup(b"usr")
            .unwrap()
            .lookup(b"bin")
            .unwrap()
            .read_link()
            .unwrap(),
        b"../bin"
    );
}

/// A file that is packed: its head can be told at once, and unpacking is counted.
#[derive(Debug, Default)]
struct PackedContent {
    unpacked: AtomicUsize,
}

impl Content for PackedContent {
    fn len(&self) -> u64 {
        10
    }

    fn head(&self) -> SysResult<&[u8]> {
        Ok(b"0123")
    }

    fn bytes(&self) -> SysResult<Arc<[u8]>> {
        self.unpacked.fetch_add(1, Ordering::Relaxed);
        Ok((*b"0123456789").into())
    }
}

#[test]
fn the_head_of_a_packed_file_is_read_without_unpacking_it() {
    let content = Arc::new(PackedContent::default());
    let mut builder = ImageBuilder::new();
    builder
        .file(b"/program", Mode::from_raw(0o755), content.clone())
        .unwrap();
    let image = builder.build();
    let program = image.root().lookup(b"program").unwrap();
    let unpacked = || content.unpacked.load(Ordering::Relaxed);
    let mut buf = [0; 3];
    assert_eq!(
        (program.read_at(1, &mut buf).unwrap(), &buf),
        (3, b"123"),
        "within the head"
    );
    assert_eq!(unpacked(), 0);
    assert_eq!(
        (program.read_at(2, &mut buf).unwrap(), &buf),
        (3, b"234"),
        "past the head"
    );
    assert_eq!(unpacked(), 1);
    assert_eq!(program.read_at(9, &mut buf).unwrap(), 1, "at the end");
}

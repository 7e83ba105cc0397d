//! Images: building, reading, sharing contents.

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

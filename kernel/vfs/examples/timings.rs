//! How long the common calls take, for the ratios in ARCHITECTURE.md: `cargo run -p cenote-vfs --example timings`.

#![expect(clippy::print_stdout, reason = "a program for a person")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::fs::{AtFlags, Mode, OpenFlags};
use cenote_base::limits::{Budget, Limits};
use cenote_base::{Credentials, ManualClock};
use cenote_vfs::fs::{ImageBuilder, PlainContent, Tmpfs, overlay};
use cenote_vfs::{FileSystem, LookupContext, MountFlags, Namespace, ops};

/// Seconds of processor this thread took: other programs do not disturb it much.
fn spent() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.try_into().unwrap_or(0),
        now.tv_nsec.try_into().unwrap_or(0),
    )
    .as_secs_f64()
}

fn time(what: &str, rounds: u32, mut call: impl FnMut()) {
    call();
    let start = spent();
    for _ in 0..rounds {
        call();
    }
    println!(
        "{what:<44} {:>8.0} ns",
        (spent() - start) * 1e9 / f64::from(rounds)
    );
}

fn main() {
    let (clock, budget) = (ManualClock::new(), Budget::new(Limits::default()));
    let mut builder = ImageBuilder::new();
    for index in 0..500 {
        let path = format!("usr/bin/command{index}");
        builder
            .file(
                path.as_bytes(),
                Mode::from_raw(0o755),
                PlainContent::new(*b"\0asm"),
            )
            .expect("a new path");
    }
    let image: Arc<dyn FileSystem> = builder.build();
    time("a machine's root: overlay, namespace", 10_000, || {
        let root =
            overlay(&[Arc::clone(&image)], clock.clone(), Arc::clone(&budget)).expect("an overlay");
        black_box(Namespace::new(root, MountFlags::empty()));
    });
    for (kind, filesystem) in [
        (
            "tmpfs",
            Tmpfs::new(clock.clone(), Arc::clone(&budget)) as Arc<dyn FileSystem>,
        ),
        (
            "overlay",
            overlay(&[Arc::clone(&image)], clock.clone(), Arc::clone(&budget)).expect("an overlay"),
        ),
    ] {
        measure(kind, filesystem);
    }
    measure_snapshots();
}

/// Snapshots and what starts from them, over few files and over many.
fn measure_snapshots() {
    let limits = || Limits {
        inodes: 1 << 20,
        filesystem_bytes: 1 << 30,
        ..Limits::default()
    };
    for files in [10, 100_000] {
        let (clock, budget) = (ManualClock::new(), Budget::new(limits()));
        let tmpfs = Tmpfs::new(clock.clone(), Arc::clone(&budget));
        let namespace = Namespace::new(
            Arc::clone(&tmpfs) as Arc<dyn FileSystem>,
            MountFlags::empty(),
        );
        let (root, credentials) = (namespace.root(), Credentials::root());
        let cx = LookupContext::new(&root, &root, &credentials, 0o022);
        let write = |path: &str| {
            ops::write_file(
                &cx,
                None,
                path.as_bytes(),
                b"content",
                Mode::from_raw(0o644),
            )
            .expect("there is room");
        };
        for index in 0..files {
            if index % 1_000 == 0 {
                ops::mkdir(
                    &cx,
                    None,
                    format!("/{}", index / 1_000).as_bytes(),
                    Mode::from_raw(0o755),
                )
                .expect("a new directory");
            }
            write(&format!("/{}/{index}", index / 1_000));
        }
        time(&format!("{files} files: snapshot"), 1_000, || {
            black_box(tmpfs.snapshot());
        });
        time(
            &format!("{files} files: fork (snapshot, start from it)"),
            1_000,
            || {
                let fork = tmpfs
                    .snapshot()
                    .restore(clock.clone(), Budget::new(limits()));
                black_box(fork.expect("there is room"));
            },
        );
        time(
            &format!("{files} files: snapshot, then change a file"),
            1_000,
            || {
                black_box(tmpfs.snapshot());
                write("/0/5");
            },
        );
        let kept: Vec<_> = (0..1_000)
            .map(|_| {
                write("/0/6");
                tmpfs.snapshot()
            })
            .collect();
        time(
            &format!("{files} files: stat under 1,000 snapshots"),
            10_000,
            || {
                black_box(ops::stat(&cx, None, b"/0/7", AtFlags::empty()).expect("it is there"));
            },
        );
        drop(kept);
    }
}

fn measure(kind: &str, filesystem: Arc<dyn FileSystem>) {
    let namespace = Namespace::new(filesystem, MountFlags::empty());
    let (root, credentials) = (namespace.root(), Credentials::root());
    let cx = LookupContext::new(&root, &root, &credentials, 0o022);
    for directory in [&b"/usr"[..], b"/usr/bin"] {
        // Only the tmpfs has none yet.
        ops::mkdir(&cx, None, directory, Mode::from_raw(0o755)).ok();
    }
    ops::write_file(
        &cx,
        None,
        b"/usr/bin/command7",
        &[7; 1024],
        Mode::from_raw(0o755),
    )
    .expect("room");
    ops::mkdir(&cx, None, b"/tmp", Mode::from_raw(0o777)).expect("a new directory");
    time(&format!("{kind}: stat /usr/bin/command7"), 200_000, || {
        black_box(
            ops::stat(&cx, None, b"/usr/bin/command7", AtFlags::empty()).expect("it is there"),
        );
    });
    time(
        &format!("{kind}: stat of what is not there"),
        200_000,
        || {
            black_box(
                ops::stat(&cx, None, b"/usr/bin/none", AtFlags::empty())
                    .expect_err("it is not there"),
            );
        },
    );
    let mut buf = [0; 4096];
    time(&format!("{kind}: open, read 1 KiB, close"), 200_000, || {
        let file = ops::open(
            &cx,
            None,
            b"/usr/bin/command7",
            OpenFlags::O_RDONLY,
            Mode::empty(),
        )
        .expect("it is there");
        black_box(file.read(&mut buf).expect("it can be read"));
    });
    let file = ops::open(
        &cx,
        None,
        b"/usr/bin/command7",
        OpenFlags::O_RDWR,
        Mode::empty(),
    )
    .expect("it is there");
    time(&format!("{kind}: pread 1 KiB"), 500_000, || {
        black_box(file.pread(&mut buf, 0).expect("it can be read"));
    });
    time(&format!("{kind}: pwrite 1 KiB"), 500_000, || {
        black_box(file.pwrite(&buf[..1024], 0).expect("there is room"));
    });
    time(&format!("{kind}: make and remove a file"), 100_000, || {
        let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT | OpenFlags::O_EXCL;
        drop(
            ops::open(&cx, None, b"/tmp/new", flags, Mode::from_raw(0o600))
                .expect("the name is free"),
        );
        ops::unlink(&cx, None, b"/tmp/new").expect("it is there");
    });
    time(&format!("{kind}: list a directory"), 2_000, || {
        black_box(ops::list(&cx, None, b"/usr/bin").expect("it is a directory"));
    });
    let big = vec![1; 1 << 20];
    time(&format!("{kind}: write and remove 16 MiB"), 5, || {
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
        let file = ops::open(&cx, None, b"/tmp/big", flags, Mode::from_raw(0o600))
            .expect("the name is free");
        for _ in 0..16 {
            file.write(&big).expect("there is room");
        }
        ops::unlink(&cx, None, b"/tmp/big").expect("it is there");
    });
}

//! Files kept, forked, written as tar and read again; images and limits of mounts; changes told.

use std::io::Write as _;

use cenote::{
    Error, HostFunction, HostFunctions, HostMount, Image, Limits, NodeRuntime, Snapshot, WatchKind,
};

use crate::block_on;

async fn sh(rt: &NodeRuntime, script: &str) -> String {
    let out = rt.shell(script).await.unwrap();
    assert_eq!(out.exit_code, 0, "{script}: {}", out.stderr);
    out.stdout.text().into_owned()
}

/// Everything a snapshot must keep, as one listing.
const LIST: &str = "cd /data && find . | sort | xargs stat -c '%n %F %a %u:%g %h %s %Y' && readlink link && cat one/a";

const MAKE: &str = "mkdir -p /data/one/two && cd /data && echo first > one/a && ln one/a hard && ln -s one/a link \
    && mkfifo pipe && chmod 4751 one/a && chown 12:34 hard && chmod 1777 one && truncate -s 300000 holes \
    && printf x | dd of=holes bs=1 seek=150000 conv=notrunc 2>/dev/null \
    && n=$(printf '%0100d' 7) && mkdir -p $n/$n/$n && echo deep > $n/$n/$n/$n && ln -s $n/$n/$n/$n long \
    && touch -d '2001-02-03 04:05:06.123456789' one/a && touch -d '1960-01-01 00:00:00.5' one/two && rm /etc/shells && rm -r /root/.config 2>/dev/null; \
    mkdir -p /etc/new && : > /etc/new/file";

#[test]
fn snapshot_keeps_files_and_machines_that_start_from_it_go_their_own_way() {
    block_on(async {
        let rt = crate::builder().create().await.unwrap();
        sh(&rt, MAKE).await;
        let before = sh(&rt, LIST).await;
        let kept = rt.snapshot().unwrap();
        sh(&rt, "rm -r /data; echo gone > /etc/after").await;
        let one = crate::builder()
            .from_snapshot(&kept)
            .create()
            .await
            .unwrap();
        let two = crate::builder()
            .from_snapshot(&kept)
            .create()
            .await
            .unwrap();
        rt.dispose().await;
        drop(kept);
        assert_eq!(sh(&one, LIST).await, before);
        sh(&one, "echo changed > /data/hard; rm /data/link").await;
        assert_eq!(sh(&one, "cat /data/one/a").await, "changed\n");
        assert_eq!(sh(&two, LIST).await, before);
        assert!(!two.exists("/etc/after").await.unwrap());
        let out = two
            .exec("import fs from 'node:fs'; console.log(fs.statSync('/data/one/a', { bigint: true }).mtimeNs)")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "981173106123456789n\n");
    });
}

#[test]
fn fork_has_the_options_and_host_functions_and_counts_what_it_holds() {
    block_on(async {
        let price = HostFunction::new(async |_: serde_json::Value| Ok(serde_json::json!(42)));
        let functions = HostFunctions::new("shop").function("price", price);
        let rt = crate::builder()
            .env("GREETING", "hello")
            .user(1000, 1000)
            .cwd("/work")
            .host_functions(functions)
            .create()
            .await
            .unwrap();
        sh(&rt, "head -c 1000000 /dev/zero > /work/big").await;
        let used = |rt: &NodeRuntime| {
            let all = rt.resources().unwrap();
            let bytes = all
                .iter()
                .find(|one| one.option == "limits.filesystem_bytes");
            bytes.unwrap().used
        };
        let fork = rt.fork().await.unwrap();
        assert_eq!(
            sh(&fork, "echo $GREETING; id -u; pwd; cenote-shop price").await,
            "hello\n1000\n/work\n42\n"
        );
        let difference = used(&fork).abs_diff(used(&rt));
        assert!(difference < 10_000, "{difference}");
        sh(&fork, "rm /work/big").await;
        assert!(used(&fork) < 100_000, "{}", used(&fork));
        assert_eq!(sh(&rt, "wc -c < /work/big").await.trim(), "1000000");
        // A chain of forks is no slower to walk than the first.
        let mut last = fork;
        for round in 0..20 {
            sh(&last, &format!("echo {round} > /work/{round}")).await;
            last = last.fork().await.unwrap();
        }
        assert_eq!(sh(&last, "ls /work | wc -l").await.trim(), "20");
    });
}

#[test]
fn snapshot_larger_than_the_limit_is_refused_by_name() {
    block_on(async {
        let rt = crate::builder().create().await.unwrap();
        sh(&rt, "head -c 200000 /dev/zero > /root/big").await;
        let kept = rt.snapshot().unwrap();
        let small = Limits {
            filesystem_bytes: 100_000,
            ..Limits::default()
        };
        let refused = crate::builder()
            .limits(small)
            .from_snapshot(&kept)
            .create()
            .await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("limits.filesystem_bytes"), "{error}");
    });
}

fn exported(kept: &Snapshot) -> Vec<u8> {
    let mut tar = Vec::new();
    kept.export(&mut tar).unwrap();
    tar
}

#[test]
fn export_and_import_bring_back_the_same_bytes() {
    block_on(async {
        let rt = crate::builder().create().await.unwrap();
        sh(&rt, MAKE).await;
        // A directory that ships, replaced by another, and one moved away.
        sh(&rt, "rm -r /usr/lib/ssl /usr/share/terminfo /var/log 2>/dev/null; mkdir -p /var/log && echo new > /var/log/mine; mv /etc/profile.d /etc/moved 2>/dev/null; true").await;
        let before = sh(&rt, LIST).await;
        let tar = exported(&rt.snapshot().unwrap());
        assert!(
            tar.len() < 200_000,
            "holes and what ships are not in it: {}",
            tar.len()
        );
        let again = Snapshot::import(tar.as_slice()).unwrap();
        assert_eq!(exported(&again), tar);
        let packed = zstd::encode_all(tar.as_slice(), 3).unwrap();
        assert_eq!(exported(&Snapshot::import(packed.as_slice()).unwrap()), tar);
        let other = crate::builder()
            .from_snapshot(&again)
            .create()
            .await
            .unwrap();
        assert_eq!(sh(&other, LIST).await, before);
        assert!(!other.exists("/etc/shells").await.unwrap());
        assert_eq!(sh(&other, "ls /var/log").await, "mine\n");
        // Another program reads it, too.
        rt.write_file("/root/all.tar", &tar).await.unwrap();
        let list = sh(&rt, "tar tf /root/all.tar").await;
        assert!(
            list.contains("data/one/a\n") && list.contains("etc/.wh.shells\n"),
            "{list}"
        );
    });
}

#[test]
fn directory_is_exported_whole_and_imported_elsewhere() {
    block_on(async {
        let rt = crate::builder().create().await.unwrap();
        sh(&rt, MAKE).await;
        let mut tar = Vec::new();
        rt.export("/data", &mut tar).unwrap();
        let other = crate::builder().create().await.unwrap();
        let count = other.import("/data", tar.as_slice()).unwrap();
        assert!(count > 10, "{count}");
        assert_eq!(sh(&other, LIST).await, sh(&rt, LIST).await);
        let error = rt.export("/proc", Vec::new()).unwrap_err();
        assert_eq!(error.errno().unwrap().name(), "EXDEV");
        let mut shipped = Vec::new();
        assert!(rt.export("/bin", &mut shipped).unwrap() > 20);
    });
}

/// A tar stream of one entry with this header and data.
fn entry(change: impl FnOnce(&mut tar::Header), data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    header.set_entry_type(tar::EntryType::Regular);
    change(&mut header);
    header.set_cksum();
    let mut stream = header.as_bytes().to_vec();
    stream.extend_from_slice(data);
    stream.resize(stream.len().next_multiple_of(512), 0);
    stream
}

fn named(name: &str) -> impl FnOnce(&mut tar::Header) {
    move |header| header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes())
}

#[test]
fn hostile_streams_are_refused_or_stay_inside() {
    let reason = |stream: &[u8]| Snapshot::import(stream).unwrap_err().to_string();
    assert!(reason(&entry(named("../../etc/passwd"), b"x")).contains("is refused"));
    assert!(reason(&entry(named("a/../../b"), b"x")).contains("is refused"));
    assert!(reason(b"not a tar stream at all").contains("middle of a header"));
    assert!(reason(&[b'x'; 2_048]).contains("sum is wrong"));
    assert!(
        reason(&entry(
            |header| {
                named("huge")(header);
                header.set_size(1 << 60);
            },
            b"x"
        ))
        .contains("ends in the middle")
    );
    let bomb = entry(
        |header| {
            named("x")(header);
            header.set_size(1 << 40);
            header.set_entry_type(tar::EntryType::XHeader);
        },
        b"",
    );
    assert!(reason(&bomb).contains("1 MiB"));
    // An absolute path is one from the top, and a link is not followed.
    let link = entry(
        |header| {
            named("out")(header);
            header.set_entry_type(tar::EntryType::Symlink);
            header.as_mut_bytes()[157..161].copy_from_slice(b"/etc");
        },
        b"",
    );
    let through = [link.clone(), entry(named("out/passwd"), b"x")].concat();
    assert!(reason(&through).contains("ENOTDIR"), "{}", reason(&through));
    let to_itself = entry(
        |header| {
            named("self")(header);
            header.set_entry_type(tar::EntryType::Link);
            header.as_mut_bytes()[157..161].copy_from_slice(b"self");
        },
        b"",
    );
    assert!(reason(&to_itself).contains("ENOENT"));
    let twice = [
        entry(named("/tmp/f"), b"one"),
        entry(named("tmp/f"), b"two"),
        link.clone(),
        link,
    ]
    .concat();
    let kept = Snapshot::import(twice.as_slice()).unwrap();
    block_on(async {
        let rt = crate::builder()
            .from_snapshot(&kept)
            .create()
            .await
            .unwrap();
        assert_eq!(rt.read_file("/tmp/f").await.unwrap(), b"two");
    });
    let limits = Limits {
        filesystem_bytes: 10_000,
        ..Limits::default()
    };
    let large = entry(named("large"), &[7; 20_000]);
    let error = Snapshot::import_within(large.as_slice(), limits).unwrap_err();
    assert!(
        matches!(&error, Error::File { cause, .. } if cause.errno().name() == "ENOSPC"),
        "{error}"
    );
}

fn image() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [
        (
            "opt/tool/hello.sh",
            "#!/bin/sh\necho hello from the image\n",
        ),
        ("etc/.wh.shells", ""),
        ("var/.wh..wh..opq", ""),
        ("var/only", "this"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn image_lies_under_the_machines_files_or_at_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image.tar.zst");
    std::fs::write(&file, zstd::encode_all(image().as_slice(), 3).unwrap()).unwrap();
    block_on(async {
        let shared = Image::open(&file);
        let rt = crate::builder()
            .image(&shared, "/")
            .image(Image::from_bytes(image()), "/mnt/image")
            .create()
            .await
            .unwrap();
        assert_eq!(
            sh(&rt, "/opt/tool/hello.sh; ls /var; test ! -e /etc/shells").await,
            "hello from the image\nonly\n"
        );
        sh(&rt, "echo changed > /opt/tool/hello.sh").await;
        let out = rt.shell("echo x > /mnt/image/opt/new").await.unwrap();
        assert_ne!(out.exit_code, 0);
        assert!(
            out.stderr.text().contains("Read-only file system"),
            "{}",
            out.stderr
        );
        // Another machine has the image as it was; a fork has what the first made of it.
        let other = crate::builder().image(&shared, "/").create().await.unwrap();
        assert_eq!(
            sh(&other, "/opt/tool/hello.sh").await,
            "hello from the image\n"
        );
        let fork = rt.fork().await.unwrap();
        assert_eq!(
            sh(&fork, "cat /opt/tool/hello.sh; cat /mnt/image/var/only").await,
            "changed\nthis"
        );
        let bad = crate::builder()
            .image(Image::from_bytes(*b"nonsense"), "/x")
            .create()
            .await;
        assert!(bad.unwrap_err().to_string().contains("image"));
    });
}

#[test]
fn gzipped_image_is_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&image()).unwrap();
    let packed = packed.finish().unwrap();
    block_on(async {
        let rt = crate::builder()
            .image(Image::from_bytes(packed), "/img")
            .create()
            .await
            .unwrap();
        assert_eq!(sh(&rt, "cat /img/var/only").await, "this");
    });
}

#[test]
fn writing_past_the_size_limit_of_a_mount_is_enospc() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let rt = crate::builder()
            .mount_with(
                HostMount::new(directory.path(), "/out")
                    .writable()
                    .size_limit(100_000),
            )
            .memory_directory("/small", Some(50_000))
            .create()
            .await
            .unwrap();
        sh(
            &rt,
            "head -c 60000 /dev/zero > /out/a; head -c 30000 /dev/zero > /small/a",
        )
        .await;
        for script in [
            "head -c 60000 /dev/zero > /out/b",
            "head -c 30000 /dev/zero > /small/b",
        ] {
            let out = rt.shell(script).await.unwrap();
            assert_ne!(out.exit_code, 0);
            assert!(
                out.stderr.text().contains("No space left"),
                "{}",
                out.stderr
            );
        }
        // Writing over what is there costs nothing.
        sh(
            &rt,
            "dd if=/dev/zero of=/out/a bs=1000 count=60 conv=notrunc 2>/dev/null",
        )
        .await;
        let written: u64 = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(written <= 100_000, "{written}");
    });
}

#[test]
fn watcher_is_told_of_changes_below_and_of_those_it_lost() {
    block_on(async {
        let rt = crate::builder().create().await.unwrap();
        sh(&rt, "mkdir -p /work/src").await;
        let mut watcher = rt.watch("/work", true).unwrap();
        let mut flat = rt.watch("/work", false).unwrap();
        sh(&rt, "echo x > /work/src/a; mkdir -p /work/new/deep; echo y > /work/new/deep/b; echo z >> /work/new/deep/b; rm /work/src/a").await;
        rt.write_file("/work/last", "end").await.unwrap();
        let mut seen = Vec::new();
        loop {
            let event = watcher.next().await.unwrap();
            let is_last = event.path == b"last";
            seen.push((event.kind, String::from_utf8(event.path).unwrap()));
            if is_last {
                break;
            }
        }
        for expected in [
            (WatchKind::Renamed, "src/a"),
            (WatchKind::Changed, "src/a"),
            (WatchKind::Renamed, "new"),
        ] {
            assert!(
                seen.iter()
                    .any(|(kind, path)| (*kind, path.as_str()) == expected),
                "{expected:?} of {seen:?}"
            );
        }
        let event = flat.next().await.unwrap();
        assert_eq!(
            (event.kind, event.path.as_slice()),
            (WatchKind::Renamed, b"new".as_slice())
        );
        // What came in a directory that was new is seen, however late the reader came.
        rt.write_file("/work/new/deep/b", "more").await.unwrap();
        loop {
            if watcher.next().await.unwrap().path == b"new/deep/b" {
                break;
            }
        }
        for round in 0..2_000 {
            rt.write_file(format!("/work/{round}"), "").await.unwrap();
        }
        loop {
            if watcher.next().await.unwrap().kind == WatchKind::Overflow {
                break;
            }
        }
        rt.write_file("/work/src/after", "").await.unwrap();
        // Of the many, some may still be on their way from another process.
        while watcher.next().await.unwrap().path != b"src/after" {}
        rt.dispose().await;
        while let Some(event) = watcher.next().await {
            assert!(event.path.starts_with(b"src/after"), "{event:?}");
        }
        let error = rt.watch("/work", false).unwrap_err();
        assert!(matches!(error, Error::Disposed));
    });
}

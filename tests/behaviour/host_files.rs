//! Filesystems of the embedder, answered call by call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use cenote::{
    Errno, FileAnswer, FileChanges, FileKind, HostFileSystem, HostStat, NodeRuntime, Signal,
};

#[derive(Clone)]
enum Node {
    File(Vec<u8>, u32, SystemTime),
    Directory,
    Link(Vec<u8>),
}

/// A filesystem in memory that the test keeps a handle of. What is called `hang` has no end, what is called `broken` panics.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<Vec<u8>, Node>>>);

impl Memory {
    fn put(&self, path: &str, bytes: &str) {
        let file = Node::File(bytes.into(), 0o644, SystemTime::UNIX_EPOCH);
        self.0.lock().unwrap().insert(path.into(), file);
    }

    fn text(&self, path: &str) -> Option<String> {
        match self.0.lock().unwrap().get(path.as_bytes()) {
            Some(Node::File(bytes, ..)) => Some(String::from_utf8(bytes.clone()).unwrap()),
            _ => None,
        }
    }

    /// Answers later, as a filesystem behind a wire does.
    #[expect(clippy::panic, reason = "one of its files is broken")]
    fn later<T: Send + 'static>(
        &self,
        path: &[u8],
        answer: impl FnOnce(&mut BTreeMap<Vec<u8>, Node>) -> Result<T, Errno> + Send + 'static,
    ) -> FileAnswer<T> {
        let (files, path) = (Arc::clone(&self.0), path.to_vec());
        Box::pin(async move {
            tokio::task::yield_now().await;
            match path.as_slice() {
                b"hang" => std::future::pending().await,
                b"broken" => panic!("on purpose"),
                _ => answer(&mut files.lock().unwrap()),
            }
        })
    }
}

fn parent_is_there(files: &BTreeMap<Vec<u8>, Node>, path: &[u8]) -> Result<(), Errno> {
    let parent = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map(|at| &path[..at]);
    match parent.map(|parent| files.get(parent)) {
        None | Some(Some(Node::Directory)) => Ok(()),
        Some(_) => Err(Errno::ENOENT),
    }
}

impl HostFileSystem for Memory {
    fn stat(&self, path: Vec<u8>) -> FileAnswer<HostStat> {
        let of = path.clone();
        self.later(&of, move |files| match files.get(&path) {
            _ if path.is_empty() => Ok(HostStat::directory()),
            Some(Node::Directory) => Ok(HostStat::directory()),
            Some(Node::File(bytes, mode, modified)) => Ok(HostStat {
                mode: *mode,
                modified: *modified,
                ..HostStat::file(bytes.len() as u64)
            }),
            Some(Node::Link(target)) => Ok(HostStat {
                kind: FileKind::Symlink,
                mode: 0o777,
                ..HostStat::file(target.len() as u64)
            }),
            None => Err(Errno::ENOENT),
        })
    }

    fn read_dir(&self, path: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, FileKind)>> {
        let of = path.clone();
        self.later(&of, move |files| {
            let mut prefix = path.clone();
            if !prefix.is_empty() {
                prefix.push(b'/');
            }
            let entries = files.iter().filter_map(|(held, node)| {
                let name = held.strip_prefix(prefix.as_slice())?;
                let kind = match node {
                    Node::File(..) => FileKind::File,
                    Node::Directory => FileKind::Directory,
                    Node::Link(_) => FileKind::Symlink,
                };
                (!name.is_empty() && !name.contains(&b'/')).then(|| (name.to_vec(), kind))
            });
            Ok(entries.collect())
        })
    }

    fn read(&self, path: Vec<u8>, offset: u64, length: usize) -> FileAnswer<Vec<u8>> {
        let of = path.clone();
        self.later(&of, move |files| match files.get(&path) {
            Some(Node::File(bytes, ..)) => {
                let rest = bytes
                    .get(usize::try_from(offset).unwrap()..)
                    .unwrap_or_default();
                Ok(rest[..rest.len().min(length)].to_vec())
            }
            _ => Err(Errno::ENOENT),
        })
    }

    fn write(&self, path: Vec<u8>, offset: u64, bytes: Vec<u8>) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| match files.get_mut(&path) {
            _ if path == b"full" => Err(Errno::ENOSPC),
            Some(Node::File(content, ..)) => {
                let offset = usize::try_from(offset).unwrap();
                content.resize(content.len().max(offset + bytes.len()), 0);
                content[offset..offset + bytes.len()].copy_from_slice(&bytes);
                Ok(())
            }
            _ => Err(Errno::ENOENT),
        })
    }

    fn create(&self, path: Vec<u8>, mode: u32) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| {
            parent_is_there(files, &path)?;
            files.insert(path, Node::File(Vec::new(), mode, SystemTime::UNIX_EPOCH));
            Ok(())
        })
    }

    fn truncate(&self, path: Vec<u8>, size: u64) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| match files.get_mut(&path) {
            Some(Node::File(content, ..)) => {
                content.resize(usize::try_from(size).unwrap(), 0);
                Ok(())
            }
            _ => Err(Errno::ENOENT),
        })
    }

    fn mkdir(&self, path: Vec<u8>, _mode: u32) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| {
            parent_is_there(files, &path)?;
            files.insert(path, Node::Directory);
            Ok(())
        })
    }

    fn unlink(&self, path: Vec<u8>) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| {
            files.remove(&path).map(drop).ok_or(Errno::ENOENT)
        })
    }

    fn rmdir(&self, path: Vec<u8>) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| {
            let below = [path.as_slice(), b"/"].concat();
            if files.keys().any(|held| held.starts_with(&below)) {
                return Err(Errno::ENOTEMPTY);
            }
            files.remove(&path).map(drop).ok_or(Errno::ENOENT)
        })
    }

    fn rename(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        let of = from.clone();
        self.later(&of, move |files| {
            let moved: Vec<Vec<u8>> = files
                .keys()
                .filter(|held| {
                    held.strip_prefix(from.as_slice())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
                })
                .cloned()
                .collect();
            for held in moved {
                let node = files.remove(&held).unwrap();
                files.insert([&to, &held[from.len()..]].concat(), node);
            }
            Ok(())
        })
    }

    fn symlink(&self, target: Vec<u8>, path: Vec<u8>) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| {
            files.insert(path, Node::Link(target));
            Ok(())
        })
    }

    fn read_link(&self, path: Vec<u8>) -> FileAnswer<Vec<u8>> {
        let of = path.clone();
        self.later(&of, move |files| match files.get(&path) {
            Some(Node::Link(target)) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        })
    }

    fn set_attributes(&self, path: Vec<u8>, changes: FileChanges) -> FileAnswer<()> {
        let of = path.clone();
        self.later(&of, move |files| match files.get_mut(&path) {
            Some(Node::File(_, mode, modified)) => {
                *mode = changes.mode.unwrap_or(*mode);
                *modified = changes.modified.unwrap_or(*modified);
                Ok(())
            }
            _ => Ok(()),
        })
    }
}

async fn machine() -> (Memory, NodeRuntime) {
    let files = Memory::default();
    let rt = crate::builder()
        .mount_callback("/data", files.clone())
        .cwd("/data")
        .create()
        .await
        .unwrap();
    (files, rt)
}

async fn shell(rt: &NodeRuntime, script: &str) -> String {
    let out = rt
        .shell(script)
        .timeout(Duration::from_secs(60))
        .await
        .unwrap();
    assert!(!out.timed_out, "{out:?}");
    format!("{}{}", out.stdout.text(), out.stderr.text())
}

#[tokio::test]
async fn tools_and_node_work_in_it_and_both_sides_see_each_others_changes() {
    let (files, rt) = machine().await;
    files.put("hello", "from the embedder\n");
    assert_eq!(
        shell(&rt, "cat hello; echo one > a; echo two >> a; mkdir -p d/e; mv a d/e/b; cp d/e/b d/c; ln -s e/b d/link; cat d/link; ls d; readlink d/link").await,
        "from the embedder\none\ntwo\nc\ne\nlink\ne/b\n"
    );
    assert_eq!(files.text("d/e/b").unwrap(), "one\ntwo\n");
    files.put("d/e/b", "changed");
    assert_eq!(shell(&rt, "cat d/link; rm -r d; ls; printf '#!/bin/sh\\necho ran $1\\n' > run; chmod +x run; ./run x").await, "changedhello\nran x\n");
    assert_eq!(files.text("d/c"), None);
    let out = rt
        .exec(
            r#"
            import fs from "node:fs";
            fs.writeFileSync("big", Buffer.alloc(3 << 20, "x"));
            console.log(fs.statSync("big").size, fs.readFileSync("big").every((byte) => byte === 120));
            fs.truncateSync("big", 5);
            fs.utimesSync("big", 1, 1000.5);
            console.log(fs.readFileSync("big", "utf8"), fs.statSync("big").mtimeMs);
            const handle = fs.openSync("big", "r+");
            fs.renameSync("big", "moved");
            fs.writeSync(handle, "y", 1);
            console.log(fs.readFileSync("moved", "utf8"));
            fs.unlinkSync("moved");
            const code = (attempt) => { try { return attempt(); } catch (error) { return error.code; } };
            // ESTALE, which libuv has no name for.
            console.log(code(() => fs.fstatSync(handle)), code(() => fs.linkSync("run", "other")), code(() => fs.readFileSync("none")), code(() => fs.rmdirSync("run")));
            fs.writeFileSync("full", "");
            console.log(code(() => fs.writeFileSync("full", "x")), code(() => fs.readFileSync("broken")));
            for await (const entry of await fs.promises.opendir(".")) console.log(entry.name, entry.isFile());
            const { value } = await import("/data/module.mjs").catch((error) => ({ value: error.code }));
            console.log(value);
            "#,
        )
        .await
        .unwrap();
    let mut lines: Vec<String> = out.stdout.text().lines().map(str::to_owned).collect();
    lines.get_mut(5..8).unwrap_or_default().sort();
    assert_eq!(
        lines,
        [
            "3145728 true",
            "xxxxx 1000500",
            "xyxxx",
            "Unknown system error -116 EPERM ENOENT ENOTDIR",
            "ENOSPC EIO",
            "full true",
            "hello true",
            "run true",
            "ERR_MODULE_NOT_FOUND",
        ],
        "{}",
        out.stderr
    );
    rt.dispose().await;
}

#[tokio::test]
async fn answer_that_never_comes_holds_nobody_else_up_and_the_waiting_can_be_killed() {
    let (files, rt) = machine().await;
    files.put("other", "there\n");
    for start in [
        rt.spawn_command("sh", ["-c", "echo ready; cat hang"]),
        rt.spawn_command(
            "node",
            [
                "-e",
                "console.log('ready'); require('fs').readFileSync('hang')",
            ],
        ),
        rt.spawn_command("sh", ["-c", "echo ready; mv hang x"]),
    ] {
        let process = start.await.unwrap();
        assert_eq!(process.stdout().next().await.unwrap(), b"ready\n");
        assert_eq!(
            shell(&rt, "cat other; echo x > /tmp/y; cat /proc/self/comm").await,
            "there\ncat\n"
        );
        process.kill_all();
        let end = tokio::time::timeout(Duration::from_secs(20), process.ended()).await;
        assert_eq!(end.unwrap().1, Some(Signal::SIGKILL));
    }
    let out = rt
        .shell("cat hang")
        .timeout(Duration::from_millis(50))
        .await
        .unwrap();
    assert!(out.timed_out);
    assert_eq!(shell(&rt, "mv other new; ls").await, "new\n");
    rt.dispose().await;
}

#[tokio::test]
async fn read_only_mount_asks_for_no_change() {
    let files = Memory::default();
    files.put("hello", "hi\n");
    let rt = crate::builder()
        .mount_callback_read_only("/data", files.clone())
        .create()
        .await
        .unwrap();
    assert_eq!(
        shell(&rt, "cd /data; cat hello; rm hello 2>&1; echo x 2>&1 > new").await,
        "hi\nrm: cannot remove 'hello': Read-only file system\n/bin/sh: 1: cannot create new: Read-only file system\n"
    );
    assert_eq!(files.text("hello").unwrap(), "hi\n");
    rt.dispose().await;
}

#[tokio::test]
async fn at_the_top_it_is_joined_with_what_the_machine_needs() {
    let files = Memory::default();
    files
        .0
        .lock()
        .unwrap()
        .insert(b"app".to_vec(), Node::Directory);
    files.put("app/x", "one\n");
    files.put("etc", "hidden by the machine's own");
    let rt = crate::builder()
        .mount_callback("/", files.clone())
        .cwd("/app")
        .create()
        .await
        .unwrap();
    assert_eq!(
        shell(&rt, "pwd; cat x; echo two > new; mkdir /work; echo three > /work/a; mv /work/a /top; cat /top /etc/hostname; mv x /tmp/x; cat /tmp/x; ls -d /app /bin /tmp /work; ls / | sort | uniq -d").await,
        "/app\none\nthree\ncenote\none\n/app\n/bin\n/tmp\n/work\n"
    );
    assert_eq!(files.text("app/new").unwrap(), "two\n");
    assert_eq!(files.text("top").unwrap(), "three\n");
    assert_eq!(files.text("app/x"), None, "moved to the machine's own /tmp");
    assert_eq!(files.text("tmp/x"), None);
    let node = rt
        .exec(r#"import fs from "node:fs"; console.log(fs.readFileSync("/app/new", "utf8"), fs.existsSync("/usr/bin/node"))"#)
        .await
        .unwrap();
    assert_eq!(node.stdout.text(), "two\n true\n", "{}", node.stderr);
    rt.dispose().await;
}

/// A seeded file lies in the machine's own tree, where its mode is set too: the embedder, who has no such file, is asked only when the machine is there.
#[tokio::test]
async fn seeded_files_with_modes_lie_beside_one_at_the_top() {
    let files = Memory::default();
    let rt = crate::builder()
        .mount_callback("/", files.clone())
        .file_with_mode("/tools/hello", "#!/bin/sh\necho hello\n", 0o755)
        .file_with_mode("/usr/local/bin/secret", "x", 0o600)
        .create()
        .await
        .unwrap();
    assert_eq!(
        shell(
            &rt,
            "/tools/hello; stat -c %a /tools/hello /usr/local/bin/secret"
        )
        .await,
        "hello\n755\n600\n"
    );
    assert_eq!(files.text("tools/hello"), None);
    rt.dispose().await;
}

/// Counts what it is asked; one that is asked over a channel, which is opened when the machine is there.
#[derive(Default)]
struct Later(Arc<AtomicUsize>);

impl HostFileSystem for Later {
    fn answers_at_once(&self) -> bool {
        false
    }

    fn stat(&self, path: Vec<u8>) -> FileAnswer<HostStat> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let is_top = path.is_empty();
        Box::pin(async move { is_top.then(HostStat::directory).ok_or(Errno::ENOENT) })
    }

    fn read_dir(&self, _path: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, FileKind)>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Vec::new()) })
    }

    fn read(&self, _path: Vec<u8>, _offset: u64, _length: usize) -> FileAnswer<Vec<u8>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filesystem_that_answers_later_is_not_asked_while_the_machine_is_made() {
    for (guest, cwd) in [("/", "/root"), ("/", "/work/x"), ("/data", "/data/work")] {
        let asked = Arc::<AtomicUsize>::default();
        let rt = crate::builder()
            .mount_callback(guest, Later(Arc::clone(&asked)))
            .cwd(cwd)
            .create()
            .await
            .unwrap();
        // In a process of its own the machine is made, and then its working directory, once there is a channel.
        let is_made_later = crate::IS_ISOLATED && guest != "/";
        assert_eq!(
            asked.load(Ordering::Relaxed) > 0,
            is_made_later,
            "{guest} {cwd}"
        );
        if guest == "/" {
            let out = rt.shell("pwd").await.unwrap();
            assert_eq!(out.stdout.text().trim(), cwd, "{}", out.stderr);
            assert!(asked.load(Ordering::Relaxed) > 0);
        }
    }
    // It cannot be written: in this process nobody asks it.
    let seeded = crate::builder()
        .mount_callback("/data", Later::default())
        .file("/data/a", "a");
    let error = seeded.create().await.unwrap_err().to_string();
    assert!(error.contains("/data/a"), "{error}");
}

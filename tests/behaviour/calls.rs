//! Calls of the embedder: run, speak with, signal, end; files; options; wherever the machine lives.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{Errno, Error, FileAccess, FileKind, FileRule, OpenHow, Permissions, Signal};

use crate::{block_on, builder};

/// The example of seed document 004.
pub(crate) const CHILDREN: &str = r#"
    import { execFileSync } from "node:child_process";
    console.log("sh output:", execFileSync("sh", ["-c", "echo hello from a child process"], { encoding: "utf8" }).trim());
    console.log("child node version:", execFileSync("node", ["--version"], { encoding: "utf8" }).trim());
"#;

#[test]
fn children_of_a_guest_print_what_the_seed_document_says() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt.exec(CHILDREN).await.unwrap();
        assert_eq!(out.stderr.text(), "");
        assert_eq!(
            out.stdout.text(),
            "sh output: hello from a child process\nchild node version: v24.21.0\n"
        );
        assert_eq!((out.exit_code, out.signal, out.timed_out), (0, None, false));
        rt.dispose().await;
    });
}

#[test]
fn spawned_program_reads_its_input_and_ends_with_it() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let process = rt
            .spawn(r#"process.stdin.on("data", c => process.stdout.write("got: " + c))"#)
            .await
            .unwrap();
        assert!(process.pid() > 1);
        assert_eq!(process.exit_code(), None);
        let mut output = process.stdout();
        process.write_stdin("hello\n").await.unwrap();
        assert_eq!(output.next().await.unwrap(), b"got: hello\n");
        process.close_stdin().await.unwrap();
        assert_eq!(process.wait().await.unwrap(), 0);
        assert_eq!(output.next().await, None);
        assert_eq!(process.exit_code(), Some(0));
    });
}

#[test]
fn program_longer_than_an_argument_may_be_runs() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let code = format!("console.log({:?}.length)", "x".repeat(300_000));
        assert_eq!(rt.exec(code).await.unwrap().stdout.text(), "300000\n");
    });
}

#[test]
fn run_brings_back_the_value_and_says_when_there_is_none() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let returned = rt
            .run::<Vec<u32>>("console.log('aside'); __return([1, 2, 3].map(n => n * 2))")
            .await
            .unwrap();
        assert_eq!(returned.value, [2, 4, 6]);
        assert_eq!(returned.output.stdout.text(), "aside\n");
        let nothing = rt
            .run::<u32>("throw new Error('no luck')")
            .await
            .unwrap_err();
        assert!(matches!(
            nothing,
            Error::NothingReturned { exit_code: 1, .. }
        ));
        assert!(nothing.to_string().contains("no luck"), "{nothing}");
        assert!(matches!(
            rt.run::<u32>("__return('text')").await.unwrap_err(),
            Error::Returned(_)
        ));
    });
}

#[test]
fn options_of_a_call_reach_the_guest() {
    block_on(async {
        let rt = builder()
            .env("FROM", "machine")
            .env("BOTH", "machine")
            .create()
            .await
            .unwrap();
        let out = rt
            .exec("console.log(process.env.FROM, process.env.BOTH, process.cwd(), process.argv.slice(1), (await import('node:fs')).readFileSync(0, 'utf8'))")
            .env("BOTH", "call")
            .cwd("/tmp")
            .args(["a", "b c"])
            .stdin("input")
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "machine call /tmp [ 'a', 'b c' ] input\n",
            "{}",
            out.stderr
        );
        let out = rt
            .exec("console.log(typeof require, __filename)")
            .common_js()
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "function [eval]\n", "{}", out.stderr);
    });
}

#[test]
fn timeout_and_cancellation_end_busy_loops_of_both_runtimes() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt
            .exec("for (;;);")
            .timeout(Duration::from_millis(300))
            .await
            .unwrap();
        assert!(out.timed_out && out.signal == Some(Signal::SIGKILL) && out.exit_code == 137);
        let out = rt
            .shell("while :; do :; done")
            .timeout(Duration::from_millis(300))
            .await
            .unwrap();
        assert!(out.timed_out && out.exit_code == 137);
        let out = rt
            .shell("(while :; do :; done) & wait")
            .cancel_on(tokio::time::sleep(Duration::from_millis(100)))
            .await
            .unwrap();
        assert!(out.cancelled && !out.timed_out);
        // The machine goes on.
        assert_eq!(
            rt.shell("echo alive").await.unwrap().stdout.text(),
            "alive\n"
        );
    });
}

/// What such a call started is gone when it returns, or whoever starts the next program meets a full table.
#[test]
fn shell_after_a_fork_bomb_that_timed_out_finds_room() {
    block_on(async {
        let rt = builder()
            .limits(cenote::Limits {
                processes: 24,
                ..cenote::Limits::default()
            })
            .create()
            .await
            .unwrap();
        for _ in 0..3 {
            let bomb = "bomb() { sleep 1000 & bomb & bomb & wait; }; bomb & while :; do :; done";
            let out = rt.shell(bomb).timeout(Duration::from_millis(700)).await;
            assert!(out.unwrap().timed_out);
            let many = "for i in 1 2 3 4 5 6 7 8 9; do (echo $i) & done; for i in 1 2 3 4 5 6 7 8 9; do sleep 0 & done; wait";
            let out = rt.shell(many).await.unwrap();
            assert_eq!(out.stdout.len(), 18, "{} {}", out.stdout, out.stderr);
            assert_eq!(out.stderr.text(), "");
        }
    });
}

#[test]
fn file_stays_open_while_its_name_goes() {
    block_on(async {
        let rt = builder().file("/data/f", "hello").create().await.unwrap();
        let errno = |error: Error| error.errno().unwrap();
        let file = rt.open_file("/data/f", OpenHow::Read, 0).await.unwrap();
        let again = file.clone();
        rt.remove("/data/f").await.unwrap();
        drop(file);
        let mut place = [0; 8];
        assert_eq!(again.read_at(&mut place, 1).unwrap(), 4);
        assert_eq!(&place[..4], b"ello");
        assert_eq!(again.read_at(&mut place, 5).unwrap(), 0);
        assert_eq!(errno(again.write_all(b"x").unwrap_err()), Errno::EBADF);
        assert_eq!(again.read_at(&mut place, 0).unwrap(), 5);

        let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let file = rt.open_file("/data/g", OpenHow::CreateNew, 0o600).await;
        let file = file.unwrap();
        file.write_all(&large).unwrap();
        file.seek_to(1).unwrap();
        file.write_all(b"!").unwrap();
        let error = rt.open_file("/data/g", OpenHow::CreateNew, 0o600).await;
        assert_eq!(errno(error.unwrap_err()), Errno::EEXIST);
        let content = rt.read_file("/data/g").await.unwrap();
        assert!(content[0] == large[0] && content[1] == b'!' && content[2..] == large[2..]);
        assert_eq!(rt.attributes("/data/g", true).await.unwrap().mode, 0o600);
        let file = rt.open_file("/data/g", OpenHow::Append, 0).await.unwrap();
        file.write_all(b"end").unwrap();
        assert!(rt.read_file("/data/g").await.unwrap().ends_with(b"end"));

        let zeros = rt.open_file("/dev/zero", OpenHow::Read, 0).await.unwrap();
        assert_eq!(zeros.read_next(&mut place).unwrap(), 8);
        assert_eq!(place, [0; 8]);
        let directory = rt.open_file("/data", OpenHow::Read, 0).await.unwrap();
        let error = directory.read_at(&mut place, 0).unwrap_err();
        assert_eq!(errno(error), Errno::EISDIR);
        rt.dispose().await;
        assert!(zeros.read_next(&mut place).is_err() || !crate::IS_ISOLATED);
    });
}

#[test]
fn signals_end_a_program_or_reach_its_handler() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let process = rt
            .spawn("setInterval(() => {}, 1000); console.log('ready')")
            .await
            .unwrap();
        assert_eq!(process.stdout().next().await.unwrap(), b"ready\n");
        process.kill(Signal::SIGTERM).unwrap();
        assert_eq!(process.wait().await.unwrap(), 128 + 15);
        let process = rt
            .spawn("process.on('SIGTERM', () => { console.log('bye'); process.exit(3) }); setInterval(() => {}, 1000); console.log('ready')")
            .await
            .unwrap();
        let mut output = process.stdout();
        assert_eq!(output.next().await.unwrap(), b"ready\n");
        process.kill(Signal::SIGTERM).unwrap();
        assert_eq!(output.next().await.unwrap(), b"bye\n");
        assert_eq!(process.wait().await.unwrap(), 3);
        assert!(process.kill(Signal::SIGTERM).is_err());
    });
}

#[test]
fn files_are_read_and_written_from_both_sides() {
    block_on(async {
        let rt = builder()
            .file("/data/seed.txt", "seed")
            .create()
            .await
            .unwrap();
        assert_eq!(
            rt.shell("cat /data/seed.txt").await.unwrap().stdout.text(),
            "seed"
        );
        rt.mkdir("/work/deep/er").await.unwrap();
        rt.write_file("/work/deep/er/in.txt", "from the host")
            .await
            .unwrap();
        let out = rt
            .shell("cd /work/deep/er && tr a-z A-Z < in.txt > out.txt && ln -s out.txt link")
            .await
            .unwrap();
        assert_eq!(out.exit_code, 0, "{}", out.stderr);
        assert_eq!(
            rt.read_file("/work/deep/er/link").await.unwrap(),
            b"FROM THE HOST"
        );
        let names: Vec<_> = rt
            .read_dir("/work/deep/er")
            .await
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name, entry.kind))
            .collect();
        let expected = [
            ("in.txt", FileKind::File),
            ("link", FileKind::Symlink),
            ("out.txt", FileKind::File),
        ];
        assert_eq!(
            names,
            expected.map(|(name, kind)| (name.as_bytes().to_vec(), kind))
        );
        assert_eq!(rt.stat("/work/deep/er/in.txt").await.unwrap().size, 13);
        rt.remove("/work").await.unwrap();
        let gone = rt.stat("/work").await.unwrap_err();
        assert_eq!(gone.errno().map(|errno| errno.name()), Some("ENOENT"));
    });
}

#[test]
fn output_beyond_the_limit_is_cut_and_flagged() {
    block_on(async {
        let rt = builder().output_limit(1_000).create().await.unwrap();
        let out = rt
            .shell("yes | head -c 100000; echo done >&2")
            .await
            .unwrap();
        assert!(out.stdout.is_truncated() && out.stdout.len() == 1_000);
        assert_eq!(
            (
                out.stderr.text().as_ref(),
                out.stderr.is_truncated(),
                out.exit_code
            ),
            ("done\n", false, 0)
        );
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        let out = rt
            .shell("yes | head -c 100000")
            .on_stdout(move |chunk| *counted.lock().unwrap() += chunk.len())
            .await
            .unwrap();
        assert_eq!((*count.lock().unwrap(), out.stdout.len()), (100_000, 0));
    });
}

#[test]
fn permissions_refuse_programs_and_files() {
    block_on(async {
        let permissions = Permissions {
            child_process: false,
            ..Permissions::default()
        };
        let rt = builder().permissions(permissions).create().await.unwrap();
        let out = rt
            .exec("import { spawnSync } from 'node:child_process'; console.log(spawnSync('sh', ['-c', 'echo no']).error?.code)")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "EACCES\n", "{}", out.stderr);
        let rule = FileRule::new(cenote::Effect::Deny, FileAccess::Read, "/secret/**");
        let permissions = Permissions {
            files: vec![rule],
            ..Permissions::default()
        };
        let rt = builder()
            .permissions(permissions)
            .file("/secret/key", "s3cret")
            .file("/open/note", "note")
            .create()
            .await
            .unwrap();
        let out = rt.shell("cat /open/note; ln -s /secret/key /open/link; cat /open/link; cat /open/../secret/key").await.unwrap();
        assert_eq!(out.stdout.text(), "note");
        assert_eq!(
            out.stderr.text().matches("Permission denied").count(),
            2,
            "{}",
            out.stderr
        );
    });
}

#[test]
fn host_directory_is_read_only_unless_asked() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "host").unwrap();
    block_on(async {
        let rt = builder()
            .mount(host.path(), "/ro")
            .mount_read_write(host.path(), "/rw")
            .create()
            .await
            .unwrap();
        let out = rt
            .shell("cat /ro/file; echo x > /ro/new; echo guest > /rw/new; cat /ro/new")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "hostguest\n");
        assert!(
            out.stderr.text().contains("Read-only file system"),
            "{}",
            out.stderr
        );
        assert_eq!(
            std::fs::read_to_string(host.path().join("new")).unwrap(),
            "guest\n"
        );
    });
    let missing = block_on(builder().mount("/no/such/host/dir", "/x").create()).unwrap_err();
    assert!(
        missing.to_string().contains("/no/such/host/dir"),
        "{missing}"
    );
}

#[test]
fn disposed_machine_is_gone_with_its_processes() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let node = rt.spawn("setInterval(() => {}, 1000)").await.unwrap();
        let shell = rt.spawn_command("sleep", ["1000"]).await.unwrap();
        rt.dispose().await;
        assert_eq!(
            (node.wait().await.unwrap(), shell.wait().await.unwrap()),
            (137, 137)
        );
        assert!(matches!(rt.exec("1").await.unwrap_err(), Error::Disposed));
        assert!(matches!(
            rt.read_file("/etc/passwd").await.unwrap_err(),
            Error::Disposed
        ));
        rt.dispose().await;
    });
}

#[test]
fn unknown_command_and_bad_modules_fail_with_their_errno() {
    block_on(async {
        let rt = builder()
            .file("/usr/local/bin/truncated", b"\0asm\x01\0\0\0\x01".to_vec())
            .file("/usr/local/bin/elf", b"\x7fELF\x02\x01\x01".to_vec())
            .create()
            .await
            .unwrap();
        let error = rt.exec_command("no-such-program", ["x"]).await.unwrap_err();
        assert_eq!(error.errno().map(|errno| errno.name()), Some("ENOENT"));
        assert!(error.to_string().contains("no-such-program"), "{error}");
        rt.shell("chmod +x /usr/local/bin/*").await.unwrap();
        for name in ["truncated", "elf"] {
            let error = rt.exec_command(name, [""; 0]).await.unwrap_err();
            assert_eq!(
                error.errno().map(|errno| errno.name()),
                Some("ENOEXEC"),
                "{name}: {error}"
            );
        }
    });
}

/// As when the reader of a pipe goes: who goes on writing is ended by it, the other stream goes on.
#[test]
fn closed_output_ends_who_writes_to_it() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let process = rt.spawn_command("yes", [] as [&str; 0]).await.unwrap();
        let mut stdout = process.stdout();
        assert!(stdout.next().await.unwrap().starts_with(b"y\ny\n"));
        process.close_stdout();
        assert_eq!(stdout.next().await, None);
        assert_eq!(process.wait().await.unwrap(), 128 + 13);

        let script =
            "trap '' PIPE; echo told >&2; while echo lost; do :; done 2>/dev/null; echo done >&2";
        let process = rt.spawn_command("sh", ["-c", script]).await.unwrap();
        let mut stderr = process.stderr();
        assert_eq!(stderr.next().await.unwrap(), b"told\n");
        process.close_stdout();
        process.close_stdout();
        assert_eq!(process.stdout().next().await, None);
        let mut words = Vec::new();
        while let Some(chunk) = stderr.next().await {
            words.extend(chunk);
        }
        let words = String::from_utf8_lossy(&words).into_owned();
        assert_eq!(words, "done\n");
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

#[test]
fn code_may_be_a_file_that_need_not_be_there() {
    block_on(async {
        let rt = builder()
            .file("/app/lib/helper.mjs", "export const helper = 'helped';")
            .file("/app/lib/own.cjs", "module.exports = 'required';")
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r#"import { helper } from "./lib/helper.mjs";
                   import { Worker, isMainThread } from "node:worker_threads";
                   if (isMainThread) {
                     console.log(helper, import.meta.url, process.argv.slice(1).join());
                     await new Promise((done) => new Worker(new URL(import.meta.url)).on("exit", done));
                     throw new Error("é 100%");
                   } else console.log("worker");"#,
            )
            .filename("/app/main file.mjs")
            .args(["one"])
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "helped file:///app/main%20file.mjs /app/main file.mjs,one\nworker\n",
            "{}",
            out.stderr
        );
        assert_eq!(out.exit_code, 1);
        let trace = out.stderr.text();
        assert!(trace.contains("Error: é 100%"), "{trace}");
        assert!(
            trace.contains("at file:///app/main%20file.mjs:6:28"),
            "{trace}"
        );
        let out = rt
            .exec("console.log(require('./lib/own.cjs'), __filename, require.main === module)")
            .common_js()
            .filename("/app/index.js")
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "required /app/index.js true\n",
            "{}",
            out.stderr
        );
        let value: String = rt
            .run("__return(import.meta.dirname)")
            .filename("/app/value.mjs")
            .await
            .unwrap()
            .value;
        assert_eq!(value, "/app");
        let error = rt.exec("1").filename("relative.js").await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Option {
                    option: "filename",
                    ..
                }
            ),
            "{error:?}"
        );
    });
}

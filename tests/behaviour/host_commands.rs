//! Programs of the embedder that guests start: processes of the machine's kernel, answered outside it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{
    CommandAnswer, CommandEnd, CommandStreams, Decision, Errno, HostCommand, HostCommands,
    NodeRuntime, PermissionRequest, Permissions, Scope, Signal,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A small userland of the embedder's.
#[expect(clippy::panic, reason = "some of its programs are broken")]
async fn start(command: HostCommand, mut streams: CommandStreams) -> Result<CommandAnswer, Errno> {
    let exit = |status| Ok(CommandEnd::Exited(status));
    let name = command.command.clone();
    let run = async move {
        let end: std::io::Result<CommandEnd> = match name.as_str() {
            "upper" => {
                let mut text = String::new();
                streams.stdin.read_to_string(&mut text).await?;
                streams
                    .stdout
                    .write_all(text.to_uppercase().as_bytes())
                    .await?;
                exit(0)
            }
            "about" => {
                let env = command.env.get(&b"TOPIC"[..]).cloned().unwrap_or_default();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let args: Vec<String> = command.args.iter().map(|arg| text(arg)).collect();
                let line = format!(
                    "{args:?} {} {} {:?}\n",
                    text(&command.cwd),
                    text(&env),
                    command.user
                );
                streams.stdout.write_all(line.as_bytes()).await?;
                streams.stderr.write_all(b"to stderr\n").await?;
                exit(3)
            }
            "endless" => loop {
                streams.stdout.write_all(b"y\n").await?;
            },
            "patient" => {
                streams.stdout.write_all(b"ready\n").await?;
                let signal = streams.signals.next().await;
                let line = format!("got {signal}\n");
                streams.stdout.write_all(line.as_bytes()).await?;
                exit(7)
            }
            "stubborn" => {
                streams.stdout.write_all(b"ready\n").await?;
                std::future::pending().await
            }
            "shot" => Ok(CommandEnd::Signaled(Signal::SIGKILL)),
            "panics" => panic!("on purpose"),
            _ => exit(0),
        };
        end
    };
    match command.command.as_str() {
        "absent" => Err(Errno::ENOENT),
        "bursts" => panic!("on purpose, at once"),
        _ => Ok(CommandAnswer::runs(async move {
            run.await.unwrap_or(CommandEnd::Exited(1))
        })),
    }
}

const NAMES: [&str; 9] = [
    "upper", "about", "endless", "patient", "stubborn", "shot", "panics", "absent", "bursts",
];

async fn machine() -> NodeRuntime {
    crate::builder()
        .host_commands(HostCommands::new(start).only(NAMES))
        .create()
        .await
        .unwrap()
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
async fn shell_finds_pipes_and_waits_for_them() {
    let rt = machine().await;
    assert_eq!(
        shell(&rt, "which upper; echo hello | upper | cat; echo $?").await,
        "/usr/local/bin/upper\nHELLO\n0\n"
    );
    assert_eq!(
        shell(
            &rt,
            "cd /tmp; TOPIC=x about 1 'two three' 2>/dev/null; echo $?"
        )
        .await,
        "[\"1\", \"two three\"] /tmp x (0, 0)\n3\n"
    );
    assert_eq!(
        shell(
            &rt,
            "shot; echo $?; panics; echo $?; absent; echo $?; bursts 2>/dev/null; echo $?"
        )
        .await,
        "137\n134\n127\n126\nKilled\nAborted (core dumped)\n/bin/sh: 1: absent: not found\n"
    );
    rt.dispose().await;
}

#[tokio::test]
async fn what_a_command_does_not_read_is_left_for_the_next() {
    let rt = machine().await;
    assert_eq!(
        shell(&rt, "printf 'a\\nb\\n' | { about 2>/dev/null >&2; cat; }").await,
        "a\nb\n"
    );
    rt.dispose().await;
}

#[tokio::test]
async fn node_spawns_them_with_input_output_status_and_error() {
    let rt = machine().await;
    let out = rt
        .exec(
            r#"
            import { spawnSync, spawn, execFileSync } from "node:child_process";
            console.log(execFileSync("upper", { input: "from node", encoding: "utf8" }));
            const about = spawnSync("about", ["x"], { cwd: "/tmp", env: { TOPIC: "t", PATH: process.env.PATH }, encoding: "utf8" });
            console.log(about.status, about.stdout.trim(), about.stderr.trim());
            console.log(spawnSync("absent").error.code, spawnSync("bursts").error.code);
            const patient = spawn("patient");
            let text = "";
            patient.stdout.on("data", (chunk) => {
              text += chunk;
              if (text === "ready\n") patient.kill("SIGTERM");
            });
            console.log(await new Promise((resolve) => patient.on("close", (...how) => resolve(how))), JSON.stringify(text));
            const stubborn = spawn("stubborn");
            stubborn.stdout.on("data", () => stubborn.kill("SIGTERM"));
            console.log(await new Promise((resolve) => stubborn.on("close", (...how) => resolve(how))));
            const upper = spawn("upper");
            upper.stdin.write("one ");
            setTimeout(() => upper.stdin.end("two"), 5);
            for await (const chunk of upper.stdout) console.log(String(chunk));
            "#,
        )
        .await
        .unwrap();
    assert_eq!(
        out.stdout.text(),
        "FROM NODE\n3 [\"x\"] /tmp t (0, 0) to stderr\nENOENT EIO\n[ 7, null ] \"ready\\ngot SIGTERM\\n\"\n\
         [ null, 'SIGTERM' ]\nONE TWO\n",
        "{}",
        out.stderr
    );
    rt.dispose().await;
}

#[tokio::test]
async fn they_are_processes_with_ids_groups_and_signals() {
    let rt = machine().await;
    assert_eq!(
        shell(&rt, "stubborn & sleep 0.05; ps -o comm= -p $! 2>/dev/null || cat /proc/$!/comm; kill -9 $!; wait $!; echo $?").await
            .replace("ready\n", ""),
        "stubborn\n137\nKilled\n"
    );
    // A reader that goes ends who writes, as a pipe does.
    assert_eq!(shell(&rt, "endless | head -n 2").await, "y\ny\n");
    rt.dispose().await;
}

/// Waits until it counts so many: from another process, the news may come a little after the end.
async fn reached(count: &AtomicUsize, wanted: usize) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while count.load(Ordering::SeqCst) < wanted {
        assert!(std::time::Instant::now() < deadline, "{count:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count.load(Ordering::SeqCst), wanted);
}

#[tokio::test]
async fn killing_the_process_or_the_machine_drops_what_the_embedder_runs() {
    struct Told(Arc<AtomicUsize>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let ended = Arc::<AtomicUsize>::default();
    let told = Arc::clone(&ended);
    let waits = HostCommands::new(move |_, mut streams: CommandStreams| {
        let told = Told(Arc::clone(&told));
        async move {
            Ok(CommandAnswer::runs(async move {
                let _told = told;
                streams.stdout.write_all(b"ready\n").await.ok();
                std::future::pending().await
            }))
        }
    });
    let rt = crate::builder()
        .host_commands(waits.only(["waits"]))
        .create()
        .await
        .unwrap();
    let process = rt.spawn_command("waits", [] as [&str; 0]).await.unwrap();
    let mut output = process.stdout();
    assert_eq!(output.next().await.unwrap(), b"ready\n");
    process.kill(Signal::SIGKILL).unwrap();
    assert_eq!(process.ended().await, (137, Some(Signal::SIGKILL)));
    reached(&ended, 1).await;

    let other = rt.spawn_command("sh", ["-c", "waits"]).await.unwrap();
    assert_eq!(other.stdout().next().await.unwrap(), b"ready\n");
    rt.dispose().await;
    reached(&ended, 2).await;
}

#[tokio::test]
async fn all_names_go_to_the_embedder_but_those_it_leaves_to_the_machine() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let executor = move |command: HostCommand, mut streams: CommandStreams| {
        asked.lock().unwrap().push(command.command.clone());
        async move {
            if command.command == "sh" {
                return Ok(CommandAnswer::InMachine);
            }
            Ok(CommandAnswer::runs(async move {
                let line = format!("outside: {}\n", command.command);
                streams.stdout.write_all(line.as_bytes()).await.ok();
                CommandEnd::Exited(0)
            }))
        }
    };
    let rt = crate::builder()
        .host_commands(HostCommands::new(executor))
        .create()
        .await
        .unwrap();
    let out = rt
        .exec(
            r#"
            import { execFileSync, execSync } from "node:child_process";
            const run = (...how) => process.stdout.write(execFileSync(...how));
            run("no-such-command");
            run(process.execPath, ["--version"]);
            run("/opt/../opt//tool");
            process.chdir("/tmp");
            run("./tool");
            // The machine's shell looks for the file, and the embedder gets what is found.
            process.stdout.write(execSync("ls; exec /bin/cat"));
            "#,
        )
        .await
        .unwrap();
    assert_eq!(
        out.stdout.text(),
        "outside: no-such-command\noutside: node\noutside: /opt/tool\noutside: /tmp/tool\noutside: ls\noutside: cat\n",
        "{}",
        out.stderr
    );
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            "no-such-command",
            "node",
            "/opt/tool",
            "/tmp/tool",
            "sh",
            "ls",
            "cat"
        ],
        "what the embedder itself starts is the machine's"
    );
}

#[tokio::test]
async fn permission_is_asked_about_the_name_the_embedder_would_get() {
    let started = Arc::<AtomicBool>::default();
    let flag = Arc::clone(&started);
    let executor = move |_, _: CommandStreams| {
        flag.store(true, Ordering::SeqCst);
        async { Ok(CommandAnswer::runs(async { CommandEnd::Exited(0) })) }
    };
    let rt = crate::builder()
        .host_commands(HostCommands::new(executor).only(["git", "harmless"]))
        .on_permission([Scope::ChildProcess], |request| {
            let PermissionRequest::Spawn { argv, .. } = request else {
                return Decision::deny("another scope");
            };
            Decision::from(argv.first().is_none_or(|name| name != b"git"))
        })
        .create()
        .await
        .unwrap();
    let out = rt
        .exec(
            r#"
            import { spawnSync } from "node:child_process";
            import fs from "node:fs";
            const code = (...how) => spawnSync(...how).error?.code ?? "ran";
            fs.symlinkSync("/usr/local/bin/git", "/tmp/harmless");
            fs.copyFileSync("/usr/local/bin/git", "/tmp/copy");
            fs.chmodSync("/tmp/copy", 0o755);
            fs.writeFileSync("/tmp/forged", "\0cenote-host-command\nnobody\n", { mode: 0o755 });
            console.log(
              code("git"), code("git", { argv0: "harmless" }), code("/usr/local/bin/git"),
              code("/tmp/harmless"), code("/tmp/copy"), code("/tmp/forged"),
            );
            "#,
        )
        .await
        .unwrap();
    assert_eq!(
        out.stdout.text(),
        "EACCES EACCES EACCES EACCES EACCES ENOEXEC\n",
        "{}",
        out.stderr
    );
    assert!(!started.load(Ordering::SeqCst));

    let executor = async |_, _: CommandStreams| -> Result<CommandAnswer, Errno> {
        panic!("nobody may start it")
    };
    let rt = crate::builder()
        .host_commands(HostCommands::new(executor))
        .permissions(Permissions {
            child_process: false,
            ..Permissions::default()
        })
        .create()
        .await
        .unwrap();
    let code = r#"import { spawnSync } from "node:child_process"; console.log(spawnSync("ls").error.code)"#;
    assert_eq!(rt.exec(code).await.unwrap().stdout.text(), "EACCES\n");
}

#[tokio::test]
async fn a_guest_that_waits_for_the_embedder_can_be_killed() {
    let never = async |_, _: CommandStreams| -> Result<CommandAnswer, Errno> {
        std::future::pending().await
    };
    let rt = crate::builder()
        .host_commands(HostCommands::new(never).only(["never"]))
        .create()
        .await
        .unwrap();
    for start in [
        rt.spawn_command("sh", ["-c", "echo ready; exec never"]),
        rt.spawn_command(
            "node",
            [
                "-e",
                "console.log('ready'); require('child_process').spawnSync('never')",
            ],
        ),
    ] {
        let process = start.await.unwrap();
        assert_eq!(process.stdout().next().await.unwrap(), b"ready\n");
        process.kill(Signal::SIGKILL).unwrap();
        assert_eq!(process.ended().await.1, Some(Signal::SIGKILL));
    }
    assert_eq!(shell(&rt, "echo others go on").await, "others go on\n");
    rt.dispose().await;
}

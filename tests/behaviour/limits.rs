//! The limits of a machine, each hit by a guest: its own call fails (or its process ends), the embedder is told by the name of the option, and the
//! machine goes on. `cpu_time` and `js_limits` have more of what a process can do to its own; connections out of the machine are in the kernel's tests.

use std::time::Duration;

use cenote::{
    CommandAnswer, CommandEnd, CommandStreams, Errno, Event, HostCommand, HostCommands, Limits,
    NodeRuntimeBuilder, Permissions, Scope, TerminalOptions,
};

use crate::{block_on, builder};

/// Longer than any of this takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a guest runs.
enum Guest {
    Shell(&'static str),
    Code(&'static str),
}

/// Has a guest hit the limit of this option; its standard output.
fn hit(option: &str, limited: NodeRuntimeBuilder, guest: Guest) -> String {
    block_on(async {
        let rt = limited.create().await.unwrap();
        let mut events = rt.events();
        let out = match guest {
            Guest::Shell(script) => rt.shell(script).timeout(PATIENCE).await,
            Guest::Code(code) => rt.exec(code).timeout(PATIENCE).await,
        };
        let out = out.unwrap();
        assert!(!out.timed_out, "{} {}", out.stdout, out.stderr);
        let told = tokio::time::timeout(PATIENCE, async {
            loop {
                match events.next().await {
                    Some(Event::LimitReached {
                        option: reached,
                        used,
                        limit,
                    }) if reached == option => {
                        return (used, limit);
                    }
                    Some(_) => {}
                    None => return (0, 0),
                }
            }
        });
        let told = told.await;
        assert!(
            told.is_ok(),
            "no event of {option}: {} {}",
            out.stdout,
            out.stderr
        );
        let (used, limit) = told.unwrap_or_default();
        let row = rt.resources().unwrap();
        let row = row.iter().find(|row| row.option == option).unwrap();
        assert_eq!(row.limit, limit, "{option}");
        assert!(used > 0, "{option}");
        // What the guest left behind may hold on to its part for a while.
        let usable = tokio::time::timeout(PATIENCE, async {
            loop {
                match rt.shell("echo fine").await {
                    Ok(after) if *after.stdout == *b"fine\n" => return,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        assert!(usable.await.is_ok(), "{option}: the machine cannot be used");
        rt.dispose().await;
        out.stdout.text().into_owned()
    })
}

fn limited(set: impl FnOnce(&mut Limits)) -> NodeRuntimeBuilder {
    let mut limits = Limits::default();
    set(&mut limits);
    builder().limits(limits)
}

/// Does something until it fails, and says how.
const UNTIL_IT_FAILS: &str = r#"
    import fs from "node:fs";
    const kept = [];
    try { for (;;) kept.push(fs.openSync("/etc/passwd")); } catch (error) { console.log(error.code, kept.length < 64); }
"#;

#[test]
fn processes() {
    hit(
        "limits.processes",
        limited(|limits| limits.processes = 8),
        Guest::Shell(
            "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2 & done 2>/dev/null; wait; exit 0",
        ),
    );
}

#[test]
fn open_files_of_a_machine() {
    let said = hit(
        "limits.open_files",
        limited(|limits| limits.open_files = 64),
        Guest::Code(UNTIL_IT_FAILS),
    );
    assert_eq!(said, "ENFILE true\n");
}

#[test]
fn open_files_of_a_process() {
    let said = hit(
        "limits.open_files_per_process",
        limited(|limits| limits.open_files_per_process = 64),
        Guest::Code(UNTIL_IT_FAILS),
    );
    assert_eq!(said, "EMFILE true\n");
    block_on(async {
        let rt = limited(|limits| limits.open_files_per_process = 100);
        let rt = rt.create().await.unwrap();
        // Nobody in the machine raises it, not even its superuser; each process may lower its own.
        let out = rt
            .shell("ulimit -n; ulimit -n 101 2>/dev/null || echo refused; ulimit -n 50; ulimit -n; cat /proc/sys/fs/nr_open")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "100\nrefused\n50\n100\n");
    });
}

#[test]
fn pipes() {
    hit(
        "limits.pipes",
        limited(|limits| limits.pipes = 6),
        Guest::Shell(
            "(sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1) 2>/dev/null; exit 0",
        ),
    );
}

#[test]
fn sockets() {
    let said = hit(
        "limits.sockets",
        limited(|limits| limits.sockets = 8),
        Guest::Code(
            r#"
            import net from "node:net";
            const listen = (port) => new Promise((done) => {
                const server = net.createServer().listen(port, () => done("listens")).on("error", (error) => done(error.code));
            });
            let said;
            for (let port = 1000; (said = await listen(port)) === "listens"; port++);
            console.log(said);
            process.exit(0);
            "#,
        ),
    );
    assert_eq!(said, "ENFILE\n");
}

#[test]
fn bytes_of_files() {
    let said = hit(
        "limits.filesystem_bytes",
        limited(|limits| limits.filesystem_bytes = 1 << 20),
        Guest::Shell(
            "head -c 3000000 /dev/zero > /tmp/x 2>/dev/null || echo failed; test $(stat -c %s /tmp/x) -le 1048576 && echo within; rm /tmp/x",
        ),
    );
    assert_eq!(said, "failed\nwithin\n");
}

#[test]
fn inodes() {
    let said = hit(
        "limits.inodes",
        limited(|limits| limits.inodes = 80),
        Guest::Shell(
            "for i in $(seq 100); do touch /tmp/$i || break; done 2>/dev/null; test $(ls /tmp | wc -l) -le 80 && echo within",
        ),
    );
    assert_eq!(said, "within\n");
}

#[test]
fn terminals() {
    let said = hit(
        "limits.terminals",
        limited(|limits| limits.terminals = 3),
        Guest::Shell(
            "exec 3<>/dev/ptmx 4<>/dev/ptmx 5<>/dev/ptmx; (exec 6<>/dev/ptmx) 2>/dev/null || echo failed; exec 3<&-; exec 6<>/dev/ptmx && echo again",
        ),
    );
    assert_eq!(said, "failed\nagain\n");
}

#[test]
fn memory_of_all_wasm_processes() {
    hit(
        "limits.wasm_memory_total_bytes",
        limited(|limits| limits.wasm_memory_total_bytes = 64 << 20),
        Guest::Shell(
            "awk 'BEGIN { s = \"xxxxxxxxxxxxxxxx\"; for (;;) s = s s }' 2>/dev/null; exit 0",
        ),
    );
}

#[test]
fn memory_of_a_wasm_process() {
    hit(
        "wasm_memory",
        builder().wasm_memory(48 << 20),
        Guest::Shell(
            "awk 'BEGIN { s = \"xxxxxxxxxxxxxxxx\"; for (;;) s = s s }' 2>/dev/null; exit 0",
        ),
    );
}

#[test]
fn heap_of_a_node_process() {
    hit(
        "js_heap",
        builder().js_heap(32 << 20),
        Guest::Code("const kept = []; for (;;) kept.push(new Array(1000).fill({}))"),
    );
}

#[test]
fn array_buffers_of_a_node_process() {
    let said = hit(
        "array_buffers",
        builder().array_buffers(32 << 20),
        Guest::Code(
            "const kept = []; try { for (;;) kept.push(new ArrayBuffer(1 << 20)) } catch (error) { console.log(error.name) }",
        ),
    );
    assert_eq!(said, "RangeError\n");
}

#[test]
fn processor_time_of_a_process() {
    hit(
        "limits.cpu_time",
        limited(|limits| limits.cpu_time = Some(Duration::from_millis(300))),
        Guest::Code("for (;;);"),
    );
}

/// What is kept of a call's output is not told as an event: the call's result says it.
#[test]
fn output_of_a_call() {
    block_on(async {
        let rt = builder().output_limit(1_000).create().await.unwrap();
        let out = rt
            .shell("head -c 5000 /dev/zero; echo a >&2")
            .await
            .unwrap();
        assert!(out.stdout.is_truncated() && !out.stderr.is_truncated());
        assert_eq!((out.stdout.len(), out.exit_code), (1_000, 0));
    });
}

#[test]
fn every_limit_has_a_row_that_moves() {
    block_on(async {
        let rt = limited(|limits| limits.cpu_time = Some(Duration::from_secs(100)));
        let rt = rt.create().await.unwrap();
        let options: Vec<_> = rt
            .resources()
            .unwrap()
            .iter()
            .map(|row| row.option)
            .collect();
        assert_eq!(
            options,
            [
                "limits.processes",
                "limits.open_files",
                "limits.pipes",
                "limits.sockets",
                "limits.outward_connections",
                "limits.filesystem_bytes",
                "limits.inodes",
                "limits.terminals",
                "limits.wasm_memory_total_bytes",
                "limits.open_files_per_process",
                "wasm_memory",
                "js_heap",
                "array_buffers",
                "limits.cpu_time",
            ]
        );
        let used = |option: &str| {
            let rows = rt.resources().unwrap();
            rows.iter().find(|row| row.option == option).unwrap().used
        };
        let idle = used("array_buffers");
        assert_eq!((used("wasm_memory"), used("js_heap"), idle), (0, 0, 0));
        let cat = rt
            .spawn_command("sh", ["-c", "echo up; cat"])
            .await
            .unwrap();
        assert_eq!(cat.stdout().next().await.unwrap(), b"up\n");
        let node = rt
            .spawn("globalThis.kept = new ArrayBuffer(5 << 20); console.log('up'); process.stdin.resume()")
            .await
            .unwrap();
        assert_eq!(node.stdout().next().await.unwrap(), b"up\n");
        assert!(used("wasm_memory") > 0);
        assert!(used("js_heap") > 1 << 20, "{}", used("js_heap"));
        assert!(used("array_buffers") >= 5 << 20);
        assert!(used("limits.open_files_per_process") >= 3);
        assert!(used("limits.cpu_time") > 0);
        let terminal = rt.open_terminal(TerminalOptions::new()).await.unwrap();
        assert_eq!(used("limits.terminals"), 1);
        terminal.hang_up();
        for process in [&cat, &node] {
            process.kill_all();
            process.wait().await.unwrap();
        }
    });
}

/// Who is refused from outside hears which limit it was, by the name of its option.
#[test]
fn limits_that_the_embedder_meets_are_named_in_the_error() {
    block_on(async {
        let rt = limited(|limits| {
            limits.filesystem_bytes = 100_000;
            limits.processes = 4;
            limits.terminals = 1;
        });
        let rt = rt.create().await.unwrap();
        let error = rt.write_file("/tmp/x", vec![0; 200_000]).await.unwrap_err();
        assert_eq!(error.limit(), Some("limits.filesystem_bytes"), "{error}");
        assert_eq!(
            (error.errno(), error.permission()),
            (Some(Errno::ENOSPC), None)
        );

        let _terminal = rt.open_terminal(TerminalOptions::new()).await.unwrap();
        let error = rt.open_terminal(TerminalOptions::new()).await.unwrap_err();
        assert_eq!(error.limit(), Some("limits.terminals"), "{error}");

        let mut sleepers = Vec::new();
        let error = loop {
            match rt.spawn_command("sleep", ["1000"]).await {
                Ok(sleeper) => sleepers.push(sleeper),
                Err(error) => break error,
            }
        };
        assert_eq!(error.limit(), Some("limits.processes"), "{error}");
        assert_eq!(error.errno(), Some(Errno::EAGAIN));
        // What is not there is no limit.
        let error = rt.read_file("/none").await.unwrap_err();
        assert_eq!((error.limit(), error.permission()), (None, None));
    });
}

#[test]
fn permissions_that_refuse_the_embedder_are_named_in_the_error() {
    block_on(async {
        let executor = |_: HostCommand, _: CommandStreams| async {
            Ok(CommandAnswer::runs(async { CommandEnd::Exited(0) }))
        };
        let rt = builder()
            .permissions(Permissions {
                child_process: false,
                ..Permissions::default()
            })
            .host_commands(HostCommands::new(executor).only(["own"]))
            .create()
            .await
            .unwrap();
        // By another name than its own, the embedder's program is asked for whoever starts it.
        let error = rt
            .exec_command("/usr/local/bin/own", [""; 0])
            .await
            .unwrap_err();
        assert_eq!(error.permission(), Some(Scope::ChildProcess), "{error}");
        assert_eq!((error.limit(), error.errno()), (None, Some(Errno::EACCES)));
    });
}

//! WASI 0.2 components as commands: uutils' coreutils, made a component by the preview 1 adapter of wasmtime.

use std::io::Read;
use std::time::{Duration, Instant};

use cenote::{NodeRuntime, Signal};
use cenote_test::repository;

use crate::block_on;
use crate::commands_dir::{install, uutils};

/// The preview 1 program as a component of `wasi:cli/command`.
fn component(module: &[u8]) -> Vec<u8> {
    let patch = repository::root().join("tests/wasm/uutils.component.patch.zst");
    let patch = std::fs::read(patch).unwrap();
    let mut decoder =
        zstd::stream::read::Decoder::with_ref_prefix(patch.as_slice(), module).unwrap();
    decoder.window_log_max(25).unwrap();
    let mut component = Vec::new();
    decoder.read_to_end(&mut component).unwrap();
    component
}

async fn machine(directory: &std::path::Path) -> NodeRuntime {
    let (module, names) = uutils();
    install(directory, &component(&module), &names);
    NodeRuntime::builder()
        .commands_dir(directory)
        .create()
        .await
        .unwrap()
}

#[test]
fn components_work_in_pipes_and_on_files() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let rt = machine(directory.path()).await;
        let script = "set -e
            mkdir -p /tmp/work/deep && cd /tmp/work
            seq 1 20000 | sort -rn | head -n 2
            printf 'b\\na\\nb\\n' > list && sort list | uniq -c | tr -s ' '
            cp list copy && mv copy deep/moved && ls -R . && cat /tmp/work/deep/moved | wc -l
            echo more >> list && tail -n 1 list && stat_size=$(wc -c < list) && echo $stat_size
            ln -s list link && readlink link && rm -r deep && test ! -e deep
            false || echo \"status $?\"; cat missing 2>/dev/null || echo \"status $?\"
            printenv GREETING";
        let out = rt.shell(script).env("GREETING", "hi").await.unwrap();
        assert_eq!(
            out.stdout.text(),
            "20000\n19999\n 1 a\n 2 b\n.:\ndeep\nlist\n\n./deep:\nmoved\n3\nmore\n11\nlist\nstatus 1\nstatus 1\nhi\n",
            "{}",
            out.stderr
        );
        assert_eq!(out.exit_code, 0);
        let out = rt
            .exec(
                r#"import { spawnSync } from "node:child_process";
                   console.log(spawnSync("sort", ["-r"], { input: "a\nb\n", encoding: "utf8" }).stdout);"#,
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "b\na\n\n", "{}", out.stderr);
    });
}

#[test]
fn component_ends_by_a_signal_while_it_waits_and_while_it_works() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let rt = machine(directory.path()).await;
        // The first start compiles; the clock begins after it.
        rt.shell("true; sleep 0").await.unwrap();
        let started = Instant::now();
        for (program, arguments) in [("sleep", "100"), ("cat", "-"), ("yes", "y")] {
            let process = rt.spawn_command(program, [arguments]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            process.kill(Signal::SIGTERM).unwrap();
            process.wait().await.unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(20));
        let out = rt
            .shell("yes | head -n 1; sleep 50 & kill $!; wait $!; echo $?")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "y\n143\n", "{}", out.stderr);
    });
}

#[test]
fn component_with_an_import_of_another_world_is_not_executable() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"(component
        (import "example:host/things" (instance (export "go" (func)))))"#;
    std::fs::write(
        directory.path().join("strange.wasm"),
        wat::parse_str(text).unwrap(),
    )
    .unwrap();
    block_on(async {
        let rt = NodeRuntime::builder()
            .commands_dir(directory.path())
            .create()
            .await
            .unwrap();
        let code = r#"import { spawnSync } from "node:child_process";
            console.log(spawnSync("strange").error.code);"#;
        let out = rt.exec(code).await.unwrap();
        assert_eq!(out.stdout.text(), "ENOEXEC\n", "{}", out.stderr);
    });
}

//! A directory of the embedder's own commands, plain wasm32-wasip1 programs, in place of those shipped.

use std::fs;
use std::path::Path;

use cenote::NodeRuntime;
use cenote_test::repository;
use serde::Deserialize;

use crate::block_on;

/// Prints its first argument and ends with status 5. Only preview 1 is imported; its pointers begin at zero, which WASI allows.
const ECHO_ONE: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (local $text i32) (local $length i32)
        (drop (call $args_get (i32.const 0) (i32.const 64)))
        (local.set $text (i32.load (i32.const 4)))
        (block $end
            (loop $next
                (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $length)))))
                (local.set $length (i32.add (local.get $length) (i32.const 1)))
                (br $next)))
        (i32.store (i32.const 32) (local.get $text))
        (i32.store (i32.const 36) (local.get $length))
        (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40)))
        (call $proc_exit (i32.const 5))))"#;

#[derive(Deserialize)]
struct Shipped {
    module: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    file: String,
    commands: Vec<String>,
}

/// uutils' coreutils, one program for wasm32-wasip1, and the names it is called by.
pub(crate) fn uutils() -> (Vec<u8>, Vec<String>) {
    let home = repository::root().join("tests/wasm");
    let text = fs::read_to_string(home.join("SOURCE.toml")).unwrap();
    let shipped: Shipped = toml::from_str(&text).unwrap();
    let module = shipped.module.into_iter().next().unwrap();
    let packed = fs::read(home.join(module.file)).unwrap();
    (
        zstd::decode_all(packed.as_slice()).unwrap(),
        module.commands,
    )
}

/// Fills `directory` with a program under each of its names.
pub(crate) fn install(directory: &Path, program: &[u8], names: &[String]) {
    let file = directory.join("coreutils.wasm");
    fs::write(&file, program).unwrap();
    for name in names {
        fs::hard_link(&file, directory.join(format!("{name}.wasm"))).unwrap();
    }
}

#[test]
fn preview_1_program_runs_by_its_name_from_sh_and_from_node() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("echo-one.wasm"),
        wat::parse_str(ECHO_ONE).unwrap(),
    )
    .unwrap();
    block_on(async {
        let rt = NodeRuntime::builder()
            .commands_dir(directory.path())
            .create()
            .await
            .unwrap();
        let out = rt.shell("echo-one hello; echo \" $?\"").await.unwrap();
        assert_eq!(out.stdout.text(), "hello 5\n", "{}", out.stderr);
        let out = rt
            .exec(
                r#"import { spawnSync } from "node:child_process";
                   const { status, stdout } = spawnSync("echo-one", ["from node"], { encoding: "utf8" });
                   console.log(status, stdout);"#,
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "5 from node\n", "{}", out.stderr);
        // What the directory lacks is not there: it is used instead of the shipped commands, not beside them.
        let out = rt.shell("grep --version").await.unwrap();
        assert_eq!(out.exit_code, 127, "{}", out.stdout);
    });
}

#[test]
fn directory_of_uutils_works_in_pipes_and_on_files() {
    let directory = tempfile::tempdir().unwrap();
    let (program, names) = uutils();
    assert!(names.len() > 50);
    install(directory.path(), &program, &names);
    block_on(async {
        let rt = NodeRuntime::builder()
            .commands_dir(directory.path())
            .create()
            .await
            .unwrap();
        let script = "set -e
            mkdir -p /tmp/work/deep && cd /tmp/work
            seq 1 100 | sort -rn | head -n 3
            printf 'b\\na\\nb\\n' > list && sort list | uniq -c | tr -s ' '
            cp list copy && mv copy deep/moved && ls -R . && cat deep/moved | wc -l
            sha256sum list | cut -c 1-16
            ls --version | head -n 1 | cut -d ' ' -f 2-3
            rm -r deep && test ! -e deep && basename /a/b.c .c && expr 6 '*' 7 && factor 84";
        let out = rt.shell(script).await.unwrap();
        assert_eq!(
            out.stdout.text(),
            "100\n99\n98\n 1 a\n 2 b\n.:\ndeep\nlist\n\n./deep:\nmoved\n3\n\
             7cafa1b24cf9d8d1\n(uutils coreutils)\nb\n42\n84: 2 2 3 7\n",
            "{}",
            out.stderr
        );
        assert_eq!(out.exit_code, 0);
        let out = rt
            .exec(
                r#"import { execFileSync } from "node:child_process";
                   console.log(execFileSync("seq", ["3"], { encoding: "utf8" }).split("\n").join(","));
                   console.log(execFileSync("sort", ["-r"], { input: "a\nb\n", encoding: "utf8" }));"#,
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "1,2,3,\nb\na\n\n", "{}", out.stderr);
    });
}

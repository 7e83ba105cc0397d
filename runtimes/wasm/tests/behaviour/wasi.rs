//! WASI preview 1: hand-written modules, one behaviour each, and what they do to the machine.

use crate::world::{World, assert_prints, code};

/// A module with one page of memory, imports by name, and a body for `_start`.
fn module(imports: &[(&str, &str)], data: &str, body: &str) -> String {
    let imports: String = imports
        .iter()
        .map(|(name, kind)| {
            format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {kind}))\n")
        })
        .collect();
    format!(
        "(module {imports} (memory (export \"memory\") 1) {data} (func (export \"_start\") {body}))"
    )
}

const EXIT: (&str, &str) = ("proc_exit", "(param i32)");
const WRITE: (&str, &str) = ("fd_write", "(param i32 i32 i32 i32) (result i32)");
const READ: (&str, &str) = ("fd_read", "(param i32 i32 i32 i32) (result i32)");
const OPEN: (&str, &str) = (
    "path_open",
    "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
);

async fn run(world: &World, text: &str, argv: &[&str]) -> crate::world::Outcome {
    world.write_wat("/bin/p", text);
    let all: Vec<&str> = std::iter::once("/bin/p")
        .chain(argv.iter().copied())
        .collect();
    world.run(&all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fd_write_prints_and_proc_exit_ends() {
    let text = module(
        &[EXIT, WRITE],
        r#"(data (i32.const 8) "\10\00\00\00\06\00\00\00hello\n")"#,
        "(drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 4))) (call $proc_exit (i32.const 7))",
    );
    let outcome = run(&World::new(), &text, &[]).await;
    assert_eq!((code(&outcome), outcome.stdout.as_str()), (7, "hello\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returning_from_start_is_success() {
    assert_eq!(
        code(&run(&World::new(), &module(&[], "", ""), &[]).await),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_are_counted_and_copied() {
    let text = module(
        &[
            EXIT,
            WRITE,
            ("args_sizes_get", "(param i32 i32) (result i32)"),
            ("args_get", "(param i32 i32) (result i32)"),
        ],
        "",
        // Prints the last argument: from its pointer to the end of the buffer, without the NUL.
        "(drop (call $args_sizes_get (i32.const 4) (i32.const 8)))
         (drop (call $args_get (i32.const 100) (i32.const 1000)))
         (i32.store (i32.const 16) (i32.load (i32.add (i32.const 96) (i32.mul (i32.load (i32.const 4)) (i32.const 4)))))
         (i32.store (i32.const 20) (i32.sub (i32.add (i32.const 999) (i32.load (i32.const 8))) (i32.load (i32.const 16))))
         (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
         (call $proc_exit (i32.load (i32.const 4)))",
    );
    let outcome = run(&World::new(), &text, &["one", "two three"]).await;
    assert_eq!((code(&outcome), outcome.stdout.as_str()), (3, "two three"));
}

/// Opens the path in the data segment below the preopened directory for writing, and writes "x" to it.
fn writer(path: &str) -> String {
    module(
        &[EXIT, WRITE, OPEN],
        &format!(r#"(data (i32.const 100) "{path}") (data (i32.const 8) "\c8\00\00\00\01\00\00\00") (data (i32.const 200) "x")"#),
        &format!(
            "(local $errno i32)
             (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const {})
                (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 4)))
             (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
             (call $proc_exit (call $fd_write (i32.load (i32.const 4)) (i32.const 8) (i32.const 1) (i32.const 16)))",
            path.len()
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relative_paths_are_the_working_directorys() {
    let world = World::new();
    assert_eq!(code(&run(&world, &writer("new"), &[]).await), 0);
    assert_eq!(world.read_file("/work/new"), b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absolute_paths_are_the_roots() {
    let world = World::new();
    // wasi-libc hands `/tmp/new` over as `tmp/new`.
    assert_eq!(code(&run(&world, &writer("tmp/new"), &[]).await), 0);
    assert_eq!(world.read_file("/tmp/new"), b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_both_could_be_meant_the_arguments_decide() {
    let world = World::new();
    world.make_directory("/work/tmp");
    assert_eq!(code(&run(&world, &writer("tmp/a"), &["/tmp/a"]).await), 0);
    assert_eq!(world.read_file("/tmp/a"), b"x");
    assert_eq!(code(&run(&world, &writer("tmp/b"), &["tmp/b"]).await), 0);
    assert_eq!(world.read_file("/work/tmp/b"), b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errnos_are_wasis() {
    // 44 is noent, 8 badf.
    assert_eq!(
        code(&run(&World::new(), &writer("no/such/place"), &[]).await),
        44
    );
    let text = module(
        &[EXIT, WRITE],
        "",
        "(call $proc_exit (call $fd_write (i32.const 77) (i32.const 8) (i32.const 1) (i32.const 4)))",
    );
    assert_eq!(code(&run(&World::new(), &text, &[]).await), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_subscription_waits_and_a_read_at_the_end_gives_none() {
    let text = module(
        &[EXIT, READ, ("poll_oneoff", "(param i32 i32 i32 i32) (result i32)")],
        // A clock subscription: monotonic, 20 ms.
        r#"(data (i32.const 100) "\2a\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\2d\31\01")
           (data (i32.const 8) "\f4\01\00\00\10\00\00\00")"#,
        "(drop (call $poll_oneoff (i32.const 100) (i32.const 300) (i32.const 1) (i32.const 4)))
         (if (i32.ne (i32.load (i32.const 300)) (i32.const 42)) (then (call $proc_exit (i32.const 1))))
         (if (i32.ne (i32.load (i32.const 4)) (i32.const 1)) (then (call $proc_exit (i32.const 2))))
         (drop (call $fd_read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 4)))
         (call $proc_exit (i32.load (i32.const 4)))",
    );
    assert_eq!(code(&run(&World::new(), &text, &[]).await), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_preopened_directory_is_the_root_and_lists_it() {
    let text = module(
        &[
            EXIT,
            WRITE,
            ("fd_prestat_get", "(param i32 i32) (result i32)"),
            ("fd_prestat_dir_name", "(param i32 i32 i32) (result i32)"),
            ("fd_readdir", "(param i32 i32 i32 i64 i32) (result i32)"),
        ],
        r#"(data (i32.const 8) "\00\04\00\00\00\00\00\00")"#,
        "(if (call $fd_prestat_get (i32.const 3) (i32.const 100)) (then (call $proc_exit (i32.const 1))))
         (if (i32.ne (i32.load (i32.const 104)) (i32.const 1)) (then (call $proc_exit (i32.const 2))))
         (if (i32.ne (call $fd_prestat_get (i32.const 4) (i32.const 100)) (i32.const 8)) (then (call $proc_exit (i32.const 3))))
         (if (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 4096) (i64.const 0) (i32.const 12))
            (then (call $proc_exit (i32.const 4))))
         (call $proc_exit (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 4)))",
    );
    let outcome = run(&World::new(), &text, &[]).await;
    assert_eq!(code(&outcome), 0);
    for name in ["bin", "dev", "tmp", "work"] {
        assert!(outcome.stdout.contains(name), "{:?}", outcome.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wasi_program_is_a_filter_in_a_pipeline() {
    let world = World::with_shell();
    // Copies one buffer from its input to its output.
    let text = module(
        &[EXIT, READ, WRITE],
        r#"(data (i32.const 8) "\e8\03\00\00\00\01\00\00")"#,
        "(drop (call $fd_read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 12)))
         (i32.store (i32.const 12) (i32.load (i32.const 12)))
         (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))",
    );
    world.write_wat("/bin/filter", &text);
    assert_prints(&world.sh("echo through | filter | cat").await, "through\n");
}

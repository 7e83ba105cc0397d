//! The programs of `tests/guests/hostile`: each is stopped by its limit, or by a signal or a timeout; the VM and the host go on.
//!
//! They have no oracle. Each test names the limit and asserts the errno or signal the guest met, and that a shell in the same VM
//! still answers afterwards ([`still_works`]).
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test target")]

use std::time::{Duration, Instant};

use cenote::{Output, Signal};
use cenote_test::world::{Job, World};
use cenote_test::{artefacts, repository};

const GENEROUS: Duration = Duration::from_secs(100);

fn world() -> World {
    let modules =
        artefacts::unpacked(&repository::root().join("tests/guests/guests.tar.zst")).unwrap();
    World::with(|builder| builder.mount(modules, "/guests")).unwrap()
}

fn path(name: &str) -> String {
    format!("/guests/hostile/{name}.wasm")
}

/// Runs a program and kills it, with all it started, after `timeout`.
fn run(world: &World, name: &str, timeout: Duration) -> Output {
    let call = world
        .machine()
        .exec_command(path(name), Vec::<String>::new())
        .cwd("/tmp")
        .timeout(timeout);
    world.drive(call.into_future()).unwrap()
}

/// Runs a program that meets its limit and ends by itself.
fn run_to_its_end(name: &str) -> Output {
    let world = world();
    let output = run(&world, name, GENEROUS);
    assert!(
        !output.timed_out,
        "{name} was not stopped by its limit: {output:?}"
    );
    still_works(&world);
    output
}

/// Asserts what a program printed before it ended.
#[track_caller]
fn printed(output: &Output, expected: &str) {
    assert_eq!(output.stdout.text(), expected, "{output:?}");
}

/// Runs a program that goes on for ever, for two seconds; it is gone soon after.
fn run_for_a_while(name: &str) -> Output {
    let world = world();
    let begin = Instant::now();
    let output = run(&world, name, Duration::from_secs(2));
    assert!(output.timed_out, "{name} ended by itself: {output:?}");
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{name} took {:?} to be killed",
        begin.elapsed()
    );
    still_works(&world);
    output
}

/// A shell of the same VM runs a pipeline: what was killed is gone when its call returns.
fn still_works(world: &World) {
    let words = ["-c".to_owned(), "echo alive | cat; echo $?".to_owned()];
    let outcome = world
        .run(&Job {
            program: "sh",
            args: &words,
            cwd: "/tmp",
            env: &[],
            stdin: b"",
            timeout: GENEROUS,
        })
        .unwrap_or_else(|error| panic!("the VM no longer works: {error}"));
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "alive\n0\n");
}

#[test]
fn a_busy_loop_is_ended_by_the_timeout() {
    run_for_a_while("busy_loop");
}

#[test]
fn a_busy_loop_does_not_keep_others_from_running() {
    let world = world();
    let spin = world
        .machine()
        .spawn_command(path("busy_loop"), Vec::<String>::new());
    let process = world.drive(spin.into_future()).unwrap();
    still_works(&world);
    process.kill(Signal::SIGTERM).unwrap();
    assert_eq!(world.drive(process.wait()).unwrap(), 128 + 15);
}

#[test]
fn endless_system_calls_are_ended_by_the_timeout() {
    run_for_a_while("busy_system_calls");
}

#[test]
fn endless_memory_is_refused_with_enomem() {
    let output = run_to_its_end("endless_memory");
    printed(&output, "refused: ENOMEM\n");
    assert_eq!(output.exit_code, 0);
}

#[test]
fn forks_beyond_the_limit_are_refused_with_eagain() {
    let output = run_to_its_end("fork_bomb");
    printed(
        &output,
        "refused: EAGAIN\nall reaped: 1, some there were: 1\nfork works again: 1\n",
    );
}

#[test]
fn a_fork_bomb_is_ended_with_all_its_children() {
    run_for_a_while("endless_fork");
}

#[test]
fn a_full_filesystem_is_enospc_and_usable_after_a_removal() {
    let output = run_to_its_end("full_disk");
    printed(&output, "refused: ENOSPC\nsmall: [fits again]\n");
}

#[test]
fn too_many_inodes_are_enospc() {
    let output = run_to_its_end("many_files");
    printed(&output, "refused: ENOSPC\n");
}

#[test]
fn the_end_of_the_stack_is_sigsegv() {
    let output = run_to_its_end("deep_recursion");
    printed(&output, "begin\n");
    assert_eq!(output.signal, Some(Signal::SIGSEGV));
}

#[test]
fn flooded_output_is_cut_and_marked() {
    let output = run_for_a_while("output_flood");
    assert!(output.stdout.is_truncated());
    assert!(output.stdout.len() <= 16 << 20);
}

#[test]
fn open_files_beyond_the_limit_are_emfile() {
    let output = run_to_its_end("many_open_files");
    printed(&output, "refused: EMFILE\none closed, one opened: 5\n");
}

#[test]
fn pipes_beyond_the_limit_are_refused() {
    let output = run_to_its_end("many_pipes");
    let text = output.stdout.text();
    assert!(
        text == "refused: EMFILE\n" || text == "refused: ENFILE\n",
        "{text}"
    );
}

#[test]
fn wild_pointers_hurt_nobody() {
    let output = run_to_its_end("wild_pointers");
    printed(&output, "calls: 2112, alive\n");
}

#[test]
fn endless_arguments_are_e2big() {
    let output = run_to_its_end("huge_arguments");
    printed(&output, "refused: E2BIG\n");
}

#[test]
fn deep_directories_are_walked_without_recursion() {
    let output = run_to_its_end("deep_directories");
    printed(&output, "depth 3000\ngetcwd: ok\nlinks: ELOOP\nback\n");
}

#[test]
fn a_signal_storm_is_ended_by_the_timeout() {
    run_for_a_while("signal_storm");
}

//! What is refused and what is stopped: modules that are no programs, memory and recursion without end, too many forks.

use crate::world::{World, assert_prints, code, module_of, shipped};
use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum};
use cenote_base::limits::Limits;
use cenote_wasm::WasmOptions;

async fn refusal(bytes: &[u8]) -> Errno {
    let world = World::new();
    world.write_program("/bin/bad", bytes);
    match world.spawn(&["/bin/bad"]).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.errno(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_module_is_not_executable() {
    let whole = shipped("dash");
    for len in [8, 100, whole.len() / 2, whole.len() - 1] {
        assert_eq!(refusal(&whole[..len]).await, Errno::ENOEXEC, "{len} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_module_is_not_executable() {
    let mut bytes = shipped("dash");
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 0xff;
    }
    assert_eq!(refusal(&bytes).await, Errno::ENOEXEC);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_that_nobody_has_are_refused() {
    for import in [
        r#"(import "env" "system" (func (param i32)))"#,
        r#"(import "wali" "SYS_nonsense" (func (result i64)))"#,
        r#"(import "wali" "SYS_getpid" (func (param i64) (result i64)))"#,
        r#"(import "wasi_snapshot_preview1" "fd_nonsense" (func))"#,
        r#"(import "env" "memory" (memory 1))"#,
    ] {
        let module = module_of(&format!(r#"(module {import} (func (export "_start")))"#));
        assert_eq!(refusal(&module).await, Errno::ENOEXEC, "{import}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_without_start_and_a_component_are_refused() {
    assert_eq!(refusal(&module_of("(module)")).await, Errno::ENOEXEC);
    assert_eq!(refusal(&module_of("(component)")).await, Errno::ENOEXEC);
}

/// The signal a module's `_start` ends by.
async fn fault(body: &str) -> WaitStatus {
    let world = World::new();
    world.write_wat(
        "/bin/p",
        &format!(r#"(module (memory (export "memory") 1) (table 1 funcref) {body})"#),
    );
    world.run(&["/bin/p"]).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traps_are_the_signals_linux_sends() {
    for (body, signal) in [
        (r#"(func (export "_start") unreachable)"#, SigNum::SIGILL),
        (
            r#"(func (export "_start") (drop (i32.load (i32.const 0x7fffffff))))"#,
            SigNum::SIGSEGV,
        ),
        (
            r#"(func (export "_start") (drop (i32.div_s (i32.const 1) (i32.const 0))))"#,
            SigNum::SIGFPE,
        ),
        (
            r#"(func $f (export "_start") (call $f) (call $f))"#,
            SigNum::SIGSEGV,
        ),
        (
            r#"(func (export "_start") (call_indirect (i32.const 0)))"#,
            SigNum::SIGSEGV,
        ),
    ] {
        assert_eq!(
            fault(body).await,
            WaitStatus::Signaled { signal, core: true },
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growing_memory_stops_at_the_limit() {
    let world = World::with(
        Limits::default(),
        WasmOptions {
            memory_limit: 8 << 20,
            ..WasmOptions::default()
        },
    );
    // Grows until it is refused and exits with the number of MiB there are.
    world.write_wat(
        "/bin/grow",
        r#"(module
            (import "wali" "SYS_exit_group" (func $exit (param i32) (result i64)))
            (memory (export "memory") 16)
            (func (export "_start")
                (loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                (drop (call $exit (i32.shr_u (memory.size) (i32.const 4))))))"#,
    );
    assert_eq!(code(&world.run(&["/bin/grow"]).await), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_bomb_is_stopped_and_the_machine_lives() {
    let limits = Limits {
        processes: 24,
        ..Limits::default()
    };
    let world = World::with(limits, WasmOptions::default());
    world.add_shell();
    let outcome = world
        .sh("i=0; while [ $i -lt 100 ]; do sleep 1000 >/dev/null 2>&1 & i=$((i+1)); done; echo no")
        .await;
    assert!(outcome.stderr.contains("fork"), "{outcome:?}");
    assert_ne!(outcome.status, WaitStatus::Exited(0));
    assert!(world.kernel.processes().len() <= 24);
    for process in world
        .kernel
        .processes()
        .into_iter()
        .filter(|process| process.pid.raw() > 1)
    {
        world.kernel.kill(process.pid, SigNum::SIGKILL).unwrap();
    }
    assert_prints(&world.sh("echo alive | cat").await, "alive\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_all_processes_together_is_limited() {
    let limits = Limits {
        wasm_memory_total_bytes: 40 << 20,
        ..Limits::default()
    };
    let world = World::with(limits, WasmOptions::default());
    world.add_shell();
    let outcome = world
        .sh("for i in 1 2 3 4 5 6; do sleep 1000 >/dev/null 2>&1 & done; echo no")
        .await;
    assert_ne!(outcome.status, WaitStatus::Exited(0), "{outcome:?}");
    world.kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_pointers_are_efault_and_nothing_else() {
    let world = World::new();
    // write(1, 0xfffffff0, 64), write(1, 0, 1), read(0, 65535, 2), readv(0, end, 1): each -EFAULT (14), summed.
    world.write_wat(
        "/bin/p",
        r#"(module
            (import "wali" "SYS_exit_group" (func $exit (param i32) (result i64)))
            (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
            (import "wali" "SYS_read" (func $read (param i32 i32 i32) (result i64)))
            (import "wali" "SYS_readv" (func $readv (param i32 i32 i32) (result i64)))
            (memory (export "memory") 1)
            (func (export "_start")
                (drop (call $exit (i32.wrap_i64 (i64.sub (i64.const 0) (i64.add
                    (i64.add (call $write (i32.const 1) (i32.const 0xfffffff0) (i32.const 64))
                             (call $write (i32.const 1) (i32.const 0) (i32.const 1)))
                    (i64.add (call $read (i32.const 0) (i32.const 65535) (i32.const 2))
                             (call $readv (i32.const 0) (i32.const 65534) (i32.const 1))))))))))"#,
    );
    assert_eq!(code(&world.run(&["/bin/p"]).await), 56);
}

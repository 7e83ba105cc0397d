//! The shipped dash and coreutils as processes: pipelines, forks, signals, exec. Expected output is what they print on Linux.

use std::time::{Duration, Instant};

use crate::world::{World, assert_prints, code};
use cenote_abi::SigNum;
use cenote_abi::wait::WaitStatus;

macro_rules! scripts {
    ($($name:ident: $script:expr => $expected:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            assert_prints(&World::with_shell().sh($script).await, $expected);
        })*
    };
}

scripts! {
    a_builtin_prints: "echo hi" => "hi\n";
    a_pipeline_of_programs: "echo hi | cat | wc -c" => "3\n";
    an_external_command: "/bin/echo one two" => "one two\n";
    a_background_job_is_waited_for: "sleep 0.1 & wait; echo done" => "done\n";
    command_substitution_drops_trailing_newlines: "x=$(printf 'a\\n\\n'); echo \"[$x]\"" => "[a]\n";
    nested_substitution: "echo $(echo a$(echo b$(echo c)))" => "abc\n";
    exit_status_of_a_subshell: "(exit 3); echo $?" => "3\n";
    exec_replaces_the_shell: "exec /bin/echo gone; echo never" => "gone\n";
    a_trap_runs_after_the_signal: "trap 'echo T' TERM; kill -TERM $$; echo after" => "T\nafter\n";
    a_trap_on_exit: "trap 'echo bye' EXIT; echo hi" => "hi\nbye\n";
    a_killed_child_is_reported: "(sleep 100 & kill $!; wait $!; echo $?) 2>/dev/null" => "143\n";
    kill_zero_finds_the_shell: "kill -0 $$ && echo alive" => "alive\n";
    forty_jobs_at_once: "for i in $(seq 40); do (echo $i) & done | sort -n | tr '\\n' ' '; wait" =>
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 ";
    a_reader_that_leaves_ends_the_writer: "yes | head -n 3" => "y\ny\ny\n";
    many_lines_through_a_pipe: "seq 1 20000 | wc -l" => "20000\n";
    a_here_document: "cat <<EOF\na $((1+2))\nEOF\n" => "a 3\n";
    a_loop_reads_a_pipe: "seq 1 200 | while read n; do t=$((t+n)); echo $t; done | sort -n | head -n 2" => "1\n3\n";
    files_and_directories: "mkdir -p a/b; echo x > a/b/f; cat a/b/f; ls a; rm -r a; ls" => "x\nb\n";
    redirections: "echo out > o; echo err 2>&1 >e; cat e;  cat < o; (echo 1; echo 2) >> o; wc -l < o" => "err\nout\n3\n";
    environment_reaches_children: "A=x sh -c 'echo $A'" => "x\n";
    hundred_substitutions: "i=0; while [ $i -lt 100 ]; do x=$(echo $i); i=$((i+1)); done; echo $x" => "99\n";
    a_deep_recursion_of_functions: "f() { if [ $1 -gt 0 ]; then f $(($1-1)); else echo bottom; fi; }; f 200" => "bottom\n";
    a_fork_from_deep_recursion: "f() { if [ $1 -gt 0 ]; then f $(($1-1)); else x=$(echo deep); echo $x; fi; }; f 200" => "deep\n";
    a_signal_interrupts_wait: "trap 'echo got' USR1; (sleep 0.2; kill -USR1 $$; sleep 0.5) & wait; echo $?" => "got\n138\n";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn set_e_ends_the_shell() {
    let outcome = World::with_shell().sh("set -e; false; echo no").await;
    assert_eq!((code(&outcome), outcome.stdout.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timeout_ends_a_sleeper() {
    let outcome = World::with_shell().sh("timeout 0.2 sleep 50").await;
    assert_eq!(code(&outcome), 124, "{}", outcome.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_shell_is_killed_at_once() {
    let world = World::with_shell();
    let running = world
        .spawn(&["/bin/sh", "-c", "while :; do :; done"])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    running.child.kill(SigNum::SIGKILL).unwrap();
    let outcome = running.end().await;
    assert_eq!(
        outcome.status,
        WaitStatus::Signaled {
            signal: SigNum::SIGKILL,
            core: false
        }
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_shell_ends_by_a_default_action() {
    let world = World::with_shell();
    let running = world
        .spawn(&["/bin/sh", "-c", "while :; do :; done"])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.child.kill(SigNum::SIGTERM).unwrap();
    assert_eq!(
        running.end().await.status,
        WaitStatus::Signaled {
            signal: SigNum::SIGTERM,
            core: false
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_ends_everything() {
    let world = World::with_shell();
    let running = world
        .spawn(&["/bin/sh", "-c", "sleep 1000 & while :; do :; done"])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::timeout(Duration::from_secs(10), world.kernel.shutdown())
        .await
        .expect("shutdown ends");
    assert_eq!(
        running.end().await.status,
        WaitStatus::Signaled {
            signal: SigNum::SIGKILL,
            core: false
        }
    );
    assert_eq!(
        world
            .kernel
            .budget()
            .used(cenote_base::limits::Resource::WasmMemory),
        0
    );
}

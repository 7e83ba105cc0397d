//! The larger shipped programs, each doing one real thing: bash, git, python, sqlite, make and their kin.

use crate::world::{World, assert_prints, code, repository, shipped};

/// A machine with bash, the coreutils and these programs.
fn machine(programs: &[&str]) -> World {
    let world = World::with_shell();
    world.write_program("/bin/bash", &shipped("bash"));
    for program in programs {
        if repository()
            .join(format!("registry/wasm/{program}.wasm.zst"))
            .exists()
        {
            world.write_program(&format!("/bin/{program}"), &shipped(program));
        }
    }
    world
}

async fn bash(world: &World, script: &str) -> crate::world::Outcome {
    world.run(&["/bin/bash", "-c", script]).await
}

macro_rules! bash_scripts {
    ($($name:ident: $script:expr => $expected:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            assert_prints(&bash(&machine(&["sed", "grep", "gawk", "diff", "find", "xargs"]), $script).await, $expected);
        })*
    };
}

bash_scripts! {
    bash_prints: "echo hi" => "hi\n";
    bash_pipelines: "echo hi | cat | wc -c" => "3\n";
    bash_arrays_and_arithmetic: "a=(1 2 3); s=0; for i in ${a[@]}; do ((s+=i)); done; echo $s ${#a[@]}" => "6 3\n";
    bash_pipefail: "set -o pipefail; false | true; echo $?" => "1\n";
    bash_process_substitution: "diff <(seq 3) <(seq 4) | head -n 1" => "3a4\n";
    bash_trap: "trap 'echo T' TERM; kill -TERM $$; echo after" => "T\nafter\n";
    bash_error_in_a_function_unwinds: "f() { return 3; }; f; echo $?; (exit 4) || echo $?" => "3\n4\n";
    bash_here_strings_and_regex: "[[ abc123 =~ ([0-9]+) ]] && cat <<< ${BASH_REMATCH[1]}" => "123\n";
    bash_jobs: "sleep 0.1 & sleep 0.1 & wait; jobs > j; echo ok" => "ok\n";
    tools_over_files: "seq 1 100 > f; grep -c 1 f; sed -n '$p' f; gawk '{s+=$1} END {print s}' f; find . -name f | xargs wc -l" =>
        "20\n100\n5050\n100 ./f\n";
    three_hundred_substitutions: "for ((i=0;i<300;i++)); do x=$(echo $i); done; echo $x" => "299\n";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_commits() {
    let world = machine(&["git"]);
    let script = "export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q r && cd r && echo x > f && git add f && git commit -q -m one && git log --format=%s && git status --short && git fsck 2>/dev/null; echo $?";
    let outcome = bash(&world, script).await;
    assert_eq!(
        (outcome.stdout.as_str(), code(&outcome)),
        ("one\n0\n", 0),
        "{}",
        outcome.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_a_query() {
    let world = machine(&["sqlite3"]);
    let outcome = bash(
        &world,
        "sqlite3 db 'create table t(a); insert into t values (1),(2); select sum(a) from t'",
    )
    .await;
    assert_prints(&outcome, "3\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn make_builds() {
    let world = machine(&["make"]);
    let outcome = bash(
        &world,
        "printf 'all: a\\n\\t@cat a\\na:\\n\\t@echo made > a\\n' > Makefile; make -s",
    )
    .await;
    assert_prints(&outcome, "made\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_come_back_as_they_went() {
    let world = machine(&["tar", "gzip", "xz", "bzip2", "zstd"]);
    let script = "mkdir d; seq 1000 > d/f; tar cf a.tar d; for z in gzip xz bzip2; do cp a.tar b.tar; $z b.tar; $z -dc b.tar.* | tar xO d/f | wc -l; rm b.tar.*; done";
    assert_prints(&bash(&world, script).await, "1000\n1000\n1000\n");
}

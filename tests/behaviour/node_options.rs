//! Options of `node` that Node hands to V8. V8's options are the host's: what can be one program's is honoured, the rest is refused or
//! said to have no effect, never silently ignored. What is as in Node is compared with Node (`tests/node/cli`).

use cenote::{NodeRuntime, Output};

use crate::{block_on, builder};

async fn node(rt: &NodeRuntime, args: &[&str]) -> Output {
    rt.exec_command("/usr/bin/node", args.iter().copied())
        .await
        .unwrap()
}

#[test]
fn options_that_cannot_be_one_programs_are_refused() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        for option in [
            "--prof",
            "--perf-basic-prof",
            "--print-bytecode",
            "--v8-options",
            "--prof-process",
            "--experimental-shadow-realm",
        ] {
            let out = node(&rt, &[option, "-e", "console.log('ran')"]).await;
            assert_eq!(
                (out.exit_code, out.stdout.text().as_ref()),
                (9, ""),
                "{option}"
            );
            let reason = format!("{option} cannot be used here: ");
            assert!(out.stderr.text().contains(&reason), "{}", out.stderr);
        }
        for option in ["--no-such-thing", "--harmony-no-such-thing"] {
            let out = node(&rt, &[option, "-e", "0"]).await;
            let text = format!("bad option: {option}\n");
            assert!(out.stderr.text().ends_with(&text), "{}", out.stderr);
            assert_eq!(out.exit_code, 9);
        }
    });
}

#[test]
fn options_without_an_effect_say_so() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        for option in [
            "--harmony",
            "--trace-gc",
            "--use_strict",
            "--stack_size=2000",
        ] {
            let out = node(&rt, &[option, "-p", "1"]).await;
            assert_eq!(out.stdout.text(), "1\n", "{}", out.stderr);
            let text = format!("Warning: {option} has no effect: ");
            assert!(out.stderr.text().starts_with(&text), "{}", out.stderr);
            let quiet = node(&rt, &["--no-warnings", option, "-p", "1"]).await;
            assert_eq!(quiet.stderr.text(), "");
        }
        for option in [
            "--max-semi-space-size=16",
            "--no-opt",
            "--expose_gc",
            "--no-harmony",
        ] {
            let out = node(&rt, &[option, "-p", "1"]).await;
            assert_eq!(
                (out.stdout.text().as_ref(), out.stderr.text().as_ref()),
                ("1\n", "")
            );
        }
        let code = "v8.setFlagsFromString('--trace-gc'); v8.setFlagsFromString('--max-lazy')";
        let out = node(&rt, &["-e", code]).await;
        assert_eq!(
            out.stderr.text().matches("has no effect").count(),
            1,
            "{}",
            out.stderr
        );
    });
}

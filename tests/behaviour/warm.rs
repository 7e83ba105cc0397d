//! Engines kept ready: programs run as in engines made for them, each in one that nobody used before.

use std::collections::BTreeSet;

use cenote::NodeRuntime;

use crate::block_on;

async fn warm(count: usize) -> NodeRuntime {
    crate::builder().warm(count).create().await.unwrap()
}

/// What a program can see of how it was started.
const SELF: &str = r#"
    console.log(JSON.stringify({
        argv: process.argv, execArgv: process.execArgv, cwd: process.cwd(), given: process.env.GIVEN, title: process.title,
        versions: process.versions, features: process.features, heap: v8.getHeapStatistics().heap_size_limit,
        globals: Object.getOwnPropertyNames(globalThis).sort(), modules: process.moduleLoadList.toSorted(),
        uptime: process.uptime() < 5, now: performance.now() < 5000, stack: new Error("x").stack,
    }));
    import v8 from "node:v8";
"#;

#[test]
fn program_sees_no_difference_to_an_engine_made_for_it() {
    block_on(async {
        let cold = crate::builder().create().await.unwrap();
        let run = async |rt: &NodeRuntime| {
            let out = rt
                .exec(SELF)
                .args(["a", "b"])
                .env("GIVEN", "yes")
                .cwd("/tmp")
                .await
                .unwrap();
            assert_eq!(out.stderr.text(), "");
            out.stdout.text().into_owned()
        };
        let expected = run(&cold).await;
        assert!(
            expected.contains(r#""cwd":"/tmp","given":"yes""#),
            "{expected}"
        );
        let rt = warm(2).await;
        for _ in 0..6 {
            rt.when_warm().await;
            assert_eq!(run(&rt).await, expected);
        }
    });
}

#[test]
fn nothing_passes_from_one_program_to_the_next() {
    block_on(async {
        let rt = warm(1).await;
        let mut seen = BTreeSet::new();
        for _ in 0..5 {
            rt.when_warm().await;
            let out = rt
                .exec(
                    "console.log(globalThis.left, Array.prototype.left, process.left, Math.random());
                     globalThis.left = Array.prototype.left = process.left = 'something';",
                )
                .await
                .unwrap();
            let text = out.stdout.text().into_owned();
            assert!(text.starts_with("undefined undefined undefined "), "{text}");
            assert!(seen.insert(text), "the same random number twice");
        }
    });
}

#[test]
fn children_options_ends_and_many_at_once_work_in_engines_kept_ready() {
    block_on(async {
        let rt = warm(3).await;
        rt.when_warm().await;
        let small = rt
            .exec_command(
                "node",
                [
                    "--max-old-space-size=32",
                    "-p",
                    "v8.getHeapStatistics().heap_size_limit < 64 << 20",
                ],
            )
            .await
            .unwrap();
        assert_eq!(small.stdout.text(), "true\n", "{}", small.stderr);
        rt.when_warm().await;
        let wrong = rt.exec_command("node", ["--no-such-option"]).await.unwrap();
        assert_eq!(wrong.exit_code, 9);
        rt.when_warm().await;
        let version = rt.exec_command("node", ["--version"]).await.unwrap();
        assert_eq!(version.stdout.text(), "v24.21.0\n");
        rt.when_warm().await;
        let killed = rt
            .exec("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);")
            .await
            .unwrap();
        assert_eq!(killed.exit_code, 128 + 15);
        rt.when_warm().await;
        let children = rt
            .exec(
                "import { execFile } from 'node:child_process'; import { promisify } from 'node:util';
                 const run = promisify(execFile);
                 const all = await Promise.all([...Array(8).keys()].map((n) => run('node', ['-p', `${n} * ${n}`])));
                 console.log(all.map(({ stdout }) => stdout.trim()).join());
                 console.log((await run('sh', ['-c', 'exec node -p 7'])).stdout.trim());",
            )
            .await
            .unwrap();
        assert_eq!(
            children.stdout.text(),
            "0,1,4,9,16,25,36,49\n7\n",
            "{}",
            children.stderr
        );
        rt.dispose().await;
    });
}

#[test]
fn machines_come_and_go_over_the_same_engines() {
    block_on(async {
        for number in 0..6 {
            let rt = warm(2).await;
            let out = rt.exec(format!("console.log({number})")).await.unwrap();
            assert_eq!(out.stdout.text(), format!("{number}\n"));
            if number % 2 == 0 {
                rt.dispose().await;
            }
        }
    });
}

//! What guests are told of their system: names, processors, home and temporary directory, in every place that says it.

use cenote::{NodeRuntime, OsNames};

use crate::{block_on, builder};

/// What Node says, its own ways and those of programs it starts.
const ASK: &str = r#"
    import os from "node:os";
    import { execFileSync } from "node:child_process";
    const cpus = os.cpus();
    console.log(process.platform, process.arch, os.platform(), os.arch(), os.type(), os.machine(), os.release(), os.version());
    console.log(os.homedir(), os.userInfo().homedir, os.tmpdir());
    console.log(cpus.length, os.availableParallelism(), navigator.hardwareConcurrency, new Set(cpus.map((one) => one.model)).size,
                cpus.every((one) => one.times.idle >= 0 && one.times.user >= 0));
    console.log(execFileSync("sh", ["-c",
      "uname -srvm; cat /proc/sys/kernel/ostype /proc/sys/kernel/osrelease /proc/sys/kernel/version; " +
      "nproc; grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat; grep Cpus_allowed_list /proc/self/status"]).toString().trim());
"#;

async fn told(rt: &NodeRuntime) -> Vec<String> {
    let out = rt.exec(ASK).await.unwrap();
    assert_eq!(out.exit_code, 0, "{}", out.stderr);
    out.stdout.text().lines().map(str::to_owned).collect()
}

#[test]
fn names_and_processors_are_the_same_wherever_a_guest_asks() {
    block_on(async {
        let rt = builder()
            .processors(70)
            .os(OsNames {
                platform: Some("darwin".into()),
                arch: Some("arm64".into()),
                release: Some("24.1.0".into()),
                version: Some("Darwin Kernel Version 24.1.0".into()),
                homedir: Some("/Users/me".into()),
                tmpdir: Some("/private/tmp".into()),
                ..OsNames::default()
            })
            .create()
            .await
            .unwrap();
        assert_eq!(
            told(&rt).await,
            [
                "darwin arm64 darwin arm64 Darwin arm64 24.1.0 Darwin Kernel Version 24.1.0",
                "/Users/me /Users/me /private/tmp",
                "70 70 70 1 true",
                "Darwin 24.1.0 Darwin Kernel Version 24.1.0 arm64",
                "Darwin",
                "24.1.0",
                "Darwin Kernel Version 24.1.0",
                "70",
                "70",
                "70",
                "Cpus_allowed_list:\t0-69",
            ]
        );
        // Paths and files are those of the machine all the same, in Node's workers, too, and the directories are there.
        let out = rt.exec(
            r#"
            import { Worker } from "node:worker_threads";
            import path from "node:path";
            import fs from "node:fs";
            import os from "node:os";
            fs.writeFileSync(path.join(os.homedir(), "a"), "");
            console.log(path.sep, fs.statSync(os.tmpdir()).mode.toString(8), fs.mkdtempSync(os.tmpdir() + "/x").length);
            new Worker("console.log(process.platform, process.arch)", { eval: true });
            "#,
        );
        let out = out.await.unwrap();
        assert_eq!(
            out.stdout.text(),
            "/ 41777 20\ndarwin arm64\n",
            "{}",
            out.stderr
        );
        // A fork is told the same.
        let fork = rt.fork().await.unwrap();
        let out = fork
            .shell("uname -sm; nproc; echo ~ $TMPDIR")
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "Darwin arm64\n70\n/Users/me /private/tmp\n"
        );
    });
}

#[test]
fn machine_says_what_it_is_and_has_the_processors_that_we_have() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let count = cenote::host_processors().to_string();
        let lines = told(&rt).await;
        assert!(
            lines[0].starts_with("linux x64 linux x64 Linux x86_64 "),
            "{}",
            lines[0]
        );
        assert_eq!(lines[1], "/root /root /tmp");
        assert!(
            lines[2].starts_with(&format!("{count} {count} {count} 1 true")),
            "{}",
            lines[2]
        );
        assert_eq!(lines[7..10], [count.as_str(); 3]);
    });
}

#[test]
fn what_cannot_be_pretended_is_an_error_that_says_why() {
    block_on(async {
        let refused =
            async |names: OsNames| builder().os(names).create().await.unwrap_err().to_string();
        let platform = OsNames {
            platform: Some("win32".into()),
            ..OsNames::default()
        };
        let said = refused(platform).await;
        assert!(
            said.starts_with("option `os.platform`: `win32` cannot be pretended: paths"),
            "{said}"
        );
        let arch = OsNames {
            arch: Some("mips".into()),
            ..OsNames::default()
        };
        let said = refused(arch).await;
        assert!(
            said.starts_with("option `os.arch`: `mips` cannot be pretended: the machine's numbers"),
            "{said}"
        );
        let said = builder()
            .processors(0)
            .create()
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(said, "option `processors`: 0 is not from 1 to 1024");
    });
}

/// A set of processors is kept, inherited and told; one without any that is there is refused.
#[test]
fn programs_see_the_processors_they_chose() {
    block_on(async {
        let rt = builder().processors(4).create().await.unwrap();
        let out = rt
            .shell("nproc; OMP_NUM_THREADS=2 nproc; nproc --all; sort --parallel=4 /etc/shells > /dev/null && echo sorted")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "4\n2\n4\nsorted\n", "{}", out.stderr);
    });
}

/// A file's mode is set while the machine's own tree answers at `/`: the embedder's filesystem there has no such file.
#[test]
fn seeded_file_has_its_mode() {
    block_on(async {
        let rt = builder()
            .file_with_mode("/usr/local/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
            .file("/etc/plain", "x")
            .create()
            .await
            .unwrap();
        let out = rt
            .shell("hello; stat -c %a /usr/local/bin/hello /etc/plain")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "hello\n755\n644\n", "{}", out.stderr);
    });
}

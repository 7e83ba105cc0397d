//! What permission callbacks are told, and that guests cannot make it say something else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cenote::{
    Decision, Effect, FileAccess, FileOperation, FileRule, HostFunction, HostFunctions,
    PermissionRequest, Permissions, Scope,
};

use crate::{block_on, builder};

/// Threat: a guest starts a program under the name of one that it may start.
#[test]
fn program_is_told_by_what_is_executed_and_not_by_what_it_is_called() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let rt = builder()
            .on_permission([Scope::ChildProcess], move |request| {
                let PermissionRequest::Spawn {
                    command, cwd, env, ..
                } = request
                else {
                    return Decision::deny("another scope");
                };
                let command = String::from_utf8_lossy(command).into_owned();
                let told = env.get(&b"TOLD"[..]).cloned().unwrap_or_default();
                seen.lock().unwrap().push((
                    command.clone(),
                    String::from_utf8_lossy(cwd).into_owned(),
                    String::from_utf8_lossy(&told).into_owned(),
                ));
                Decision::from(command == "node" || command == "seq")
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r##"import { spawnSync } from "node:child_process";
                   import fs from "node:fs";
                   const end = ({ error, status }) => error?.code ?? status;
                   console.log(end(spawnSync("node", ["-e", ""], { cwd: "/tmp", env: { TOLD: "yes", PATH: "/usr/bin:/bin" } })));
                   console.log(end(spawnSync("/bin/sh", ["-c", "echo pwned"], { argv0: "node" })));
                   fs.symlinkSync("/bin/sh", "/usr/local/bin/node");
                   console.log(end(spawnSync("/usr/local/bin/node", ["-c", "echo pwned"])), end(spawnSync("node", ["-c", "echo pwned"], { env: { PATH: "/usr/local/bin" } })));
                   fs.symlinkSync("/bin/sh", "/tmp/node");
                   console.log(end(spawnSync("/tmp/node", ["-c", "echo pwned"])));
                   console.log(end(spawnSync("seq", ["1"])), end(spawnSync("seq", ["/tmp/node"], { argv0: "rm" })));
                   fs.writeFileSync("/tmp/script", "#!/bin/sh\necho pwned\n", { mode: 0o755 });
                   console.log(end(spawnSync("/tmp/script")), end(spawnSync("sh", ["-c", "exit"])));"##,
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "0\nEACCES\nEACCES EACCES\nEACCES\n0 EACCES\nEACCES EACCES\n",
            "{}",
            out.stderr
        );
    });
    let asked = asked.lock().unwrap();
    assert_eq!(
        asked.first(),
        Some(&("node".to_owned(), "/tmp".to_owned(), "yes".to_owned()))
    );
    let last = asked.last().map(|(command, ..)| command.as_str());
    assert_eq!(last, Some("sh"));
}

#[test]
fn file_operations_are_asked_for_one_by_one() {
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let rt = builder()
            .file("/data/a", "a")
            .on_permission([Scope::Fs], move |request| {
                let PermissionRequest::File {
                    operation,
                    path,
                    destination,
                } = request
                else {
                    return Decision::deny("another scope");
                };
                if path.starts_with(b"/data/") {
                    let mut line =
                        format!("{} {}", operation.name(), String::from_utf8_lossy(path));
                    if let Some(destination) = destination {
                        line.push(' ');
                        line.push_str(&String::from_utf8_lossy(destination));
                    }
                    seen.lock().unwrap().insert(line);
                }
                Decision::from(*operation != FileOperation::Remove)
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r#"import fs from "node:fs";
                   process.chdir("/data");
                   fs.mkdirSync("d");
                   fs.writeFileSync("f", "x");
                   fs.renameSync("f", "g");
                   fs.linkSync("g", "h");
                   fs.symlinkSync("g", "s");
                   fs.readlinkSync("s");
                   fs.chmodSync("g", 0o600);
                   fs.chownSync("g", 0, 0);
                   fs.utimesSync("g", 1, 1);
                   fs.truncateSync("g", 0);
                   fs.statSync("a");
                   fs.readFileSync("a");
                   fs.readdirSync("d");
                   fs.rmdirSync("d");
                   try { fs.rmSync("a"); } catch (error) { console.log(error.code); }"#,
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "EACCES\n", "{}", out.stderr);
    });
    let asked = asked.lock().unwrap();
    for line in [
        "mkdir /data/d",
        "write /data/f",
        "rename /data/f /data/g",
        "link /data/g /data/h",
        "symlink /data/s /data/g",
        "readlink /data/s",
        "chmod /data/g",
        "chown /data/g",
        "utimes /data/g",
        "truncate /data/g",
        "stat /data/a",
        "read /data/a",
        "readdir /data/d",
        "rmdir /data/d",
        "rm /data/a",
    ] {
        assert!(asked.contains(line), "{line}: {asked:?}");
    }
}

/// Threat: a rule for paths is escaped by moving the directory above them, linking the file, or changing the root.
#[test]
fn rules_hold_for_what_is_moved_and_linked() {
    block_on(async {
        let rule = |access, glob: &str| FileRule::new(Effect::Deny, access, glob);
        let rt = builder()
            .file("/secret/x", "s\n")
            .file("/kept/y", "y\n")
            .file("/free/z", "z\n")
            .permissions(Permissions {
                files: vec![
                    rule(FileAccess::ReadWrite, "/secret/**"),
                    rule(FileAccess::Write, "/kept/*"),
                ],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .shell(
                "mv /secret /tmp/s 2>/dev/null; echo $?; cat /tmp/s/x 2>/dev/null; echo $?
                 ln /kept/y /tmp/y 2>/dev/null; echo $?; mv /free /tmp/free; echo $?; cat /tmp/free/z /kept/y",
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "1\n1\n1\n0\nz\ny\n", "{}", out.stderr);
        let python = rt
            .exec_command(
                "python3",
                ["-c", "import os\nos.chroot('/secret')\nprint(os.listdir('/'))\ntry:\n    open('/x')\nexcept PermissionError:\n    print('refused')"],
            )
            .await
            .unwrap();
        assert!(
            python.stdout.text().ends_with("refused\n"),
            "{} {}",
            python.stdout,
            python.stderr
        );
    });
}

#[test]
fn host_functions_are_there_without_any_files() {
    block_on(async {
        let rt = builder()
            .host_functions(
                HostFunctions::new("host")
                    .function("one", HostFunction::new(async |_| Ok(serde_json::json!(1)))),
            )
            .permissions(Permissions {
                files: vec![FileRule::new(Effect::Deny, FileAccess::ReadWrite, "**")],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(r#"import fs from "node:fs"; console.log(await host.one(), fs.existsSync("/etc/passwd"));"#)
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "1 false\n", "{}", out.stderr);
    });
}

#[test]
fn listening_inside_is_asked_of_who_decides_for_the_network() {
    block_on(async {
        let listen = r#"import net from "node:net";
            const server = net.createServer();
            server.on("error", (error) => console.log(error.code)).listen(3000, "127.0.0.1", () => { console.log("listens"); server.close(); });"#;
        let rt = builder()
            .on_permission([Scope::Network], |request| {
                Decision::from(!matches!(request, PermissionRequest::Listen { address } if address.port() == 3000))
            })
            .create()
            .await
            .unwrap();
        let out = rt.exec(listen).await.unwrap();
        assert_eq!(out.stdout.text(), "EACCES\n", "{}", out.stderr);
        let rt = builder().create().await.unwrap();
        let out = rt.exec(listen).await.unwrap();
        assert_eq!(out.stdout.text(), "listens\n", "{}", out.stderr);
    });
}

//! Refusals and their reasons: what guests are told, what the embedder hears, rules for single operations, rules that could match nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{
    Decision, Effect, EnvRule, Error, Event, EventStream, FileAccess, FileOperation,
    FileOperations, FileRule, NetworkOperation, NetworkRule, PermissionRequest, Permissions,
    ProgramRule, Scope,
};

use crate::{block_on, builder};

/// The refusals that come until one is about `last`: scope, operation, subject and reason.
async fn refusals(events: &mut EventStream, last: &str) -> Vec<(Scope, String, String, String)> {
    let mut told = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
        if let Some(Event::Refused {
            scope,
            operation,
            subject,
            reason,
        }) = next.expect("nothing more was told")
        {
            let is_last = subject.contains(last);
            told.push((scope, operation, subject, reason));
            if is_last {
                return told;
            }
        }
    }
}

#[test]
fn reasons_of_rules_and_callbacks_reach_the_guest_and_the_events() {
    block_on(async {
        let rt = builder()
            .file("/data/a", "a")
            .file("/data/b", "b")
            .file("/data/c", "c")
            .permissions(Permissions {
                files: vec![
                    FileRule::new(Effect::Allow, FileAccess::ReadWrite, "**"),
                    FileRule::new(Effect::Deny, FileAccess::Read, "/data/a")
                        .because("a is private"),
                    FileRule::new(Effect::Ask, FileAccess::Read, "/data/b"),
                    FileRule::new(Effect::Deny, FileAccess::Read, "/data/c"),
                ],
                program_rules: vec![
                    ProgramRule::new(Effect::Deny, "ls").because("nobody lists anything"),
                ],
                ..Permissions::default()
            })
            .on_permission([Scope::Fs], |_| Decision::deny("b is for others"))
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let out = rt
            .exec(
                r#"import fs from "node:fs";
                   import { spawnSync } from "node:child_process";
                   for (const name of ["a", "b", "c"]) {
                     try { fs.readFileSync(`/data/${name}`); } catch (error) { console.log(error.code, error.message); }
                   }
                   await fs.promises.readFile("/data/a").catch((error) => console.log(error.message));
                   fs.open("/data/b", (error) => console.log(error.message));
                   console.log(spawnSync("ls").error.code);"#,
            )
            .await
            .unwrap();
        let lines: Vec<_> = out.stdout.text().lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "EACCES EACCES: permission denied, open '/data/a': a is private",
                "EACCES EACCES: permission denied, open '/data/b': b is for others",
                // What the embedder did not say is not the guest's business.
                "EACCES EACCES: permission denied, open '/data/c'",
                "EACCES: permission denied, open '/data/a': a is private",
                "EACCES",
                "EACCES: permission denied, open '/data/b': b is for others",
            ],
            "{}",
            out.stderr
        );
        let told = refusals(&mut events, "coreutils").await;
        let reason = |subject: &str| {
            let mut told = told.iter();
            let found = told.find(|(_, _, its, _)| its.contains(subject));
            found.map(|(_, _, _, reason)| reason.as_str())
        };
        assert_eq!(reason("/data/a"), Some("a is private"));
        assert_eq!(reason("/data/b"), Some("b is for others"));
        let own = "permissions.files refuses `/data/c`";
        assert_eq!(reason("/data/c"), Some(own));
        assert_eq!(reason("coreutils"), Some("nobody lists anything"));
    });
}

#[test]
fn rules_for_variables_may_ask_and_what_they_refuse_is_told_to_who_listens_first() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let rt = builder()
            .env("API_TOKEN", "t")
            .env("PLAIN", "p")
            .env("ASKED_A", "a")
            .env("ASKED_B", "b")
            .permissions(Permissions {
                env: vec![
                    EnvRule::new(Effect::Allow, "*"),
                    EnvRule::new(Effect::Deny, "*_TOKEN").because("tokens stay outside"),
                    EnvRule::new(Effect::Ask, "ASKED_*"),
                ],
                ..Permissions::default()
            })
            .on_permission_async([Scope::Env], move |request| {
                let seen = Arc::clone(&seen);
                async move {
                    let PermissionRequest::Env { name, value } = request else {
                        return Decision::deny("something else was asked");
                    };
                    seen.lock().unwrap().push(format!("{name}={value}"));
                    if name == "ASKED_A" {
                        Decision::allow()
                    } else {
                        Decision::deny("not this one")
                    }
                }
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let print = r#"echo "$API_TOKEN,$PLAIN,$ASKED_A,$ASKED_B""#;
        let out = rt.shell(print).await.unwrap();
        assert_eq!(out.stdout.text(), ",p,a,\n");
        let out = rt.shell(print).env("ASKED_B", "again").await.unwrap();
        assert_eq!(out.stdout.text(), ",p,a,\n");
        let told = refusals(&mut events, "ASKED_B").await;
        let said = |name: &str, reason: &str| {
            let text = |text: &str| text.to_owned();
            (Scope::Env, text("read"), text(name), text(reason))
        };
        assert_eq!(
            told,
            [
                said("API_TOKEN", "tokens stay outside"),
                said("ASKED_B", "not this one"),
            ]
        );
    });
    // The machine's once, the call's with the call.
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, ["ASKED_A=a", "ASKED_B=b", "ASKED_B=again"]);
}

/// Nothing outside may be reached; that it was tried is told all the same.
#[test]
fn closed_network_tells_of_what_it_refused() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut events = rt.events();
        let out = rt
            .exec(
                r#"import net from "node:net";
                   import dns from "node:dns";
                   import dgram from "node:dgram";
                   await new Promise((done) => net.connect(80, "192.0.2.7").on("error", (error) => { console.log(error.code); done(); }));
                   const socket = dgram.createSocket("udp4");
                   await new Promise((done) => socket.send("x", 9, "192.0.2.8", (error) => { console.log(error.code); socket.close(done); }));
                   await dns.promises.lookup("outside.test").catch((error) => console.log(error.code));"#,
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "ENETUNREACH\nENETUNREACH\nENOTFOUND\n",
            "{}",
            out.stderr
        );
        let told = refusals(&mut events, "outside.test").await;
        let told: Vec<_> = told
            .iter()
            .map(|(scope, operation, subject, _)| (*scope, operation.as_str(), subject.as_str()))
            .collect();
        for expected in [
            (Scope::Network, "connect", "192.0.2.7:80"),
            (Scope::Network, "connect", "192.0.2.8:9"),
            (Scope::Network, "dns", "outside.test"),
        ] {
            assert!(told.contains(&expected), "{told:?}");
        }
    });
}

#[test]
fn rules_for_the_network_may_speak_of_listening() {
    block_on(async {
        let listen = r#"import net from "node:net";
            for (const port of [3000, 4000]) {
              await new Promise((done) => {
                const server = net.createServer();
                server.on("error", (error) => { console.log(error.code); done(); });
                server.listen(port, "127.0.0.1", () => { console.log("listens"); server.close(done); });
              });
            }"#;
        let rt = builder()
            .permissions(Permissions {
                network: vec![
                    NetworkRule::deny("*:4000")
                        .for_operations([NetworkOperation::Listen])
                        .because("another port, please"),
                ],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let out = rt.exec(listen).await.unwrap();
        assert_eq!(out.stdout.text(), "listens\nEACCES\n", "{}", out.stderr);
        let told = refusals(&mut events, "127.0.0.1:4000").await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].1, "listen");
        assert_eq!(told[0].3, "another port, please");
    });
}

#[test]
fn rules_name_commands_whatever_file_they_are() {
    block_on(async {
        let rt = builder()
            .permissions(Permissions {
                program_rules: vec![
                    ProgramRule::new(Effect::Deny, "**"),
                    ProgramRule::new(Effect::Allow, "sh"),
                    ProgramRule::new(Effect::Allow, "cat"),
                ],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .shell("echo inside | sh -c 'cat; ls /; echo $?'")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "inside\n126\n", "{}", out.stderr);
    });
}

/// Rules are asked about resolved paths: one that names a link would hold for nothing.
#[test]
fn rules_that_name_a_link_are_refused_and_say_what_it_leads_to() {
    block_on(async {
        let of_files = |access, glob: &str| Permissions {
            files: vec![FileRule::new(Effect::Deny, access, glob)],
            ..Permissions::default()
        };
        let made = async |permissions: Permissions| {
            let made = builder().permissions(permissions).create().await;
            made.map(drop).map_err(|error| match error {
                Error::Option { option, reason } => (option, reason),
                other => panic!("{other:?}"),
            })
        };
        let all = FileAccess::ReadWrite;
        let (option, reason) = made(of_files(all, "/bin/ls")).await.unwrap_err();
        assert_eq!(option, "permissions.files");
        assert!(
            reason.contains("`/bin/ls` leads over a link to `/"),
            "{reason}"
        );
        let (_, reason) = made(of_files(FileAccess::Read, "/dev/fd/*"))
            .await
            .unwrap_err();
        assert!(reason.contains("/dev/fd"), "{reason}");
        let programs = Permissions {
            program_rules: vec![ProgramRule::new(Effect::Allow, "/bin/ls")],
            ..Permissions::default()
        };
        let (option, _) = made(programs).await.unwrap_err();
        assert_eq!(option, "permissions.program_rules");
        // What is done with a link itself may be refused, and what is not there is no link.
        let removing: FileOperations = [FileOperation::Remove].into_iter().collect();
        made(of_files(FileAccess::Only(removing), "/bin/ls"))
            .await
            .unwrap();
        made(of_files(all, "/nowhere/**")).await.unwrap();
        made(of_files(all, "**/ls")).await.unwrap();
    });
}

//! Permissions as the embedder's own code: asked where no rule decides, now or later.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{
    Decision, Effect, EnvRule, Event, FileAccess, FileRule, FunctionRule, HostFunction,
    HostFunctions, PermissionRequest, Permissions, ProgramRule, Scope,
};

use crate::{block_on, builder};

#[test]
fn rules_come_first_then_the_callback_is_asked_on_the_resolved_path() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let rt = builder()
            .file("/data/secret", "s")
            .file("/data/plain", "p\n")
            .permissions(Permissions {
                files: vec![FileRule::new(
                    Effect::Allow,
                    FileAccess::Read,
                    "/data/plain",
                )],
                ..Permissions::default()
            })
            .on_permission([Scope::Fs], move |request| {
                let subject = request.subject();
                if !subject.starts_with("/data/") {
                    return Decision::allow();
                }
                seen.lock()
                    .unwrap()
                    .push(format!("{} {subject}", request.operation()));
                Decision::deny("not this one")
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .shell("cat /data/plain; ln -s /data/secret /tmp/link; cat /tmp/link; echo $?; echo x > /data/new; echo $?")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "p\n1\n2\n", "{}", out.stderr);
        assert!(
            out.stderr.text().contains("Permission denied"),
            "{}",
            out.stderr
        );
        let node = rt
            .exec(
                r#"import fs from "node:fs";
                   try { fs.readFileSync("/data/secret"); } catch (error) { console.log(error.code); }"#,
            )
            .await
            .unwrap();
        assert_eq!(node.stdout.text(), "EACCES\n");
    });
    let asked = asked.lock().unwrap();
    assert!(asked.contains(&"read /data/secret".to_owned()), "{asked:?}");
    assert!(asked.contains(&"write /data/new".to_owned()), "{asked:?}");
    assert!(
        !asked.contains(&"read /data/plain".to_owned()),
        "a rule decided: {asked:?}"
    );
}

/// The rules are data but for what they ask for; the last that matches wins.
#[test]
fn rules_may_ask_for_what_they_match_and_nothing_else_is_asked() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let rule = |effect, glob: &str| FileRule::new(effect, FileAccess::Read, glob);
        let rt = builder()
            .file("/data/a", "a\n")
            .file("/data/b", "b\n")
            .file("/data/c", "c\n")
            .file("/data/d", "d\n")
            .permissions(Permissions {
                files: vec![
                    FileRule {
                        access: FileAccess::ReadWrite,
                        ..rule(Effect::Allow, "**")
                    },
                    rule(Effect::Ask, "/data/*"),
                    rule(Effect::Deny, "/data/c"),
                    rule(Effect::Allow, "/data/d"),
                ],
                ..Permissions::default()
            })
            .on_permission([Scope::Fs], move |request| {
                seen.lock().unwrap().push(request.subject());
                match request.subject().as_str() {
                    "/data/a" => Decision::allow(),
                    _ => Decision::deny("not this one"),
                }
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let out = rt
            .shell("cd /data; cat a; cat d; cat b; cat c; cat /etc/passwd > /dev/null && echo fine")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "a\nd\nfine\n", "{}", out.stderr);
        let mut reasons = Vec::new();
        while reasons.len() < 2 {
            let event = tokio::time::timeout(Duration::from_secs(60), events.next());
            if let Some(Event::Refused {
                subject, reason, ..
            }) = event.await.unwrap()
            {
                reasons.push(format!("{subject} {reason}"));
            }
        }
        assert_eq!(
            reasons,
            [
                "/data/b not this one",
                "/data/c permissions.files refuses `/data/c`"
            ]
        );
    });
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["/data/a", "/data/b"]);
}

#[test]
fn a_rule_that_asks_nobody_refuses() {
    block_on(async {
        let rt = builder()
            .file("/data/a", "a\n")
            .permissions(Permissions {
                files: vec![FileRule::new(Effect::Ask, FileAccess::ReadWrite, "/data/*")],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let out = rt.shell("cat /data/a; echo $?").await.unwrap();
        assert_eq!(out.stdout.text(), "1\n", "{}", out.stderr);
    });
}

#[test]
fn answers_may_take_their_time_without_holding_up_other_guests() {
    block_on(async {
        let rt = builder()
            .on_permission_async([Scope::ChildProcess], async |request| {
                tokio::time::sleep(Duration::from_millis(30)).await;
                // The path is that of the program which all of coreutils' names lead to.
                let PermissionRequest::Spawn { argv, .. } = request else {
                    return Decision::deny("another scope");
                };
                Decision::from(argv.first().is_none_or(|name| name != b"seq"))
            })
            .create()
            .await
            .unwrap();
        let neighbour = builder().create().await.unwrap();
        let (asked, free) = tokio::join!(
            rt.shell("/bin/true && echo yes; seq 3; echo $?"),
            neighbour.shell("seq 3 | wc -l")
        );
        assert_eq!(asked.unwrap().stdout.text(), "yes\n126\n");
        assert_eq!(free.unwrap().stdout.text(), "3\n");
        let node = rt
            .exec(
                r#"import { spawnSync } from "node:child_process";
                   console.log(spawnSync("/bin/true").status, spawnSync("seq").error.code);"#,
            )
            .await
            .unwrap();
        assert_eq!(node.stdout.text(), "0 EACCES\n", "{}", node.stderr);
    });
}

#[test]
fn a_callback_that_panics_refuses() {
    block_on(async {
        let rt = builder()
            .on_permission([Scope::ChildProcess], |_| panic!("on purpose"))
            .create()
            .await
            .unwrap();
        let out = rt.shell("/bin/true; echo $?").await.unwrap();
        assert_eq!(out.stdout.text(), "126\n");
    });
}

#[test]
fn variables_and_host_functions_have_scopes_of_their_own() {
    block_on(async {
        let answer = HostFunction::new(async |_| Ok(serde_json::json!(42)));
        let rt = builder()
            .env("API_TOKEN", "t")
            .env("PLAIN", "p")
            .env("OTHER", "o")
            .host_functions(
                HostFunctions::new("host")
                    .function("open", answer.clone())
                    .function("closed", answer),
            )
            .permissions(Permissions {
                env: vec![EnvRule::new(Effect::Deny, "*_TOKEN")],
                ..Permissions::default()
            })
            .on_permission([Scope::Env, Scope::HostFunction], |request| match request {
                PermissionRequest::Env { name, .. } => Decision::from(name != "OTHER"),
                PermissionRequest::HostFunction { function, .. } if function == "closed" => {
                    Decision::deny("closed today")
                }
                _ => Decision::allow(),
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r#"const { API_TOKEN, PLAIN, OTHER, CALL, HOME } = process.env;
                   console.log(API_TOKEN, PLAIN, OTHER, CALL, HOME, await host.open());
                   await host.closed().catch((error) => console.log(String(error)));"#,
            )
            .env("CALL", "c")
            .env("OTHER", "again")
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "undefined p undefined c /root 42\nPermissionError: closed today\n",
            "{}",
            out.stderr
        );
    });
}

#[test]
fn rules_of_programs_and_functions_may_ask_and_the_last_that_matches_wins() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    block_on(async {
        let answer = HostFunction::new(async |_| Ok(serde_json::json!(1)));
        let program = |effect, glob: &str| ProgramRule::new(effect, glob);
        let function = |effect, glob: &str| FunctionRule::new(effect, glob);
        let rt = builder()
            .host_functions(
                HostFunctions::new("host")
                    .function("open", answer.clone())
                    .function("shut", answer.clone())
                    .function("plain", answer),
            )
            .permissions(Permissions {
                program_rules: vec![
                    program(Effect::Deny, "**"),
                    program(Effect::Ask, "/usr/bin/node"),
                ],
                host_functions: vec![
                    function(Effect::Allow, "*"),
                    function(Effect::Ask, "host.o*"),
                    function(Effect::Deny, "host.s*"),
                ],
                ..Permissions::default()
            })
            .on_permission([Scope::ChildProcess, Scope::HostFunction], move |request| {
                seen.lock().unwrap().push(request.operation());
                match request {
                    PermissionRequest::Spawn { argv, .. } => {
                        Decision::from(argv.last().is_some_and(|last| last == b"7 * 6"))
                    }
                    _ => Decision::allow(),
                }
            })
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r#"import { spawnSync } from "node:child_process";
                   const end = ({ error, stdout }) => error?.code ?? stdout.toString().trim();
                   console.log(end(spawnSync("node", ["-p", "7 * 6"])), end(spawnSync("node", ["-p", "1"])), end(spawnSync("true")));
                   console.log(await host.open(), await host.plain(), await host.shut().catch((error) => error.message));"#,
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "42 EACCES EACCES\n1 1 permissions.host_functions refuses `host.s*`\n",
            "{}",
            out.stderr
        );
    });
    // A refused program is looked for in the rest of PATH, and asked about there.
    let mut asked = asked.lock().unwrap();
    asked.retain(|operation| *operation != "spawn");
    assert_eq!(*asked, ["call"]);
}

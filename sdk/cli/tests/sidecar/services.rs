//! Each service of the contract, called over the sidecar's socket.

use cenote_proto::v1::attach_event::Event;
use cenote_proto::v1::attach_open::Target;
use cenote_proto::v1::attach_request::Message;
use cenote_proto::v1::{
    AttachOpen, AttachRequest, CloseStdin, CreateVmRequest, Decision, DescribeRequest,
    DisposeVmRequest, EventsRequest, ExecRequest, FetchHead, FetchRequest, FileKind,
    ForwardRequest, HostDirectory, HostFunction, HostFunctionResult, HostFunctions, HostHello,
    HostReply, Isolation, Limits, ListProcessesRequest, ListVmsRequest, MkdirRequest, Mount,
    OpenTerminalRequest, OutputChannel, PathRequest, PermissionAnswer, PermissionScope,
    Permissions, Program, ReadFileRequest, RemoveRequest, RenameRequest, ResourcesRequest,
    SeedFile, SignalRequest, StatRequest, TerminalRequest, WaitForListenerRequest, WaitRequest,
    WallState, Window, WindowSize, WriteFileRequest, WriteOpen, fetch_request, fetch_response,
    forward_event, mount, permission_question, program, terminal_event, terminal_request, vm_event,
    write_file_request,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::harness::{Sidecar, code, code_of, collect, live, open, shell};

fn message(message: Message) -> AttachRequest {
    AttachRequest {
        message: Some(message),
    }
}

#[tokio::test]
async fn machines_are_made_listed_described_and_disposed_of() {
    let sidecar = Sidecar::start(&["--spares", "1"]).await;
    let vm = sidecar
        .create(CreateVmRequest {
            id: "first".into(),
            hostname: "elsewhere".into(),
            env: [("GREETING".to_owned(), "hello".to_owned())].into(),
            files: vec![SeedFile {
                path: b"/work/run.sh".as_slice().into(),
                content: b"#!/bin/sh\necho $GREETING from $(hostname)\n"
                    .as_slice()
                    .into(),
                mode: 0o755,
            }],
            ..CreateVmRequest::default()
        })
        .await;
    assert_eq!(vm.id, "first");
    assert_eq!(vm.isolation(), Isolation::Process);
    assert_ne!(vm.worker_pid, sidecar.child.id());
    assert_eq!(
        sidecar.shell("first", "/work/run.sh").await,
        "hello from elsewhere\n"
    );

    let mut vms = sidecar.vms();
    let listed = vms.list(ListVmsRequest {}).await.unwrap().into_inner().vms;
    assert_eq!(listed, std::slice::from_ref(&vm));
    let again = CreateVmRequest {
        id: "first".into(),
        ..CreateVmRequest::default()
    };
    let status = vms.create(again).await.unwrap_err();
    assert_eq!(
        (status.code(), code_of(&status)),
        (Code::InvalidArgument, "OPTION".into())
    );

    let of_vm = DescribeRequest { vm: "first".into() };
    let described = vms.describe(of_vm).await.unwrap().into_inner();
    assert_eq!(described.pid, vm.worker_pid);
    let walls = described.lock_down.unwrap().walls;
    for wall in &walls {
        assert_eq!(wall.state(), WallState::Applied, "{wall:?}");
    }
    assert_eq!(walls.len(), 8);

    let resources = ResourcesRequest { vm: "first".into() };
    let resources = vms.resources(resources).await.unwrap().into_inner();
    assert!(
        resources
            .resources
            .iter()
            .any(|usage| usage.name == "processes" && usage.limit == 256)
    );

    for _ in 0..2 {
        let gone = DisposeVmRequest { vm: "first".into() };
        vms.dispose(gone).await.unwrap();
    }
    let status = sidecar.exec("first", shell(":")).await.unwrap_err();
    assert_eq!(
        (status.code(), code_of(&status)),
        (Code::NotFound, "NO_SUCH_VM".into())
    );
}

/// It keeps what a supervisor needs, and says why.
#[tokio::test]
async fn sidecars_own_process_has_walls_too() {
    let sidecar = Sidecar::start(&[]).await;
    let mut vms = sidecar.vms();
    let described = vms.describe(DescribeRequest::default()).await;
    let walls = described.unwrap().into_inner().lock_down.unwrap().walls;
    let state = |name: &str| {
        let wall = walls.iter().find(|wall| wall.name == name).unwrap();
        assert_ne!(wall.detail, "", "{name}");
        wall.state()
    };
    for name in ["close_fds", "rlimits", "no_new_privs", "seccomp"] {
        assert_eq!(state(name), WallState::Applied, "{name}");
    }
    for name in [
        "landlock",
        "user_namespace",
        "network_namespace",
        "oom_score_adj",
        "dumpable",
    ] {
        assert_eq!(state(name), WallState::Off, "{name}");
    }
    let status = format!("/proc/{}/status", sidecar.child.id());
    let status = std::fs::read_to_string(status).unwrap();
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"));
}

#[tokio::test]
async fn programs_run_to_their_end() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let outcome = sidecar
        .exec(
            &vm,
            code("console.log(process.argv.length); console.error('e'); process.exit(3)"),
        )
        .await
        .unwrap();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("1\n", "e\n")
    );
    let exited = outcome.exited.unwrap();
    assert_eq!((exited.exit_code, exited.signal), (3, 0));

    let late = Program {
        timeout_ms: 300,
        ..shell("echo before; exec sleep 100")
    };
    let outcome = sidecar.exec(&vm, late).await.unwrap();
    let exited = outcome.exited.unwrap();
    assert_eq!(outcome.stdout, "before\n");
    assert!(exited.timed_out);
    assert_eq!((exited.exit_code, exited.signal), (137, 9));

    let request = ExecRequest {
        program: Some(Program {
            what: Some(program::What::Command("cat".into())),
            ..Program::default()
        }),
        stdin: b"from outside".as_slice().into(),
        ..ExecRequest::default()
    };
    let events = sidecar.processes(&vm).exec(request).await.unwrap();
    let outcome = collect(events.into_inner()).await.unwrap();
    assert_eq!(outcome.stdout, "from outside");

    let missing = Program {
        what: Some(program::What::Command("no-such-program".into())),
        ..Program::default()
    };
    let status = sidecar.exec(&vm, missing).await.unwrap_err();
    assert_eq!(
        (status.code(), code_of(&status)),
        (Code::NotFound, "ENOENT".into())
    );
}

#[tokio::test]
async fn values_come_back() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let request = live(code(
        "console.log('on the way'); __return({ n: [1, 2, 3] })",
    ));
    let events = sidecar.processes(&vm).run(request).await.unwrap();
    let outcome = collect(events.into_inner()).await.unwrap();
    assert_eq!(outcome.stdout, "on the way\n");
    assert_eq!(outcome.value, b"{\"n\":[1,2,3]}");

    let request = ExecRequest {
        program: Some(code("console.error('nothing')")),
        ..ExecRequest::default()
    };
    let events = sidecar.processes(&vm).run(request).await.unwrap();
    let status = collect(events.into_inner()).await.unwrap_err();
    assert_eq!(code_of(&status), "NO_VALUE");
    assert!(status.message().contains("nothing"), "{status:?}");
}

#[tokio::test]
async fn captured_output_is_cut_at_its_limit_and_flagged() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar
        .create(CreateVmRequest {
            limits: Some(Limits {
                output_bytes: Some(10_000),
                ..Limits::default()
            }),
            ..CreateVmRequest::default()
        })
        .await;
    let outcome = sidecar
        .exec(&vm.id, shell("head -c 1000000 /dev/zero | tr '\\0' x"))
        .await
        .unwrap();
    assert_eq!(outcome.stdout.len(), 10_000);
    assert!(outcome.exited.unwrap().stdout_truncated);
}

#[tokio::test]
async fn one_call_speaks_with_a_process() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let (sender, input) = mpsc::channel(8);
    let program = code(
        "process.stdin.on('data', (chunk) => process.stdout.write('got ' + chunk))\
         .on('end', () => { console.error('over'); __return(42) })",
    );
    let first = AttachOpen {
        return_value: true,
        ..open(program)
    };
    sender.send(message(Message::Open(first))).await.unwrap();
    let mut processes = sidecar.processes(&vm);
    let events = processes.attach(ReceiverStream::new(input)).await.unwrap();
    let mut events = events.into_inner();
    let started = events.message().await.unwrap().unwrap().event;
    assert!(matches!(started, Some(Event::Started(_))), "{started:?}");
    let bytes = Message::Stdin(b"one".as_slice().into());
    sender.send(message(bytes)).await.unwrap();
    let (mut written, mut said) = (0, Vec::new());
    while written < 3 || said.len() < 7 {
        match events.message().await.unwrap().unwrap().event {
            Some(Event::StdinWritten(total)) => written = total,
            Some(Event::Stdout(bytes)) => said.extend_from_slice(&bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((written, said.as_slice()), (3, b"got one".as_slice()));
    let close = Message::CloseStdin(CloseStdin {});
    sender.send(message(close)).await.unwrap();
    let (mut value, mut stderr, mut ended, mut exited) = (Vec::new(), Vec::new(), 0, None);
    while let Some(next) = events.message().await.unwrap() {
        match next.event {
            Some(Event::Value(bytes)) => value.extend_from_slice(&bytes),
            Some(Event::Stderr(bytes)) => stderr.extend_from_slice(&bytes),
            Some(Event::OutputEnded(_)) => ended += 1,
            Some(Event::Exited(how)) => exited = Some(how),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(exited.unwrap().exit_code, 0);
    assert_eq!(
        (value.as_slice(), stderr.as_slice(), ended),
        (b"42".as_slice(), b"over\n".as_slice(), 2)
    );
}

#[tokio::test]
async fn a_window_holds_one_stream_and_not_the_other() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let (sender, input) = mpsc::channel(8);
    let first = AttachOpen {
        stdout_window: 10,
        kill_on_close: true,
        ..open(shell("head -c 100 /dev/zero | tr '\\0' x; echo told >&2"))
    };
    sender.send(message(Message::Open(first))).await.unwrap();
    let mut processes = sidecar.processes(&vm);
    let events = processes.attach(ReceiverStream::new(input)).await.unwrap();
    let mut events = events.into_inner();
    let (mut stdout, mut stderr) = (0, Vec::new());
    while stderr != b"told\n" || stdout < 10 {
        match events.message().await.unwrap().unwrap().event {
            Some(Event::Stdout(bytes)) => stdout += bytes.len(),
            Some(Event::Stderr(bytes)) => stderr.extend_from_slice(&bytes),
            _ => {}
        }
    }
    assert_eq!(stdout, 10);
    let more = Window {
        channel: OutputChannel::Stdout.into(),
        bytes: 1_000,
    };
    sender.send(message(Message::Window(more))).await.unwrap();
    while let Some(next) = events.message().await.unwrap() {
        if let Some(Event::Stdout(bytes)) = next.event {
            stdout += bytes.len();
        }
    }
    assert_eq!(stdout, 100);
}

#[tokio::test]
async fn processes_are_spawned_listed_signalled_and_waited_for() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let mut processes = sidecar.processes(&vm);
    let program = shell("echo early; sleep 100; exit");
    let pid = processes.spawn(program).await.unwrap().into_inner().pid;
    let (sender, input) = mpsc::channel(8);
    let first = AttachOpen {
        target: Some(Target::Pid(pid)),
        ..AttachOpen::default()
    };
    sender.send(message(Message::Open(first))).await.unwrap();
    let events = processes.attach(ReceiverStream::new(input)).await.unwrap();
    let mut events = events.into_inner();
    loop {
        if let Some(Event::Stdout(bytes)) = events.message().await.unwrap().unwrap().event {
            assert_eq!(bytes, b"early\n".as_slice());
            break;
        }
    }
    // The shell has spoken, but may not have started the other program yet.
    let (own, sleep) = loop {
        let list = processes.list(ListProcessesRequest {}).await.unwrap();
        let list = list.into_inner().processes;
        let own = list.iter().find(|process| process.pid == pid).cloned();
        let mut others = list.into_iter();
        let sleep = others.find(|process| process.name == b"sleep".as_slice());
        match (own, sleep) {
            (Some(own), Some(sleep)) => break (own, sleep),
            (own, _) => assert!(own.is_some(), "the shell has ended"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(own.name, b"sh".as_slice());
    assert_eq!((sleep.parent, sleep.session), (pid, own.session));

    let term = |pid| SignalRequest {
        pid,
        signal: 15,
        ..SignalRequest::default()
    };
    processes.signal(term(sleep.pid)).await.unwrap();
    let exited = processes.wait(WaitRequest { pid }).await.unwrap();
    assert_eq!(exited.into_inner().exit_code, 143);
    let status = processes.signal(term(9_999)).await.unwrap_err();
    assert_eq!(code_of(&status), "ESRCH");
    let status = processes.wait(WaitRequest { pid: 9_999 }).await;
    assert_eq!(code_of(&status.unwrap_err()), "NO_SUCH_PROCESS");
}

#[tokio::test]
async fn files_are_written_read_listed_renamed_and_removed() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let mut files = sidecar.files(&vm);
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let first = WriteOpen {
        path: b"/data/deep/file".as_slice().into(),
        parents: true,
        mode: 0o600,
        ..WriteOpen::default()
    };
    let mut messages = vec![write_file_request::Message::Open(first)];
    messages.extend(
        content
            .chunks(50_000)
            .map(|chunk| write_file_request::Message::Data(chunk.to_vec().into())),
    );
    let messages = messages.into_iter().map(|message| WriteFileRequest {
        message: Some(message),
    });
    let written = files.write(tokio_stream::iter(messages)).await.unwrap();
    assert_eq!(written.into_inner().written, content.len() as u64);

    let path = |path: &str| PathRequest {
        path: path.as_bytes().to_vec().into(),
    };
    let mut read = files
        .read(ReadFileRequest {
            path: b"/data/deep/file".as_slice().into(),
            offset: 100,
            length: Some(200_000),
        })
        .await
        .unwrap()
        .into_inner();
    let mut back = Vec::new();
    while let Some(chunk) = read.message().await.unwrap() {
        back.extend_from_slice(&chunk.data);
    }
    assert_eq!(back, content[100..200_100]);

    let stat = StatRequest {
        path: b"/data/deep/file".as_slice().into(),
        no_follow: false,
    };
    let stat = files.stat(stat).await.unwrap().into_inner();
    assert_eq!(
        (stat.kind(), stat.size, stat.mode),
        (FileKind::File, 1_200_000, 0o600)
    );
    let rename = RenameRequest {
        from: b"/data/deep/file".as_slice().into(),
        to: b"/data/deep/other".as_slice().into(),
    };
    files.rename(rename).await.unwrap();
    let mkdir = MkdirRequest {
        path: b"/data/deep/x/y".as_slice().into(),
        recursive: true,
        mode: 0,
    };
    files.mkdir(mkdir).await.unwrap();
    let mut listing = files.read_dir(path("/data/deep")).await.unwrap();
    let entries = listing.get_mut().message().await.unwrap().unwrap().entries;
    let names: Vec<_> = entries.iter().map(|entry| entry.name.as_ref()).collect();
    assert_eq!(names, [b"other".as_slice(), b"x".as_slice()]);

    let remove = |recursive| RemoveRequest {
        path: b"/data/deep".as_slice().into(),
        recursive,
        force: false,
    };
    let status = files.remove(remove(false)).await.unwrap_err();
    assert_eq!(code_of(&status), "ENOTEMPTY");
    files.remove(remove(true)).await.unwrap();
    let exists = files.exists(path("/data/deep")).await.unwrap().into_inner();
    assert!(!exists.exists);
    let status = files.read_link(path("/data/none")).await.unwrap_err();
    let detail = cenote_proto::detail_of(&status).unwrap();
    assert_eq!(
        (detail.code.as_str(), detail.operation.as_str()),
        ("ENOENT", "readlink")
    );
    assert_eq!(detail.path, b"/data/none".as_slice());
}

#[tokio::test]
async fn servers_in_a_machine_are_found_and_fetched_from() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let server = code(
        "import http from 'node:http';\
         http.createServer((request, response) => { let n = 0; request.on('data', (c) => n += c.length)\
         .on('end', () => { response.setHeader('x-path', request.url); response.end(request.method + ' ' + n); }); }).listen(3000);",
    );
    sidecar.processes(&vm).spawn(server).await.unwrap();
    let mut network = sidecar.network(&vm);
    let wait = WaitForListenerRequest {
        port: 3000,
        ..WaitForListenerRequest::default()
    };
    let listener = network.wait_for_listener(wait).await.unwrap().into_inner();
    assert_eq!(listener.port, 3000);
    let head = FetchHead {
        port: 3000,
        method: "POST".into(),
        path: "/a?b=c".into(),
        ..FetchHead::default()
    };
    let mut messages = vec![fetch_request::Message::Head(head)];
    messages.extend((0..20).map(|_| fetch_request::Message::Body(vec![b'x'; 10_000].into())));
    let messages = messages.into_iter().map(|message| FetchRequest {
        message: Some(message),
    });
    let answer = network.fetch(tokio_stream::iter(messages)).await.unwrap();
    let mut answer = answer.into_inner();
    let first = answer.message().await.unwrap().unwrap().message;
    let Some(fetch_response::Message::Head(head)) = first else {
        panic!("{first:?}")
    };
    assert_eq!((head.status, head.status_text.as_str()), (200, "OK"));
    assert!(
        head.headers
            .iter()
            .any(|header| header.name == "x-path" && header.value == b"/a?b=c".as_slice())
    );
    let mut body = Vec::new();
    while let Some(next) = answer.message().await.unwrap() {
        if let Some(fetch_response::Message::Body(chunk)) = next.message {
            body.extend_from_slice(&chunk);
        }
    }
    assert_eq!(body, b"POST 200000");
    let nobody = FetchHead {
        port: 3001,
        ..FetchHead::default()
    };
    let nobody = FetchRequest {
        message: Some(fetch_request::Message::Head(nobody)),
    };
    let answer = network.fetch(tokio_stream::iter([nobody])).await.unwrap();
    let status = answer.into_inner().message().await.unwrap_err();
    assert_eq!(code_of(&status), "ECONNREFUSED");
}

#[tokio::test]
async fn a_port_of_the_host_leads_into_a_machine() {
    use std::io::{Read, Write};
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let server = code(
        "import net from 'node:net';\
         net.createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('data', (c) => n += c.length)\
         .on('end', () => s.end('got ' + n)); }).listen(4000);",
    );
    sidecar.processes(&vm).spawn(server).await.unwrap();
    let mut network = sidecar.network(&vm);
    let wait = WaitForListenerRequest {
        port: 4000,
        ..WaitForListenerRequest::default()
    };
    network.wait_for_listener(wait).await.unwrap();
    let request = ForwardRequest {
        port: 4000,
        ..ForwardRequest::default()
    };
    let mut events = network.forward(request).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap().event;
    let Some(forward_event::Event::Forwarded(forwarded)) = first else {
        panic!("{first:?}")
    };
    assert_eq!(forwarded.host_address, "127.0.0.1");
    let address = ("127.0.0.1", u16::try_from(forwarded.host_port).unwrap());
    let said = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(&vec![b'x'; 500_000]).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        said
    });
    assert_eq!(said.await.unwrap(), "got 500000");
}

#[tokio::test]
async fn terminals_take_keys_and_sizes() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let mut terminals = sidecar.terminals(&vm);
    let request = OpenTerminalRequest {
        program: Some(shell(
            "stty size; read line; stty size; echo \"<$line>\"; exit 7",
        )),
        size: Some(WindowSize {
            columns: 100,
            rows: 30,
        }),
        ..OpenTerminalRequest::default()
    };
    let opened = terminals.open(request).await.unwrap().into_inner();
    let (sender, input) = mpsc::channel(8);
    let message = |message| TerminalRequest {
        message: Some(message),
    };
    sender
        .send(message(terminal_request::Message::Terminal(
            opened.terminal,
        )))
        .await
        .unwrap();
    let events = terminals.attach(ReceiverStream::new(input)).await.unwrap();
    let mut events = events.into_inner();
    let (mut shown, mut exited, mut typed) = (String::new(), None, false);
    while let Some(next) = events.message().await.unwrap() {
        match next.event {
            Some(terminal_event::Event::Output(bytes)) => {
                shown.push_str(std::str::from_utf8(&bytes).unwrap());
            }
            Some(terminal_event::Event::Exited(how)) => exited = Some(how),
            None => {}
        }
        if !typed && shown.contains("30 100") {
            typed = true;
            let size = WindowSize {
                columns: 120,
                rows: 40,
            };
            let resize = terminal_request::Message::Resize(size);
            sender.send(message(resize)).await.unwrap();
            let keys = terminal_request::Message::Input(b"hej\r".as_slice().into());
            sender.send(message(keys)).await.unwrap();
        }
    }
    assert_eq!(exited.unwrap().exit_code, 7);
    assert!(shown.contains("40 120"), "{shown:?}");
    assert!(shown.contains("<hej>"), "{shown:?}");
}

#[tokio::test]
async fn host_directories_are_reached_as_granted_and_no_others() {
    let sidecar = Sidecar::start(&[]).await;
    let granted = tempfile::tempdir().unwrap();
    std::fs::write(granted.path().join("in"), "from the host").unwrap();
    let mount = |guest: &str, path: &std::path::Path, writable| Mount {
        guest: guest.into(),
        source: Some(mount::Source::Host(HostDirectory {
            path: path.to_str().unwrap().into(),
            writable,
            size_limit_bytes: 0,
        })),
    };
    let vm = sidecar
        .create(CreateVmRequest {
            mounts: vec![
                mount("/rw", granted.path(), true),
                mount("/ro", granted.path(), false),
            ],
            ..CreateVmRequest::default()
        })
        .await;
    let script = "cat /rw/in; echo; echo out > /rw/out; cat /ro/out; echo x 2>/dev/null > /ro/y || echo refused";
    let outcome = sidecar.exec(&vm.id, shell(script)).await.unwrap();
    assert!(
        outcome.stdout.starts_with("from the host\nout\n"),
        "{outcome:?}"
    );
    assert_eq!(
        std::fs::read_to_string(granted.path().join("out")).unwrap(),
        "out\n"
    );
    assert!(!granted.path().join("y").exists());

    let status = sidecar
        .vms()
        .create(CreateVmRequest {
            mounts: vec![mount("/x", "/no/such/directory".as_ref(), false)],
            ..CreateVmRequest::default()
        })
        .await
        .unwrap_err();
    assert_eq!(code_of(&status), "HOST_PATH", "{status:?}");
}

#[tokio::test]
async fn outside_is_reached_as_granted_and_not_otherwise() {
    use std::io::{Read, Write};
    let sidecar = Sidecar::start(&[]).await;
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = server.accept().unwrap();
        let mut asked = [0; 4];
        socket.read_exact(&mut asked).unwrap();
        socket.write_all(b"outside").unwrap();
    });
    let text = format!(
        "import net from 'node:net'; const s = net.connect({port}, '127.0.0.1');\
         s.on('error', (e) => console.log(e.code)).on('data', (d) => {{ console.log(String(d)); s.end(); }}); s.write('ping');"
    );
    let closed = sidecar.vm().await;
    let outcome = sidecar.exec(&closed, code(&text)).await.unwrap();
    assert_eq!(outcome.stdout, "ECONNREFUSED\n", "{outcome:?}");
    let open = CreateVmRequest {
        loopback_exempt_ports: vec![port.into()],
        ..CreateVmRequest::default()
    };
    let open = sidecar.create(open).await.id;
    let outcome = sidecar.exec(&open, code(&text)).await.unwrap();
    assert_eq!(outcome.stdout, "outside\n", "{outcome:?}");
}

#[tokio::test]
async fn embedder_decides_and_computes_over_the_host_channel() {
    use cenote_proto::v1::host_reply::Reply;
    use cenote_proto::v1::host_request::Request as Asked;
    let sidecar = Sidecar::start(&[]).await;
    let add = HostFunction {
        name: "add".into(),
        input_schema: r#"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]}"#.into(),
        ..HostFunction::default()
    };
    let ask = PermissionScope {
        fallback: Decision::Ask.into(),
        ..PermissionScope::default()
    };
    let request = CreateVmRequest {
        permissions: Some(Permissions {
            child_process: Some(ask),
            ..Permissions::default()
        }),
        host_functions: vec![HostFunctions {
            name: "sums".into(),
            functions: vec![add],
            ..HostFunctions::default()
        }],
        ..CreateVmRequest::default()
    };
    let vm = sidecar.create(request).await.id;
    let (replies, input) = mpsc::channel(8);
    let reply = |id, reply| HostReply {
        id,
        reply: Some(reply),
    };
    let hello = Reply::Hello(HostHello::default());
    replies.send(reply(0, hello)).await.unwrap();
    let requests = sidecar.host(&vm).open(ReceiverStream::new(input)).await;
    let mut requests = requests.unwrap().into_inner();
    tokio::spawn(async move {
        while let Ok(Some(request)) = requests.message().await {
            let answer = match request.request {
                Some(Asked::Permission(question)) => {
                    let Some(permission_question::Scope::ChildProcess(child)) = question.scope
                    else {
                        panic!("{question:?}")
                    };
                    Reply::Permission(PermissionAnswer {
                        allow: child.command != "ls",
                        reason: "no ls today".into(),
                        remember_ms: 0,
                    })
                }
                Some(Asked::Function(call)) => {
                    assert_eq!(call.input, br#"{"a":1,"b":2}"#.as_slice());
                    Reply::Function(HostFunctionResult {
                        output: b"3".as_slice().into(),
                    })
                }
                _ => continue,
            };
            replies.send(reply(request.id, answer)).await.unwrap();
        }
    });
    let events = EventsRequest { vm: vm.clone() };
    let mut events = sidecar.vms().events(events).await.unwrap().into_inner();
    let outcome = sidecar.exec(&vm, shell("cat /etc/hostname; ls /")).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stdout, "cenote\n", "{outcome:?}");
    assert_ne!(outcome.exited.unwrap().exit_code, 0);
    let seen = events.message().await.unwrap().unwrap().event;
    let Some(vm_event::Event::Refusal(refusal)) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (refusal.permission.as_str(), refusal.reason.as_str()),
        ("child_process", "no ls today")
    );
    let program = code("console.log(await sums.add({ a: 1, b: 2 }))");
    let outcome = sidecar.exec(&vm, program).await.unwrap();
    assert_eq!(outcome.stdout, "3\n", "{outcome:?}");
}

#[tokio::test]
async fn shared_machines_live_in_one_worker() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let one = sidecar.create(CreateVmRequest::default()).await;
    let two = sidecar.create(CreateVmRequest::default()).await;
    assert_eq!(one.worker_pid, two.worker_pid);
    assert_eq!(one.isolation(), Isolation::Shared);
    sidecar.shell(&one.id, "echo 1 > /tmp/f").await;
    assert_eq!(
        sidecar.shell(&two.id, "ls /tmp").await,
        "",
        "files of a neighbour"
    );
    let gone = DisposeVmRequest { vm: one.id };
    sidecar.vms().dispose(gone).await.unwrap();
    assert_eq!(
        sidecar.shell(&two.id, "echo still here").await,
        "still here\n"
    );
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let sidecar = Sidecar::start(&[]).await;
    let function = HostFunction {
        name: "f".into(),
        output_schema: "{}".into(),
        ..HostFunction::default()
    };
    let request = CreateVmRequest {
        host_functions: vec![HostFunctions {
            name: "own".into(),
            functions: vec![function],
            ..HostFunctions::default()
        }],
        ..CreateVmRequest::default()
    };
    let status = sidecar.vms().create(request).await.unwrap_err();
    assert_eq!(
        (status.code(), code_of(&status)),
        (Code::Unimplemented, "UNIMPLEMENTED".into())
    );
}

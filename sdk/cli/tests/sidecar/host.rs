//! What the embedder answers over the host channel: here the embedder is the test.

use std::time::Duration;

use cenote_proto::v1::filesystem_call::Call;
use cenote_proto::v1::filesystem_result::Result as Answer;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{
    CommandExited, CommandStarted, CreateVmRequest, Data, DataChannel, FileKind, FileStat,
    FilesystemResult, HostCommand, HostError, HostFilesystem, HostHello, HostReply, HostRequest,
    HostWindow, Mount, mount,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::{Sidecar, shell};

/// The test's end of a host channel.
pub(crate) struct Embedder {
    replies: mpsc::Sender<HostReply>,
    requests: tonic::Streaming<HostRequest>,
}

impl Embedder {
    pub(crate) async fn open(sidecar: &Sidecar, vm: &str, hello: HostHello) -> Self {
        let (replies, input) = mpsc::channel(64);
        let first = HostReply {
            id: 0,
            reply: Some(Reply::Hello(hello)),
        };
        replies.send(first).await.unwrap();
        let requests = sidecar.host(vm).open(ReceiverStream::new(input)).await;
        let mut requests = requests.unwrap().into_inner();
        let ready = requests.message().await.unwrap().unwrap();
        assert!(matches!(ready.request, Some(Asked::Ready(_))), "{ready:?}");
        Self { replies, requests }
    }

    pub(crate) async fn next(&mut self) -> (u64, Asked) {
        let request = tokio::time::timeout(Duration::from_secs(60), self.requests.message());
        let request = request.await.unwrap().unwrap().unwrap();
        (request.id, request.request.unwrap())
    }

    pub(crate) async fn reply(&self, id: u64, reply: Reply) {
        let reply = HostReply {
            id,
            reply: Some(reply),
        };
        self.replies.send(reply).await.unwrap();
    }

    async fn command(&mut self) -> (u64, HostCommand) {
        loop {
            match self.next().await {
                (id, Asked::Command(command)) => return (id, command),
                // The rest of the one before.
                (_, Asked::Window(_) | Asked::Data(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn output(&self, id: u64, bytes: Vec<u8>) {
        let data = Data {
            channel: DataChannel::Stdout.into(),
            bytes: bytes.into(),
            end: false,
        };
        self.reply(id, Reply::Data(data)).await;
    }

    async fn exit(&self, id: u64, exit_code: i32) {
        let exited = CommandExited {
            exit_code,
            signal: 0,
        };
        self.reply(id, Reply::CommandExited(exited)).await;
    }
}

const ANSWERS: HostHello = HostHello {
    permissions: false,
    functions: false,
    filesystems: true,
    network: true,
    commands: true,
};

async fn machine(sidecar: &Sidecar, commands: &[&str]) -> (String, Embedder) {
    let request = CreateVmRequest {
        host_commands: commands.iter().map(|name| (*name).to_owned()).collect(),
        ..CreateVmRequest::default()
    };
    let vm = sidecar.create(request).await.id;
    let embedder = Embedder::open(sidecar, &vm, ANSWERS).await;
    (vm, embedder)
}

#[tokio::test]
async fn command_gets_its_input_and_gives_output_and_status() {
    let sidecar = Sidecar::start(&[]).await;
    let (vm, mut embedder) = machine(&sidecar, &["upper", "absent"]).await;
    let program = shell("cd /tmp; printf hello | T=1 upper -x; echo $?; absent; echo $?");
    let (outcome, ()) = tokio::join!(sidecar.exec(&vm, program), async {
        let (id, command) = embedder.command().await;
        assert_eq!(
            (command.command.as_str(), command.cwd.as_str()),
            ("upper", "/tmp")
        );
        assert_eq!(command.args, ["-x"]);
        assert_eq!(command.env["T"], "1");
        assert!(command.pid > 1);
        embedder
            .reply(id, Reply::CommandStarted(CommandStarted::default()))
            .await;
        let mut input = Vec::new();
        loop {
            let (of, Asked::Data(data)) = embedder.next().await else {
                panic!("no input")
            };
            assert_eq!((of, data.channel()), (id, DataChannel::Stdin));
            input.extend_from_slice(&data.bytes);
            if data.end {
                break;
            }
        }
        // What is about nothing that runs is passed over.
        embedder.output(id + 77, vec![0; 10]).await;
        embedder.output(id, input.to_ascii_uppercase()).await;
        let (of, Asked::Window(HostWindow { bytes, .. })) = embedder.next().await else {
            panic!("no window")
        };
        assert_eq!((of, bytes), (id, 5));
        embedder.exit(id, 258).await;
        embedder.exit(id, 1).await;

        let (id, command) = embedder.command().await;
        assert_eq!(command.command, "absent");
        let error = HostError {
            code: "ENOENT".into(),
            ..HostError::default()
        };
        embedder.reply(id, Reply::Error(error)).await;
    });
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stdout, "HELLO2\n127\n", "{outcome:?}");
}

#[tokio::test]
async fn signals_reach_the_embedder_and_a_kill_cancels() {
    let sidecar = Sidecar::start(&[]).await;
    let (vm, mut embedder) = machine(&sidecar, &["waits"]).await;
    let script = "waits & read x; kill -TERM $!; wait $!; echo $?; waits & read x; kill -9 $!; wait $! 2>/dev/null; echo $?";
    let mut program = shell(&format!(
        "mkfifo /tmp/f; exec 3<>/tmp/f; {{ {script}; }} <&3"
    ));
    program.cwd = "/tmp".into();
    let (outcome, ()) = tokio::join!(sidecar.exec(&vm, program), async {
        let (id, _) = embedder.command().await;
        embedder
            .reply(id, Reply::CommandStarted(CommandStarted::default()))
            .await;
        sidecar.shell(&vm, "sleep 0.1; echo go > /tmp/f").await;
        loop {
            match embedder.next().await {
                (of, Asked::Signal(15)) if of == id => break,
                (_, Asked::Data(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        embedder.exit(id, 9).await;
        let (id, _) = embedder.command().await;
        embedder
            .reply(id, Reply::CommandStarted(CommandStarted::default()))
            .await;
        sidecar.shell(&vm, "sleep 0.1; echo go > /tmp/f").await;
        loop {
            match embedder.next().await {
                (of, Asked::Cancel(_)) if of == id => break,
                (_, Asked::Data(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(outcome.unwrap().stdout, "9\n137\n");
}

#[tokio::test]
async fn embedder_that_floods_or_goes_loses_its_command_only() {
    let sidecar = Sidecar::start(&[]).await;
    let (vm, mut embedder) = machine(&sidecar, &["floods"]).await;
    let program = shell("floods | sleep 0.2; floods > /dev/null; echo $?");
    let (outcome, ()) = tokio::join!(sidecar.exec(&vm, program), async {
        // More than its window, with nobody reading: the command is given up.
        let (id, _) = embedder.command().await;
        embedder
            .reply(id, Reply::CommandStarted(CommandStarted::default()))
            .await;
        embedder.output(id, vec![b'x'; 256 << 10]).await;
        embedder.output(id, vec![b'x'; 256 << 10]).await;
        loop {
            match embedder.next().await {
                (of, Asked::Cancel(_)) if of == id => break,
                (_, Asked::Data(_) | Asked::Window(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        let (id, _) = embedder.command().await;
        embedder
            .reply(id, Reply::CommandStarted(CommandStarted::default()))
            .await;
        // Its input comes when it has started.
        while !matches!(embedder.next().await, (of, Asked::Data(_)) if of == id) {}
        drop(embedder);
    });
    let outcome = outcome.unwrap();
    assert!(outcome.stdout.ends_with("137\n"), "{outcome:?}");
    // Without a channel there is nobody to ask.
    let outcome = sidecar.exec(&vm, shell("floods; echo $?")).await.unwrap();
    assert_eq!(outcome.stdout, "126\n", "{outcome:?}");
}

/// Answers one call: a directory with one file in it.
fn answer_file(call: Call, content: &mut Vec<u8>) -> Reply {
    let stat = |kind: FileKind, size: usize, mode| {
        Answer::Stat(FileStat {
            kind: kind.into(),
            size: size as u64,
            mode,
            ..FileStat::default()
        })
    };
    let result = match call {
        Call::Stat(of) if of.path.is_empty() => stat(FileKind::Directory, 0, 0o755),
        Call::Stat(of) if of.path == "note" => stat(FileKind::File, content.len(), 0o644),
        Call::Read(of) => {
            let rest = content.get(usize::try_from(of.offset).unwrap()..);
            Answer::Data(rest.unwrap_or_default().to_vec().into())
        }
        Call::Write(of) => {
            content.truncate(usize::try_from(of.offset).unwrap());
            content.extend_from_slice(&of.data);
            Answer::Done(cenote_proto::v1::FsDone {})
        }
        Call::Stat(_) => {
            return Reply::Error(HostError {
                code: "ENOENT".into(),
                ..HostError::default()
            });
        }
        // An answer to another question.
        _ => Answer::Target("nowhere".into()),
    };
    Reply::Filesystem(FilesystemResult {
        result: Some(result),
    })
}

#[tokio::test]
async fn filesystem_is_answered_call_by_call() {
    let sidecar = Sidecar::start(&[]).await;
    let filesystem = HostFilesystem {
        name: "notes".into(),
        writable: true,
    };
    let request = CreateVmRequest {
        cwd: "/notes".into(),
        mounts: vec![Mount {
            guest: "/notes".into(),
            source: Some(mount::Source::Callback(filesystem)),
        }],
        ..CreateVmRequest::default()
    };
    let vm = sidecar.create(request).await.id;
    let script = "cat note; echo more >> note; cat note; cat none 2>/dev/null; echo $?; ls 2>&1; cat hang; echo $?";
    let program = shell(script);
    let mut content = b"first\n".to_vec();
    let (outcome, ()) = tokio::join!(sidecar.exec(&vm, program), async {
        // The first call may come before the channel does.
        let mut embedder = Embedder::open(&sidecar, &vm, ANSWERS).await;
        loop {
            let (id, Asked::Filesystem(asked)) = embedder.next().await else {
                panic!("something else")
            };
            assert_eq!(asked.filesystem, "notes");
            let call = asked.call.unwrap();
            if matches!(&call, Call::Stat(of) if of.path == "hang") {
                // It goes in the middle of a call.
                break;
            }
            embedder.reply(id, answer_file(call, &mut content)).await;
        }
    });
    let outcome = outcome.unwrap();
    assert_eq!(
        outcome.stdout, "first\nfirst\nmore\n1\nls: reading directory '.': Protocol error\n1\n",
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("hang"), "{outcome:?}");
}

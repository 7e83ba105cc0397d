//! Embedders that answer nonsense over the host channel: other kinds of answers, answers to nothing, twice, late, too large, broken off, in no
//! protocol at all. The guests that asked get errors, the sidecar and other machines notice nothing.
//!
//! The same nonsense each time: `CENOTE_FUZZ_SEED=N` makes other, `CENOTE_FUZZ_ROUNDS=N` more; a failure names its seed and round.

use std::time::Duration;

use cenote_proto::VM_METADATA;
use cenote_proto::v1::filesystem_call::Call;
use cenote_proto::v1::filesystem_result::Result as FileResult;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::network_result::Result as NetworkAnswer;
use cenote_proto::v1::{
    Addresses, CommandExited, CommandStarted, Connected, CreateVmRequest, Data, DataChannel,
    Decision, DirectoryEntries, DirectoryEntry, FetchResponseHead, FileStat, FilesystemResult,
    FsDone, HostError, HostFilesystem, HostFunction, HostFunctionResult, HostFunctions, HostHello,
    HostReply, HostRequest, HostWindow, HttpAnswer, Mount, NetworkResult, PermissionAnswer,
    PermissionScope, Permissions, Vm, mount, network_call,
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Streaming};

use crate::fuzz::{Dice, Raw};
use crate::harness::{Sidecar, shell};

/// What a guest may take to hear of an embedder that went away.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an embedder that keeps silent does so.
const SILENCE: Duration = Duration::from_millis(100);

/// Less than a window of input and output: this embedder does not count what it may send.
///
/// Asks in every way a shell can: files, names, a program of the embedder with input and output, a function, whether a program may start.
const SCRIPT: &str = "for i in 1 2; do
  read x < /notes/a; echo \"$x\"; echo y > /notes/b$i; echo /notes/*; cd /notes/d; cd /
  head -c 200000 /dev/zero | answered a b | wc -c; cenote-tools f --json '{\"a\":1}'; /bin/true
  bash -c 'exec 3<>/dev/tcp/outside.test/80 && printf \"GET /x HTTP/1.0\\r\\nHost: outside.test\\r\\n\\r\\n\" >&3 && tail -n 1 <&3'
done 2>&1";

/// What it writes when the embedder answers as it should.
const HONEST: &str = "hello\n/notes/a /notes/d\n200000\n{\n  \"b\": 2\n}\nfrom outside\n";

/// An end of a host channel that can send anything.
struct Channel {
    out: mpsc::Sender<Vec<u8>>,
    requests: Streaming<Vec<u8>>,
}

impl Channel {
    async fn open(sidecar: &Sidecar, vm: &str, first: Vec<u8>) -> Option<Self> {
        let (out, input) = mpsc::channel(256);
        out.send(first).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(input));
        let named = vm.parse().unwrap();
        request.metadata_mut().insert(VM_METADATA, named);
        let mut grpc = Grpc::new(sidecar.channel.clone());
        grpc.ready().await.unwrap();
        let path = PathAndQuery::from_static("/cenote.v1.HostChannel/Open");
        let opened = grpc.streaming(request, path, Raw).await.ok()?;
        Some(Self {
            out,
            requests: opened.into_inner(),
        })
    }

    async fn honest(sidecar: &Sidecar, vm: &str) -> Self {
        let channel = Self::open(sidecar, vm, reply(0, Reply::Hello(HELLO))).await;
        channel.unwrap()
    }

    /// The next question; `None` when the channel is over or nothing comes for a while.
    async fn next(&mut self) -> Result<(u64, Asked), Over> {
        match tokio::time::timeout(SILENCE, self.requests.message()).await {
            Ok(Ok(Some(bytes))) => {
                let request = HostRequest::decode(&*bytes).unwrap();
                Ok((request.id, request.request.unwrap()))
            }
            Ok(Ok(None) | Err(_)) => Err(Over::Ended),
            Err(_) => Err(Over::Silent),
        }
    }

    /// Sends what fits without waiting: an embedder that floods is not held up by a server that reads slowly.
    async fn send(&self, message: Vec<u8>) {
        let sent = tokio::time::timeout(SILENCE, self.out.send(message)).await;
        // An ended channel takes nothing.
        drop(sent);
    }
}

enum Over {
    Ended,
    Silent,
}

const HELLO: HostHello = HostHello {
    permissions: true,
    functions: true,
    filesystems: true,
    network: true,
    commands: true,
};

fn reply(id: u64, reply: Reply) -> Vec<u8> {
    let reply = Some(reply);
    HostReply { id, reply }.encode_to_vec()
}

async fn machine(sidecar: &Sidecar) -> Vm {
    let function = HostFunction {
        name: "f".into(),
        timeout_ms: 5_000,
        ..HostFunction::default()
    };
    let asks = PermissionScope {
        fallback: Decision::Ask.into(),
        ..PermissionScope::default()
    };
    let files = HostFilesystem {
        name: "notes".into(),
        writable: true,
    };
    let request = CreateVmRequest {
        host_commands: vec!["answered".into()],
        host_functions: vec![HostFunctions {
            name: "tools".into(),
            functions: vec![function],
            ..HostFunctions::default()
        }],
        mounts: vec![Mount {
            guest: "/notes".into(),
            source: Some(mount::Source::Callback(files)),
        }],
        permissions: Some(Permissions {
            child_process: Some(asks),
            network: Some(PermissionScope {
                fallback: Decision::Allow.into(),
                ..PermissionScope::default()
            }),
            ..Permissions::default()
        }),
        host_network: true,
        ..CreateVmRequest::default()
    };
    sidecar.create(request).await
}

/// What an embedder says that does its work.
fn honest(asked: &Asked) -> Vec<Reply> {
    let missing = || HostError {
        code: "ENOENT".into(),
        ..HostError::default()
    };
    let file = match asked {
        Asked::Permission(_) => {
            return vec![Reply::Permission(PermissionAnswer {
                allow: true,
                ..PermissionAnswer::default()
            })];
        }
        Asked::Function(_) => {
            let output = b"{\"b\":2}".as_slice().into();
            return vec![Reply::Function(HostFunctionResult { output })];
        }
        Asked::Command(_) => return vec![Reply::CommandStarted(CommandStarted::default())],
        Asked::Network(asked) => return honest_network(asked.call.as_ref()),
        // A request's body.
        Asked::Data(data) if data.channel() == DataChannel::Unspecified => return Vec::new(),
        // The program gives back what it gets; the window says that it has taken it.
        Asked::Data(data) => {
            let taken = HostWindow {
                channel: data.channel,
                bytes: u32::try_from(data.bytes.len()).unwrap(),
            };
            let mut replies = vec![Reply::Window(taken)];
            replies.push(Reply::Data(Data {
                channel: 2,
                bytes: data.bytes.clone(),
                end: data.end,
            }));
            if data.end {
                replies.push(Reply::CommandExited(CommandExited::default()));
            }
            return replies;
        }
        Asked::Filesystem(call) => match call.call.as_ref() {
            Some(Call::Stat(of)) => {
                let kind = match &*of.path {
                    b"" | b"d" => 2,
                    b"a" | b"b1" | b"b2" => 1,
                    _ => return vec![Reply::Error(missing())],
                };
                FileResult::Stat(FileStat {
                    kind,
                    size: 6 * u64::from(of.path == "a"),
                    mode: 0o755,
                    ..FileStat::default()
                })
            }
            Some(Call::ReadDir(_)) => FileResult::Entries(DirectoryEntries {
                entries: ["a", "d"]
                    .map(|name| DirectoryEntry {
                        name: name.into(),
                        kind: 1,
                    })
                    .into(),
            }),
            Some(Call::Read(of)) => {
                let at = usize::try_from(of.offset).unwrap().min(6);
                FileResult::Data(b"hello\n"[at..].into())
            }
            _ => FileResult::Done(FsDone {}),
        },
        _ => return Vec::new(),
    };
    let result = Some(file);
    vec![Reply::Filesystem(FilesystemResult { result })]
}

fn honest_network(call: Option<&network_call::Call>) -> Vec<Reply> {
    let result = match call {
        Some(network_call::Call::Resolve(_)) => NetworkAnswer::Addresses(Addresses {
            addresses: vec!["192.0.2.7".into()],
        }),
        Some(network_call::Call::Http(_)) => NetworkAnswer::Response(HttpAnswer {
            head: Some(FetchResponseHead {
                status: 200,
                ..FetchResponseHead::default()
            }),
            ..HttpAnswer::default()
        }),
        _ => {
            return vec![Reply::Error(HostError {
                code: "EPROTONOSUPPORT".into(),
                ..HostError::default()
            })];
        }
    };
    let is_http = matches!(result, NetworkAnswer::Response(_));
    let result = Some(result);
    let mut replies = vec![Reply::Network(NetworkResult { result })];
    if is_http {
        replies.push(Reply::Data(Data {
            bytes: "from outside\n".into(),
            end: true,
            ..Data::default()
        }));
    }
    replies
}

impl Dice {
    fn number(&mut self) -> i32 {
        match self.below(4) {
            0 => i32::MAX,
            1 => i32::MIN,
            _ => i32::try_from(self.below(40)).unwrap() - 8,
        }
    }

    fn some_bytes(&mut self) -> Vec<u8> {
        let count = match self.below(12) {
            0 => 1 << 20,
            1 | 2 => self.below(300 << 10),
            _ => self.below(60),
        };
        if count < 60 {
            return self.bytes(count);
        }
        vec![self.bytes(1)[0]; count]
    }

    fn some_text(&mut self) -> String {
        let known = [
            "",
            "EIO",
            "ENOENT",
            "ENOSYS",
            "..",
            "/",
            "a/b",
            "nul\0",
            "E",
            "\u{10ffff}",
        ];
        match self.below(6) {
            0 => String::from_utf8_lossy(&self.some_bytes()).into_owned(),
            1 => "x".repeat(self.below(1 << 20)),
            _ => known[self.below(known.len())].to_owned(),
        }
    }
}

fn file_nonsense(dice: &mut Dice) -> Reply {
    let result = match dice.below(7) {
        0 => None,
        1 => Some(FileResult::Done(FsDone {})),
        2 => Some(FileResult::Stat(FileStat {
            kind: dice.number(),
            size: dice.next() >> dice.below(64),
            mode: u32::try_from(dice.next() >> 32).unwrap(),
            uid: u32::MAX,
            inode: dice.next(),
            links: dice.next() >> dice.below(64),
            accessed_ns: i64::MIN,
            modified_ns: i64::MAX,
            ..FileStat::default()
        })),
        3 => Some(FileResult::Entries(DirectoryEntries {
            entries: (0..dice.below(2_000))
                .map(|_| DirectoryEntry {
                    name: if dice.below(3) == 0 {
                        dice.bytes(3).into()
                    } else {
                        ["", ".", "..", "a", "a/b", "\0"][dice.below(6)].into()
                    },
                    kind: dice.number(),
                })
                .collect(),
        })),
        4 => Some(FileResult::Target(dice.some_bytes().into())),
        _ => Some(FileResult::Data(dice.some_bytes().into())),
    };
    Reply::Filesystem(FilesystemResult { result })
}

fn network_nonsense(dice: &mut Dice) -> Reply {
    let result = match dice.below(4) {
        0 => None,
        1 => Some(NetworkAnswer::Addresses(Addresses {
            addresses: (0..dice.below(12)).map(|_| dice.some_text()).collect(),
        })),
        2 => Some(NetworkAnswer::Connected(Connected::default())),
        _ => Some(NetworkAnswer::Response(HttpAnswer {
            url: dice.some_text(),
            ..HttpAnswer::default()
        })),
    };
    Reply::Network(NetworkResult { result })
}

fn nonsense(dice: &mut Dice) -> Reply {
    match dice.below(11) {
        0 => Reply::Hello(HostHello {
            filesystems: dice.below(2) == 0,
            ..HELLO
        }),
        1 => Reply::Permission(PermissionAnswer {
            allow: dice.below(2) == 0,
            reason: dice.some_text(),
            remember_ms: dice.next(),
        }),
        2 => {
            let text = ["{", "[[[[[[", "\"", "1e999", "{\"a\":NaN}", ""][dice.below(6)];
            let output = match dice.below(3) {
                0 => text.repeat(1 + dice.below(2_000)).into(),
                1 => dice.some_bytes().into(),
                _ => text.into(),
            };
            Reply::Function(HostFunctionResult { output })
        }
        3 | 4 => file_nonsense(dice),
        5 => network_nonsense(dice),
        6 => Reply::CommandStarted(CommandStarted::default()),
        7 => Reply::CommandExited(CommandExited {
            exit_code: dice.number(),
            signal: dice.number(),
        }),
        8 => Reply::Data(Data {
            channel: dice.number(),
            bytes: dice.some_bytes().into(),
            end: dice.below(4) == 0,
        }),
        9 => Reply::Window(HostWindow {
            channel: dice.number(),
            bytes: u32::MAX >> dice.below(32),
        }),
        _ => Reply::Error(HostError {
            code: dice.some_text(),
            name: dice.some_text(),
            message: dice.some_text(),
        }),
    }
}

/// Messages about a question that was asked, and about others.
fn messages(dice: &mut Dice, asked: Option<(u64, &Asked)>, earlier: &[u64]) -> Vec<Vec<u8>> {
    let id = match (asked, dice.below(6)) {
        (Some((id, _)), 0..4) => id,
        (_, 4) if !earlier.is_empty() => earlier[dice.below(earlier.len())],
        _ => dice.next() >> dice.below(64),
    };
    let one = |dice: &mut Dice| reply(id, nonsense(dice));
    match dice.below(8) {
        // Silence.
        0 => Vec::new(),
        // The same answer again and again.
        1 => vec![one(dice); 1 + dice.below(30)],
        // Many.
        2 => (0..dice.below(30)).map(|_| one(dice)).collect(),
        // A message that is none.
        3 => {
            let mut message = one(dice);
            dice.change(&mut message);
            vec![message]
        }
        // The right answer, and one more.
        4 | 5 => {
            let right = asked.into_iter().flat_map(|(_, asked)| honest(asked));
            let mut all: Vec<Vec<u8>> = right.map(|one| reply(id, one)).collect();
            all.push(one(dice));
            all
        }
        _ => vec![one(dice)],
    }
}

/// One embedder, from its greeting to its end in the middle of whatever it was.
async fn embed(
    sidecar: &Sidecar,
    vm: &str,
    dice: &mut Dice,
    earlier: &mut Vec<u64>,
    guest: &tokio::task::JoinHandle<()>,
) {
    let first = match dice.below(6) {
        0 => reply(7, nonsense(dice)),
        1 => dice.bytes(40),
        _ => reply(0, Reply::Hello(HELLO)),
    };
    let Some(mut channel) = Channel::open(sidecar, vm, first).await else {
        return;
    };
    let mut silences = 0;
    for _ in 0..200 {
        let asked = match channel.next().await {
            Ok(asked) => Some(asked),
            Err(Over::Ended) => return,
            Err(Over::Silent) => {
                silences += 1;
                None
            }
        };
        if silences > 3 || guest.is_finished() {
            return;
        }
        let is_answered = dice.below(3) > 0;
        match &asked {
            // It has to get somewhere to be asked more.
            Some((id, asked)) if is_answered => {
                for one in honest(asked) {
                    channel.send(reply(*id, one)).await;
                }
            }
            _ => {
                let asked = asked.as_ref().map(|(id, asked)| (*id, asked));
                for message in messages(dice, asked, earlier) {
                    channel.send(message).await;
                }
            }
        }
        earlier.extend(asked.map(|(id, _)| id));
    }
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

/// An embedder that does its work finds a machine that does, too.
async fn is_unharmed(sidecar: &Sidecar, vm: &str) {
    let mut channel = Channel::honest(sidecar, vm).await;
    let guest = sidecar.exec(vm, shell(SCRIPT));
    let answering = async {
        loop {
            match channel.next().await {
                Ok((id, asked)) => {
                    for one in honest(&asked) {
                        channel.send(reply(id, one)).await;
                    }
                }
                Err(Over::Silent) => {}
                Err(Over::Ended) => panic!("the channel ended"),
            }
        }
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(PATIENCE, guest) => outcome.expect("the machine hangs"),
        never = answering => never,
    };
    assert_eq!(outcome.unwrap().stdout, HONEST.repeat(2));
}

#[tokio::test]
async fn embedders_that_answer_nonsense_harm_nobody() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let neighbour = sidecar.vm().await;
    let vm = machine(&sidecar).await;
    is_unharmed(&sidecar, &vm.id).await;
    let rounds = std::env::var("CENOTE_FUZZ_ROUNDS").map_or(30, |rounds| rounds.parse().unwrap());
    let mut dice = Dice::new(3);
    let mut earlier = Vec::new();
    let mut before = None;
    for round in 0..rounds {
        let processes = sidecar.processes(&vm.id);
        let guest = tokio::spawn(async move {
            let request = cenote_proto::v1::ExecRequest {
                program: Some(shell(SCRIPT)),
                ..Default::default()
            };
            let mut processes = processes;
            let events = processes.exec(request).await.unwrap().into_inner();
            crate::harness::collect_bytes(events).await.unwrap();
        });
        embed(&sidecar, &vm.id, &mut dice, &mut earlier, &guest).await;
        // Without an embedder nothing waits for one.
        let ended = tokio::time::timeout(PATIENCE, guest).await;
        ended
            .unwrap_or_else(|_| panic!("round {round}: the guest hangs"))
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(
            sidecar.shell(&neighbour, "echo unharmed").await,
            "unharmed\n"
        );
        // What is made when first needed is there after some rounds.
        if round == rounds / 3 {
            let open = (sidecar.descriptors(), descriptors(vm.worker_pid));
            before = Some((open, Sidecar::resident(vm.worker_pid)));
        }
    }
    is_unharmed(&sidecar, &vm.id).await;
    let ((ours, theirs), resident) = before.unwrap();
    for _ in 0..500 {
        if sidecar.descriptors() <= ours && descriptors(vm.worker_pid) <= theirs {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let open = (sidecar.descriptors(), descriptors(vm.worker_pid));
    assert!(
        open.0 <= ours && open.1 <= theirs,
        "{ours}, {theirs} -> {open:?}"
    );
    let now = Sidecar::resident(vm.worker_pid);
    assert!(now < resident + (128 << 20), "{resident} -> {now} bytes");
}

/// Answers to nobody, for as long as they are read, and channels that take each other's place.
#[tokio::test]
async fn floods_of_answers_and_channels_harm_nobody() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let vm = machine(&sidecar).await;
    is_unharmed(&sidecar, &vm.id).await;
    let before = Sidecar::resident(vm.worker_pid);
    let open = (sidecar.descriptors(), descriptors(vm.worker_pid));
    let mut dice = Dice::new(4);
    let channel = Channel::honest(&sidecar, &vm.id).await;
    let large = reply(
        9,
        Reply::Function(HostFunctionResult {
            output: vec![b'x'; 1 << 20].into(),
        }),
    );
    for round in 0..300_u64 {
        channel.out.send(large.clone()).await.unwrap();
        for id in 0..20 {
            let small = reply(round * 20 + id, nonsense(&mut dice));
            channel.out.send(small).await.unwrap();
        }
    }
    // Each takes the place of the one before, which is told so.
    let mut channels = vec![channel];
    for _ in 0..200 {
        channels.push(Channel::honest(&sidecar, &vm.id).await);
    }
    let last = channels.pop().unwrap();
    for mut channel in channels {
        loop {
            match tokio::time::timeout(PATIENCE, channel.requests.message())
                .await
                .unwrap()
            {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an earlier channel ended without a word"),
                Err(status) => {
                    assert_eq!(crate::harness::code_of(&status), "HOST_GONE");
                    break;
                }
            }
        }
    }
    drop(last);
    // Larger than any message may be: the channel ends.
    let mut channel = Channel::honest(&sidecar, &vm.id).await;
    channel.send(vec![b'x'; 17 << 20]).await;
    let ended = async { while channel.next().await.is_ok_and(|_| true) {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    is_unharmed(&sidecar, &vm.id).await;
    for _ in 0..500 {
        if sidecar.descriptors() <= open.0 && descriptors(vm.worker_pid) <= open.1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let now = (sidecar.descriptors(), descriptors(vm.worker_pid));
    assert!(now.0 <= open.0 && now.1 <= open.1, "{open:?} -> {now:?}");
    let now = Sidecar::resident(vm.worker_pid);
    assert!(now < before + (128 << 20), "{before} -> {now} bytes");
}

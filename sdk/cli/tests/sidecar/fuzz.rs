//! Callers that send nonsense: bytes of any kind, conversations that are cut off or changed, messages that are none. Nobody is harmed,
//! and nothing is left behind.
//!
//! The same nonsense each time: `CENOTE_FUZZ_SEED=N` makes other, and a failure names its seed.

use std::io;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut};
use cenote_proto::v1::vms_client::VmsClient;
use cenote_proto::v1::{
    CreateVmRequest, DescribeRequest, DisposeVmRequest, Limits, ListVmsRequest,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_stream::iter;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use crate::harness::Sidecar;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A generator whose numbers can be had again.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(number: u64) -> Self {
        let seed: u64 = std::env::var("CENOTE_FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
        println!("CENOTE_FUZZ_SEED={seed}");
        Self(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0xd134_2543_de82_ef95) ^ number)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    /// Changes some bytes, cuts some out, puts some in, or cuts the end off.
    pub(crate) fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => {
                    let more = self.below(64);
                    let more = self.bytes(more);
                    bytes.splice(at..at, more);
                }
                2 => {
                    let end = (at + self.below(32)).min(bytes.len());
                    bytes.drain(at..end);
                }
                3 => {
                    // A piece of it once more.
                    let end = (at + self.below(200)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << (self.next() % 8);
                    }
                }
            }
        }
    }
}

/// A connection that remembers what was sent over it.
struct Recorded {
    socket: UnixStream,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = written {
            self.sent.lock().unwrap().extend_from_slice(&buf[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// What a client sends that lists, describes, fails to make a machine and ends one that is not there.
async fn conversation(sidecar: &Sidecar) -> Vec<u8> {
    let sent = Arc::<Mutex<Vec<u8>>>::default();
    let (socket, record) = (sidecar.socket.clone(), Arc::clone(&sent));
    let connector = tower::service_fn(move |_| {
        let (socket, sent) = (socket.clone(), Arc::clone(&record));
        async move {
            let socket = UnixStream::connect(socket).await?;
            Ok::<_, io::Error>(TokioIo::new(Recorded { socket, sent }))
        }
    });
    let channel = Endpoint::from_static("http://sidecar")
        .connect_with_connector(connector)
        .await
        .unwrap();
    let mut vms = VmsClient::new(channel);
    vms.list(ListVmsRequest {}).await.unwrap();
    vms.describe(DescribeRequest::default()).await.unwrap();
    let refused = CreateVmRequest {
        limits: Some(Limits {
            terminals: Some(1),
            ..Limits::default()
        }),
        processors: 5_000,
        env: [("NAME".to_owned(), "value".repeat(20))].into(),
        ..CreateVmRequest::default()
    };
    vms.create(refused).await.unwrap_err();
    let gone = DisposeVmRequest { vm: "none".into() };
    vms.dispose(gone).await.unwrap();
    let sent = sent.lock().unwrap().clone();
    assert!(sent.starts_with(PREFACE), "{sent:?}");
    sent
}

/// Sends bytes over a connection of their own, and hears a little of the answer or hangs up at once.
fn send(sidecar: &Sidecar, bytes: &[u8], listens: bool) {
    let mut socket = StdUnixStream::connect(&sidecar.socket).unwrap();
    let patience = Some(Duration::from_millis(5));
    socket.set_read_timeout(patience).unwrap();
    socket.set_write_timeout(patience).unwrap();
    // It may hang up before it has read everything.
    let _written = socket.write_all(bytes);
    if listens {
        let _heard = socket.read(&mut [0; 4_096]);
    }
}

/// The sidecar answers, holds no more descriptors than before, and has not grown much.
async fn is_unharmed(sidecar: &Sidecar, vm: &str, (open, resident): (usize, u64)) {
    assert_eq!(sidecar.shell(vm, "echo unharmed").await, "unharmed\n");
    for _ in 0..500 {
        if sidecar.descriptors() <= open {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        sidecar.descriptors() <= open,
        "{open} -> {}",
        sidecar.descriptors()
    );
    let now = Sidecar::resident(sidecar.child.id());
    assert!(now < resident + (96 << 20), "{resident} -> {now} bytes");
}

#[tokio::test]
async fn connections_that_speak_nonsense_harm_nobody() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let said = conversation(&sidecar).await;
    let before = (sidecar.descriptors(), Sidecar::resident(sidecar.child.id()));
    let mut dice = Dice::new(1);
    for round in 0..1_000_usize {
        let mut bytes = Vec::new();
        match round % 4 {
            // Nothing but noise.
            0 => {
                let count = dice.below(2_000);
                bytes = dice.bytes(count);
            }
            // Frames whose lengths are right and whose rest is not.
            1 => {
                bytes.extend_from_slice(PREFACE);
                for _ in 0..20 {
                    let length = u8::try_from(dice.below(60)).unwrap();
                    bytes.extend_from_slice(&[0, 0, length]);
                    bytes.extend(dice.bytes(6));
                    bytes.extend(dice.bytes(length.into()));
                }
            }
            // A conversation that breaks off.
            2 => bytes.extend_from_slice(&said[..dice.below(said.len())]),
            // One that was changed behind its greeting.
            _ => {
                let mut rest = said[PREFACE.len()..].to_vec();
                dice.change(&mut rest);
                bytes.extend_from_slice(PREFACE);
                bytes.extend(rest);
            }
        }
        send(&sidecar, &bytes, round % 8 > 3);
    }
    is_unharmed(&sidecar, &vm, before).await;
}

/// A flood of streams that are opened and given up (CVE-2023-44487), and of settings and pings nobody waits for.
#[tokio::test]
async fn floods_of_frames_harm_nobody() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let said = conversation(&sidecar).await;
    let before = (sidecar.descriptors(), Sidecar::resident(sidecar.child.id()));
    // The first frame of type HEADERS of a real conversation: its block opens a call whatever the stream's number is.
    let mut rest = &said[PREFACE.len()..];
    let block = loop {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        let (frame, more) = rest.split_at(9 + length);
        if frame[3] == 1 {
            break frame.to_vec();
        }
        rest = more;
    };
    let mut resets = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    for stream in 0..20_000_u32 {
        let number = (stream * 2 + 1).to_be_bytes();
        let mut open = block.clone();
        open[5..9].copy_from_slice(&number);
        resets.extend(open);
        resets.extend_from_slice(&[0, 0, 4, 3, 0]);
        resets.extend(number);
        resets.extend(8_u32.to_be_bytes());
    }
    let settings = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(50_000)].concat();
    let ping: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let pings = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0], &ping.repeat(50_000)].concat();
    for bytes in [resets, settings, pings] {
        for listens in [false, true] {
            send(&sidecar, &bytes, listens);
        }
    }
    is_unharmed(&sidecar, &vm, before).await;
}

/// Messages as they are.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw;

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(input.copy_to_bytes(input.remaining()).to_vec()))
    }
}

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

/// Fields of the kinds that protobuf has, with small numbers: what a message of the contract could be taken for.
fn message(dice: &mut Dice, depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..dice.below(6) {
        let field = u8::try_from(1 + dice.below(15)).unwrap() << 3;
        match dice.below(4) {
            0 => {
                bytes.push(field);
                for _ in 0..dice.below(10) {
                    bytes.push(dice.next().to_le_bytes()[0] | 0x80);
                }
                bytes.push(u8::try_from(dice.below(128)).unwrap());
            }
            1 => {
                bytes.push(field | 5);
                bytes.extend(dice.bytes(4));
            }
            2 if depth > 0 => {
                let inner = message(dice, depth - 1);
                bytes.push(field | 2);
                bytes.push(u8::try_from(inner.len().min(127)).unwrap());
                bytes.extend(inner);
            }
            _ => {
                let count = dice.below(20);
                bytes.push(field | 2);
                bytes.push(u8::try_from(count).unwrap());
                // Mostly text, which must be valid to get any further.
                bytes.extend((0..count).map(|_| b'/' + dice.next().to_le_bytes()[0] % 70));
            }
        }
    }
    if dice.below(4) == 0 {
        dice.change(&mut bytes);
    }
    bytes
}

/// Every method of the contract is called with messages that are none, also in the worker.
#[tokio::test]
async fn messages_that_are_none_are_answered_and_harm_nobody() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let vm = sidecar.vm().await;
    let mut dice = Dice::new(2);
    let mut methods: Vec<&str> = cenote_proto::methods().iter().map(String::as_str).collect();
    methods.sort_unstable();
    for round in 0..30 {
        for method in &methods {
            let messages: Vec<Vec<u8>> =
                (0..=dice.below(3)).map(|_| message(&mut dice, 3)).collect();
            let mut request = Request::new(iter(messages.clone()));
            let named = if dice.below(8) == 0 { "nobody" } else { &vm };
            let named = named.parse().unwrap();
            request
                .metadata_mut()
                .insert(cenote_proto::VM_METADATA, named);
            let mut grpc = Grpc::new(sidecar.channel.clone());
            grpc.ready().await.unwrap();
            let path = PathAndQuery::try_from(*method).unwrap();
            // Some calls are answered when something happens, which may be never: they are given up.
            let call = async {
                let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
                while answers.message().await?.is_some() {}
                Ok::<_, Status>(())
            };
            if let Ok(Err(status)) = tokio::time::timeout(Duration::from_millis(20), call).await {
                let died = status.message().contains("died");
                assert!(
                    !died,
                    "round {round}, {method}: {status:?}, by {messages:?}"
                );
            }
        }
    }
    assert_eq!(sidecar.shell(&vm, "echo unharmed").await, "unharmed\n");
}

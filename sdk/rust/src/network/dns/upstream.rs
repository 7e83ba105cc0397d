//! Asking the host: its resolver for addresses, its name servers for other records. A process with a broker asks that.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::{Resolve, Resolving};
use crate::network::broker;

/// How long one name server of the host may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Name servers of the host that are asked.
const MAX_SERVERS: usize = 3;
/// The largest answer over UDP, as we announce it to nobody: more comes truncated.
const MAX_ANSWER: usize = 4_096;

/// The host's own resolver: its hosts file, name servers and whatever else it is set up for.
#[derive(Debug)]
pub(super) struct HostResolver;

impl Resolve for HostResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            match broker::in_use() {
                Some(broker) => broker.resolve(name).await,
                None => resolve_here(name).await,
            }
        })
    }
}

/// The addresses of a name, as this process's host has them.
pub(in crate::network) async fn resolve_here(name: &str) -> io::Result<Vec<IpAddr>> {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        // The standard library keeps getaddrinfo's number to itself; these are the texts of EAI_NONAME and EAI_NODATA.
        Err(error)
            if [
                "not known",
                "No address associated",
                "nodename nor servname",
            ]
            .iter()
            .any(|text| error.to_string().contains(text)) =>
        {
            Err(io::ErrorKind::NotFound.into())
        }
        Err(error) => Err(error),
    }
}

/// A DNS message with the records of a type that a name has, as this process's host has them.
pub(in crate::network) async fn records_here(kind: u16, name: &str) -> io::Result<Vec<u8>> {
    let name = Name::from_ascii(name).map_err(io::Error::other)?;
    let mut question = Message::new(0, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name, kind.into()));
    let answer = forward_here(&question).await?;
    answer.to_vec().map_err(io::Error::other)
}

/// The host's name servers.
fn servers() -> Vec<SocketAddr> {
    // A small file, always in memory.
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then_some(())?;
            let address: IpAddr = words.next()?.parse().ok()?;
            Some(SocketAddr::new(address, 53))
        })
        .take(MAX_SERVERS)
        .collect()
}

/// Passes a question on to the host's name servers.
pub(super) async fn forward(question: &Message) -> io::Result<Message> {
    let (Some(broker), [asked]) = (broker::in_use(), question.queries.as_slice()) else {
        return forward_here(question).await;
    };
    let (kind, name) = (asked.query_type().into(), asked.name().to_ascii());
    let answer = broker.records(kind, &name).await?;
    Message::from_vec(&answer).map_err(io::Error::other)
}

/// Answers what the first of the host's name servers that says something says.
async fn forward_here(question: &Message) -> io::Result<Message> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for server in servers() {
        match tokio::time::timeout(PATIENCE, ask(server, question)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failed = error,
            Err(_) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed)
}

async fn ask(server: SocketAddr, question: &Message) -> io::Result<Message> {
    let mut number = [0; 2];
    getrandom::fill(&mut number).map_err(io::Error::other)?;
    let mut asked = Message::new(
        u16::from_ne_bytes(number),
        MessageType::Query,
        question.metadata.op_code,
    );
    asked.metadata.recursion_desired = true;
    asked.add_queries(question.queries.iter().cloned());
    let bytes = asked.to_vec().map_err(io::Error::other)?;

    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A port of its own, and connected: only this server is heard.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(&bytes).await?;
    let mut buffer = vec![0; MAX_ANSWER];
    loop {
        let count = socket.recv(&mut buffer).await?;
        let Ok(answer) = Message::from_vec(buffer.get(..count).unwrap_or_default()) else {
            continue;
        };
        if !answers(&answer, &asked) {
            continue;
        }
        return if answer.metadata.truncation {
            ask_tcp(server, &asked, &bytes).await
        } else {
            Ok(answer)
        };
    }
}

async fn ask_tcp(server: SocketAddr, asked: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_u16(length).await?;
    stream.write_all(bytes).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    if answers(&answer, asked) {
        Ok(answer)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn answers(answer: &Message, asked: &Message) -> bool {
    answer.metadata.id == asked.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == asked.queries
}

//! What a process asks of its broker, and what that answers: messages of a `SOCK_SEQPACKET` socket.
//!
//! Numbers are little-endian. An address is a byte for its family (4 or 6), its bytes, and two for the port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest question: a name of 255 bytes and what stands before it.
pub(super) const MAX_QUESTION: usize = 512;
/// The longest answer: a DNS message.
pub(super) const MAX_ANSWER: usize = (64 << 10) + 16;
/// The largest datagram with its address.
pub(super) const MAX_FRAME: usize = 65_535 + 20;
/// The longest name.
const MAX_NAME: usize = 255;

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Question {
    /// A TCP connection. The answer brings it.
    Connect(SocketAddr),
    /// A way for datagrams. The answer brings a socket for [`Frame`]s.
    Datagrams,
    /// The addresses of a name.
    Resolve(String),
    /// Records of a type that a name has.
    Records(u16, String),
    /// The answer to the question of this number is not wanted any more.
    Forget,
}

/// Takes the first `N` bytes.
fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn put_ip(into: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            into.push(4);
            into.extend(v4.octets());
        }
        IpAddr::V6(v6) => {
            into.push(6);
            into.extend(v6.octets());
        }
    }
}

fn take_ip(bytes: &mut &[u8]) -> Option<IpAddr> {
    match take::<1>(bytes)? {
        [4] => Some(IpAddr::V4(Ipv4Addr::from(*take::<4>(bytes)?))),
        [6] => Some(IpAddr::V6(Ipv6Addr::from(*take::<16>(bytes)?))),
        _ => None,
    }
}

fn put_address(into: &mut Vec<u8>, address: SocketAddr) {
    put_ip(into, address.ip());
    into.extend(address.port().to_le_bytes());
}

fn take_address(bytes: &mut &[u8]) -> Option<SocketAddr> {
    let ip = take_ip(bytes)?;
    let port = u16::from_le_bytes(*take::<2>(bytes)?);
    Some(SocketAddr::new(ip, port))
}

fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    let is_name = !name.is_empty() && name.len() <= MAX_NAME && !name.contains('\0');
    is_name.then(|| name.to_owned())
}

/// A question with its number, as bytes.
pub(super) fn question(id: u64, question: &Question) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    match question {
        Question::Connect(to) => {
            bytes.push(1);
            put_address(&mut bytes, *to);
        }
        Question::Datagrams => bytes.push(2),
        Question::Resolve(name) => {
            bytes.push(3);
            bytes.extend(name.as_bytes());
        }
        Question::Records(kind, name) => {
            bytes.push(4);
            bytes.extend(kind.to_le_bytes());
            bytes.extend(name.as_bytes());
        }
        Question::Forget => bytes.push(5),
    }
    bytes
}

/// What was asked; nothing for what makes no sense.
pub(super) fn read_question(mut bytes: &[u8]) -> Option<(u64, Question)> {
    let id = u64::from_le_bytes(*take::<8>(&mut bytes)?);
    let question = match take::<1>(&mut bytes)? {
        [1] => Question::Connect(take_address(&mut bytes)?),
        [2] => Question::Datagrams,
        [3] => Question::Resolve(name(bytes)?),
        [4] => {
            let kind = u16::from_le_bytes(*take::<2>(&mut bytes)?);
            Question::Records(kind, name(bytes)?)
        }
        [5] => Question::Forget,
        _ => return None,
    };
    Some((id, question))
}

/// An answer as bytes: a number of the host's `errno`, 0 for none, and what belongs to it.
pub(super) fn answer(id: u64, errno: i32, content: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend(errno.to_le_bytes());
    bytes.extend(content);
    bytes
}

/// The parts of an [`answer`].
pub(super) fn read_answer(mut bytes: &[u8]) -> Option<(u64, i32, &[u8])> {
    let id = u64::from_le_bytes(*take::<8>(&mut bytes)?);
    let errno = i32::from_le_bytes(*take::<4>(&mut bytes)?);
    Some((id, errno, bytes))
}

/// Addresses as an answer's content.
pub(super) fn addresses(found: &[IpAddr]) -> Vec<u8> {
    let mut bytes = Vec::new();
    found.iter().for_each(|one| put_ip(&mut bytes, *one));
    bytes
}

/// The addresses in an answer.
pub(super) fn read_addresses(mut bytes: &[u8]) -> Vec<IpAddr> {
    std::iter::from_fn(|| take_ip(&mut bytes)).collect()
}

/// What passes on a datagrams' socket.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Frame<'a> {
    /// A datagram, to this address or from it.
    Datagram(SocketAddr, &'a [u8]),
    /// One to this address could not leave, for this reason of the host's.
    Undeliverable(SocketAddr, i32),
}

/// A frame as bytes.
pub(super) fn frame(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match frame {
        Frame::Datagram(address, content) => {
            bytes.push(0);
            put_address(&mut bytes, *address);
            bytes.extend(*content);
        }
        Frame::Undeliverable(address, errno) => {
            bytes.push(1);
            put_address(&mut bytes, *address);
            bytes.extend(errno.to_le_bytes());
        }
    }
    bytes
}

/// What a frame says; nothing for what makes no sense.
pub(super) fn read_frame(mut bytes: &[u8]) -> Option<Frame<'_>> {
    match take::<1>(&mut bytes)? {
        [0] => Some(Frame::Datagram(take_address(&mut bytes)?, bytes)),
        [1] => {
            let address = take_address(&mut bytes)?;
            let errno = i32::from_le_bytes(*take::<4>(&mut bytes)?);
            Some(Frame::Undeliverable(address, errno))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_and_nonsense_is_not() {
        let v6 = "[2001:db8::1]:65535".parse().unwrap();
        for asked in [
            Question::Connect("192.0.2.1:80".parse().unwrap()),
            Question::Connect(v6),
            Question::Datagrams,
            Question::Resolve("example.com".into()),
            Question::Records(16, "example.com".into()),
            Question::Forget,
        ] {
            let bytes = question(7, &asked);
            assert_eq!(read_question(&bytes), Some((7, asked.clone())));
            // Cut anywhere it is something else or nothing, never a panic.
            for end in 0..bytes.len() {
                assert_ne!(read_question(&bytes[..end]), Some((7, asked.clone())));
            }
        }
        for nonsense in [&b""[..], b"\n", &[0; 9], &[255; 64], &[3; 9]] {
            assert_eq!(read_question(nonsense), None, "{nonsense:?}");
        }
        let long = question(1, &Question::Resolve("x".repeat(256)));
        assert_eq!(read_question(&long), None);
        let found = [v6.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST)];
        assert_eq!(read_addresses(&addresses(&found)), found);
        for told in [Frame::Datagram(v6, b"bytes"), Frame::Undeliverable(v6, 111)] {
            assert_eq!(read_frame(&frame(&told)), Some(told));
        }
        assert_eq!(read_answer(&answer(9, 13, b"x")), Some((9, 13, &b"x"[..])));
        assert_eq!(read_answer(b"short"), None);
    }
}

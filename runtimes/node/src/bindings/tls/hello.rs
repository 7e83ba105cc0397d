//! The first message of a client, read before OpenSSL gets it: with listeners for stored sessions, the handshake waits until
//! JavaScript has looked for the session that the client names. Node: `src/crypto/crypto_clienthello.cc`.
//!
//! What is not understood is left to OpenSSL, which says what is wrong with it.

/// The most bytes a first record has.
const MAX_RECORD: usize = 16 * 1024 + 5;
const RECORD_HEADER: usize = 5;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_SESSION_TICKET: u16 = 35;

/// What a client says first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct ClientHello {
    pub(super) session_id: Vec<u8>,
    pub(super) server_name: Option<Vec<u8>>,
    pub(super) has_ticket: bool,
}

/// Where the reading stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum HelloParser {
    /// Nothing is looked at (any more): bytes go to OpenSSL.
    #[default]
    Ended,
    /// More bytes are needed; those so far.
    Waiting(Vec<u8>),
    /// JavaScript looks for the session.
    Paused,
}

/// What more bytes led to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum HelloStep {
    /// More are needed, or JavaScript still looks.
    Wait,
    /// It is there; the parser is paused.
    Hello(ClientHello),
    /// It is nothing for this parser, which has ended.
    End,
}

impl HelloParser {
    /// Begins.
    pub(super) fn start(&mut self) {
        *self = Self::Waiting(Vec::new());
    }

    /// Whether bytes go to OpenSSL.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }

    /// Takes more bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> HelloStep {
        let Self::Waiting(seen) = self else {
            return HelloStep::Wait;
        };
        let room = MAX_RECORD.saturating_sub(seen.len()).min(bytes.len());
        seen.extend_from_slice(bytes.get(..room).unwrap_or_default());
        let step = look(seen);
        match step {
            HelloStep::Wait => {}
            HelloStep::Hello(_) => *self = Self::Paused,
            HelloStep::End => *self = Self::Ended,
        }
        step
    }
}

/// Reads big-endian numbers and lengths off a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, later) = self.0.split_at_checked(count)?;
        self.0 = later;
        Some(now)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.byte()?;
        self.bytes(usize::from(len))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.bytes(usize::from(len))
    }
}

fn look(seen: &[u8]) -> HelloStep {
    let mut reader = Reader(seen);
    let Some(header) = reader.bytes(RECORD_HEADER) else {
        return HelloStep::Wait;
    };
    let &[kind, _, _, high, low] = header else {
        return HelloStep::End;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    // Change cipher spec, alert, handshake, application data.
    if !(20..=23).contains(&kind) || len >= MAX_RECORD - RECORD_HEADER {
        return HelloStep::End;
    }
    let Some(record) = reader.bytes(len) else {
        return HelloStep::Wait;
    };
    // TLS 1.3 says 1.2 here.
    let is_known_version = matches!(record.get(4..6), Some([3, 1..=3]));
    if !is_known_version || record.first() != Some(&CLIENT_HELLO) {
        return HelloStep::End;
    }
    match client_hello(record) {
        Some(hello) if hello.session_id.len() <= 32 => HelloStep::Hello(hello),
        _ => HelloStep::End,
    }
}

fn client_hello(record: &[u8]) -> Option<ClientHello> {
    const TYPE_LENGTH_VERSION_RANDOM: usize = 1 + 3 + 2 + 32;
    let mut reader = Reader(record);
    reader.bytes(TYPE_LENGTH_VERSION_RANDOM)?;
    let mut hello = ClientHello {
        session_id: reader.vector8()?.to_vec(),
        ..ClientHello::default()
    };
    let _ciphers = reader.vector16()?;
    let _compressions = reader.vector8()?;
    if reader.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Reader(reader.vector16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let body = extensions.vector16()?;
        match kind {
            EXTENSION_SERVER_NAME => hello.server_name = server_name(body).or(hello.server_name),
            EXTENSION_SESSION_TICKET => hello.has_ticket = !body.is_empty(),
            _ => {}
        }
    }
    Some(hello)
}

fn server_name(body: &[u8]) -> Option<Vec<u8>> {
    const HOST_NAME: u8 = 0;
    let mut names = Reader(Reader(body).vector16()?);
    let mut found = None;
    while !names.0.is_empty() {
        if names.byte()? != HOST_NAME {
            return found;
        }
        found = Some(names.vector16()?.to_vec());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{HelloParser, HelloStep};

    fn record(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([2, 0xaa, 0xbb]);
        body.extend([0, 2, 0x13, 0x01]);
        body.extend([1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut handshake = vec![1, 0];
        handshake.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        handshake.extend(body);
        let mut record = vec![22, 3, 1];
        record.extend(u16::try_from(handshake.len()).unwrap().to_be_bytes());
        record.extend(handshake);
        record
    }

    #[test]
    fn a_hello_in_pieces_is_read_once_it_is_whole() {
        let mut extensions = vec![0, 0, 0, 8, 0, 6, 0, 0, 3, b'a', b'.', b'b'];
        extensions.extend([0, 35, 0, 1, 9]);
        let bytes = record(&extensions);
        let mut parser = HelloParser::default();
        parser.start();
        let (first, last) = bytes.split_at(bytes.len() - 1);
        assert_eq!(parser.take(first), HelloStep::Wait);
        let HelloStep::Hello(hello) = parser.take(last) else {
            panic!("the hello is whole");
        };
        assert_eq!(hello.session_id, [0xaa, 0xbb]);
        assert_eq!(hello.server_name.as_deref(), Some(&b"a.b"[..]));
        assert!(hello.has_ticket);
        assert_eq!(parser, HelloParser::Paused);
    }

    #[test]
    fn lengths_that_lie_end_the_parser() {
        for cut in 0..record(&[0, 0, 0, 200]).len() {
            let mut bytes = record(&[0, 0, 0, 200]);
            if let Some(byte) = bytes.get_mut(cut) {
                *byte = 0xff;
            }
            let mut parser = HelloParser::default();
            parser.start();
            parser.take(&bytes);
        }
        let mut parser = HelloParser::default();
        parser.start();
        assert_eq!(parser.take(b"GET / HTTP/1.1\r\n"), HelloStep::End);
        assert!(parser.is_ended());
    }
}

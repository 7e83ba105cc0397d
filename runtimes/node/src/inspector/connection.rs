//! [`Connection`]: one client of the server: HTTP requests first, then perhaps a WebSocket. What it sends is untrusted: the head of a
//! request, a message and what is answered are bounded. Nothing here waits. Node: `src/inspector_socket.cc`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::socket::{MessageFlags, PeerCredentials, ShutdownHow};
use cenote_base::SysError;
use cenote_net::{Outgoing, Socket};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::Request;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// The most bytes of a request's head.
const HEAD: usize = 16 << 10;
/// The most bytes of one message to us.
const MESSAGE: usize = 32 << 20;
/// The most bytes the WebSocket holds of messages from us; the others wait in line.
const WRITE_BUFFER: usize = 4 << 20;
/// How many messages are read before others have their turn.
const MESSAGES_A_TURN: usize = 64;

/// What a client did.
#[derive(Debug)]
pub(super) enum Step {
    /// Asked for a page.
    Get { host: String, path: String },
    /// Wants a WebSocket.
    Upgrade { path: String },
    /// Sent a message.
    Message(String),
}

/// The socket as tungstenite wants it.
struct Wire {
    socket: Arc<Socket>,
    credentials: PeerCredentials,
}

fn failure(error: SysError) -> io::Error {
    match error.errno() {
        Errno::EAGAIN => ErrorKind::WouldBlock.into(),
        Errno::EPIPE => ErrorKind::BrokenPipe.into(),
        Errno::ECONNRESET => ErrorKind::ConnectionReset.into(),
        other => io::Error::other(other.name()),
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .receive(&mut [IoSliceMut::new(buffer)], MessageFlags::empty())
            .map(|received| received.copied)
            .map_err(failure)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = Outgoing {
            bytes: &[IoSlice::new(bytes)],
            rights: Vec::new(),
            credentials: self.credentials,
            flags: MessageFlags::empty(),
        };
        self.socket.send(message, None).map_err(failure)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a client is.
#[expect(
    clippy::large_enum_variant,
    reason = "few, and each lives in its connection alone"
)]
enum State {
    Http {
        wire: Wire,
        head: Vec<u8>,
        /// The upgrade that was asked for.
        request: Option<Request>,
        out: VecDeque<u8>,
        ends: bool,
    },
    Debugger {
        socket: Box<WebSocket<Wire>>,
        line: VecDeque<String>,
    },
    Gone,
}

/// One client.
pub(super) struct Connection {
    state: State,
    /// Bytes of messages that were handed over to the socket.
    released: usize,
}

impl Connection {
    pub(super) const fn new(socket: Arc<Socket>, credentials: PeerCredentials) -> Self {
        Self {
            state: State::Http {
                wire: Wire {
                    socket,
                    credentials,
                },
                head: Vec::new(),
                request: None,
                out: VecDeque::new(),
                ends: false,
            },
            released: 0,
        }
    }

    /// Whether it has a WebSocket.
    pub(super) const fn is_debugger(&self) -> bool {
        matches!(self.state, State::Debugger { .. })
    }

    /// Reads what is there. Whether there may be more.
    ///
    /// # Errors
    /// The client is gone, or is to go.
    pub(super) fn advance(&mut self, steps: &mut Vec<Step>) -> io::Result<bool> {
        match &mut self.state {
            State::Http {
                wire,
                head,
                request,
                out,
                ..
            } => {
                if request.is_some() || out.len() > HEAD {
                    return Ok(false);
                }
                let mut buffer = [0; 4096];
                match wire.read(&mut buffer) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(count) => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
                self.parse(steps);
                Ok(true)
            }
            State::Debugger { socket, .. } => {
                for _ in 0..MESSAGES_A_TURN {
                    match socket.read() {
                        Ok(Message::Text(text)) => {
                            steps.push(Step::Message(text.as_str().to_owned()));
                        }
                        Ok(Message::Binary(bytes)) => {
                            let text = String::from_utf8_lossy(&bytes).into_owned();
                            steps.push(Step::Message(text));
                        }
                        Ok(_) => {}
                        Err(tungstenite::Error::Io(error))
                            if error.kind() == ErrorKind::WouldBlock =>
                        {
                            return Ok(false);
                        }
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                Ok(true)
            }
            State::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Looks for whole requests in what has come.
    fn parse(&mut self, steps: &mut Vec<Step>) {
        let mut refuses = false;
        if let State::Http { head, request, .. } = &mut self.state {
            match Request::try_parse(head) {
                Ok(None) => refuses = head.len() > HEAD,
                Err(_) => refuses = true,
                Ok(Some((length, parsed))) => {
                    head.drain(..length.min(head.len()));
                    let host = parsed
                        .headers()
                        .get("host")
                        .and_then(|host| host.to_str().ok())
                        .unwrap_or_default()
                        .to_owned();
                    let path = parsed.uri().path().to_owned();
                    if !is_allowed(&host) {
                        refuses = true;
                    } else if parsed.headers().contains_key("upgrade") {
                        *request = Some(parsed);
                        steps.push(Step::Upgrade { path });
                    } else {
                        steps.push(Step::Get { host, path });
                    }
                }
            }
        }
        if refuses {
            self.answer(super::pages::refusal());
        }
    }

    /// Answers a request with a page; `None` of its parts means that the connection ends after it.
    pub(super) fn answer(&mut self, page: super::pages::Page) {
        if let State::Http {
            out, ends, request, ..
        } = &mut self.state
        {
            out.extend(page.bytes);
            *ends |= page.is_last;
            *request = None;
        }
    }

    /// Becomes a WebSocket, as was asked for.
    pub(super) fn upgrade(&mut self) {
        let State::Http {
            mut wire,
            head,
            request: Some(request),
            out,
            ..
        } = std::mem::replace(&mut self.state, State::Gone)
        else {
            return;
        };
        // As in Node any key will do; without one there is nothing to answer.
        let key = request.headers().get("sec-websocket-key");
        let accepted = derive_accept_key(key.map(|key| key.as_bytes()).unwrap_or_default());
        let mut bytes: Vec<u8> = out.into();
        bytes.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
        bytes.extend_from_slice(b"Connection: Upgrade\r\nSec-WebSocket-Accept: ");
        bytes.extend_from_slice(accepted.as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        // A fresh connection has room for a few hundred bytes.
        if wire.write(&bytes).unwrap_or(0) != bytes.len() {
            return;
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE))
            .max_write_buffer_size(WRITE_BUFFER);
        self.state = State::Debugger {
            socket: Box::new(WebSocket::from_partially_read(
                wire,
                head,
                Role::Server,
                Some(config),
            )),
            line: VecDeque::new(),
        };
    }

    /// Puts a message in line.
    pub(super) fn send(&mut self, message: String) {
        match &mut self.state {
            State::Debugger { line, .. } => line.push_back(message),
            _ => self.released = self.released.saturating_add(message.len()),
        }
    }

    /// How many bytes of messages have left the line since the last question.
    pub(super) const fn take_released(&mut self) -> usize {
        std::mem::replace(&mut self.released, 0)
    }

    /// How many bytes of messages are in line.
    pub(super) fn waiting(&self) -> usize {
        match &self.state {
            State::Debugger { line, .. } => line.iter().map(String::len).sum(),
            _ => 0,
        }
    }

    /// Writes what can be written.
    ///
    /// # Errors
    /// `WouldBlock`: later. Otherwise the client is gone, or is to go.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Http {
                wire, out, ends, ..
            } => {
                while !out.is_empty() {
                    let (front, _) = out.as_slices();
                    let count = wire.write(front)?;
                    out.drain(..count.min(out.len()));
                }
                if *ends {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                Ok(())
            }
            State::Debugger { socket, line } => {
                while let Some(text) = line.pop_front() {
                    let length = text.len();
                    match socket.write(Message::text(text)) {
                        Ok(()) => self.released = self.released.saturating_add(length),
                        Err(tungstenite::Error::WriteBufferFull(message)) => {
                            if let Message::Text(text) = *message {
                                line.push_front(text.as_str().to_owned());
                            }
                            break;
                        }
                        // It was taken; the socket has no room now.
                        Err(tungstenite::Error::Io(error))
                            if error.kind() == ErrorKind::WouldBlock =>
                        {
                            self.released = self.released.saturating_add(length);
                            break;
                        }
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                match socket.flush() {
                    Ok(()) => Ok(()),
                    Err(tungstenite::Error::Io(error)) => Err(error),
                    Err(error) => Err(io::Error::other(error)),
                }
            }
            State::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Says goodbye, as far as there is room for it.
    pub(super) fn close(&mut self) {
        if let State::Debugger { socket, .. } = &mut self.state {
            let closed = socket.close(None).and_then(|()| socket.flush());
            let shut = socket.get_ref().socket.shutdown(ShutdownHow::Write);
            // What is left unread would reset the connection, and take the goodbye with it.
            let mut rest = [0; 4096];
            for _ in 0..MESSAGES_A_TURN {
                if !matches!(socket.get_mut().read(&mut rest), Ok(1..)) {
                    break;
                }
            }
            tracing::trace!(target: "cenote::node", ?closed, ?shut, "a debugger is let go");
        }
    }
}

/// Whether a `Host` header names an address or this machine: a page of another name must not be able to reach us by having that
/// name resolve to us. Node: `IsAllowedHost`.
fn is_allowed(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty()
        || name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case("localhost6")
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn only_addresses_and_this_machine_are_hosts() {
        for host in [
            "127.0.0.1:9229",
            "[::1]:9229",
            "localhost",
            "LOCALHOST:1",
            "",
        ] {
            assert!(is_allowed(host), "{host}");
        }
        for host in [
            "evil.example:9229",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_allowed(host), "{host}");
        }
    }
}

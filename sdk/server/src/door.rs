//! Who may come in: a Unix socket for this user alone, or TCP with TLS and a token.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

use crate::failure::failure;

/// Bytes of one stream that may be on the way before its reader takes them.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all streams of a connection together: large, or a few streams that nobody reads would stop all the others.
pub(crate) const CONNECTION_WINDOW: u32 = 64 << 20;

/// Streams that one connection may have open: a machine of an embedder has a few for as long as it lives.
pub(crate) const STREAMS: u32 = 10_000;

/// Where callers come in.
#[derive(Clone, Debug)]
pub enum Listen {
    /// A Unix socket, made with mode 0600; callers must have this process's user id.
    Unix(PathBuf),
    /// TCP with TLS. Each call carries the token.
    Tcp {
        /// Where to listen; port 0: the system chooses.
        address: SocketAddr,
        /// The server's certificate and key.
        tls: Tls,
        /// What callers know, at least 16 bytes.
        token: String,
    },
}

/// A certificate chain and its key, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The chain, the server's own first.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Removes the socket's file at the end.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the socket's file was gone already");
        }
    }
}

/// Listens on a Unix socket of this user's alone.
pub(crate) fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    // The file must never be there with another mode, not for a moment.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    Ok((bound?, SocketFile(path.to_owned())))
}

/// Takes away the socket of a server that is gone; one that answers stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is not a socket",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => std::fs::remove_file(path),
    }
}

/// Connections of this user's.
pub(crate) fn of_this_user(listener: UnixListener) -> impl Stream<Item = io::Result<UnixStream>> {
    let own = rustix::process::geteuid().as_raw();
    let connections = tokio_stream::wrappers::UnixListenerStream::new(listener);
    tokio_stream::StreamExt::filter_map(connections, move |connection| match connection {
        Ok(stream) if is_of(&stream, own) => Some(Ok(stream)),
        Ok(_) => {
            tracing::warn!("a caller of another user was turned away");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a connection failed");
            None
        }
    })
}

/// Whether the other end belongs to `uid`. One that cannot be told belongs to someone else.
fn is_of(stream: &UnixStream, uid: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == uid)
}

/// TCP connections.
pub(crate) async fn bind_tcp(address: SocketAddr) -> io::Result<(TcpListenerStream, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((TcpListenerStream::new(listener), bound))
}

/// What a call must carry.
#[derive(Clone)]
pub(crate) struct Token(Option<Arc<str>>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(token: &str) -> Self {
        Self(Some(token.into()))
    }

    /// Fails unless the call carries the token.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Status> {
        let Some(token) = &self.0 else { return Ok(()) };
        let given = headers
            .get("authorization")
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if given.is_some_and(|given| is_same(given, token.as_bytes())) {
            return Ok(());
        }
        Err(failure(
            Code::Unauthenticated,
            "WRONG_TOKEN",
            "the call does not carry this server's token",
        ))
    }
}

/// Compares in a time that tells only the length.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::new("0123456789abcdef");
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", value.parse().unwrap());
            token.check(&headers)
        };
        assert!(with("Bearer 0123456789abcdef").is_ok());
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer ",
            "0123456789abcdef",
        ] {
            assert_eq!(with(wrong).unwrap_err().code(), Code::Unauthenticated);
        }
        assert!(token.check(&HeaderMap::new()).is_err());
    }

    #[tokio::test]
    async fn callers_of_other_users_are_told_apart() {
        let (one, _other) = UnixStream::pair().unwrap();
        let own = rustix::process::geteuid().as_raw();
        assert!(is_of(&one, own));
        assert!(!is_of(&one, own + 1));
    }

    #[tokio::test]
    async fn a_socket_is_for_its_user_alone_and_replaces_a_dead_one() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let (listener, file) = bind_unix(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            bind_unix(&path).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        drop(listener);
        let again = bind_unix(&path).unwrap();
        drop((again, file));
    }
}

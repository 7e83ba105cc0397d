//! Bytes both ways between a connection in the machine and a host socket: [`relay`].
//!
//! A buffer of [`CHUNK`] bytes each way is all that is held here; a side that does not read makes the other wait. The end of one
//! direction is passed on as such, a reset as a reset.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stream::Connection;

/// Bytes moved at once, in one direction.
const CHUNK: usize = 32 << 10;

/// Which side of a relay failed.
enum Failed {
    Guest(io::Error),
    Host(io::Error),
}

/// Carries bytes until both directions have ended or the guest's end is closed.
pub(super) async fn relay(guest: Connection, mut host: TcpStream) {
    let (reader, writer) = host.split();
    match both_ways(&guest, reader, writer).await {
        Ok(()) => {}
        Err(Failed::Host(error)) => {
            tracing::debug!(target: "cenote::net", %error, "the host's side broke off");
            guest.reset();
        }
        Err(Failed::Guest(error)) => {
            tracing::debug!(target: "cenote::net", %error, "the guest's side broke off");
            if let Err(error) = host.set_zero_linger() {
                tracing::debug!(target: "cenote::net", %error, "a reset becomes an end");
            }
        }
    }
}

/// Carries bytes between a guest and a stream of the embedder.
pub(crate) async fn carry(guest: Connection, host: impl AsyncRead + AsyncWrite) {
    let (reader, writer) = tokio::io::split(host);
    match both_ways(&guest, reader, writer).await {
        Ok(()) => {}
        Err(Failed::Host(error)) => {
            tracing::debug!(target: "cenote::net", %error, "the embedder's side broke off");
            guest.reset();
        }
        Err(Failed::Guest(error)) => {
            tracing::debug!(target: "cenote::net", %error, "the guest's side broke off");
        }
    }
}

async fn both_ways(
    guest: &Connection,
    reader: impl AsyncRead,
    writer: impl AsyncWrite,
) -> Result<(), Failed> {
    let out = guest_to_host(guest, writer);
    let back = host_to_guest(reader, guest);
    let (mut out, mut back) = (std::pin::pin!(out), std::pin::pin!(back));
    tokio::select! {
        // The guest's end is closed, and what it wrote is with the host.
        done = &mut out => done,
        done = &mut back => match done {
            Ok(()) => out.await,
            failed => failed,
        },
    }
}

/// Carries what the guest writes; ends once nothing can be carried to the guest either.
async fn guest_to_host(guest: &Connection, host: impl AsyncWrite) -> Result<(), Failed> {
    let mut host = std::pin::pin!(host);
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = guest.receive(&mut buffer).await.map_err(Failed::Guest)?;
        let Some(bytes @ [_, ..]) = buffer.get(..count) else {
            break;
        };
        host.write_all(bytes).await.map_err(Failed::Host)?;
        // A stream of the embedder may keep bytes back until then.
        host.flush().await.map_err(Failed::Host)?;
    }
    host.shutdown().await.map_err(Failed::Host)?;
    drop(buffer);
    guest.gone().await;
    Ok(())
}

/// Carries what the host's side writes, and its end.
async fn host_to_guest(host: impl AsyncRead, guest: &Connection) -> Result<(), Failed> {
    let mut host = std::pin::pin!(host);
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = host.read(&mut buffer).await.map_err(Failed::Host)?;
        let Some(bytes @ [_, ..]) = buffer.get(..count) else {
            return guest.end().map_err(Failed::Guest);
        };
        guest.send_all(bytes).await.map_err(Failed::Guest)?;
    }
}

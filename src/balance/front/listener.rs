//! The public address: who comes there waits in the kernel while there is nowhere to put a connection.

use crate::sys::poll::Poll;
use crate::sys::socket::{Address, Socket};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How many connections may wait in the kernel to be accepted; it lowers this to its own limit.
const BACKLOG: i32 = 4096;
/// How many connections are accepted before those that are there get their turn.
const BATCH: usize = 16;

#[derive(Debug)]
pub(super) struct Listener {
    socket: Option<Socket>,
    /// To be removed with the listener.
    path: Option<PathBuf>,
    is_listening: bool,
}

impl Listener {
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        Ok(Self {
            socket: Some(Socket::listen(address, BACKLOG)?),
            path: match address {
                Address::Unix(path) => Some(path.clone()),
                Address::Tcp(_) | Address::Passed(_) => None,
            },
            is_listening: false,
        })
    }

    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.socket.as_ref()?.local()
    }

    /// Whether the poll is to tell of clients.
    pub(super) fn listen(&mut self, poll: &Poll, token: u64, is_wanted: bool) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        if is_wanted == self.is_listening {
            return Ok(());
        }
        if is_wanted {
            poll.add_source(socket, token)?;
        } else {
            poll.remove(socket)?;
        }
        self.is_listening = is_wanted;
        Ok(())
    }

    /// How many to accept now. One waits at least, or there would have been no event; of more than there is time for,
    /// the next one tells.
    pub(super) fn waiting(&self) -> usize {
        let waiting = self.socket.as_ref().and_then(Socket::waiting);
        waiting.unwrap_or(BATCH).clamp(1, BATCH)
    }

    pub(super) fn accept(&self) -> io::Result<Socket> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        socket.accept()
    }

    pub(super) fn close(&mut self) {
        self.is_listening = false;
        self.socket = None;
        if let Some(path) = self.path.take() {
            // Whoever has removed it already has done our work.
            let _ = std::fs::remove_file(path);
        }
    }
}

//! The public address: who comes there waits in the kernel while there is nowhere to put a connection.
//!
//! One that workers accept at as well is theirs, too: closing it here would not end it, so it is silenced.

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
pub(in crate::balance) struct Listener {
    socket: Option<Socket>,
    /// Whether somebody else keeps it open, for whoever serves there next.
    is_passed: bool,
    /// To be removed with the listener.
    path: Option<PathBuf>,
    is_listening: bool,
    /// Whether workers may accept there, too.
    is_shared: bool,
}

impl Listener {
    /// With `is_shared` workers accept there as well, where the kernel tells how many wait.
    pub(super) fn bind(address: &Address, is_shared: bool) -> io::Result<Self> {
        let socket = Socket::listen(address, BACKLOG)?;
        Ok(Self {
            is_shared: is_shared && socket.waiting().is_some(),
            is_passed: matches!(address, Address::Passed(_)),
            socket: Some(socket),
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
        if is_wanted && self.is_shared {
            poll.add_arrivals(socket, token)?;
        } else if is_wanted {
            poll.add_source(socket, token)?;
        } else {
            poll.remove(socket)?;
        }
        self.is_listening = is_wanted;
        Ok(())
    }

    /// What workers accept at, where they do.
    pub(in crate::balance) fn shared(&self) -> Option<&Socket> {
        self.socket.as_ref().filter(|_| self.is_shared)
    }

    /// How many to accept now. One waits at least, or there would have been no event; of more than there is time for,
    /// the next one tells.
    pub(super) fn waiting(&self) -> usize {
        let waiting = self.socket.as_ref().and_then(Socket::waiting);
        waiting.unwrap_or(BATCH).clamp(1, BATCH)
    }

    pub(in crate::balance) fn accept(&self) -> io::Result<Socket> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        socket.accept()
    }

    pub(super) fn close(&mut self) {
        self.is_listening = false;
        if let Some(socket) = self.shared().filter(|_| !self.is_passed) {
            socket.silence();
        }
        self.socket = None;
        if let Some(path) = self.path.take() {
            // Whoever has removed it already has done our work.
            let _ = std::fs::remove_file(path);
        }
    }
}

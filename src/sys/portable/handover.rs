//! Connections cannot be handed to another process here: the balancer's portable half takes those of Node.

use std::convert::Infallible;
use std::io;

use super::memory::SharedMemory;
use super::socket::Socket;

/// There is none, so nothing can be asked of it.
#[derive(Debug)]
pub struct End(Infallible);

impl End {
    pub fn pair() -> io::Result<(Self, Self)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn send(&self, _note: u64, _socket: &Socket) -> io::Result<()> {
        match self.0 {}
    }

    pub fn send_number(&self, _note: u64, _number: i32) -> io::Result<()> {
        match self.0 {}
    }

    pub fn send_note(&self, _note: u64) -> io::Result<()> {
        match self.0 {}
    }

    pub fn receive_any(&self) -> io::Result<(u64, Option<Socket>)> {
        match self.0 {}
    }

    pub fn hear(&self) -> io::Result<(u64, Option<Socket>)> {
        match self.0 {}
    }

    pub fn skip(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub fn receive(&self) -> io::Result<(u64, Socket)> {
        match self.0 {}
    }

    pub fn next_note(&self) -> io::Result<u64> {
        match self.0 {}
    }

    pub fn number(&self) -> i32 {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Rendezvous(Infallible);

#[derive(Debug)]
pub struct Caller {
    pub pid: u32,
    none: Infallible,
}

impl Rendezvous {
    pub fn open(_name: &[u8]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn next(&self) -> io::Result<Caller> {
        match self.0 {}
    }
}

impl Caller {
    pub fn admit(&self, _end: &End, _seat: u64, _memory: &SharedMemory) -> io::Result<()> {
        match self.none {}
    }
}

#[derive(Debug)]
pub struct Admission {
    pub end: End,
    pub seat: u64,
    pub memory: SharedMemory,
}

pub fn join(_name: &[u8]) -> io::Result<Admission> {
    Err(io::ErrorKind::Unsupported.into())
}

//! Connections cannot be handed to another process here: the balancer's portable half takes those of Node.

use std::convert::Infallible;
use std::io;

use super::memory::SharedMemory;
use super::socket::Socket;

/// What travels with a connection, or alone.
pub type Note = [u64; 3];

/// There is none, so nothing can be asked of it.
#[derive(Debug)]
pub struct End(Infallible);

impl End {
    pub fn pair() -> io::Result<(Self, Self)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn send(&self, _note: Note, _socket: &Socket) -> io::Result<()> {
        match self.0 {}
    }

    pub fn send_number(&self, _note: Note, _number: i32) -> io::Result<()> {
        match self.0 {}
    }

    pub fn send_note(&self, _note: Note) -> io::Result<()> {
        match self.0 {}
    }

    pub fn hear(&self) -> io::Result<(Note, Option<Socket>)> {
        match self.0 {}
    }

    pub fn skip(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub fn receive(&self) -> io::Result<(Note, Option<Socket>)> {
        match self.0 {}
    }

    pub fn next_note(&self) -> io::Result<Note> {
        match self.0 {}
    }

    pub fn number(&self) -> i32 {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Rendezvous(Infallible);

impl Rendezvous {
    pub fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn again(&self) -> io::Result<Self> {
        match self.0 {}
    }

    pub fn number(&self) -> i32 {
        match self.0 {}
    }

    pub fn guest(&self) -> io::Result<Guest> {
        match self.0 {}
    }

    pub fn admit(
        self,
        _end: &End,
        _seat: u64,
        _memory: &SharedMemory,
        _listener: Option<&Socket>,
    ) -> io::Result<()> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Admission {
    pub end: End,
    pub seat: u64,
    pub memory: SharedMemory,
    pub listener: Option<Socket>,
}

/// What a worker would have inherited.
#[derive(Debug)]
pub struct Guest(Infallible);

impl Guest {
    pub fn inherited(_number: i32, _stays: bool) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn join(self) -> io::Result<Admission> {
        match self.0 {}
    }
}

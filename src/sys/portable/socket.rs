//! Sockets that never block are not had here: the balancer's portable half takes those of Node.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Passed(i32),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Unix(path) => path.display().fmt(out),
            Self::Passed(number) => write!(out, "descriptor {number}"),
        }
    }
}

/// There is none, so nothing can be asked of it.
#[derive(Debug)]
pub struct Socket(std::convert::Infallible);

impl Socket {
    pub fn listen(_address: &Address, _backlog: i32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn accept(&self) -> io::Result<Self> {
        match self.0 {}
    }

    pub fn connect(_address: &Address) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn error(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub fn receive(&self, _into: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn peek(&self, _into: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn send(&self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn end(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub fn silence(&self) {
        match self.0 {}
    }

    pub fn abort(self) {
        match self.0 {}
    }

    pub fn is_sound(&self) -> bool {
        match self.0 {}
    }

    pub fn waiting(&self) -> Option<usize> {
        match self.0 {}
    }

    pub fn consumed(&self) -> Option<u64> {
        match self.0 {}
    }

    pub fn consumed_of(_number: i32) -> Option<u64> {
        None
    }

    pub fn into_number(self) -> i32 {
        match self.0 {}
    }

    pub fn close_number(_number: i32) {}

    pub fn peer(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    pub fn local(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    pub fn is_exhaustion(_error: &io::Error) -> bool {
        false
    }
}

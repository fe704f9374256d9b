//! Nothing moves bytes between two sockets inside the kernel here.

use std::io;

use super::socket::Socket;

#[derive(Debug)]
pub struct Pipe(std::convert::Infallible);

impl Pipe {
    pub const CAPACITY: usize = 1 << 16;

    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn held(&self) -> usize {
        match self.0 {}
    }

    pub fn fill(&mut self, _from: &Socket) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn drain(&mut self, _to: &Socket) -> io::Result<usize> {
        match self.0 {}
    }
}

//! No memory can be had from another process here: workers take the IPC transport.

use std::io;

use super::memory::SharedMemory;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub pid: u32,
    pub fd: i32,
    pub name: Vec<u8>,
}

pub type Strategy = (&'static str, fn(&Offer) -> io::Result<SharedMemory>);

pub const STRATEGIES: &[Strategy] = &[];

pub fn offer(_memory: &SharedMemory, _name: &[u8]) -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Who is at the other end of a socket is not said here: the mode of its file keeps others out.
pub fn user_at(_fd: i32) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

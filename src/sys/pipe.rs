//! Pipes that carry bytes from one socket to another inside the kernel (splice), without a copy through us.
//!
//! A pipe holds what has left the one socket and not yet reached the other, and knows how much that is: a pipe that
//! is not empty must not be used for another connection.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::poll::owned;
use super::socket::Socket;

#[derive(Debug)]
pub struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
    held: usize,
}

/// A pipe has room for sixteen pieces, and a piece of a fast connection is larger than a page: so a pipe can take more
/// than its nominal capacity, and how much it can is the kernel's to say.
const MOST_AT_ONCE: usize = 1 << 20;

impl Pipe {
    /// What a pipe nominally holds where nobody asks for more. It is also all that is asked for: the processes of a
    /// user have a common limit for larger ones.
    pub const CAPACITY: usize = 1 << 16;

    pub fn new() -> io::Result<Self> {
        let mut fds = [-1; 2];
        // SAFETY: `fds` has room for the two descriptors that the call writes.
        let made = unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
        if made < 0 {
            return Err(io::Error::last_os_error());
        }
        let [out, into] = fds.map(owned);
        Ok(Self {
            out: out?,
            into: into?,
            held: 0,
        })
    }

    /// How many bytes are on their way.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes bytes from a socket, as `receive` would: zero is the end.
    pub fn fill(&mut self, from: &Socket) -> io::Result<usize> {
        let moved = splice(from, &self.into, MOST_AT_ONCE)?;
        self.held += moved;
        Ok(moved)
    }

    /// Gives bytes to a socket, as `send` would. Only for a pipe that holds some.
    pub fn drain(&mut self, to: &Socket) -> io::Result<usize> {
        let moved = splice(&self.out, to, self.held)?;
        self.held -= moved.min(self.held);
        Ok(moved)
    }
}

fn splice(from: &impl AsFd, to: &impl AsFd, most: usize) -> io::Result<usize> {
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    let (no_offset, flags) = (
        std::ptr::null_mut(),
        libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK,
    );
    // SAFETY: both descriptors are borrowed for the call, and neither has an offset to read or write.
    let moved = unsafe { libc::splice(from, no_offset, to, no_offset, most, flags) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_go_from_one_socket_to_another() {
        let (mut writer, source) = UnixStream::pair().unwrap();
        let (target, mut reader) = UnixStream::pair().unwrap();
        let (source, target) = (
            Socket::from(OwnedFd::from(source)),
            Socket::from(OwnedFd::from(target)),
        );
        let mut pipe = Pipe::new().unwrap();
        writer.write_all(b"through the kernel").unwrap();
        assert_eq!(pipe.fill(&source).unwrap(), 18);
        assert_eq!(pipe.held(), 18);
        assert_eq!(pipe.drain(&target).unwrap(), 18);
        assert_eq!(pipe.held(), 0);
        let mut buffer = [0; 18];
        reader.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"through the kernel");
        drop(writer);
        assert_eq!(pipe.fill(&source).unwrap(), 0);
    }

    #[test]
    fn an_empty_socket_would_block() {
        let (_writer, source) = UnixStream::pair().unwrap();
        source.set_nonblocking(true).unwrap();
        let source = Socket::from(OwnedFd::from(source));
        let error = Pipe::new().unwrap().fill(&source).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

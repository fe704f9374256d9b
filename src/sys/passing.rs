//! Getting hold of another process's descriptor: through `/proc`, or handed over a socket.
//!
//! The socket is in the abstract namespace, so no file is left by any death. Whoever connects must run as the same
//! user; the check is the kernel's word (SO_PEERCRED), not the peer's. Nothing here is held across a call, so a
//! death of either side ends the exchange and no more.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use super::memory::SharedMemory;
use super::rights;

const PATIENCE: Duration = Duration::from_millis(2000);

/// Where a process's memory can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub pid: u32,
    pub fd: i32,
    /// Of the abstract socket.
    pub name: Vec<u8>,
}

/// A way to get at offered memory, with a name for messages.
pub type Strategy = (&'static str, fn(&Offer) -> io::Result<SharedMemory>);

/// In the order in which to try them.
pub const STRATEGIES: &[Strategy] = &[
    ("/proc", |offer| {
        SharedMemory::open(open_by_path(offer.pid, offer.fd)?)
    }),
    ("SCM_RIGHTS", |offer| SharedMemory::open(fetch(&offer.name)?)),
];

/// Begins to offer memory to this process's children, and gives the descriptor's number. A socket that cannot be
/// had (a sandbox) leaves the first strategy.
pub fn offer(memory: &SharedMemory, name: &[u8]) -> io::Result<i32> {
    let number = memory.fd()?.as_raw_fd();
    let fd = memory.fd()?.try_clone_to_owned()?;
    if let Ok(listener) = listen(name) {
        std::thread::Builder::new()
            .name("flotilla-offer".into())
            .stack_size(64 << 10)
            .spawn(move || {
                // One caller's failure is that caller's: it goes on to its next strategy.
                for stream in listener.incoming().flatten() {
                    let _ = hand_over(&stream, fd.as_fd());
                }
            })?;
    }
    Ok(number)
}

/// Opens descriptor `fd` of process `pid` by its path in `/proc`.
pub fn open_by_path(pid: u32, fd: i32) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/proc/{pid}/fd/{fd}"))?;
    Ok(file.into())
}

/// Listens on an abstract name.
pub fn listen(name: &[u8]) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Serves one caller: the descriptor, if the caller runs as our user; nothing otherwise.
pub fn hand_over(stream: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    if peer_uid(stream)? != own_uid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    send_fd(stream, fd)
}

/// Asks whoever listens on `name` for its descriptor. The listener, too, must run as our user.
pub fn fetch(name: &[u8]) -> io::Result<OwnedFd> {
    let stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if peer_uid(&stream)? != own_uid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    receive_fd(&stream)
}

fn own_uid() -> u32 {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    user_at(stream.as_raw_fd())
}

/// The user at the other end of a Unix socket. A number that is no such socket is an error.
pub fn user_at(fd: RawFd) -> io::Result<u32> {
    peer(fd).map(|peer| peer.uid)
}

fn peer(fd: RawFd) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let at = (&raw mut peer).cast();
    // SAFETY: `peer` and `len` are live and writable, and `len` is the size of `peer`.
    let done = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &mut len) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(peer)
    }
}

fn send_fd(stream: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    rights::send(stream.as_fd(), &[1], &[fd])
}

fn receive_fd(stream: &UnixStream) -> io::Result<OwnedFd> {
    let [fd, ..] = rights::receive(stream.as_fd(), &mut [0])?.carried;
    fd.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn a_descriptor_travels_over_the_socket() {
        let mut file = std::fs::File::from(memfd());
        file.write_all(b"payload").unwrap();
        let name = format!("flotilla-test-{}", std::process::id()).into_bytes();
        let listener = listen(&name).unwrap();
        let fetched = std::thread::scope(|scope| {
            let fetcher = scope.spawn(|| fetch(&name).unwrap());
            let (stream, _) = listener.accept().unwrap();
            hand_over(&stream, file.as_fd()).unwrap();
            fetcher.join().unwrap()
        });
        let mut same = std::fs::File::from(fetched);
        same.rewind().unwrap();
        let mut text = String::new();
        same.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("payload"));
    }

    #[test]
    fn a_descriptor_is_opened_by_its_path() {
        let fd = memfd();
        assert!(open_by_path(std::process::id(), fd.as_raw_fd()).is_ok());
    }

    #[test]
    fn the_user_at_the_other_end_is_told_and_a_number_that_is_no_socket_is_an_error() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(user_at(one.as_raw_fd()).unwrap(), own_uid());
        assert!(user_at(memfd().as_raw_fd()).is_err());
        assert!(user_at(-1).is_err());
    }

    #[test]
    fn nobody_listening_is_an_error_and_not_a_hang() {
        assert!(fetch(b"flotilla-test-nobody-listens-here").is_err());
    }

    fn memfd() -> OwnedFd {
        SharedMemory::create(4096)
            .unwrap()
            .fd()
            .unwrap()
            .try_clone_to_owned()
            .unwrap()
    }
}

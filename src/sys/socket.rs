//! Sockets that never block: listening ones, accepted ones, and connections to workers.
//!
//! Most of a socket is the standard library's; here is what it lacks. Every descriptor is close-on-exec from the
//! call that makes it on, so no process that is forked meanwhile inherits it. If the process dies, the kernel
//! closes them all, and the peers see the end.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::poll::owned;

/// Where to listen or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// A listening socket that was handed to this process: the number of its descriptor. Who listens there has it
    /// from then on.
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

/// Where in `struct tcp_info` of linux/tcp.h, which only ever grows at its end, stands how many connections wait, and how
/// many bytes were received.
const WAITING: usize = 24;
const RECEIVED: usize = 128;

/// One socket, of TCP or of the Unix kind: the standard library's `TcpStream` is a descriptor and no more, and
/// what is asked of it here works for both.
#[derive(Debug)]
pub struct Socket(TcpStream);

impl Socket {
    /// Listens. What is accepted inherits that small packets are sent at once.
    pub fn listen(address: &Address, backlog: i32) -> io::Result<Self> {
        let fd = match address {
            Address::Tcp(address) => OwnedFd::from(TcpListener::bind(address)?),
            Address::Unix(path) => OwnedFd::from(UnixListener::bind(path)?),
            Address::Passed(number) => passed(*number)?,
        };
        let socket = Self::from(fd);
        // SAFETY: takes no pointer. Listening again changes the backlog and nothing else.
        let again = unsafe { libc::listen(socket.0.as_raw_fd(), backlog) };
        if again < 0 {
            return Err(io::Error::last_os_error());
        }
        if socket.local().is_some() {
            socket.0.set_nodelay(true)?;
        }
        socket.0.set_nonblocking(true)?;
        Ok(socket)
    }

    /// The next connection of a listening socket, or `WouldBlock`.
    pub fn accept(&self) -> io::Result<Self> {
        let (listener, flags) = (self.0.as_raw_fd(), libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        let (no_address, no_length) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: without room for an address the kernel writes none.
        let fd = unsafe { libc::accept4(listener, no_address, no_length, flags) };
        owned(fd).map(Self::from)
    }

    /// Begins to connect. Whether it has come to that is told by the poll, as writable, and by `error`.
    pub fn connect(address: &Address) -> io::Result<Self> {
        let encoded = Encoded::new(address)?;
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::socket(encoded.family(), kind, 0) };
        let socket = Self::from(owned(fd)?);
        if let Address::Tcp(_) = address {
            socket.0.set_nodelay(true)?;
        }
        let (at, length) = encoded.parts();
        // SAFETY: `at` points to an address of `length` bytes, which is live for the call.
        let begun = unsafe { libc::connect(socket.0.as_raw_fd(), at, length) };
        if begun < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINPROGRESS) {
                return Err(error);
            }
        }
        Ok(socket)
    }

    /// What has happened to the connection since it was last asked for.
    pub fn error(&self) -> io::Result<()> {
        self.0.take_error()?.map_or(Ok(()), Err)
    }

    pub fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(into)
    }

    /// The same, and leaves the bytes where they are.
    pub fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.peek(into)
    }

    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    /// Ends our side of the connection: the peer reads what was sent, and then the end.
    pub fn end(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    /// Ends a listening socket for all processes that have it: who waits there is refused.
    pub fn silence(&self) {
        // One that does not listen any more is what it is to become.
        let _ = self.0.shutdown(Shutdown::Read);
    }

    /// Closes the connection as one that has failed: the peer sees a reset.
    pub fn abort(self) {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        let (fd, length) = (self.0.as_raw_fd(), size_of_val(&linger) as libc::socklen_t);
        let value = (&raw const linger).cast();
        // SAFETY: `value` points to `length` readable bytes. A failure leaves an ordinary end, which will do.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, value, length) };
    }

    /// Makes sure of a descriptor that another process has sent: it is a connection, and calls never wait for it.
    pub fn is_sound(&self) -> bool {
        let mut kind: i32 = 0;
        let (fd, at) = (self.0.as_raw_fd(), (&raw mut kind).cast());
        let mut length = size_of_val(&kind) as libc::socklen_t;
        // SAFETY: `at` points to `length` writable bytes.
        let asked = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, at, &mut length) };
        let is_stream = asked == 0 && kind == libc::SOCK_STREAM;
        // Whatever its peer is called: what does not listen and is connected has one.
        let mut peer = [0u8; 128];
        let mut length = size_of_val(&peer) as libc::socklen_t;
        let at = peer.as_mut_ptr().cast();
        // SAFETY: `at` points to `length` writable bytes; what does not fit is cut off.
        let is_connected = is_stream && unsafe { libc::getpeername(fd, at, &mut length) } == 0;
        is_connected && self.0.set_nonblocking(true).is_ok()
    }

    /// How many connections of a listening TCP socket wait to be accepted; nothing where the kernel cannot tell. To ask
    /// costs far less than to accept where none waits: for that, the kernel first makes a socket, and then ends it.
    pub fn waiting(&self) -> Option<usize> {
        const LISTENS: u8 = 10;
        let (info, _) = self.tcp_info()?;
        let told = info.get(WAITING..WAITING + 4)?.try_into().ok()?;
        (info[0] == LISTENS).then(|| u32::from_ne_bytes(told) as usize)
    }

    /// What the kernel tells of a TCP socket, and how much of that it has filled in.
    fn tcp_info(&self) -> Option<([u8; 256], usize)> {
        let mut info = [0u8; 256];
        let (fd, at) = (self.0.as_raw_fd(), info.as_mut_ptr().cast());
        let mut length = size_of_val(&info) as libc::socklen_t;
        // SAFETY: `at` points to `length` writable bytes.
        let asked = unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, at, &mut length) };
        (asked == 0).then_some((info, length as usize))
    }

    /// How many bytes of the peer's have been read from a TCP connection since it began, by whatever process; nothing
    /// where the kernel cannot tell.
    pub fn consumed(&self) -> Option<u64> {
        const CLOSE_WAIT: u8 = 8;
        let (info, length) = self.tcp_info()?;
        let told = info.get(RECEIVED..RECEIVED + 8)?.try_into().ok()?;
        if length < RECEIVED + 8 {
            return None;
        }
        let mut unread: libc::c_int = 0;
        let fd = self.0.as_raw_fd();
        // SAFETY: FIONREAD, which sockets also call SIOCINQ, writes one integer.
        let asked = unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut unread) };
        if asked < 0 {
            return None;
        }
        // The peer's end counts as a byte received, and not as one unread.
        let end = u64::from(info[0] == CLOSE_WAIT);
        u64::from_ne_bytes(told).checked_sub(u64::from(unread.unsigned_abs()) + end)
    }

    /// The same for a descriptor that Node has told us the number of.
    pub fn consumed_of(number: i32) -> Option<u64> {
        if number < 0 {
            return None;
        }
        // SAFETY: the socket is not dropped, so the descriptor stays its owner's; a number that is not open, or no
        // connection, makes the calls fail and does no harm.
        let socket = std::mem::ManuallyDrop::new(Self(unsafe { TcpStream::from_raw_fd(number) }));
        socket.consumed()
    }

    /// The number of the descriptor, which is from now on for the caller to close.
    pub fn into_number(self) -> i32 {
        OwnedFd::from(self).into_raw_fd()
    }

    /// Closes what `into_number` has given away.
    pub fn close_number(number: i32) {
        if number >= 0 {
            // SAFETY: the caller owns the descriptor, and names it for the last time.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }

    /// The peer's address; none for a socket of the Unix kind.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }

    /// Our own address; none for a socket of the Unix kind.
    pub fn local(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    /// Whether an error of accepting or connecting says that this process, or the machine, has no more to give.
    pub fn is_exhaustion(error: &io::Error) -> bool {
        let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
        error.raw_os_error().is_some_and(|code| codes.contains(&code))
    }
}

impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self(fd.into())
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0.into()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes a descriptor over that was handed to this process. Processes that are started later do not get it.
fn passed(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer. It fails where no such descriptor is open.
    let marked = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    if marked < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and whoever passes it on gives it away: the supervisor's sockets are taken once each.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// An address as the kernel wants it.
enum Encoded {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
    Unix(libc::sockaddr_un),
}

impl Encoded {
    fn new(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(SocketAddr::V4(v4)) => Ok(Self::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            })),
            Address::Tcp(SocketAddr::V6(v6)) => Ok(Self::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            })),
            Address::Unix(path) => {
                let mut encoded = libc::sockaddr_un {
                    sun_family: libc::AF_UNIX as libc::sa_family_t,
                    sun_path: [0; 108],
                };
                let bytes = path.as_os_str().as_bytes();
                // The last byte stays zero: it ends the path.
                if bytes.len() >= encoded.sun_path.len() {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                for (to, from) in encoded.sun_path.iter_mut().zip(bytes) {
                    *to = *from as libc::c_char;
                }
                Ok(Self::Unix(encoded))
            }
            Address::Passed(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn family(&self) -> i32 {
        match self {
            Self::V4(_) => libc::AF_INET,
            Self::V6(_) => libc::AF_INET6,
            Self::Unix(_) => libc::AF_UNIX,
        }
    }

    fn parts(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        let (at, length) = match self {
            Self::V4(address) => ((&raw const *address).cast(), size_of_val(address)),
            Self::V6(address) => ((&raw const *address).cast(), size_of_val(address)),
            Self::Unix(address) => ((&raw const *address).cast(), size_of_val(address)),
        };
        (at, length as libc::socklen_t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{Events, Poll};

    fn wait_for_an_event(poll: &Poll) {
        let mut events = Events::with_room_for(1);
        while events.is_empty() {
            poll.wait(&mut events, None).unwrap();
        }
    }

    /// Until the connection stands, or has failed: it can be written to.
    fn wait_until_connected(socket: &Socket) {
        let poll = Poll::new().unwrap();
        poll.add_stream(socket, 0).unwrap();
        wait_for_an_event(&poll);
    }

    /// Until there are bytes, an end, a failure or a connection to accept.
    fn wait_until_readable(socket: &Socket) {
        let poll = Poll::new().unwrap();
        poll.add_source(socket, 0).unwrap();
        wait_for_an_event(&poll);
    }

    fn accepted(listener: &Socket) -> Socket {
        wait_until_readable(listener);
        listener.accept().unwrap()
    }

    fn pair(address: &str) -> (Socket, Socket) {
        let listener = Socket::listen(&Address::Tcp(address.parse().unwrap()), 16).unwrap();
        let client = Socket::connect(&Address::Tcp(listener.local().unwrap())).unwrap();
        let served = accepted(&listener);
        wait_until_connected(&client);
        client.error().unwrap();
        (client, served)
    }

    #[test]
    fn both_ends_of_a_connection_see_its_bytes_and_its_end() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (client, served) = pair(address);
            assert_eq!(client.local(), served.peer());
            client.send(b"hello").unwrap();
            client.end().unwrap();
            let mut buffer = [0; 16];
            assert_eq!(served.peek(&mut buffer).unwrap(), 5);
            assert_eq!(served.receive(&mut buffer).unwrap(), 5);
            assert_eq!(served.receive(&mut buffer).unwrap(), 0);
            served.send(b"bye").unwrap();
            assert_eq!(client.receive(&mut buffer).unwrap(), 3);
        }
    }

    #[test]
    fn a_unix_path_works_as_well() {
        let folder = std::env::temp_dir().join(format!("flotilla-socket-{}", std::process::id()));
        let address = Address::Unix(folder.clone());
        let listener = Socket::listen(&address, 16).unwrap();
        let client = Socket::connect(&address).unwrap();
        let served = accepted(&listener);
        served.send(b"x").unwrap();
        assert_eq!(client.receive(&mut [0; 4]).unwrap(), 1);
        assert_eq!(client.peer(), None);
        std::fs::remove_file(folder).unwrap();
        let long = Address::Unix("x".repeat(108).into());
        assert!(Socket::connect(&long).is_err());
    }

    #[test]
    fn a_socket_that_was_passed_is_listened_on() {
        let first = Socket::listen(&Address::Tcp("127.0.0.1:0".parse().unwrap()), 16).unwrap();
        let address = first.local();
        let listener = Socket::listen(&Address::Passed(first.into_number()), 16).unwrap();
        assert_eq!(listener.local(), address);
        let client = Socket::connect(&Address::Tcp(address.unwrap())).unwrap();
        accepted(&listener).send(b"x").unwrap();
        wait_until_readable(&client);
        assert!(Socket::listen(&Address::Passed(i32::MAX), 16).is_err());
        assert!(Socket::connect(&Address::Passed(0)).is_err());
    }

    #[test]
    fn nothing_blocks() {
        let (client, served) = pair("127.0.0.1:0");
        let would_block = |result: io::Result<usize>| result.unwrap_err().kind() == io::ErrorKind::WouldBlock;
        assert!(would_block(client.receive(&mut [0; 4])));
        assert!(would_block(served.peek(&mut [0; 4])));
        let listener = Socket::listen(&Address::Tcp("127.0.0.1:0".parse().unwrap()), 16).unwrap();
        assert!(would_block(listener.accept().map(|_| 0)));
    }

    #[test]
    fn an_aborted_connection_is_reset() {
        let (client, served) = pair("127.0.0.1:0");
        served.abort();
        wait_until_readable(&client);
        let error = client.receive(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn what_waits_to_be_accepted_is_counted() {
        let listener = Socket::listen(&Address::Tcp("127.0.0.1:0".parse().unwrap()), 16).unwrap();
        assert_eq!(listener.waiting(), Some(0));
        let address = Address::Tcp(listener.local().unwrap());
        let clients = [
            Socket::connect(&address).unwrap(),
            Socket::connect(&address).unwrap(),
        ];
        clients.iter().for_each(wait_until_connected);
        // A client may know of its connection before the listener does.
        while listener.waiting() != Some(2) {
            std::thread::yield_now();
        }
        assert_eq!(listener.accept().unwrap().waiting(), None);
        assert_eq!(listener.waiting(), Some(1));
        let path = std::env::temp_dir().join(format!("flotilla-waiting-{}", std::process::id()));
        let other = Socket::listen(&Address::Unix(path.clone()), 16).unwrap();
        assert_eq!(other.waiting(), None);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_was_read_is_counted_whoever_looks() {
        let (client, served) = pair("127.0.0.1:0");
        assert_eq!(served.consumed(), Some(0));
        client.send(&[0; 100]).unwrap();
        wait_until_readable(&served);
        assert_eq!(served.consumed(), Some(0));
        served.receive(&mut [0; 40]).unwrap();
        let same = Socket::from(served.as_fd().try_clone_to_owned().unwrap());
        assert_eq!((served.consumed(), same.consumed()), (Some(40), Some(40)));
        client.end().unwrap();
        while served.peek(&mut [0; 100]).unwrap() < 60 {}
        assert_eq!(Socket::consumed_of(same.as_fd().as_raw_fd()), Some(40));
        served.receive(&mut [0; 100]).unwrap();
        assert_eq!(served.consumed(), Some(100));
        assert_eq!(Socket::consumed_of(-1), None);
    }

    #[test]
    fn what_is_no_connection_is_not_sound() {
        let (client, served) = pair("127.0.0.1:0");
        assert!(client.is_sound() && served.is_sound());
        let listener = Socket::listen(&Address::Tcp("127.0.0.1:0".parse().unwrap()), 1).unwrap();
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert!(!listener.is_sound() && !Socket::from(file).is_sound());
        assert_eq!(listener.consumed().unwrap_or(0), 0);
    }

    #[test]
    fn a_refused_connection_says_so() {
        let address = {
            let listener = Socket::listen(&Address::Tcp("127.0.0.1:0".parse().unwrap()), 16).unwrap();
            listener.local().unwrap()
        };
        let outcome = Socket::connect(&Address::Tcp(address)).and_then(|client| {
            wait_until_readable(&client);
            client.error()
        });
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}

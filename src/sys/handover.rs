//! Handing connections from one process to another: the queue that they travel in, and the rendezvous where a worker
//! gets its end of it.
//!
//! A queue is a pair of sockets. Both the giver and the taker hold the taker's end, and a packet is received by
//! exactly one of them: so a connection that was given is either taken, or taken back, and never both. The rendezvous is an
//! abstract Unix socket; who comes in is told by the kernel (SO_PEERCRED). If the giver dies, the taker reads the
//! end; if the taker dies, the giver takes back what lies in the queue.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use super::memory::SharedMemory;
use super::passing;
use super::process::has_room;
use super::rights;
use super::socket::Socket;

/// How long a worker waits at the rendezvous.
const PATIENCE: Duration = Duration::from_secs(5);

/// One end of a queue of connections.
#[derive(Debug)]
pub struct End(OwnedFd);

impl End {
    pub fn pair() -> io::Result<(Self, Self)> {
        rights::pair().map(|(one, other)| (Self(one), Self(other)))
    }

    /// Gives a connection with a note. The giver's own descriptor may be closed at once.
    pub fn send(&self, note: u64, socket: &Socket) -> io::Result<()> {
        rights::send(self.0.as_fd(), &note.to_ne_bytes(), &[socket.as_fd()])
    }

    /// The same for a descriptor that Node has told us the number of.
    pub fn send_number(&self, note: u64, number: i32) -> io::Result<()> {
        rights::send_number(self.0.as_fd(), &note.to_ne_bytes(), number)
    }

    /// Sends a note alone.
    pub fn send_note(&self, note: u64) -> io::Result<()> {
        rights::send(self.0.as_fd(), &note.to_ne_bytes(), &[])
    }

    /// The next packet, which may carry a note alone.
    pub fn receive_any(&self) -> io::Result<(u64, Option<Socket>)> {
        let mut note = [0; 8];
        let packet = rights::receive(self.0.as_fd(), &mut note)?;
        if packet.length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [fd, ..] = packet.carried;
        Ok((u64::from_ne_bytes(note), fd.map(Socket::from)))
    }

    /// The same, for an end that this process alone receives at. A packet with a connection that it has no descriptor for
    /// stays where it is: `OutOfMemory`.
    pub fn hear(&self) -> io::Result<(u64, Option<Socket>)> {
        let mut note = [0; 8];
        let mut packet = rights::copy(self.0.as_fd(), &mut note)?;
        while packet.lacks_all() {
            if !has_room() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            // There is room again, or what it carries is withheld from this process, and always will be.
            packet = rights::copy(self.0.as_fd(), &mut note)?;
            if packet.lacks_all() && has_room() {
                break;
            }
        }
        // Also one that is empty is a packet, which whoever is at the other end may send.
        self.skip()?;
        if packet.length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [fd, ..] = packet.carried;
        Ok((u64::from_ne_bytes(note), fd.map(Socket::from)))
    }

    /// Drops the next packet.
    pub fn skip(&self) -> io::Result<()> {
        rights::skip(self.0.as_fd())
    }

    /// Takes the next connection; `WouldBlock` where there is none, `UnexpectedEof` where none will come.
    pub fn receive(&self) -> io::Result<(u64, Socket)> {
        loop {
            // A packet that lost its descriptor, because this process has none left, is passed over.
            if let (note, Some(socket)) = self.receive_any()? {
                return Ok((note, socket));
            }
        }
    }

    /// The note of the next connection, which stays where it is.
    pub fn next_note(&self) -> io::Result<u64> {
        let mut note = [0; 8];
        rights::look(self.0.as_fd(), &mut note)?;
        Ok(u64::from_ne_bytes(note))
    }

    /// For an event loop that is not ours.
    pub fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where workers come to get their end.
#[derive(Debug)]
pub struct Rendezvous(UnixListener);

/// Who came.
#[derive(Debug)]
pub struct Caller {
    pub pid: u32,
    stream: UnixStream,
}

impl Rendezvous {
    pub fn open(name: &[u8]) -> io::Result<Self> {
        let listener = passing::listen(name)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// The next caller that runs as our user; another one is sent away.
    pub fn next(&self) -> io::Result<Caller> {
        loop {
            let (stream, _) = self.0.accept()?;
            if let Ok(pid) = passing::peer_of_our_user(&stream) {
                return Ok(Caller { pid, stream });
            }
        }
    }
}

impl AsFd for Rendezvous {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Caller {
    /// Lets the caller have its end, and the memory where it tells what it does.
    pub fn admit(&self, end: &End, seat: u64, memory: &SharedMemory) -> io::Result<()> {
        let carried = [end.as_fd(), memory.fd()];
        rights::send(self.stream.as_fd(), &seat.to_ne_bytes(), &carried)
    }
}

/// What a worker gets at the rendezvous.
#[derive(Debug)]
pub struct Admission {
    pub end: End,
    pub seat: u64,
    pub memory: SharedMemory,
}

/// Comes to the rendezvous of that name, from a worker.
pub fn join(name: &[u8]) -> io::Result<Admission> {
    let address = SocketAddr::from_abstract_name(name)?;
    let stream = loop {
        match UnixStream::connect_addr(&address) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            connected => break connected?,
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    passing::peer_of_our_user(&stream)?;
    let mut seat = [0; 8];
    match rights::receive(stream.as_fd(), &mut seat)?.carried {
        [Some(end), Some(memory)] => Ok(Admission {
            end: End(end),
            seat: u64::from_ne_bytes(seat),
            memory: SharedMemory::open(memory)?,
        }),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_worker_gets_its_end_and_a_connection_through_it() {
        let name = format!("flotilla-rendezvous-{}", std::process::id()).into_bytes();
        let rendezvous = Rendezvous::open(&name).unwrap();
        let memory = SharedMemory::create(4096).unwrap();
        let (giver, taker) = End::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let served = OwnedFd::from(listener.accept().unwrap().0);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| join(&name).unwrap());
            let caller = loop {
                match rendezvous.next() {
                    Ok(caller) => break caller,
                    Err(_) => std::thread::yield_now(),
                }
            };
            assert_eq!(caller.pid, std::process::id());
            caller.admit(&taker, 7, &memory).unwrap();
            let admission = worker.join().unwrap();
            assert_eq!((admission.seat, admission.memory.len()), (7, 4096));
            giver.send(42, &Socket::from(served)).unwrap();
            assert_eq!(admission.end.next_note().unwrap(), 42);
            let (note, socket) = admission.end.receive().unwrap();
            assert_eq!(note, 42);
            TcpStream::from(OwnedFd::from(socket))
                .write_all(b"hello")
                .unwrap();
        });
        assert_eq!(taker.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }

    #[test]
    fn what_is_heard_is_heard_once_with_its_connection_or_without() {
        let (end, other) = End::pair().unwrap();
        let (one, mut peer) = UnixStream::pair().unwrap();
        end.send(7, &Socket::from(OwnedFd::from(one))).unwrap();
        end.send_note(8).unwrap();
        end.send_note(9).unwrap();
        let (note, socket) = other.hear().unwrap();
        assert_eq!(note, 7);
        let mut heard = UnixStream::from(OwnedFd::from(socket.unwrap()));
        heard.write_all(b"x").unwrap();
        // It was open once only.
        drop(heard);
        let mut said = String::new();
        peer.read_to_string(&mut said).unwrap();
        assert_eq!(said, "x");
        assert!(matches!(other.hear().unwrap(), (8, None)));
        other.skip().unwrap();
        assert_eq!(other.hear().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        rights::send(end.0.as_fd(), b"", &[]).unwrap();
        end.send_note(10).unwrap();
        assert!(other.hear().is_err());
        assert!(matches!(other.hear().unwrap(), (10, None)));
        drop(end);
        assert_eq!(other.hear().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_number_that_is_not_open_is_refused() {
        let (end, _other) = End::pair().unwrap();
        assert!(end.send_number(0, -1).is_err());
        assert!(end.send_number(0, 1 << 20).is_err());
    }
}

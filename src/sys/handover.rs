//! Handing connections from one process to another: the queue that they travel in, and the rendezvous where a worker
//! gets its end of it.
//!
//! A queue is a pair of sockets. Both the giver and the taker hold the taker's end, and a packet is received by
//! exactly one of them: so a connection that was given is either taken, or taken back, and never both. The rendezvous is a
//! pair of sockets too: it has no name, so nobody comes there but the process that inherits one of them. If the giver dies,
//! the taker reads the end; if the taker dies, the giver takes back what lies in the queue.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use super::memory::SharedMemory;
use super::poll::{Events, Poll};
use super::process::has_room;
use super::rights;
use super::socket::Socket;

/// How long a worker waits at the rendezvous.
const PATIENCE: Duration = Duration::from_secs(5);

/// What travels with a connection, or alone.
pub type Note = [u64; 3];

const LENGTH: usize = size_of::<Note>();

fn bytes_of(note: Note) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for (place, word) in bytes.chunks_exact_mut(size_of::<u64>()).zip(note) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// What is missing of a packet that is too short is zero.
fn note_of(bytes: [u8; LENGTH]) -> Note {
    let mut note = [0; 3];
    for (word, place) in note.iter_mut().zip(bytes.chunks_exact(size_of::<u64>())) {
        *word = place
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    note
}

/// One end of a queue of connections.
#[derive(Debug)]
pub struct End(OwnedFd);

impl End {
    pub fn pair() -> io::Result<(Self, Self)> {
        rights::pair().map(|(one, other)| (Self(one), Self(other)))
    }

    /// Gives a connection with a note. The giver's own descriptor may be closed at once.
    pub fn send(&self, note: Note, socket: &Socket) -> io::Result<()> {
        rights::send(self.0.as_fd(), &bytes_of(note), &[socket.as_fd()])
    }

    /// The same for a descriptor that Node has told us the number of.
    pub fn send_number(&self, note: Note, number: i32) -> io::Result<()> {
        rights::send_number(self.0.as_fd(), &bytes_of(note), number)
    }

    /// Sends a note alone.
    pub fn send_note(&self, note: Note) -> io::Result<()> {
        rights::send(self.0.as_fd(), &bytes_of(note), &[])
    }

    /// Takes the next packet; `WouldBlock` where there is none, `UnexpectedEof` where none will come. One that lost its
    /// connection, because this process had no descriptor for it, is a note alone.
    pub fn receive(&self) -> io::Result<(Note, Option<Socket>)> {
        let mut note = [0; LENGTH];
        let packet = rights::receive(self.0.as_fd(), &mut note)?;
        if packet.length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [fd, ..] = packet.carried;
        Ok((note_of(note), fd.map(Socket::from)))
    }

    /// The same, for an end that this process alone receives at. A packet with a connection that it has no descriptor for
    /// stays where it is: `OutOfMemory`.
    pub fn hear(&self) -> io::Result<(Note, Option<Socket>)> {
        let mut note = [0; LENGTH];
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
        Ok((note_of(note), fd.map(Socket::from)))
    }

    /// Drops the next packet.
    pub fn skip(&self) -> io::Result<()> {
        rights::skip(self.0.as_fd())
    }

    /// The note of the next connection, which stays where it is.
    pub fn next_note(&self) -> io::Result<Note> {
        let mut note = [0; LENGTH];
        rights::look(self.0.as_fd(), &mut note)?;
        Ok(note_of(note))
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

/// Where a worker gets its end: a pair of sockets without a name, one of which the worker's process inherits.
#[derive(Debug)]
pub struct Rendezvous {
    ours: End,
    guests: Guest,
}

/// The worker's side of it.
#[derive(Debug)]
pub struct Guest(OwnedFd);

impl Rendezvous {
    pub fn open() -> io::Result<Self> {
        let (ours, guests) = rights::pair()?;
        Ok(Self {
            ours: End(ours),
            guests: Guest(guests),
        })
    }

    /// The same once more, for another giver that meets the same worker.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            ours: End(self.ours.0.try_clone()?),
            guests: self.guest()?,
        })
    }

    /// The descriptor that the worker's process has to inherit.
    pub fn number(&self) -> i32 {
        self.guests.0.as_raw_fd()
    }

    /// What the worker gets by inheriting, for one in this process.
    pub fn guest(&self) -> io::Result<Guest> {
        self.guests.0.try_clone().map(Guest)
    }

    /// Lets the worker have its end, the memory where it tells what it does, and the public address, if it is to accept there.
    pub fn admit(
        self,
        end: &End,
        seat: u64,
        memory: &SharedMemory,
        listener: Option<&Socket>,
    ) -> io::Result<()> {
        let mut carried = vec![end.as_fd(), memory.fd()?];
        carried.extend(listener.map(Socket::as_fd));
        rights::send(self.ours.as_fd(), &seat.to_ne_bytes(), &carried)
    }
}

/// What a worker gets at the rendezvous.
#[derive(Debug)]
pub struct Admission {
    pub end: End,
    pub seat: u64,
    pub memory: SharedMemory,
    pub listener: Option<Socket>,
}

impl Guest {
    /// By the number of the descriptor that this process has inherited, which is nobody else's. Where it is to be met there
    /// more than once, the descriptor stays.
    pub fn inherited(number: i32, stays: bool) -> io::Result<Self> {
        let guest = rights::adopt(number).map(Self)?;
        if !stays {
            return Ok(guest);
        }
        let second = guest.0.try_clone();
        let _ = guest.0.into_raw_fd();
        second.map(Self)
    }

    /// Waits to be let in.
    pub fn join(self) -> io::Result<Admission> {
        let poll = Poll::new()?;
        poll.add_source(&self.0, 0)?;
        poll.wait(&mut Events::with_room_for(1), Some(PATIENCE))?;
        let mut seat = [0; 8];
        match rights::receive(self.0.as_fd(), &mut seat)?.carried {
            [Some(end), Some(memory), listener] => Ok(Admission {
                end: End(end),
                seat: u64::from_ne_bytes(seat),
                memory: SharedMemory::open(memory)?,
                listener: listener.map(Socket::from),
            }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    #[test]
    fn a_worker_gets_its_end_and_a_connection_through_it() {
        let rendezvous = Rendezvous::open().unwrap();
        let guest = rendezvous.guest().unwrap();
        let memory = SharedMemory::create(4096).unwrap();
        let (giver, taker) = End::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let served = OwnedFd::from(listener.accept().unwrap().0);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| guest.join().unwrap());
            rendezvous.admit(&taker, 7, &memory, None).unwrap();
            let admission = worker.join().unwrap();
            assert_eq!((admission.seat, admission.memory.len()), (7, 4096));
            giver.send([42, u64::MAX, 1], &Socket::from(served)).unwrap();
            assert_eq!(admission.end.next_note().unwrap(), [42, u64::MAX, 1]);
            let (note, socket) = admission.end.receive().unwrap();
            assert_eq!(note, [42, u64::MAX, 1]);
            TcpStream::from(OwnedFd::from(socket.unwrap()))
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
        end.send([7, 0, 0], &Socket::from(OwnedFd::from(one))).unwrap();
        end.send_note([8, 1, 2]).unwrap();
        end.send_note([9, 0, 0]).unwrap();
        let (note, socket) = other.hear().unwrap();
        assert_eq!(note, [7, 0, 0]);
        let mut heard = UnixStream::from(OwnedFd::from(socket.unwrap()));
        heard.write_all(b"x").unwrap();
        // It was open once only.
        drop(heard);
        let mut said = String::new();
        peer.read_to_string(&mut said).unwrap();
        assert_eq!(said, "x");
        assert!(matches!(other.hear().unwrap(), ([8, 1, 2], None)));
        other.skip().unwrap();
        assert_eq!(other.hear().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        rights::send(end.0.as_fd(), b"", &[]).unwrap();
        end.send_note([10, 0, 0]).unwrap();
        assert!(other.hear().is_err());
        assert!(matches!(other.hear().unwrap(), ([10, 0, 0], None)));
        drop(end);
        // The children that other tests fork hold a copy of the end until they are gone.
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut error = other.hear().unwrap_err().kind();
        while error == io::ErrorKind::WouldBlock && Instant::now() < deadline {
            std::thread::yield_now();
            error = other.hear().unwrap_err().kind();
        }
        assert_eq!(error, io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn several_meet_one_worker_over_one_descriptor() {
        let rendezvous = Rendezvous::open().unwrap();
        let number = rendezvous.guest().unwrap().0.into_raw_fd();
        let memory = SharedMemory::create(4096).unwrap();
        for seat in [3, 5] {
            let (_giver, taker) = End::pair().unwrap();
            rendezvous
                .again()
                .unwrap()
                .admit(&taker, seat, &memory, None)
                .unwrap();
            let admission = Guest::inherited(number, true).unwrap().join().unwrap();
            assert_eq!(admission.seat, seat);
        }
        drop(Guest::inherited(number, false).unwrap());
        assert!(Guest::inherited(number, false).is_err());
    }

    #[test]
    fn nobody_waits_where_nobody_will_come() {
        let rendezvous = Rendezvous::open().unwrap();
        let guest = rendezvous.guest().unwrap();
        drop(rendezvous);
        assert_eq!(guest.join().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_rendezvous_is_not_taken_from_its_owner() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        for number in [-1, 1 << 20, file.as_raw_fd()] {
            assert!(Guest::inherited(number, false).is_err());
        }
        assert!(file.metadata().is_ok());
    }

    #[test]
    fn a_number_that_is_not_open_is_refused() {
        let (end, _other) = End::pair().unwrap();
        assert!(end.send_number([0; 3], -1).is_err());
        assert!(end.send_number([0; 3], 1 << 20).is_err());
    }
}

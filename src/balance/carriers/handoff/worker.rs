//! The worker's side: its end of the queue, and its row of the table.
//!
//! Taking a connection is receiving it: who comes too late finds nothing. If the worker dies, what it had taken ends
//! with it, but for what it has had the primary hold; and the rest is the primary's.

use super::escrow::Said;
use super::idle::Idle;
use super::queues::PERMIT;
use crate::balance::sticky::Key;
use crate::shm::ledger::{Ledger, PLACES};
use crate::shm::rows::{Row, Rows, SPOKEN};
use crate::sys::clock::monotonic_ms;
use crate::sys::handover::{End, Guest};
use crate::sys::process::has_room;
use crate::sys::socket::Socket;
use std::cell::Cell;
use std::io;
use std::ptr::NonNull;

#[derive(Debug)]
pub struct Worker {
    end: End,
    row: &'static Row,
    ledger: &'static Ledger,
    /// Where to accept what there is a permit for.
    listener: Option<Socket>,
    /// Whether there may be something in the queue.
    is_told: Cell<bool>,
}

/// What has become of a connection that the primary was asked to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    /// It is held; so many bytes had been read of it by others.
    Held(f64),
    /// The primary has not come to what it was told before.
    Later,
    /// The kernel does not tell what is read of it.
    Never,
}

/// How many connections can be held, and have a mark.
pub const MARKS: usize = PLACES;

/// How many numbers of the row are JavaScript's.
pub const SPOKEN_NUMBERS: usize = SPOKEN;

impl Worker {
    /// Waits at the rendezvous to be let in.
    pub fn join(guest: Guest) -> io::Result<Self> {
        let admission = guest.join()?;
        let rows = Rows::open(admission.memory)?;
        let seat = usize::try_from(admission.seat).ok();
        let row = seat.and_then(|seat| rows.row(seat));
        let ledger = seat.and_then(|seat| rows.ledger(seat));
        Ok(Self {
            end: admission.end,
            row: row.ok_or(io::ErrorKind::InvalidData)?,
            ledger: ledger.ok_or(io::ErrorKind::InvalidData)?,
            listener: admission.listener,
            is_told: Cell::new(true),
        })
    }

    /// What an event loop has to wait for.
    pub fn number(&self) -> i32 {
        self.end.number()
    }

    /// The next connection, for how long it may stay idle, and whose it is; `WouldBlock` where there is none, or where it was taken
    /// back, and `OutOfMemory` where this process has no descriptor left for it: then it stays where it is.
    pub fn take(&self) -> io::Result<(Socket, Idle, Option<Key>)> {
        if let Some(accepted) = self.accept() {
            return accepted.map(|socket| (socket, Idle::NEW, None));
        }
        while self.is_told.replace(false) {
            if !has_room() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let ([_, idle, key], socket) = self.end.receive()?;
            if key == PERMIT {
                // What it was about is done. If there is more, one is told again.
                break;
            }
            self.is_told.set(true);
            self.row.taken.put(self.row.taken.get() + 1);
            if let Some(socket) = socket {
                let key = u32::try_from(key).ok().and_then(Key::from_number);
                return Ok((socket, Idle::of(idle), key));
            }
            // Its connection was lost on the way: it is one that is no more.
            self.row.left.put_f64(self.row.left.get_f64() + 1.0);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Accepts the next of those who wait at the public address, if there is a permit for one.
    fn accept(&self) -> Option<io::Result<Socket>> {
        let listener = self.listener.as_ref()?;
        while self.row.leave().take() {
            match listener.accept() {
                Ok(socket) => {
                    self.row.taken.put(self.row.taken.get() + 1);
                    return Some(Ok(socket));
                }
                Err(error) if Socket::is_exhaustion(&error) => {
                    self.row.leave().put_back();
                    return Some(Err(io::ErrorKind::OutOfMemory.into()));
                }
                // Another has accepted that one, or it is gone.
                Err(_) => self.row.miss(),
            }
        }
        None
    }

    /// Whether it may accept connections, of which nobody has told it.
    pub fn has_permits(&self) -> bool {
        self.listener.is_some() && self.row.leave().left() > 0
    }

    /// There is something in the queue.
    pub fn hears(&self) {
        self.is_told.set(true);
    }

    /// Gives a connection back, by the number of its descriptor, to be given to another worker; with the place where
    /// it is held, if it is, for how long it may stay idle, and whose it is.
    pub fn give(&self, number: i32, place: Option<usize>, idle: Idle, key: Option<Key>) -> io::Result<()> {
        let note = [Said::Back(place).word(), idle.word(), Key::number(key).into()];
        self.end.send_number(note, number)
    }

    /// Has the primary hold a connection as well, of which this process has read that much.
    pub fn hold(&self, number: i32, place: usize, read: f64, key: Option<Key>) -> Asked {
        let Some(consumed) = Socket::consumed_of(number) else {
            return Asked::Never;
        };
        let before = consumed as f64 - read;
        if before < 0.0 || place >= MARKS {
            return Asked::Never;
        }
        let note = [Said::Hold(place).word(), 0, Key::number(key).into()];
        match self.end.send_number(note, number) {
            Ok(()) => Asked::Held(before),
            Err(_) => Asked::Later,
        }
    }

    /// What is held at that place has ended.
    pub fn let_go(&self, place: usize) -> io::Result<()> {
        self.end.send_note([Said::LetGo(place).word(), 0, 0])
    }

    /// Where JavaScript writes how much it has read of what is held: memory that is never unmapped.
    pub fn marks(&self) -> NonNull<u8> {
        self.ledger.marks()
    }

    /// The event loop begins to wait. Says whether it must not, because there are permits.
    pub fn sleeps(&self) -> bool {
        self.row.leave().sleeps() && self.listener.is_some()
    }

    /// The event loop has something to do.
    pub fn wakes(&self) {
        if self.row.awake_since.get() == 0 {
            self.row.awake_since.put_f64(monotonic_ms());
        }
    }

    /// Where JavaScript reads and writes its numbers: memory that is never unmapped.
    pub fn spoken(&self) -> NonNull<u8> {
        self.row.spoken()
    }
}

#[cfg(all(test, target_os = "linux", not(flotilla_portable)))]
mod tests {
    use super::*;
    use crate::sys::socket::Address;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_permit_for_which_nobody_waits_is_missed_and_nothing_was_taken() {
        let rows = Rows::create().unwrap();
        let (_giver, end) = End::pair().unwrap();
        let (row, ledger) = (rows.row(0).unwrap(), rows.ledger(0).unwrap());
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let worker = Worker {
            end,
            row,
            ledger,
            listener: Some(Socket::listen(&address, 1).unwrap()),
            is_told: Cell::new(true),
        };
        assert!(row.leave().add() && worker.has_permits());
        assert_eq!(worker.take().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!((row.take_missed(), row.take_missed()), (1, 0));
        assert_eq!((row.taken.get(), worker.has_permits()), (0, false));
    }

    #[test]
    fn what_was_lost_on_the_way_is_neither_waiting_nor_there() {
        let rows = Rows::create().unwrap();
        let (giver, end) = End::pair().unwrap();
        let (row, ledger) = (rows.row(0).unwrap(), rows.ledger(0).unwrap());
        let worker = Worker {
            end,
            row,
            ledger,
            listener: None,
            is_told: Cell::new(true),
        };
        giver.send_note([7, 0, 0]).unwrap();
        giver.send_note([7, 0, 0]).unwrap();
        let (one, _other) = UnixStream::pair().unwrap();
        let sent = Socket::from(OwnedFd::from(one));
        giver.send([7, Idle::UNKNOWN.word(), 5], &sent).unwrap();
        let (_, idle, key) = worker.take().unwrap();
        assert!(idle.has_moved());
        assert_eq!(Key::number(key), 5);
        assert_eq!(worker.take().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!((row.taken.get(), Row::count(&row.left)), (3, 2));
    }
}

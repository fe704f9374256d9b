//! The worker's side: its end of the queue, and its row of the table.
//!
//! Taking a connection is receiving it: who comes too late finds nothing. If the worker dies, what it had taken ends
//! with it, but for what it has had the primary hold; and the rest is the primary's.

use super::escrow::Said;
use crate::shm::ledger::{Ledger, PLACES};
use crate::shm::rows::{Row, Rows, SPOKEN};
use crate::sys::clock::monotonic_ms;
use crate::sys::handover::{self, End};
use crate::sys::process::has_room;
use crate::sys::socket::Socket;
use std::io;
use std::ptr::NonNull;

#[derive(Debug)]
pub struct Worker {
    end: End,
    row: &'static Row,
    ledger: &'static Ledger,
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
    /// Comes to the rendezvous of that name.
    pub fn join(rendezvous: &[u8]) -> io::Result<Self> {
        let admission = handover::join(rendezvous)?;
        let rows = Rows::open(admission.memory)?;
        let seat = usize::try_from(admission.seat).ok();
        let row = seat.and_then(|seat| rows.row(seat));
        let ledger = seat.and_then(|seat| rows.ledger(seat));
        Ok(Self {
            end: admission.end,
            row: row.ok_or(io::ErrorKind::InvalidData)?,
            ledger: ledger.ok_or(io::ErrorKind::InvalidData)?,
        })
    }

    /// What an event loop has to wait for.
    pub fn number(&self) -> i32 {
        self.end.number()
    }

    /// The next connection; `WouldBlock` where there is none, or where it was taken back, and `OutOfMemory` where this
    /// process has no descriptor left for it: then it stays where it is.
    pub fn take(&self) -> io::Result<Socket> {
        if !has_room() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let (_, socket) = self.end.receive()?;
        self.row.taken.put(self.row.taken.get() + 1);
        Ok(socket)
    }

    /// Gives a connection back, by the number of its descriptor, to be given to another worker; with the place where
    /// it is held, if it is.
    pub fn give(&self, number: i32, place: Option<usize>) -> io::Result<()> {
        self.end.send_number(Said::Back(place).word(), number)
    }

    /// Has the primary hold a connection as well, of which this process has read that much.
    pub fn hold(&self, number: i32, place: usize, read: f64) -> Asked {
        let Some(consumed) = Socket::consumed_of(number) else {
            return Asked::Never;
        };
        let before = consumed as f64 - read;
        if before < 0.0 || place >= MARKS {
            return Asked::Never;
        }
        match self.end.send_number(Said::Hold(place).word(), number) {
            Ok(()) => Asked::Held(before),
            Err(_) => Asked::Later,
        }
    }

    /// What is held at that place has ended.
    pub fn let_go(&self, place: usize) -> io::Result<()> {
        self.end.send_note(Said::LetGo(place).word())
    }

    /// Where JavaScript writes how much it has read of what is held: memory that is never unmapped.
    pub fn marks(&self) -> NonNull<u8> {
        self.ledger.marks()
    }

    /// The event loop begins to wait.
    pub fn sleeps(&self) {
        self.row.awake_since.put(0);
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

//! The worker's side: its end of the queue, and its row of the table.
//!
//! Taking a connection is receiving it: who comes too late finds nothing. If the worker dies, what it had taken ends
//! with it, and the rest is the primary's.

use crate::shm::rows::{Row, Rows, SPOKEN};
use crate::sys::clock::monotonic_ms;
use crate::sys::handover::{self, End};
use crate::sys::socket::Socket;
use std::io;
use std::ptr::NonNull;

#[derive(Debug)]
pub struct Worker {
    end: End,
    row: &'static Row,
}

/// How many numbers of the row are JavaScript's.
pub const SPOKEN_NUMBERS: usize = SPOKEN;

impl Worker {
    /// Comes to the door of that name.
    pub fn join(door: &[u8]) -> io::Result<Self> {
        let admission = handover::join(door)?;
        let rows = Rows::open(admission.memory)?;
        let seat = usize::try_from(admission.seat).ok();
        let row = seat.and_then(|seat| rows.row(seat));
        Ok(Self {
            end: admission.end,
            row: row.ok_or(io::ErrorKind::InvalidData)?,
        })
    }

    /// What an event loop has to wait for.
    pub fn number(&self) -> i32 {
        self.end.number()
    }

    /// The next connection; `WouldBlock` where there is none, or where it was taken back.
    pub fn take(&self) -> io::Result<Socket> {
        let (_, socket) = self.end.receive()?;
        self.row.taken.put(self.row.taken.get() + 1);
        Ok(socket)
    }

    /// Gives a connection back, by the number of its descriptor, to be given to another worker.
    pub fn give(&self, number: i32) -> io::Result<()> {
        self.end.send_number(0, number)
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

//! The table that workers tell in what they do, a row each, for whoever gives them connections.
//!
//! Every word stands for itself: whoever reads takes each for a hint, checks it, and relies on none. A row is set to
//! zero when its seat gets another process. If a worker dies, its row says what it last did until then; if it writes
//! nonsense, it alone gets too many connections or too few. The layout is documented in `docs/shared-memory.md`.

use std::io;

use super::ledger::Ledger;
use super::permits::Permits;
use super::region::{Offset, Region, Shared};
use super::word::Word64;
use crate::sys::memory::SharedMemory;
use std::mem::offset_of;
use std::sync::atomic::Ordering::SeqCst;

/// As many workers as have a row.
pub const ROWS: usize = 1024;
/// How many words at the beginning of a row are numbers that JavaScript reads and writes.
pub const SPOKEN: usize = 4;

/// Which of them is which.
pub const SPOKEN_PLACES: &[(&str, i32)] = &[
    ("LEFT", (offset_of!(Row, left) / size_of::<f64>()) as i32),
    (
        "IN_FLIGHT",
        (offset_of!(Row, in_flight) / size_of::<f64>()) as i32,
    ),
    ("SHED", (offset_of!(Row, shed) / size_of::<f64>()) as i32),
    (
        "AWAKE_SINCE",
        (offset_of!(Row, awake_since) / size_of::<f64>()) as i32,
    ),
    ("NUMBERS", SPOKEN as i32),
];

const MAGIC: u64 = u64::from_le_bytes(*b"flotrows");
const VERSION: u64 = 3;

#[repr(C)]
#[derive(Debug)]
struct Head {
    magic: Word64,
    version: Word64,
    spare: [Word64; 14],
}

/// What one worker does. Each row fills two lines of the cache, so that no two workers write to the same.
#[repr(C)]
#[derive(Debug)]
pub struct Row {
    /// Connections that were taken and are no more, as a number of JavaScript's.
    pub left: Word64,
    /// Requests that are answered now, as such a number.
    pub in_flight: Word64,
    /// How many connections the worker is asked to give back, as such a number; it counts down.
    pub shed: Word64,
    /// Since when, in milliseconds of the machine's clock, the event loop has not waited, as such a number; zero
    /// while it waits.
    pub awake_since: Word64,
    /// Connections that were taken, from the beginning.
    pub taken: Word64,
    /// How many of those who wait at the public address the worker may accept.
    permits: Word64,
    /// How many permits it had for which nobody waited any more, since that was last asked.
    missed: Word64,
    rest: [Word64; 9],
}

// SAFETY: `repr(C)`, made of words, without padding.
unsafe impl Shared for Head {}
// SAFETY: as above.
unsafe impl Shared for Row {}

const _: () = assert!(size_of::<Row>() == 128 && size_of::<Head>() == size_of::<Row>());
const _: () = assert!(offset_of!(Row, taken) == 8 * SPOKEN);

const ROWS_END: usize = size_of::<Head>() + ROWS * size_of::<Row>();
/// Most of it is never touched, and costs nothing.
const LENGTH: usize = ROWS_END + ROWS * size_of::<Ledger>();

/// The mapped table.
#[derive(Debug)]
pub struct Rows {
    memory: SharedMemory,
    region: Region,
}

impl Rows {
    pub fn create() -> io::Result<Self> {
        let memory = SharedMemory::create(LENGTH)?;
        // What is written to later must not fail then.
        memory.commit(0, ROWS_END)?;
        let rows = Self::of(memory);
        let head = rows.head().ok_or(io::ErrorKind::InvalidData)?;
        head.version.put(VERSION);
        head.magic.publish(MAGIC);
        Ok(rows)
    }

    /// One that another process made. Refuses what is none.
    pub fn open(memory: SharedMemory) -> io::Result<Self> {
        let rows = Self::of(memory);
        let is_sound = |head: &Head| head.magic.observe() == MAGIC && head.version.get() == VERSION;
        if rows.memory.len() != LENGTH || !rows.head().is_some_and(is_sound) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(rows)
    }

    fn of(memory: SharedMemory) -> Self {
        let region = Region::of(&memory);
        Self { memory, region }
    }

    fn head(&self) -> Option<&'static Head> {
        self.region.at(Offset(0))
    }

    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The row of a seat; nothing for a seat that has none.
    pub fn row(&self, seat: usize) -> Option<&'static Row> {
        if seat >= ROWS {
            return None;
        }
        self.region
            .at(Offset((size_of::<Head>() + seat * size_of::<Row>()) as u64))
    }

    /// What the worker of a seat says of its connections; nothing for a seat that has no row.
    pub fn ledger(&self, seat: usize) -> Option<&'static Ledger> {
        if seat >= ROWS {
            return None;
        }
        self.region
            .at(Offset((ROWS_END + seat * size_of::<Ledger>()) as u64))
    }

    /// Makes the ledger of a seat an empty one, for a process that is to sit there.
    pub fn provide_ledger(&self, seat: usize) -> io::Result<()> {
        let ledger = self.ledger(seat).ok_or(io::ErrorKind::InvalidInput)?;
        let at = ROWS_END + seat * size_of::<Ledger>();
        // What is written to later must not fail then.
        self.memory.commit(at, size_of::<Ledger>())?;
        ledger.reset();
        Ok(())
    }
}

impl Row {
    pub fn reset(&self) {
        let words = [
            &self.left,
            &self.in_flight,
            &self.shed,
            &self.taken,
            &self.awake_since,
            &self.permits,
            &self.missed,
        ];
        for word in words {
            word.put(0);
        }
    }

    /// By which the worker is let accept connections.
    pub fn leave(&self) -> Permits<'_> {
        Permits {
            count: &self.permits,
            awake_since: &self.awake_since,
        }
    }

    /// A permit for which nobody waited.
    pub fn miss(&self) {
        self.missed.add(1);
    }

    /// How many permits were missed since this was last asked.
    pub fn take_missed(&self) -> u64 {
        match self.missed.get() {
            0 => 0,
            _ => self.missed.atomic().swap(0, SeqCst),
        }
    }

    /// The words that JavaScript reads and writes, by their address.
    pub fn spoken(&self) -> std::ptr::NonNull<u8> {
        std::ptr::NonNull::from(&self.left).cast()
    }

    /// A number of JavaScript's that counts something.
    pub fn count(word: &Word64) -> u64 {
        // A number below zero, or none at all, becomes zero.
        word.get_f64() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", not(flotilla_portable)))]
    #[test]
    fn a_row_is_the_same_for_all_who_map_the_table() {
        let rows = Rows::create().unwrap();
        let fd = std::os::fd::AsFd::as_fd(&rows.memory().fd().unwrap())
            .try_clone_to_owned()
            .unwrap();
        let same = Rows::open(SharedMemory::open(fd).unwrap()).unwrap();
        rows.row(3).unwrap().in_flight.put_f64(2.0);
        assert_eq!(Row::count(&same.row(3).unwrap().in_flight), 2);
        assert_eq!(Row::count(&same.row(4).unwrap().in_flight), 0);
        assert!(rows.row(ROWS - 1).is_some() && rows.row(ROWS).is_none());
    }

    #[cfg(all(target_os = "linux", not(flotilla_portable)))]
    #[test]
    fn a_worker_is_told_of_its_first_permit_if_it_sleeps_and_does_not_sleep_with_one() {
        let rows = Rows::create().unwrap();
        let row = rows.row(0).unwrap();
        let leave = row.leave();
        assert!(!leave.take() && !leave.sleeps());
        assert_eq!([leave.add(), leave.add()], [true, false]);
        assert!(leave.sleeps() && leave.take());
        leave.put_back();
        assert_eq!((leave.revoke(), leave.revoke()), (2, 0));
        row.awake_since.put_f64(1.0);
        assert!(!leave.add() && leave.sleeps());
        row.reset();
        assert!(!leave.take());
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(Rows::open(SharedMemory::create(LENGTH).unwrap()).is_err());
        assert!(Rows::open(SharedMemory::create(4096).unwrap()).is_err());
    }

    #[test]
    fn nonsense_counts_as_nothing() {
        let rows = Rows::create().unwrap();
        let word = &rows.row(0).unwrap().left;
        for nonsense in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            word.put_f64(nonsense);
            assert_eq!(Row::count(word), 0);
        }
    }
}

//! What is known of each worker: what it was given, what it says in its row of the shared table, and what it reported.
//!
//! The thread alone gives and takes back, and counts that here; everybody may read. What a row says is a hint: a
//! worker that has taken more than it was given, or has lost more than it took, is taken for one that has nothing.

use crate::balance::proxy::{Count, Report};
use crate::balance::score::Figures;
use crate::shm::ledger::Ledger;
use crate::shm::rows::{ROWS, Row, Rows};
use crate::sys::clock::monotonic_ms;
use crate::sys::memory::SharedMemory;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug)]
pub struct Board {
    rows: Rows,
    seats: Box<[Seat]>,
    counts: [AtomicU64; COUNTS],
    /// Connections that the primary holds as well as their worker.
    held: AtomicU64,
}

const COUNTS: usize = 6;

#[derive(Debug, Default)]
struct Seat {
    /// Connections given to it and not taken back.
    given: AtomicU64,
    /// Whether it gets connections.
    serves: AtomicBool,
    /// What the worker last reported, as the bits of numbers.
    reported: [AtomicU64; 3],
}

/// What happened to connections beyond what every front counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Taken back from a worker that did not take them.
    TakenBack = 3,
    /// Moved from one worker to another.
    Moved = 4,
    /// Gone on with another worker after the death of theirs.
    Adopted = 5,
}

pub(super) fn now_us() -> u64 {
    (monotonic_ms() * 1e3) as u64
}

impl Board {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            rows: Rows::create()?,
            seats: (0..ROWS).map(|_| Seat::default()).collect(),
            counts: Default::default(),
            held: AtomicU64::new(0),
        })
    }

    pub(super) fn memory(&self) -> &SharedMemory {
        self.rows.memory()
    }

    pub(super) fn row(&self, seat: usize) -> Option<&'static Row> {
        self.rows.row(seat)
    }

    pub(super) fn ledger(&self, seat: usize) -> Option<&'static Ledger> {
        self.rows.ledger(seat)
    }

    pub(super) fn provide_ledger(&self, seat: usize) -> io::Result<()> {
        self.rows.provide_ledger(seat)
    }

    pub fn count(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    pub fn happened(&self, what: Happened) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn set_held(&self, count: usize) {
        self.held.store(count as u64, Ordering::Relaxed);
    }

    pub(super) fn add(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note(&self, what: Happened) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of what a worker has reported. Its lag is seen in its row.
    pub fn report(&self, seat: usize, report: &Report) {
        let figures = [report.cpu_percent, report.heap_used, report.heap_total];
        if let Some(seat) = self.seats.get(seat) {
            for (cell, figure) in seat.reported.iter().zip(figures) {
                cell.store(figure.to_bits(), Ordering::Relaxed);
            }
        }
    }

    pub(super) fn set_serves(&self, seat: usize, serves: bool) {
        self.seats[seat].serves.store(serves, Ordering::Release);
    }

    /// Whether connections go there.
    pub fn serves(&self, seat: usize) -> bool {
        self.seats
            .get(seat)
            .is_some_and(|seat| seat.serves.load(Ordering::Acquire))
    }

    /// Another process sits there now.
    pub(super) fn reset(&self, seat: usize) {
        if let Some(row) = self.row(seat) {
            row.reset();
        }
        self.seats[seat].given.store(0, Ordering::Relaxed);
        self.report(seat, &Report::default());
    }

    pub(super) fn gave(&self, seat: usize) {
        self.seats[seat].given.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn took_back(&self, seat: usize) {
        self.seats[seat].given.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections that the worker was given and has not taken.
    pub fn waiting(&self, seat: usize) -> u64 {
        let Some(row) = self.row(seat) else { return 0 };
        self.given(seat).saturating_sub(row.taken.get())
    }

    /// Connections that are the worker's, taken or not.
    pub fn connections(&self, seat: usize) -> u64 {
        let Some(row) = self.row(seat) else { return 0 };
        self.given(seat).saturating_sub(Row::count(&row.left))
    }

    pub fn in_flight(&self, seat: usize) -> u64 {
        self.row(seat).map_or(0, |row| Row::count(&row.in_flight))
    }

    /// For how long the worker's event loop has been at one thing.
    pub fn lag_ms(&self, seat: usize) -> f64 {
        let since = self.row(seat).map_or(0.0, |row| row.awake_since.get_f64());
        // A number that no clock has told says nothing.
        if since > 0.0 {
            (monotonic_ms() - since).max(0.0)
        } else {
            0.0
        }
    }

    fn given(&self, seat: usize) -> u64 {
        self.seats
            .get(seat)
            .map_or(0, |seat| seat.given.load(Ordering::Relaxed))
    }

    /// What a strategy goes by.
    pub(super) fn figures(&self, seat: usize) -> Figures {
        let [cpu_percent, heap_used, heap_total] = self.seats[seat]
            .reported
            .each_ref()
            .map(|cell| f64::from_bits(cell.load(Ordering::Relaxed)));
        Figures {
            connections: self.connections(seat) as f64,
            in_flight: (self.in_flight(seat) + self.waiting(seat)) as f64,
            lag_ms: self.lag_ms(seat),
            cpu_percent,
            heap_used,
            heap_total,
        }
    }
}

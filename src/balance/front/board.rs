//! What is known of each worker, as the front's thread and the rest of the process both see it: what it was given, what
//! it has reported, and what it says of itself in its row of the shared table, where it has one.
//!
//! The thread alone gives and takes back, and counts that here; everybody may read. Each figure stands for itself, so none
//! needs an order with another. What a row says is a hint: a worker that has taken more than it was given, or has lost
//! more than it took, is taken for one that has nothing.

use crate::balance::score::Figures;
use crate::shm::ledger::Ledger;
use crate::shm::rows::{ROWS, Row, Rows};
use crate::sys::clock::monotonic_ms;
use crate::sys::memory::SharedMemory;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Seats are numbered from zero to below this.
pub const SEATS: usize = ROWS;

#[derive(Debug)]
pub struct Board {
    /// What workers say of themselves, where they do.
    rows: Option<Rows>,
    seats: Box<[Seat]>,
    counts: [AtomicU64; COUNTS],
    /// Connections that the primary holds as well as their worker.
    held: AtomicU64,
}

#[derive(Debug, Default)]
struct Seat {
    /// Connections given to it and not taken back.
    given: AtomicU64,
    /// Whether it gets connections.
    serves: AtomicBool,
    /// What the worker last reported, as the bits of numbers.
    reported: [AtomicU64; 4],
}

/// What happened to connections, counted from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Accepted from a client.
    Accepted,
    /// Cut by an error of either side, or for want of a worker.
    Failed,
    /// Attempts to reach a worker that refused.
    Refused,
    /// Taken back from a worker that did not take them.
    TakenBack,
    /// Moved from one worker to another.
    Moved,
    /// Gone on with another worker after the death of theirs.
    Adopted,
}

const COUNTS: usize = 6;

/// What a worker has reported of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    pub lag_ms: f64,
    pub cpu_percent: f64,
    pub heap_used: f64,
    pub heap_total: f64,
}

pub(in crate::balance) fn now_us() -> u64 {
    (monotonic_ms() * 1e3) as u64
}

impl Board {
    /// Of workers that are known by their reports alone.
    pub(in crate::balance) fn new() -> Self {
        Self {
            rows: None,
            seats: (0..SEATS).map(|_| Seat::default()).collect(),
            counts: Default::default(),
            held: AtomicU64::new(0),
        }
    }

    /// Of workers that say of themselves what they do, each in its row.
    pub(in crate::balance) fn with_rows() -> io::Result<Self> {
        Ok(Self {
            rows: Some(Rows::create()?),
            ..Self::new()
        })
    }

    pub(in crate::balance) fn memory(&self) -> Option<&SharedMemory> {
        self.rows.as_ref().map(Rows::memory)
    }

    pub(in crate::balance) fn row(&self, seat: usize) -> Option<&'static Row> {
        self.rows.as_ref()?.row(seat)
    }

    pub(in crate::balance) fn ledger(&self, seat: usize) -> Option<&'static Ledger> {
        self.rows.as_ref()?.ledger(seat)
    }

    pub(in crate::balance) fn provide_ledger(&self, seat: usize) -> io::Result<()> {
        let rows = self.rows.as_ref();
        rows.map_or(Ok(()), |rows| rows.provide_ledger(seat))
    }

    /// Whether workers say for how long their event loops have been at one thing.
    pub fn sees_loops(&self) -> bool {
        self.rows.is_some()
    }

    pub fn count(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// What was counted and did not come to be.
    pub(in crate::balance) fn subtract(&self, what: Count, count: u64) {
        self.counts[what as usize].fetch_sub(count, Ordering::Relaxed);
    }

    pub(in crate::balance) fn add(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    pub(in crate::balance) fn set_held(&self, count: usize) {
        self.held.store(count as u64, Ordering::Relaxed);
    }

    /// Takes note of what a worker has reported.
    pub fn report(&self, seat: usize, report: &Report) {
        let figures = [
            report.lag_ms,
            report.cpu_percent,
            report.heap_used,
            report.heap_total,
        ];
        if let Some(seat) = self.seats.get(seat) {
            for (cell, figure) in seat.reported.iter().zip(figures) {
                cell.store(figure.to_bits(), Ordering::Relaxed);
            }
        }
    }

    pub(in crate::balance) fn set_serves(&self, seat: usize, serves: bool) {
        self.seats[seat].serves.store(serves, Ordering::Release);
    }

    /// Whether connections go there.
    pub fn serves(&self, seat: usize) -> bool {
        let seat = self.seats.get(seat);
        seat.is_some_and(|seat| seat.serves.load(Ordering::Acquire))
    }

    /// Another process sits there now.
    pub(in crate::balance) fn reset(&self, seat: usize) {
        if let Some(row) = self.row(seat) {
            row.reset();
        }
        self.seats[seat].given.store(0, Ordering::Relaxed);
        self.report(seat, &Report::default());
    }

    pub(in crate::balance) fn gave(&self, seat: usize) {
        self.seats[seat].given.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::balance) fn took_back(&self, seat: usize) {
        self.took_all_back(seat, 1);
    }

    pub(in crate::balance) fn took_all_back(&self, seat: usize, count: u64) {
        self.seats[seat].given.fetch_sub(count, Ordering::Relaxed);
    }

    /// So many permits of a worker have come to nothing.
    #[inline(never)]
    pub(in crate::balance) fn not_taken(&self, seat: usize, count: u64) {
        let count = count.min(self.given(seat));
        self.took_all_back(seat, count);
        self.subtract(Count::Accepted, count.min(self.count(Count::Accepted)));
    }

    /// How many connections the worker may accept. One that says more than it can have is not believed.
    pub(in crate::balance) fn permits(&self, seat: usize) -> u64 {
        let row = self.row(seat);
        row.map_or(0, |row| row.leave().left().min(self.given(seat)))
    }

    /// How many connections the worker says that it has taken.
    pub(in crate::balance) fn taken(&self, seat: usize) -> u64 {
        self.row(seat).map_or(0, |row| row.taken.get())
    }

    fn given(&self, seat: usize) -> u64 {
        let seat = self.seats.get(seat);
        seat.map_or(0, |seat| seat.given.load(Ordering::Relaxed))
    }

    /// Connections that the worker was given and has not taken.
    pub fn waiting(&self, seat: usize) -> u64 {
        let row = self.row(seat);
        row.map_or(0, |row| self.given(seat).saturating_sub(row.taken.get()))
    }

    /// Connections that are the worker's, taken or not.
    pub fn connections(&self, seat: usize) -> u64 {
        let left = self.row(seat).map_or(0, |row| Row::count(&row.left));
        self.given(seat).saturating_sub(left)
    }

    /// Requests under way. Where they are not seen, each connection is taken for one.
    pub fn in_flight(&self, seat: usize) -> u64 {
        self.row(seat)
            .map_or_else(|| self.given(seat), |row| Row::count(&row.in_flight))
    }

    /// For how long the worker's event loop has been at one thing; without a row, how late it last was.
    pub fn lag_ms(&self, seat: usize) -> f64 {
        let Some(row) = self.row(seat) else {
            return self.reported(seat)[0];
        };
        let since = row.awake_since.get_f64();
        // A number that no clock has told says nothing.
        if since > 0.0 {
            (monotonic_ms() - since).max(0.0)
        } else {
            0.0
        }
    }

    fn reported(&self, seat: usize) -> [f64; 4] {
        let number = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
        let seat = self.seats.get(seat);
        seat.map_or([0.0; 4], |seat| seat.reported.each_ref().map(number))
    }

    /// What a strategy goes by.
    pub(in crate::balance) fn figures(&self, seat: usize) -> Figures {
        let [_, cpu_percent, heap_used, heap_total] = self.reported(seat);
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

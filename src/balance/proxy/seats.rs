//! The workers that connections may go to, as the proxy's thread and the rest of the process both see them.
//!
//! The thread alone decides and counts; others read its counts, and write what they have heard of a worker. Each
//! figure stands for itself, so none needs an order with another.

use crate::balance::score::Figures;
use crate::sys::socket::Address;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Seats are numbered from zero to below this.
pub const SEATS: usize = 1024;

/// What is known of the worker in each seat, readable from every thread.
#[derive(Debug)]
pub struct Board {
    seats: Box<[Row]>,
    counts: [AtomicU64; COUNTS],
}

#[derive(Debug, Default)]
struct Row {
    connections: AtomicU32,
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
}

const COUNTS: usize = 3;

/// What a worker has reported of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    pub lag_ms: f64,
    pub cpu_percent: f64,
    pub heap_used: f64,
    pub heap_total: f64,
}

impl Board {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            seats: (0..SEATS).map(|_| Row::default()).collect(),
            counts: Default::default(),
        })
    }

    /// Connections that now go to a worker.
    pub fn connections(&self, seat: usize) -> u32 {
        self.seats
            .get(seat)
            .map_or(0, |row| row.connections.load(Ordering::Relaxed))
    }

    pub fn count(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// Takes note of what a worker has reported.
    pub fn report(&self, seat: usize, report: &Report) {
        let figures = [
            report.lag_ms,
            report.cpu_percent,
            report.heap_used,
            report.heap_total,
        ];
        if let Some(row) = self.seats.get(seat) {
            for (cell, figure) in row.reported.iter().zip(figures) {
                cell.store(figure.to_bits(), Ordering::Relaxed);
            }
        }
    }

    pub(super) fn add(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn joined(&self, seat: usize) {
        self.seats[seat].connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self, seat: usize) {
        self.seats[seat].connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// What a strategy goes by. Requests are not seen in here, so each connection is taken for one.
    pub(super) fn figures(&self, seat: usize) -> Figures {
        let row = &self.seats[seat];
        let connections = f64::from(row.connections.load(Ordering::Relaxed));
        let [lag_ms, cpu_percent, heap_used, heap_total] = row
            .reported
            .each_ref()
            .map(|cell| f64::from_bits(cell.load(Ordering::Relaxed)));
        Figures {
            connections,
            in_flight: connections,
            lag_ms,
            cpu_percent,
            heap_used,
            heap_total,
        }
    }
}

/// Who sits where, for the proxy's thread alone.
#[derive(Debug, Default)]
pub(super) struct Seats {
    addresses: Vec<Option<Address>>,
    /// Those that get connections, in the order in which they got ready.
    ready: Vec<usize>,
}

impl Seats {
    pub(super) fn settle(&mut self, seat: usize, address: Address) {
        if self.addresses.len() <= seat {
            self.addresses.resize(seat + 1, None);
        }
        self.addresses[seat] = Some(address);
        if !self.ready.contains(&seat) {
            self.ready.push(seat);
        }
    }

    /// No connection goes there any more.
    pub(super) fn withdraw(&mut self, seat: usize) {
        self.ready.retain(|ready| *ready != seat);
    }

    pub(super) fn ready(&self) -> &[usize] {
        &self.ready
    }

    pub(super) fn address(&self, seat: usize) -> Option<&Address> {
        self.addresses.get(seat)?.as_ref()
    }
}

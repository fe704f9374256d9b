//! The hand-off: connections themselves go to the workers, which then speak to the clients with nobody between.
//!
//! Each connection is put into the queue of a worker; what a worker does not take in time is taken back and given to
//! another. A connection is in one place only: here while it waits for room, in a queue, or with a worker. If the primary
//! dies, the connections that workers have taken stay theirs; the others are closed by the kernel. If a worker dies, what
//! it had not taken goes to another, and so does what it had taken, where that is held and nothing of it was read.

mod departures;
mod escrow;
mod idle;
mod permits;
mod queues;
mod scarcity;
mod sweep;
mod worker;

pub use crate::balance::sticky::Key;
pub use crate::shm::ledger::UNKNOWN;
pub use crate::shm::rows::SPOKEN_PLACES;
pub use idle::Idle;
pub use worker::{Asked, MARKS, SPOKEN_NUMBERS, Worker};

use crate::balance::front::{Carrier, Process, Tools, Wish};
use crate::sys::poll::Event;
use crate::sys::process::most_descriptors;
use crate::sys::socket::{Address, Socket};
use crate::sys::trace::{self, trace};
use escrow::Escrow;
use permits::Permits;
use queues::{Parcel, Queue, Queues};
use std::time::{Duration, Instant};

/// Above it, the token of what a seat says.
const SEAT: u64 = 1 << 60;
/// Above it, that of the end of the process of a seat.
const ENDING: u64 = 1 << 61;

/// How many connections come back before others get their turn.
const BATCH: usize = 16;
/// How soon a connection that finds no room is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// How often queues are looked at while something lies in them.
const LOOK: Duration = Duration::from_millis(5);
/// How often workers are compared while requests are answered.
const COMPARE: Duration = Duration::from_millis(5);

pub(super) struct Handoff {
    rebalance: bool,
    queues: Queues,
    permits: Permits,
    escrow: Escrow,
    /// Connections that have found no room.
    homeless: Vec<Parcel>,
    /// Seats that get no more, and have not taken all that they were given.
    leaving: Vec<usize>,
    looks_at: Option<Instant>,
    compares_at: Option<Instant>,
    /// Seats that are not listened to until then, because there is no descriptor for what comes from them.
    muted: Vec<usize>,
    hears_at: Option<Instant>,
    /// What dead workers have left, and there was no descriptor for.
    estates: Vec<Queue>,
    /// Whether there may be connections that nobody has looked at for probes, and when that was last done.
    is_fresh: bool,
    swept: Option<Instant>,
}

impl Carrier for Handoff {
    const THREAD: &'static str = "flotilla-handoff";
    const TRACED: trace::Thread = trace::Thread::Handoff;
    const IS_PATIENT: bool = true;
    const SHARES: bool = true;

    fn is_full(&self) -> bool {
        !self.homeless.is_empty()
    }

    fn held(&self) -> usize {
        self.homeless.len()
    }

    fn invite(&mut self, tools: &mut Tools) -> bool {
        self.permit_arrivals(tools)
    }

    fn closing(&mut self, tools: &mut Tools) {
        self.accept_arrivals(tools);
    }

    fn carry(&mut self, tools: &mut Tools, client: Socket, wish: Wish) {
        self.put(tools, Parcel::new(client, wish));
    }

    fn event(&mut self, tools: &mut Tools, event: Event) {
        match event.token {
            token if token >= ENDING => {
                let seat = (token - ENDING) as usize;
                // The event may be that of a process that sat here before.
                if self.queues.is_over(seat) == Some(true) {
                    self.gone(tools, seat);
                }
            }
            token => {
                // What is left is told of again.
                self.receive_back(tools, (token - SEAT) as usize);
            }
        }
    }

    fn next_deadline(&self, tools: &Tools) -> Option<Instant> {
        let is_stuck = self.is_full() && !tools.seats.ready().is_empty();
        if is_stuck || !self.leaving.is_empty() {
            return Some(Instant::now() + RETRY);
        }
        let times = [self.looks_at, self.compares_at, self.hears_at];
        times.into_iter().flatten().min()
    }

    fn turn(&mut self, tools: &mut Tools) {
        for parcel in std::mem::take(&mut self.homeless) {
            self.put(tools, parcel);
        }
        if self.next_deadline(tools).is_some() {
            self.expire(tools, Instant::now());
        }
        self.let_go(tools);
    }

    fn seated(&mut self, tools: &mut Tools, seat: usize, process: Process) {
        self.clear(tools, seat);
        tools.board.reset(seat);
        // Without a queue or a ledger the worker is not let in, and says so.
        let provided = tools.board.provide_ledger(seat);
        if let (Ok(()), Ok((giver, ending))) = (provided, self.queues.seat(seat, process.pid)) {
            let _ = tools.poll.add_source(giver, SEAT + seat as u64);
            if let Some(ending) = ending {
                let _ = tools.poll.add_source(ending, ENDING + seat as u64);
            }
            if let Some(rendezvous) = process.rendezvous {
                self.queues.admit(rendezvous, seat, tools);
            }
        }
    }

    fn ready(&mut self, tools: &mut Tools, seat: usize, _address: Option<Address>) {
        if self.queues.has(seat) {
            tools.seats.add(seat);
        }
        self.leaving.retain(|leaving| *leaving != seat);
        tools.board.set_serves(seat, true);
    }

    fn withdraw(&mut self, tools: &mut Tools, seat: usize) {
        self.take_leave(tools, seat);
    }

    fn gone(&mut self, tools: &mut Tools, seat: usize) {
        self.bury(tools, seat);
    }
}

impl Handoff {
    pub(super) fn new(rebalance: bool) -> Self {
        Self {
            rebalance,
            queues: Queues::default(),
            permits: Permits::default(),
            escrow: Escrow::new(most_descriptors() / 2),
            homeless: Vec::new(),
            leaving: Vec::new(),
            looks_at: None,
            compares_at: None,
            muted: Vec::new(),
            hears_at: None,
            estates: Vec::new(),
            is_fresh: false,
            swept: None,
        }
    }

    #[inline(never)]
    fn put(&mut self, tools: &mut Tools, parcel: Parcel) {
        self.is_fresh |= !parcel.is_seen;
        let left = self.queues.put(parcel, tools);
        let is_put = left.is_none();
        if !is_put {
            trace(
                trace::Thread::Handoff,
                "finds no worker with room; others that wait:",
                self.homeless.len(),
            );
        }
        self.homeless.extend(left);
        if is_put || !tools.probes.is_empty() {
            self.look_soon();
        }
        if is_put {
            self.compare_soon();
        }
    }

    fn look_soon(&mut self) {
        self.looks_at.get_or_insert_with(|| Instant::now() + 2 * LOOK);
    }

    fn compare_soon(&mut self) {
        if self.rebalance {
            self.compares_at.get_or_insert_with(|| Instant::now() + COMPARE);
        }
    }

    fn expire(&mut self, tools: &mut Tools, now: Instant) {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.hears_at) {
            self.listen_again(tools);
        }
        if is_due(self.looks_at) {
            self.look_at_queues(tools, now);
        }
        if is_due(self.compares_at) {
            self.compare(tools, now);
        }
    }
}

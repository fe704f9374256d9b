//! Permits: leave for a worker to accept a connection itself.
//!
//! The front says how many connections a worker may accept, in the worker's row, and the worker accepts them at the public
//! address: a connection that nobody has to look at first does not travel. Who waits there waits for nobody in particular, so a
//! permit that is not used is taken back, and given to another, and with a worker that dies none is lost.
//!
//! There are never more permits than connections that wait. A worker takes its permit before it accepts: so the front may
//! give one too many in that moment, and the worker that finds nobody says that it has missed.

use super::queues::{Parcel, Queues};
use super::{Handoff, LOOK};
use crate::balance::front::{Board, Count, Tools, Wish, now_us};
use crate::sys::socket::Socket;
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Permits {
    /// Of each seat.
    progress: Vec<Progress>,
}

/// What a worker has made of its permits.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// How many connections it had taken when that was last looked at.
    taken: u64,
    /// Since when it has taken none, and has had permits.
    since_us: u64,
}

impl Permits {
    /// The worker of that seat has got a permit.
    fn gave(&mut self, seat: usize, board: &Board) {
        if board.permits(seat) <= 1 {
            self.follow(seat, board);
        }
    }

    /// Since when the worker of that seat has had permits and used none.
    fn unused_since(&mut self, seat: usize, board: &Board) -> Option<u64> {
        if board.permits(seat) == 0 {
            return None;
        }
        let taken = board.taken(seat);
        match self.progress.get(seat) {
            Some(progress) if progress.taken == taken => Some(progress.since_us),
            _ => {
                self.follow(seat, board);
                None
            }
        }
    }

    fn follow(&mut self, seat: usize, board: &Board) {
        if self.progress.len() <= seat {
            self.progress.resize(seat + 1, Progress::default());
        }
        self.progress[seat] = Progress {
            taken: board.taken(seat),
            since_us: now_us(),
        };
    }

    /// What a worker was given, and found nobody for, was not given.
    #[inline(never)]
    pub(super) fn settle(&self, seat: usize, board: &Board) {
        if let Some(row) = board.row(seat) {
            board.not_taken(seat, row.take_missed());
        }
    }

    /// Takes the permits of a seat back. Gives how many there were.
    #[inline(never)]
    pub(super) fn revoke(&self, tools: &mut Tools, seat: usize) -> u64 {
        let Some(row) = tools.board.row(seat) else {
            return 0;
        };
        let revoked = row.leave().revoke();
        tools.board.not_taken(seat, revoked);
        tools.has_arrivals |= revoked > 0;
        revoked
    }
}

impl Handoff {
    /// Lets workers accept those who wait at the public address, if it is shared with them, and there is one that has time.
    pub(super) fn permit_arrivals(&mut self, tools: &mut Tools) -> bool {
        let Some(waiting) = tools.listener.shared().and_then(Socket::waiting) else {
            return false;
        };
        if waiting == 0 {
            return true;
        }
        for seat in tools.seats.ready() {
            self.permits.settle(*seat, &tools.board);
        }
        let permitted = tools.seats.ready().iter().map(|seat| tools.board.permits(*seat));
        for _ in permitted.sum::<u64>()..waiting as u64 {
            let Some(seat) = self.queues.permit(tools) else {
                return false;
            };
            tools.board.add(Count::Accepted);
            self.permits.gave(seat, &tools.board);
        }
        self.look_soon();
        self.compare_soon();
        true
    }

    /// Accepts those whom a worker lets wait, if another has time for them, or they may ask for a probe; and looks for who has been
    /// forgotten.
    #[inline(never)]
    pub(super) fn look_at_permits(&mut self, tools: &mut Tools, before: u64) {
        let mut are_left = false;
        for seat in tools.seats.ready().to_vec() {
            self.permits.settle(seat, &tools.board);
            let Some(since) = self.permits.unused_since(seat, &tools.board) else {
                are_left |= tools.board.permits(seat) > 0;
                continue;
            };
            let is_free = Queues::another_has_time(seat, tools) || !tools.probes.is_empty();
            if since > before || !is_free {
                are_left = true;
                continue;
            }
            for _ in 0..self.permits.revoke(tools, seat) {
                let Ok(client) = tools.listener.accept() else {
                    break;
                };
                tools.board.add(Count::Accepted);
                tools.board.add(Count::TakenBack);
                let parcel = Parcel::late(client, seat);
                self.probe(tools, parcel);
            }
        }
        let waiting = tools.listener.shared().and_then(Socket::waiting);
        if are_left || waiting.is_some_and(|waiting| waiting > 0) {
            tools.has_arrivals = true;
            self.looks_at = Some(Instant::now() + LOOK);
        }
    }

    /// Accepts all who wait at the public address, which is about to be closed.
    #[cold]
    pub(super) fn accept_arrivals(&mut self, tools: &mut Tools) {
        let waiting = tools.listener.shared().and_then(Socket::waiting);
        for seat in tools.seats.ready().to_vec() {
            self.permits.settle(seat, &tools.board);
            self.permits.revoke(tools, seat);
        }
        for _ in 0..waiting.unwrap_or(0) {
            let Ok(client) = tools.listener.accept() else {
                return;
            };
            tools.board.add(Count::Accepted);
            self.put(tools, Parcel::new(client, Wish::Any));
        }
    }
}

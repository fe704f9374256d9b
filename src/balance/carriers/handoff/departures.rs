//! What becomes of the connections of a worker that gives them back, leaves or dies.

use super::escrow::Said;
use super::idle::Idle;
use super::queues::{Parcel, wish_of};
use super::{BATCH, Handoff};
use crate::balance::front::{Count, Tools};
use crate::sys::handover::Note;
use crate::sys::socket::Socket;
use crate::sys::trace::{Thread, trace};
use std::io::ErrorKind;

impl Handoff {
    /// No connection goes to that seat any more; what its worker has not taken goes to others.
    pub(super) fn take_leave(&mut self, tools: &mut Tools, seat: usize) {
        tools.seats.remove(seat);
        self.permits.settle(seat, &tools.board);
        if tools.seats.ready().is_empty() {
            // Nobody else is there: it may still take what it was given.
            self.leaving.push(seat);
        } else {
            self.permits.revoke(tools, seat);
            self.take_all_back(tools, seat);
            tools.board.set_serves(seat, false);
        }
    }

    fn take_all_back(&mut self, tools: &mut Tools, seat: usize) {
        for parcel in self.queues.take_back(seat, u64::MAX, true, &tools.board) {
            tools.board.add(Count::TakenBack);
            self.put(tools, parcel);
        }
    }

    /// Seats that nothing is left to be taken from.
    pub(super) fn let_go(&mut self, tools: &Tools) {
        let board = &tools.board;
        self.leaving.retain(|seat| {
            self.permits.settle(*seat, board);
            let waits = board.serves(*seat) && board.waiting(*seat) > 0;
            if !waits {
                board.set_serves(*seat, false);
            }
            waits
        });
    }

    /// Hears what a worker says. Says whether there may be more.
    pub(super) fn receive_back(&mut self, tools: &mut Tools, seat: usize) -> bool {
        for _ in 0..BATCH {
            let Some(giver) = self.queues.giver(seat) else {
                return false;
            };
            match giver.hear() {
                Ok((note, client)) => self.hear(tools, seat, note, client.filter(Socket::is_sound)),
                Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                    if !self.hear_without(tools, seat) {
                        self.mute(tools, seat);
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    pub(super) fn hear(&mut self, tools: &mut Tools, seat: usize, note: Note, client: Option<Socket>) {
        match (Said::new(note[0]), client) {
            (Said::Back(place), client) => {
                let held = place.and_then(|place| self.escrow.let_go(seat, place));
                if let Some(client) = client.or(held.map(|(client, _)| client)) {
                    trace(Thread::Handoff, "gets a connection back from seat", seat);
                    let from = Some(seat);
                    self.put(
                        tools,
                        Parcel {
                            from,
                            ..Parcel::given_back(note, client)
                        },
                    );
                }
            }
            (Said::Hold(place), Some(client)) => self.escrow.hold(seat, place, (client, wish_of(note))),
            (Said::LetGo(place), _) => drop(self.escrow.let_go(seat, place)),
            _ => {}
        }
        tools.board.set_held(self.escrow.count());
    }

    /// The process that sat there has ended: what it had not taken, and what nothing is read of, goes to others.
    pub(super) fn bury(&mut self, tools: &mut Tools, seat: usize) {
        let is_over = self.queues.is_over(seat);
        tools.seats.remove(seat);
        // What it said with its last breath is still there.
        while self.receive_back(tools, seat) {}
        self.permits.settle(seat, &tools.board);
        self.permits.revoke(tools, seat);
        self.take_all_back(tools, seat);
        tools.board.set_serves(seat, false);
        self.clear(tools, seat);
        tools.board.reset(seat);
        let left = self.escrow.settle(seat, tools.board.ledger(seat));
        tools.board.set_held(self.escrow.count());
        // Of a process that lives, whoever says that it is gone, they are its own; and where nobody serves any more,
        // nobody is waited for.
        let is_ending = tools.is_closed && tools.seats.ready().is_empty();
        if is_over == Some(false) || is_ending {
            return;
        }
        for (client, wanted) in left {
            trace(Thread::Handoff, "adopts a connection of seat", seat);
            tools.board.add(Count::Adopted);
            let idle = Idle::UNKNOWN;
            self.put(
                tools,
                Parcel {
                    idle,
                    ..Parcel::new(client, wanted)
                },
            );
        }
    }
}

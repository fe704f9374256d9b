//! What becomes of the connections of a worker that gives them back, leaves or dies.

use super::escrow::Said;
use super::queues::Parcel;
use super::{BATCH, Handoff, SEAT};
use crate::balance::front::{Count, Tools};
use crate::sys::socket::Socket;
use std::io::ErrorKind;

impl Handoff {
    /// No connection goes to that seat any more; what its worker has not taken goes to others.
    pub(super) fn take_leave(&mut self, tools: &mut Tools, seat: usize) {
        tools.seats.remove(seat);
        if tools.seats.ready().is_empty() {
            // Nobody else is there: it may still take what it was given.
            self.leaving.push(seat);
        } else {
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
                Ok((word, client)) => {
                    self.hear(tools, seat, Said::new(word), client.filter(Socket::is_sound));
                }
                Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                    if !self.hear_without(tools, seat) {
                        self.mute(tools, SEAT + seat as u64);
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    pub(super) fn hear(&mut self, tools: &mut Tools, seat: usize, said: Said, client: Option<Socket>) {
        match (said, client) {
            (Said::Back(place), client) => {
                let held = place.and_then(|place| self.escrow.let_go(seat, place));
                if let Some(client) = client.or(held) {
                    let parcel = Parcel {
                        from: Some(seat),
                        ..Parcel::new(client)
                    };
                    self.put(tools, parcel);
                }
            }
            (Said::Hold(place), Some(client)) => self.escrow.hold(seat, place, client),
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
        for client in left {
            tools.board.add(Count::Adopted);
            self.put(tools, Parcel::new(client));
        }
    }
}

//! What becomes of the connections of a worker that gives them back, leaves or dies.

use super::super::board::Happened;
use super::super::escrow::Said;
use super::super::places::Parcel;
use super::{BATCH, Engine, SEAT};
use crate::sys::socket::Socket;
use std::io::ErrorKind;

impl Engine {
    pub(super) fn withdraw(&mut self, seat: usize) {
        self.places.withdraw(seat);
        if self.places.has_ready() {
            self.take_all_back(seat);
            self.board().set_serves(seat, false);
        } else {
            // Nobody else is there: it may still take what it was given.
            self.leaving.push(seat);
        }
    }

    fn take_all_back(&mut self, seat: usize) {
        for parcel in self.places.take_back(seat, u64::MAX, true, &self.shared.board) {
            self.board().note(Happened::TakenBack);
            self.put(parcel);
        }
    }

    /// Seats that nothing is left to be taken from.
    pub(super) fn let_go(&mut self) {
        let board = &self.shared.board;
        self.leaving.retain(|seat| {
            let waits = board.serves(*seat) && board.waiting(*seat) > 0;
            if !waits {
                board.set_serves(*seat, false);
            }
            waits
        });
    }

    /// Hears what a worker says. Says whether there may be more.
    pub(super) fn receive_back(&mut self, seat: usize) -> bool {
        for _ in 0..BATCH {
            let Some(giver) = self.places.giver(seat) else {
                return false;
            };
            match giver.hear() {
                Ok((word, client)) => self.hear(seat, Said::new(word), client.filter(Socket::is_sound)),
                Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                    if !self.hear_without(seat) {
                        self.mute(SEAT + seat as u64);
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    pub(super) fn hear(&mut self, seat: usize, said: Said, client: Option<Socket>) {
        match (said, client) {
            (Said::Back(place), client) => {
                let held = place.and_then(|place| self.escrow.let_go(seat, place));
                if let Some(client) = client.or(held) {
                    self.put(Parcel {
                        from: Some(seat),
                        ..Parcel::new(client)
                    });
                }
            }
            (Said::Hold(place), Some(client)) => self.escrow.hold(seat, place, client),
            (Said::LetGo(place), _) => drop(self.escrow.let_go(seat, place)),
            _ => {}
        }
        self.board().set_held(self.escrow.count());
    }

    /// The process that sat there has ended: what it had not taken, and what nothing is read of, goes to others.
    pub(super) fn bury(&mut self, seat: usize) {
        let is_over = self.places.is_over(seat);
        self.places.withdraw(seat);
        // What it said with its last breath is still there.
        while self.receive_back(seat) {}
        self.take_all_back(seat);
        self.board().set_serves(seat, false);
        self.clear(seat);
        self.board().reset(seat);
        let left = self.escrow.settle(seat, self.shared.board.ledger(seat));
        self.board().set_held(self.escrow.count());
        // Of a process that lives, whoever says that it is gone, they are its own; and where nobody serves any more,
        // nobody is waited for.
        let is_ending = self.listener.is_none() && !self.places.has_ready();
        if is_over == Some(false) || is_ending {
            return;
        }
        for client in left {
            self.board().note(Happened::Adopted);
            self.put(Parcel::new(client));
        }
    }
}

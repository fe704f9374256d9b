//! The connections of workers that the primary holds as well, so that they outlive their worker.
//!
//! A worker sends a duplicate of a connection that has lasted a while, and says in its ledger how much it had read
//! whenever the connection falls between two messages. When the worker is dead, the kernel tells how much was read of
//! each: where that is what the ledger says, nothing of it was in the dead process, and the connection can go on
//! with another worker. All others end as the kernel would have ended them. If the primary dies, its duplicates
//! are closed, and the connections stay their workers'.

use crate::balance::front::Wish;
use crate::shm::ledger::{Ledger, PLACES};
use crate::sys::socket::Socket;
use std::collections::HashMap;

/// What a worker says to the primary, in the note of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Another worker is to get this connection, which may be one that is held.
    Back(Option<usize>),
    /// This connection is to be held at that place.
    Hold(usize),
    /// What is held at that place has ended.
    LetGo(usize),
    Nonsense,
}

impl Said {
    pub(super) fn new(word: u64) -> Self {
        let place = (word >> 2) as usize;
        match word & 3 {
            0 => Self::Back(place.checked_sub(1)),
            1 if place < PLACES => Self::Hold(place),
            2 => Self::LetGo(place),
            _ => Self::Nonsense,
        }
    }

    pub(super) fn word(self) -> u64 {
        match self {
            Self::Back(place) => (place.map_or(0, |place| place + 1) as u64) << 2,
            Self::Hold(place) => (place as u64) << 2 | 1,
            Self::LetGo(place) => (place as u64) << 2 | 2,
            Self::Nonsense => 3,
        }
    }
}

/// A connection, and whose it is, as far as that matters.
type Kept = (Socket, Wish);

/// What is held of each seat, by its place.
#[derive(Debug)]
pub(super) struct Escrow {
    seats: HashMap<usize, HashMap<usize, Kept>>,
    count: usize,
    /// So many descriptors, at most, are taken from what else the process needs them for.
    most: usize,
}

impl Escrow {
    pub(super) fn new(most: usize) -> Self {
        Self {
            seats: HashMap::new(),
            count: 0,
            most,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn hold(&mut self, seat: usize, place: usize, connection: Kept) {
        drop(self.let_go(seat, place));
        // One too many ends with its worker, as if it had not been sent.
        if self.count < self.most {
            self.seats.entry(seat).or_default().insert(place, connection);
            self.count += 1;
        }
    }

    pub(super) fn has(&self, seat: usize, place: usize) -> bool {
        self.seats
            .get(&seat)
            .is_some_and(|held| held.contains_key(&place))
    }

    pub(super) fn let_go(&mut self, seat: usize, place: usize) -> Option<Kept> {
        let connection = self.seats.get_mut(&seat)?.remove(&place);
        self.count -= usize::from(connection.is_some());
        connection
    }

    /// The worker is dead: gives those of its connections that can go on, and ends the others.
    pub(super) fn settle(&mut self, seat: usize, ledger: Option<&Ledger>) -> Vec<Kept> {
        let held = self.seats.remove(&seat).unwrap_or_default();
        self.count -= held.len();
        let is_between = |(place, (connection, _)): &(usize, Kept)| {
            let mark = ledger.and_then(|ledger| ledger.mark(*place));
            mark.is_some() && mark == connection.consumed()
        };
        let going_on = held.into_iter().filter(is_between);
        going_on.map(|(_, kept)| kept).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        for said in [
            Said::Back(None),
            Said::Back(Some(0)),
            Said::Back(Some(9)),
            Said::Hold(0),
            Said::Hold(PLACES - 1),
            Said::LetGo(5),
        ] {
            assert_eq!(Said::new(said.word()), said);
        }
        assert_eq!(Said::new(Said::Hold(PLACES).word()), Said::Nonsense);
        assert_eq!(Said::new(u64::MAX), Said::Nonsense);
    }
}

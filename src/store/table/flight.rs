//! The block of a flight: its states, its leader, and finding it beside the entry of its key.

use crate::shm::layout::{Flight as FlightBlock, NIL};
use crate::store::ground::registration::Registration;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;
use crate::store::table::chain::{Chain, First};
use crate::store::table::entry::{Found, Sought};

pub(in crate::store) const RUNNING: u32 = 1;
pub(in crate::store) const DONE: u32 = 2;
pub(in crate::store) const FAILED: u32 = 3;
/// The key was changed: what the leader brings is for those who follow, and is not stored.
pub(in crate::store) const VOID: u32 = 4;

/// Whether its leader has yet to say how it ends.
pub(in crate::store) fn is_led(flight: &FlightBlock) -> bool {
    matches!(flight.state.get(), RUNNING | VOID)
}

/// The chain of a flight and its key.
pub(in crate::store) fn chain_of(found: &Found, flight: &FlightBlock) -> Chain {
    Chain {
        kind: First::Flight,
        len: found.entry.key_len(),
        first: found.id,
        last: flight.last.get(),
    }
}

/// The chain of what the leader left, if it did.
pub(in crate::store) fn outcome_of(flight: &FlightBlock) -> Option<Chain> {
    let first = flight.outcome_first.get();
    (first != NIL).then(|| Chain {
        kind: First::Plain,
        len: (flight.outcome.get() >> 8) as usize,
        first,
        last: flight.outcome_last.get(),
    })
}

pub(in crate::store) fn leader_of(flight: &FlightBlock) -> Registration {
    Registration {
        slot: flight.owner.get(),
        generation: flight.owner_generation.get(),
    }
}

impl Table<'_> {
    pub(in crate::store) fn flight_block(&self, id: u32) -> Step<&'static FlightBlock> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    /// The first flight of a key that is as wanted.
    pub(in crate::store) fn flight_where(
        &self,
        sought: &Sought,
        mut wanted: impl FnMut(&'static FlightBlock) -> bool,
    ) -> Step<Option<Found>> {
        let sought = sought.flight();
        let mut next = self.find(&sought)?;
        for _ in 0..=self.ns.flight_count.get() {
            let Some(found) = next else { return Ok(None) };
            if wanted(self.flight_block(found.id)?) {
                return Ok(Some(found));
            }
            next = self.find_from(&found.entry.chain, &sought)?;
        }
        // More flights of one key than there are flights: the chain runs in a circle.
        Err(Stop::Damaged)
    }
}

//! The block of a flight: its states, its leader, and finding it beside the entry of its key.

use crate::shm::layout::{Lease as LeaseBlock, NIL};
use crate::store::ground::held::Held;
use crate::store::ground::registration::Registration;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::chain::{Chain, First};
use crate::store::table::entry::{Found, Sought};

pub(in crate::store) const RUNNING: u32 = 1;
pub(in crate::store) const DONE: u32 = 2;
pub(in crate::store) const FAILED: u32 = 3;
/// The key was changed: what the leader brings is for those who follow, and is not stored.
pub(in crate::store) const VOID: u32 = 4;

/// Whether its leader has yet to say how it ends.
pub(in crate::store) fn is_led(lease: &LeaseBlock) -> bool {
    matches!(lease.state.get(), RUNNING | VOID)
}

/// The chain of a lease and its key.
pub(in crate::store) fn chain_of(found: &Found, lease: &LeaseBlock) -> Chain {
    Chain {
        kind: First::Lease,
        len: found.entry.key_len(),
        first: found.id,
        last: lease.last.get(),
    }
}

/// The chain of what the leader left, if it did.
pub(in crate::store) fn outcome_of(lease: &LeaseBlock) -> Option<Chain> {
    let first = lease.outcome_first.get();
    (first != NIL).then(|| Chain {
        kind: First::Plain,
        len: (lease.outcome.get() >> 8) as usize,
        first,
        last: lease.outcome_last.get(),
    })
}

pub(in crate::store) fn leader_of(lease: &LeaseBlock) -> Registration {
    Registration {
        slot: lease.owner.get(),
        generation: lease.owner_generation.get(),
    }
}

impl Held<'_> {
    pub(in crate::store) fn lease_block(&self, id: u32) -> Step<&'static LeaseBlock> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    /// The first lease of a key that is as wanted.
    pub(in crate::store) fn lease_where(
        &self,
        sought: &Sought,
        mut wanted: impl FnMut(&'static LeaseBlock) -> bool,
    ) -> Step<Option<Found>> {
        let sought = sought.lease();
        let mut next = self.find(&sought)?;
        for _ in 0..=self.ns.lease_count.get() {
            let Some(found) = next else { return Ok(None) };
            if wanted(self.lease_block(found.id)?) {
                return Ok(Some(found));
            }
            next = self.find_from(&found.entry.chain, &sought)?;
        }
        // More leases of one key than there are leases: the chain runs in a circle.
        Err(Stop::Damaged)
    }
}

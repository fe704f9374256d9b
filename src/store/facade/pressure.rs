//! Finding memory for a namespace that has none left to give: from the largest of the others.
//!
//! No two namespaces are ever locked at once; the asker lets go of its own before it comes here, and tries again after.

use crate::error::{Code, Error, Result};
use crate::store::facade::Whole;
use crate::store::ground::base::Ground;
use crate::store::ground::directory::LOST;
use crate::store::ground::stop::{Step, Stop};
use std::time::Duration;

impl Ground {
    /// Sees to it that the pool has `want` blocks at hand, if that can be had from namespaces other than `asking`.
    pub(in crate::store) fn make_room(&self, want: u32, asking: u32) -> Result<()> {
        let mut emptied = Vec::new();
        while self.at_hand() < want {
            let largest = self
                .used_slots()
                .filter(|(slot, record)| {
                    *slot != asking
                        && record.state.get() != LOST
                        && record.owned.get() > 0
                        && !emptied.contains(slot)
                })
                .max_by_key(|(_, record)| record.owned.get());
            let Some((slot, _)) = largest else {
                return Err(full(want));
            };
            // One that is in use just now may be so for long: others have blocks, too.
            let Ok(mut held) = self.hold::<Whole>(slot, Duration::ZERO) else {
                emptied.push(slot);
                continue;
            };
            let missing = want.saturating_sub(self.at_hand());
            match held.yield_blocks(missing) {
                Ok(true) => {}
                Ok(false) => emptied.push(slot),
                Err(Stop::Damaged) => held.condemn()?,
                Err(_) => emptied.push(slot),
            }
        }
        Ok(())
    }

    /// Blocks in the pool that are paid for.
    fn at_hand(&self) -> u32 {
        let pool = self.segment().pool();
        let paid = pool.committed.get().saturating_sub(pool.fresh.get());
        let free = pool.free_count.get().saturating_add(pool.run_blocks.get());
        free.saturating_add(paid)
    }
}

impl Whole<'_> {
    /// Lets the least recent entries go until `want` blocks can be given to the pool. False when nothing was left.
    fn yield_blocks(&mut self, want: u32) -> Step<bool> {
        let front = self.catch_up()?;
        let gone = |held: &Self| {
            held.ns
                .stash_count
                .get()
                .saturating_add(held.ns.spent_blocks.get())
        };
        while gone(self) < want && self.lose_something()? {}
        self.show_front(front);
        let gave = gone(self) > 0;
        self.return_runs()?;
        self.give_surplus(0)?;
        Ok(gave)
    }
}

fn full(want: u32) -> Error {
    Error::new(
        Code::OutOfMemory,
        format!(
            "the cache is full, {want} more blocks of 128 bytes are needed and nothing is left to evict; raise `memory`"
        ),
    )
}

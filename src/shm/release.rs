//! Giving memory back to the system that lies free behind the last block in use.
//!
//! Invariant: blocks from `committed` on are not paid for, and nobody touches them. `committed` falls before the pages
//! go: a process that dies in between leaves pages that the next to need them pays for once more.

use super::layout::COMMIT_BLOCKS;
use super::pool::{NOBODY, Shortage};
use super::runs::IN_RUN;
use super::segment::Segment;

/// What is not worth it: eight megabytes.
const LITTLE: u32 = 32 * COMMIT_BLOCKS;
/// Blocks of the plain list that become part of runs in one step.
const SORTED_AT_ONCE: u32 = 1024;
/// Blocks whose pages go in one step: two megabytes.
const RELEASED_AT_ONCE: u32 = 8 * COMMIT_BLOCKS;

impl Segment {
    /// In how many steps memory is given back, where most of a lot is free; none where it is not. Others go on meanwhile, so
    /// that there may be more to do then: that is for the next time.
    #[inline(never)]
    pub fn release_steps(&self) -> u32 {
        let pool = self.pool();
        let (fresh, committed) = (pool.fresh.get(), pool.committed.get());
        let listed = pool.free_count.get();
        let free = listed.saturating_add(pool.run_blocks.get());
        let unused = free.saturating_add(committed.saturating_sub(fresh));
        if unused < LITTLE || unused < committed / 2 {
            0
        } else {
            listed / SORTED_AT_ONCE + unused / RELEASED_AT_ONCE + 2
        }
    }

    /// Takes one step. False if there is nothing more to do.
    #[inline(never)]
    pub fn release_some(&self) -> Result<bool, Shortage> {
        let guard = self.lock_pool()?;
        let released = self.release_locked();
        if released.is_err() {
            self.drop_free_list();
        }
        let lock = &self.pool().lock;
        let claim = lock.claim();
        drop(guard);
        lock.give_way(claim);
        released
    }

    fn release_locked(&self) -> Result<bool, Shortage> {
        let pool = self.pool();
        if pool.free_count.get() > 0 {
            self.sort_free_blocks(SORTED_AT_ONCE)?;
            return Ok(true);
        }
        self.forget_last_run()?;
        Ok(self.release_pages())
    }

    /// The free run behind all blocks in use becomes memory that was never handed out.
    fn forget_last_run(&self) -> Result<(), Shortage> {
        let pool = self.pool();
        let fresh = pool.fresh.get();
        let last = fresh.saturating_sub(1);
        if self.owner(last).is_none_or(|owner| owner.get() != IN_RUN) {
            return Ok(());
        }
        let start = self.run(last)?.start.get();
        let mut change = pool.journal.begin(self.region());
        let len = self.unlist_run(&mut change, start)?;
        if start == 0 || start.checked_add(len) != Some(fresh) {
            return Err(Shortage::Damaged);
        }
        self.mark_owner(start, len, NOBODY)?;
        change.set32(&pool.fresh, start);
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)
    }

    /// False where nothing is left to give, or the system takes nothing.
    fn release_pages(&self) -> bool {
        let pool = self.pool();
        let (fresh, committed) = (pool.fresh.get(), pool.committed.get());
        // What is needed next stays.
        let keep = fresh
            .next_multiple_of(COMMIT_BLOCKS)
            .saturating_add(COMMIT_BLOCKS);
        let from = committed
            .saturating_sub(RELEASED_AT_ONCE)
            .next_multiple_of(COMMIT_BLOCKS)
            .max(keep);
        if from >= committed {
            return false;
        }
        pool.committed.put(from);
        let ranges = self.geometry().commit_ranges(from, committed);
        for (at, len) in ranges {
            if self.memory().release(at as usize, len as usize).is_err() {
                return false;
            }
            self.header().committed_bytes.add(len.wrapping_neg());
        }
        true
    }
}

//! The blocks that nobody owns, and how they come to a namespace and back.
//!
//! A namespace keeps a few free blocks of its own, its stash, so that most of its changes need no lock but its own.
//! The pool moves runs of blocks between its free list and stashes, each move one transaction of the pool's journal.
//!
//! Invariants: every block below `fresh` is in exactly one place: the free list, a free run (`runs.rs`), a stash, or a
//! structure of a namespace. A block outside of the free list has its owner's number beside it; one inside may have a stale number.
//! The caller of `take` and `give` holds the lock of the namespace whose stash it names; the pool's lock comes last.
//! A process that dies in here has either moved a run or not; whoever locks the pool next finishes the move.

use super::layout::{COMMIT_BLOCKS, NIL, Node, PoolHeader};
use super::lock::{self, Guard, Locked, Refused};
use super::runs::RunList;
use super::segment::{REPAIR_PATIENCE, Segment};
use super::word::Word32;
use crate::sys::spare;
use std::time::Duration;

/// The owner number of a block that the sweep of a condemned namespace found in the free list.
pub(super) const NOBODY: u16 = u16::MAX;

/// A namespace's own free blocks, and the runs on their way between it and the pool.
#[derive(Clone, Copy, Debug)]
pub struct Stash {
    pub head: &'static Word32,
    pub count: &'static Word32,
    pub owned: &'static Word32,
    pub owner: u16,
    pub drawn: RunList,
    pub last_drawn: &'static Word32,
    pub spent: RunList,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// So many blocks were to be had: fewer than asked for, and none was taken.
    Only(u32),
    /// A thread of this number holds the pool's lock and does not let it go.
    Busy(u32),
    /// The free list cannot be followed, or the lock cannot be had any more.
    Damaged,
}

impl From<Refused> for Shortage {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy(holder) => Self::Busy(holder),
            Refused::Unrecoverable => Self::Damaged,
        }
    }
}

impl Segment {
    pub(crate) fn lock_pool(&self) -> Result<Guard, Shortage> {
        self.lock_pool_within(self.patience())
    }

    fn lock_pool_within(&self, patience: Duration) -> Result<Guard, Shortage> {
        match lock::lock(&self.pool().lock, patience)? {
            Locked::Sound(guard) => Ok(guard),
            Locked::OwnerDied(dead) => {
                if self.pool().journal.replay(self.region()).is_err() {
                    self.drop_free_list();
                }
                Ok(dead.after_repair())
            }
        }
    }

    /// Finishes what a dead owner of the pool's lock had begun; a namespace is repaired after this only.
    pub fn settle_pool(&self) -> Result<(), Shortage> {
        self.lock_pool_within(REPAIR_PATIENCE).map(drop)
    }

    /// Whether no change of the pool is half done, at this moment.
    pub fn is_pool_settled(&self) -> bool {
        self.pool().journal.sequence() & 1 == 0
    }

    /// The last resort: what the list held is lost until the segment ends, and everything else goes on.
    pub(super) fn drop_free_list(&self) {
        let pool = self.pool();
        pool.journal.abandon();
        pool.free_head.put(NIL);
        pool.free_count.put(0);
        self.forget_runs();
        self.header().recoveries.add(1);
    }

    /// Blocks that are free or could still be made, at this moment.
    pub fn available(&self) -> u32 {
        let pool = self.pool();
        pool.free_count
            .get()
            .saturating_add(pool.run_blocks.get())
            .saturating_add(self.geometry().block_capacity.saturating_sub(pool.fresh.get()))
    }

    /// Moves `want` blocks from the pool to the front of a stash.
    pub fn take(&self, stash: &Stash, want: u32) -> Result<(), Shortage> {
        let _guard = self.lock_pool()?;
        let pool = self.pool();
        if pool.free_count.get() < want && self.loosen(want).is_err() {
            self.drop_free_list();
            return Err(Shortage::Damaged);
        }
        let recycled = want.min(pool.free_count.get());
        let fresh = self.commit_fresh(want - recycled);
        if recycled + fresh < want {
            return Err(Shortage::Only(recycled + fresh));
        }
        let last = match self.claim_recycled(recycled, stash.owner) {
            Ok(last) => last,
            Err(_) => {
                self.drop_free_list();
                return Err(Shortage::Damaged);
            }
        };
        let first_fresh = pool.fresh.get();
        self.chain_fresh(first_fresh, fresh, stash)?;
        let mut change = pool.journal.begin(self.region());
        let old_head = stash.head.get();
        let after_recycled = if fresh > 0 { first_fresh } else { old_head };
        match last {
            Some((last, rest)) => {
                change.set32(stash.head, pool.free_head.get());
                change.set32(self.link(last)?, after_recycled);
                change.set32(&pool.free_head, rest);
                change.set32(&pool.free_count, pool.free_count.get() - recycled);
            }
            None => change.set32(stash.head, after_recycled),
        }
        change.set32(&pool.fresh, first_fresh + fresh);
        change.set32(stash.count, stash.count.get().wrapping_add(want));
        change.set32(stash.owned, stash.owned.get().wrapping_add(want));
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)
    }

    /// Marks the first `count` blocks of the free list; gives the last of them and what follows it.
    fn claim_recycled(&self, count: u32, owner: u16) -> Result<Option<(u32, u32)>, Shortage> {
        let mut block = self.pool().free_head.get();
        let mut last = None;
        for _ in 0..count {
            self.owner(block).ok_or(Shortage::Damaged)?.put(owner);
            let next = self.link(block)?.get();
            last = Some((block, next));
            block = next;
        }
        Ok(last)
    }

    /// Links fresh blocks to each other and to the stash they will precede. Nobody can see them yet.
    fn chain_fresh(&self, first: u32, count: u32, stash: &Stash) -> Result<(), Shortage> {
        for index in 0..count {
            let block = first + index;
            self.owner(block).ok_or(Shortage::Damaged)?.put(stash.owner);
            let next = if index + 1 == count {
                stash.head.get()
            } else {
                block + 1
            };
            self.link(block)?.put(next);
        }
        Ok(())
    }

    /// Pays for up to `want` blocks beyond the last one handed out; gives how many there are.
    pub(super) fn commit_fresh(&self, want: u32) -> u32 {
        let pool = self.pool();
        let fresh = pool.fresh.get();
        let target = fresh.saturating_add(want).min(self.geometry().block_capacity);
        while pool.committed.get() < target {
            let from = pool.committed.get();
            let to = from
                .saturating_add(COMMIT_BLOCKS)
                .min(self.geometry().block_capacity);
            if !self.commit_blocks(from, to) {
                break;
            }
            pool.committed.put(to);
        }
        pool.committed.get().min(target).saturating_sub(fresh)
    }

    fn commit_blocks(&self, from: u32, to: u32) -> bool {
        let ranges = self.geometry().commit_ranges(from, to);
        let bytes = ranges.iter().map(|&(_, len)| len).sum();
        // Where a limit is near, the kernel does not refuse a page: it kills. A cache can do with what it has.
        let paid = spare::take(bytes) && ranges.iter().all(|&(at, len)| self.commit(at, len).is_ok());
        if paid {
            self.header().committed_bytes.add(bytes);
        }
        paid
    }

    /// Moves the first `count` blocks of a stash, of which `last` is the last, to the free list.
    pub fn give(&self, stash: &Stash, last: u32, count: u32) -> Result<(), Shortage> {
        let _guard = self.lock_pool()?;
        let pool = self.pool();
        let link = self.link(last)?;
        let mut change = pool.journal.begin(self.region());
        change.set32(&pool.free_head, stash.head.get());
        change.set32(stash.head, link.get());
        change.set32(link, pool.free_head.get());
        change.set32(&pool.free_count, pool.free_count.get().wrapping_add(count));
        change.set32(stash.count, stash.count.get().wrapping_sub(count));
        change.set32(stash.owned, stash.owned.get().wrapping_sub(count));
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)
    }

    /// Takes back every block that bears an owner's number, following none of the owner's own links. The owner's
    /// structures were emptied before. Can be begun again after a death at any point.
    pub fn sweep(&self, stash: &Stash) -> Result<(), Shortage> {
        let _guard = self.lock_pool_within(REPAIR_PATIENCE)?;
        let pool = self.pool();
        let fresh = pool.fresh.get();
        let mut block = pool.free_head.get();
        for _ in 0..pool.free_count.get() {
            self.owner(block).ok_or(Shortage::Damaged)?.put(NOBODY);
            block = self.link(block)?.get();
        }
        self.mark_free_runs()?;
        stash.owned.put(0);
        for block in 1..fresh {
            let Some(owner) = self.owner(block) else { continue };
            if owner.get() == stash.owner {
                self.reclaim(pool, block)?;
                owner.put(NOBODY);
            }
        }
        Ok(())
    }

    fn reclaim(&self, pool: &'static PoolHeader, block: u32) -> Result<(), Shortage> {
        let mut change = pool.journal.begin(self.region());
        change.set32(self.link(block)?, pool.free_head.get());
        change.set32(&pool.free_head, block);
        change.set32(&pool.free_count, pool.free_count.get().wrapping_add(1));
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)
    }

    /// The word that links a block to the next one of its chain.
    #[inline(always)]
    pub fn link(&self, block: u32) -> Result<&'static Word32, Shortage> {
        self.block::<Node>(block)
            .map(|node| &node.links[0])
            .ok_or(Shortage::Damaged)
    }
}

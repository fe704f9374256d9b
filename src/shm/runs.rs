//! Free blocks that lie side by side, kept as runs, so that a large value is one piece or few.
//!
//! What small things give up goes to the pool's plain list, and costs no look at its neighbours. What large values give
//! up comes here, and whoever draws a run first turns a bounded number of blocks of the list into runs: a run grows
//! together with the runs on both of its sides. Either kind of block serves both kinds of need.
//!
//! Invariants: a free run of n blocks is in the list of class log2(n), with `next`, `before` and `len` in its first
//! block and `start` in its last. A block that bears `IN_RUN` for an owner is in a free run; one in a free run may
//! bear a stale number, where a process died, and then only does not grow together. Each step is one transaction of
//! the pool's journal, and a constant number of words. The callers hold the pool's lock, and that of the namespace
//! whose blocks move.

use super::journal::Transaction;
use super::layout::{BLOCK, NIL, RUN_HEADER, Run};
use super::pool::{NOBODY, Shortage, Stash};
use super::segment::Segment;
use super::word::Word32;

/// The owner number of a block in a free run.
pub const IN_RUN: u16 = u16::MAX - 1;

/// A run of so many blocks is worth having for something larger; shorter ones are the last resort.
const WORTHWHILE: u32 = 32;
/// Runs of one class that are looked at for one that is just long enough.
const TRIED: usize = 8;
/// Blocks of the plain list that are made into runs for one value.
const MOST_SORTED: u32 = 8192;
/// Runs that are given back while the pool stays locked.
const GIVEN_AT_ONCE: usize = 256;

/// How many bytes a run of so many blocks holds.
pub const fn run_room(blocks: u32) -> usize {
    blocks as usize * BLOCK as usize - RUN_HEADER
}

/// How many blocks the run has that holds so many bytes.
pub const fn run_blocks(bytes: usize) -> u32 {
    let blocks = (bytes + RUN_HEADER).div_ceil(BLOCK as usize);
    if blocks < u32::MAX as usize {
        blocks as u32
    } else {
        u32::MAX
    }
}

const fn class_of(len: u32) -> u32 {
    len.ilog2()
}

/// A list of runs that a namespace has: those it has drawn, or those it has given up.
#[derive(Clone, Copy, Debug)]
pub struct RunList {
    pub head: &'static Word32,
    pub blocks: &'static Word32,
}

type Step<T> = Result<T, Shortage>;

impl Segment {
    pub(super) fn run(&self, block: u32) -> Step<&'static Run> {
        self.block::<Run>(block).ok_or(Shortage::Damaged)
    }

    /// How long a run says it is, if so many blocks were ever handed out.
    pub(super) fn length_of(&self, start: u32, run: &Run) -> Step<u32> {
        self.plausible(start, run.len.get())
    }

    fn plausible(&self, start: u32, len: u32) -> Step<u32> {
        let end = u64::from(start) + u64::from(len);
        if len > 0 && end <= u64::from(self.pool().fresh.get()) {
            Ok(len)
        } else {
            Err(Shortage::Damaged)
        }
    }

    fn class_head(&self, class: u32) -> Step<&'static Word32> {
        self.pool().runs.get(class as usize).ok_or(Shortage::Damaged)
    }

    fn bears(&self, block: u32, owner: u16) -> bool {
        self.owner(block).is_some_and(|word| word.get() == owner)
    }

    pub(super) fn mark_owner(&self, start: u32, count: u32, owner: u16) -> Step<()> {
        let at = self.geometry().owner(start).ok_or(Shortage::Damaged)?;
        self.region().fill16(at, count, owner).ok_or(Shortage::Damaged)
    }

    /// Puts a run into the list of its class.
    fn list_run(&self, change: &mut Transaction, start: u32, len: u32) -> Step<()> {
        let pool = self.pool();
        let head = self.class_head(class_of(len))?;
        let first = change.see32(head);
        let run = self.run(start)?;
        change.set32(&run.next, first);
        change.set32(&run.before, NIL);
        change.set32(&run.len, len);
        change.set32(&self.run(start + len - 1)?.start, start);
        if first != NIL {
            change.set32(&self.run(first)?.before, start);
        }
        change.set32(head, start);
        let classes = change.see32(&pool.run_classes);
        change.set32(&pool.run_classes, classes | (1 << class_of(len)));
        let blocks = change.see32(&pool.run_blocks);
        change.set32(&pool.run_blocks, blocks.wrapping_add(len));
        Ok(())
    }

    /// Takes a run out of the list of its class, and gives its length.
    #[inline(never)]
    pub(super) fn unlist_run(&self, change: &mut Transaction, start: u32) -> Step<u32> {
        let pool = self.pool();
        let run = self.run(start)?;
        let len = self.plausible(start, change.see32(&run.len))?;
        let (next, before) = (change.see32(&run.next), change.see32(&run.before));
        let head = self.class_head(class_of(len))?;
        let link = if before == NIL {
            head
        } else {
            &self.run(before)?.next
        };
        if change.see32(link) != start {
            return Err(Shortage::Damaged);
        }
        change.set32(link, next);
        if next != NIL {
            change.set32(&self.run(next)?.before, before);
        } else if before == NIL {
            let classes = change.see32(&pool.run_classes);
            change.set32(&pool.run_classes, classes & !(1 << class_of(len)));
        }
        let blocks = change.see32(&pool.run_blocks);
        change.set32(&pool.run_blocks, blocks.wrapping_sub(len));
        Ok(len)
    }

    /// Lists a run together with the free runs on both sides of it.
    #[inline(never)]
    fn merge_run(&self, change: &mut Transaction, start: u32, len: u32) -> Step<()> {
        let (mut first, mut whole) = (start, len);
        let behind = start + len;
        if behind < self.pool().fresh.get() && self.bears(behind, IN_RUN) {
            whole += self.unlist_run(change, behind)?;
        }
        if start > 1 && self.bears(start - 1, IN_RUN) {
            first = self.run(start - 1)?.start.get();
            if first == NIL || first >= start || self.unlist_run(change, first)? != start - first {
                return Err(Shortage::Damaged);
            }
            whole += start - first;
        }
        self.list_run(change, first, whole)
    }

    /// Makes up to `most` blocks of the plain list into runs.
    #[inline(never)]
    pub(super) fn sort_free_blocks(&self, most: u32) -> Step<()> {
        let pool = self.pool();
        for _ in 0..most.min(pool.free_count.get()) {
            let block = pool.free_head.get();
            let next = self.link(self.plausible(block, 1).map(|_| block)?)?.get();
            let mut change = pool.journal.begin(self.region());
            change.set32(&pool.free_head, next);
            change.set32(&pool.free_count, pool.free_count.get() - 1);
            self.merge_run(&mut change, block, 1)?;
            change.commit_rarely(false).map_err(|_| Shortage::Damaged)?;
            self.mark_owner(block, 1, IN_RUN)?;
        }
        Ok(())
    }

    /// Moves blocks from the shortest runs to the plain list until that has `want`, or no run is left.
    pub(super) fn loosen(&self, want: u32) -> Step<()> {
        let pool = self.pool();
        while pool.free_count.get() < want && pool.run_classes.get() != 0 {
            let start = self.class_head(pool.run_classes.get().trailing_zeros())?.get();
            let mut change = pool.journal.begin(self.region());
            let len = self.unlist_run(&mut change, start)?;
            let taken = len.min(want - pool.free_count.get());
            let first = start + len - taken;
            self.mark_owner(first, taken, NOBODY)?;
            for block in first + 1..start + len {
                let next = if block + 1 == start + len {
                    pool.free_head.get()
                } else {
                    block + 1
                };
                self.link(block)?.put(next);
            }
            let next = if taken == 1 {
                pool.free_head.get()
            } else {
                first + 1
            };
            change.set32(self.link(first)?, next);
            change.set32(&pool.free_head, first);
            change.set32(&pool.free_count, pool.free_count.get().wrapping_add(taken));
            self.leave_rest(change, start, len - taken)?;
        }
        Ok(())
    }

    /// Lists what is left of a run again, and makes the change.
    fn leave_rest(&self, mut change: Transaction, start: u32, rest: u32) -> Step<()> {
        if rest > 0 {
            self.list_run(&mut change, start, rest)?;
        }
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)?;
        if rest > 0 {
            self.mark_owner(start + rest - 1, 1, IN_RUN)
        } else {
            Ok(())
        }
    }

    /// Draws runs from the pool until they hold `bytes`, the fewest that are to be had. Gives how many bytes there is
    /// no room for.
    pub fn draw(&self, stash: &Stash, bytes: usize) -> Step<usize> {
        let _guard = self.lock_pool()?;
        let drawn = self.draw_runs(stash, bytes);
        if drawn.is_err() {
            self.drop_free_list();
        }
        drawn
    }

    fn draw_runs(&self, stash: &Stash, bytes: usize) -> Step<usize> {
        let mut left = bytes;
        let mut to_sort = run_blocks(bytes).saturating_mul(2).min(MOST_SORTED);
        while left > 0 {
            let want = run_blocks(left);
            if let Some(start) = self.fitting_run(want)? {
                left = left.saturating_sub(self.draw_part(stash, start, want)?);
            } else if to_sort > 0 && self.pool().free_count.get() > 0 {
                self.sort_free_blocks(to_sort)?;
                to_sort = 0;
            } else if let Some(start) = self.longest_run(WORTHWHILE)? {
                left -= self.draw_part(stash, start, u32::MAX)?;
            } else if let fresh @ 1.. = self.commit_fresh(want) {
                left = left.saturating_sub(self.draw_fresh(stash, fresh)?);
            } else if let Some(start) = self.longest_run(1)? {
                left -= self.draw_part(stash, start, u32::MAX)?;
            } else if self.pool().free_count.get() > 0 {
                self.sort_free_blocks(MOST_SORTED)?;
            } else {
                break;
            }
        }
        Ok(left)
    }

    /// A free run of at least `want` blocks, and of not many more where there is such a one.
    fn fitting_run(&self, want: u32) -> Step<Option<u32>> {
        let class = class_of(want.max(1));
        let mut start = self.class_head(class)?.get();
        for _ in 0..TRIED {
            if start == NIL {
                break;
            }
            let run = self.run(start)?;
            if self.length_of(start, run)? >= want {
                return Ok(Some(start));
            }
            start = run.next.get();
        }
        let longer = self.pool().run_classes.get() & (u32::MAX << class) & !(1 << class);
        if longer == 0 {
            return Ok(None);
        }
        Ok(Some(self.class_head(longer.trailing_zeros())?.get()))
    }

    /// A run of the highest class there is, if it has `least` blocks.
    fn longest_run(&self, least: u32) -> Step<Option<u32>> {
        let classes = self.pool().run_classes.get();
        if classes == 0 || classes.ilog2() < class_of(least) {
            return Ok(None);
        }
        Ok(Some(self.class_head(classes.ilog2())?.get()))
    }

    /// Draws the last `want` blocks of a free run, or all of it. Gives the bytes that they hold.
    fn draw_part(&self, stash: &Stash, start: u32, want: u32) -> Step<usize> {
        let mut change = self.pool().journal.begin(self.region());
        let len = self.unlist_run(&mut change, start)?;
        let taken = want.min(len);
        let first = start + len - taken;
        self.mark_owner(first, taken, stash.owner)?;
        self.add_drawn(&mut change, stash, first, taken)?;
        self.leave_rest(change, start, len - taken)?;
        Ok(run_room(taken))
    }

    /// Draws blocks that were never handed out, and are paid for.
    fn draw_fresh(&self, stash: &Stash, count: u32) -> Step<usize> {
        let pool = self.pool();
        let first = pool.fresh.get();
        self.mark_owner(first, count, stash.owner)?;
        let mut change = pool.journal.begin(self.region());
        change.set32(&pool.fresh, first + count);
        self.add_drawn(&mut change, stash, first, count)?;
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)?;
        Ok(run_room(count))
    }

    fn add_drawn(&self, change: &mut Transaction, stash: &Stash, first: u32, count: u32) -> Step<()> {
        let run = self.run(first)?;
        let RunList { head, blocks } = stash.drawn;
        // In their order: all but the last are needed whole.
        let end = if head.get() == NIL {
            head
        } else {
            &self.run(stash.last_drawn.get())?.next
        };
        change.set32(&run.next, NIL);
        change.set32(&run.len, count);
        change.set32(end, first);
        change.set32(stash.last_drawn, first);
        change.set32(blocks, blocks.get().wrapping_add(count));
        change.set32(stash.owned, stash.owned.get().wrapping_add(count));
        Ok(())
    }

    /// Gives all runs of a namespace's list to the pool. `Damaged` also where one is not as long as it says.
    pub fn give_runs(&self, stash: &Stash, list: &RunList) -> Step<()> {
        while list.head.get() != NIL {
            let _guard = self.lock_pool()?;
            for _ in 0..GIVEN_AT_ONCE {
                let start = list.head.get();
                if start == NIL {
                    break;
                }
                self.give_run(stash, list, start)?;
            }
        }
        Ok(())
    }

    fn give_run(&self, stash: &Stash, list: &RunList, start: u32) -> Step<()> {
        let run = self.run(start)?;
        let len = self.length_of(start, run)?;
        let owners = self.geometry().owner(start).ok_or(Shortage::Damaged)?;
        // Someone else's blocks among them would be given out twice.
        if len > list.blocks.get() || self.region().all16(owners, len, stash.owner) != Some(true) {
            return Err(Shortage::Damaged);
        }
        let mut change = self.pool().journal.begin(self.region());
        change.set32(list.head, run.next.get());
        change.set32(list.blocks, list.blocks.get() - len);
        change.set32(stash.owned, stash.owned.get().wrapping_sub(len));
        if let Err(fault) = self.merge_run(&mut change, start, len) {
            self.drop_free_list();
            return Err(fault);
        }
        change.commit_rarely(false).map_err(|_| Shortage::Damaged)?;
        self.mark_owner(start, len, IN_RUN)
    }

    /// Marks every block of every free run, and gives how many there are.
    pub(super) fn mark_free_runs(&self) -> Step<()> {
        let mut left = self.pool().run_blocks.get();
        for head in &self.pool().runs {
            let mut start = head.get();
            while start != NIL {
                let run = self.run(start)?;
                let len = self.length_of(start, run)?;
                left = left.checked_sub(len).ok_or(Shortage::Damaged)?;
                self.mark_owner(start, len, IN_RUN)?;
                start = run.next.get();
            }
        }
        Ok(())
    }

    /// Forgets all free runs, and that any block was in one.
    pub(super) fn forget_runs(&self) {
        let pool = self.pool();
        pool.run_classes.put(0);
        pool.run_blocks.put(0);
        for head in &pool.runs {
            head.put(NIL);
        }
        for block in 1..pool.fresh.get().min(self.geometry().block_capacity) {
            if let Some(owner) = self.owner(block)
                && owner.get() == IN_RUN
            {
                owner.put(NOBODY);
            }
        }
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod tests;

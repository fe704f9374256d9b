//! The blocks that a namespace has beside its structures, and how chains are made of them and fall back to them.
//!
//! The stash holds single blocks between operations. Runs are drawn from the pool when something long is to be written,
//! and those that were given up go back to it at the end of the operation. What is written lies in stash and drawn
//! runs, where nobody can see it, until one transaction takes it out of there.
//!
//! Invariant: between operations there are no drawn and no spent runs. A process that dies in an operation may leave
//! some; repair gives them back.

use std::sync::atomic::{Ordering, fence};

use crate::shm::journal::Transaction;
use crate::shm::layout::NIL;
use crate::shm::pool::{Shortage, Stash};
use crate::shm::runs::{RunList, run_blocks};
use crate::shm::word::Word16;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;
use crate::store::table::chain::{Chain, Cursor, First, Ready, is_long, tail_of};

/// How many free blocks a namespace may keep between operations.
pub(in crate::store) const STASH_LIMIT: u32 = 32;

/// While so many blocks are free, a namespace fetches some for its next operations, too.
const PLENTY: u32 = 8192;

/// What stash and spent runs will be after a change that is being written down.
#[derive(Debug)]
pub(in crate::store) struct Stock {
    head: u32,
    count: u32,
    used_drawn: bool,
    /// The first of the spent runs, and their blocks; nothing while they stay as they are.
    spent: Option<(u32, u32)>,
}

impl Table<'_> {
    pub(in crate::store) fn stash(&self) -> Stash {
        let ns = self.ns;
        Stash {
            head: &ns.stash_head,
            count: &ns.stash_count,
            owned: &self.record.owned,
            owner: self.slot as u16,
            drawn: RunList {
                head: &ns.drawn,
                blocks: &ns.drawn_blocks,
            },
            last_drawn: &ns.last_drawn,
            spent: RunList {
                head: &ns.spent,
                blocks: &ns.spent_blocks,
            },
        }
    }

    /// Makes sure that there are the blocks for a chain of so many bytes: from the pool, else by letting the least
    /// recent entries go.
    #[inline(always)]
    pub(in crate::store) fn reserve(&mut self, kind: First, len: usize) -> Step<()> {
        self.reserve_blocks(kind.blocks(len))?;
        if is_long(len) {
            self.draw(kind.in_runs(len))?;
        }
        Ok(())
    }

    /// Makes sure that the stash holds `want` blocks.
    #[inline(always)]
    pub(in crate::store) fn reserve_blocks(&mut self, want: u32) -> Step<()> {
        if self.ns.stash_count.get() >= want {
            Ok(())
        } else {
            self.fetch(want)
        }
    }

    #[cold]
    fn fetch(&mut self, want: u32) -> Step<()> {
        loop {
            let here = self.ns.stash_count.get();
            if here >= want {
                return Ok(());
            }
            if self.ns.remains.get() != NIL {
                self.stock_from_remains(want)?;
                continue;
            }
            if self.segment.available() > PLENTY
                && self
                    .segment
                    .take(&self.stash(), want - here + STASH_LIMIT / 2)
                    .is_ok()
            {
                return Ok(());
            }
            let there = match self.segment.take(&self.stash(), want - here) {
                Ok(()) => return Ok(()),
                Err(Shortage::Only(there)) => there,
                Err(shortage) => return Err(shortage.into()),
            };
            while self.ns.stash_count.get().saturating_add(there) < want && self.ns.spent.get() == NIL {
                if self.ns.count.get() == 0 {
                    return Err(Stop::NoRoom(want - self.ns.stash_count.get()));
                }
                self.evict()?;
                self.count_memory_eviction();
            }
            self.return_runs()?;
        }
    }

    /// Draws runs that hold so many bytes.
    #[cold]
    fn draw(&mut self, bytes: usize) -> Step<()> {
        // An operation that found no room may have left some.
        self.return_runs()?;
        self.moved_runs = true;
        let mut left = bytes;
        loop {
            left = self.segment.draw(&self.stash(), left)?;
            if left == 0 {
                return Ok(());
            }
            let want = run_blocks(left);
            if !self.evict_blocks(want)? {
                let all = self.ns.drawn_blocks.get().saturating_add(want);
                self.return_runs()?;
                return Err(Stop::NoRoom(all));
            }
        }
    }

    /// Lets the least recent entries go until they have given `want` blocks to the pool. False if there was nothing left.
    fn evict_blocks(&mut self, want: u32) -> Step<bool> {
        let had = self.ns.stash_count.get();
        let gone = |held: &Self| {
            let singles = held.ns.stash_count.get().saturating_sub(had);
            singles.saturating_add(held.ns.spent_blocks.get())
        };
        while gone(self) < want && self.lose_something()? {}
        // One block stays, for which the caller has asked before.
        let gave = self.ns.stash_count.get() > 1 || self.ns.spent.get() != NIL;
        self.give_surplus(1)?;
        unless_busy(self.segment.give_runs(&self.stash(), &self.stash().spent))?;
        Ok(gave)
    }

    /// Takes remains apart where there are some, else lets the least recent entry go. False if there was nothing left.
    pub(in crate::store) fn lose_something(&mut self) -> Step<bool> {
        if self.take_apart()? {
            return Ok(true);
        }
        if self.ns.count.get() == 0 {
            return Ok(false);
        }
        self.evict()?;
        self.count_memory_eviction();
        Ok(true)
    }

    fn count_memory_eviction(&self) {
        self.ns
            .memory_evictions
            .put(self.ns.memory_evictions.get().wrapping_add(1));
        self.segment.header().memory_evictions.add(1);
    }

    /// Gives blocks beyond the limit back to the pool. Called at the end of an operation.
    #[inline(always)]
    pub(in crate::store) fn trim(&mut self) -> Step<()> {
        if self.ns.stash_count.get() <= STASH_LIMIT && !self.moved_runs {
            Ok(())
        } else {
            self.give_back()
        }
    }

    #[cold]
    fn give_back(&mut self) -> Step<()> {
        self.return_runs()?;
        if self.ns.stash_count.get() > STASH_LIMIT {
            self.give_surplus(STASH_LIMIT / 2)?;
        }
        Ok(())
    }

    /// Gives all runs that are part of nothing back to the pool.
    pub(in crate::store) fn return_runs(&mut self) -> Step<()> {
        let stash = self.stash();
        unless_busy(self.segment.give_runs(&stash, &stash.spent))?;
        unless_busy(self.segment.give_runs(&stash, &stash.drawn))?;
        self.moved_runs = false;
        Ok(())
    }

    /// Gives all blocks of the stash but `keep` back to the pool.
    pub(in crate::store) fn give_surplus(&mut self, keep: u32) -> Step<()> {
        let surplus = self.ns.stash_count.get().saturating_sub(keep);
        if surplus == 0 {
            return Ok(());
        }
        let mut last = self.ns.stash_head.get();
        for _ in 1..surplus {
            last = self.link(last)?.get();
        }
        unless_busy(self.segment.give(&self.stash(), last, surplus))
    }

    /// Writes a chain of three parts into the first blocks of the stash and the drawn runs, leaving them there.
    #[inline(always)]
    pub(in crate::store) fn write_chain(&self, kind: First, parts: [&[u8]; 3]) -> Step<Chain> {
        let len = parts[0].len() + parts[1].len() + parts[2].len();
        let first = self.ns.stash_head.get();
        let ready = Ready {
            head: self.ns.drawn.get(),
            blocks: self.ns.drawn_blocks.get(),
        };
        let mut at = Cursor::to_write(self.segment, first, kind, len, ready)?;
        if is_long(len) {
            self.stamp(first, ready.blocks)?;
        }
        at.write(parts[0])?;
        if !parts[1].is_empty() {
            at.write(parts[1])?;
        }
        at.write(parts[2])?;
        let last = at.block();
        Ok(Chain {
            kind,
            len,
            first,
            last,
        })
    }

    /// Whoever still reads what these blocks held before sees the change of hands before anything that is written now.
    fn stamp(&self, first: u32, blocks: u32) -> Step<()> {
        let tail = tail_of(self.segment, first)?;
        tail.stamp.put(self.ns.journal.sequence());
        tail.blocks.put(blocks);
        fence(Ordering::Release);
        Ok(())
    }

    #[inline(always)]
    pub(in crate::store) fn stock(&self) -> Stock {
        Stock {
            head: self.ns.stash_head.get(),
            count: self.ns.stash_count.get(),
            used_drawn: false,
            spent: None,
        }
    }

    /// Writes down that a chain that was just written leaves stash and drawn runs.
    #[inline(always)]
    pub(in crate::store) fn use_up(
        &self,
        change: &mut Transaction,
        chain: &Chain,
        stock: &mut Stock,
    ) -> Step<()> {
        stock.count = stock.count.wrapping_sub(chain.kind.blocks(chain.len));
        if is_long(chain.len) {
            let link = self.link(chain.first)?;
            stock.head = link.get();
            stock.used_drawn = true;
            change.set32(link, self.ns.drawn.get());
            return Ok(());
        }
        let link = self.link(chain.last)?;
        stock.head = link.get();
        change.set32(link, NIL);
        Ok(())
    }

    /// Writes down that a chain goes to the front of the stash, and its runs to those that are spent.
    #[inline(always)]
    pub(in crate::store) fn give_up(
        &mut self,
        change: &mut Transaction,
        chain: &Chain,
        stock: &mut Stock,
    ) -> Step<()> {
        let mut last = chain.last;
        if is_long(chain.len) {
            self.spend_runs(change, chain, stock)?;
            last = chain.first;
        }
        change.set32(self.link(last)?, stock.head);
        stock.head = chain.first;
        stock.count = stock.count.wrapping_add(chain.kind.blocks(chain.len));
        Ok(())
    }

    #[inline(never)]
    fn spend_runs(&mut self, change: &mut Transaction, chain: &Chain, stock: &mut Stock) -> Step<()> {
        let (head, blocks) = stock
            .spent
            .unwrap_or((self.ns.spent.get(), self.ns.spent_blocks.get()));
        let more = tail_of(self.segment, chain.first)?.blocks.get();
        let end = self.link(chain.last)?;
        let owner = self.segment.owner(chain.last).map(Word16::get);
        // A store into someone else's block is what no repair would find.
        if end.get() != NIL || owner != Some(self.slot as u16) {
            return Err(Stop::Damaged);
        }
        change.set32(end, head);
        stock.spent = Some((self.link(chain.first)?.get(), blocks.wrapping_add(more)));
        self.moved_runs = true;
        Ok(())
    }

    /// Writes down what stash and runs have become.
    #[inline(always)]
    pub(in crate::store) fn store_stock(&self, change: &mut Transaction, stock: &Stock) {
        let ns = self.ns;
        change.set32(&ns.stash_head, stock.head);
        change.set32(&ns.stash_count, stock.count);
        if stock.used_drawn {
            change.set32(&ns.drawn, NIL);
            change.set32(&ns.drawn_blocks, 0);
        }
        if let Some((head, blocks)) = stock.spent {
            change.set32(&ns.spent, head);
            change.set32(&ns.spent_blocks, blocks);
        }
    }
}

/// What is to be given back stays where it is while the pool's lock cannot be had: a later operation gives it.
fn unless_busy(given: Result<(), Shortage>) -> Step<()> {
    match given {
        Ok(()) | Err(Shortage::Busy(_)) => Ok(()),
        Err(shortage) => Err(shortage.into()),
    }
}

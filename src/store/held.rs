//! A namespace whose lock is held: the only way to its data.
//!
//! Invariants: between two transactions of its journal the namespace is sound; a method that makes several leaves
//! it sound after each. If the process dies in one, the next to take the lock finishes it (`repair.rs`) before it gets
//! a `Held`.

use super::options::{NO_DELETE_ON_STALE_GET, Options, TTL_AUTOPURGE};
use super::stop::{Step, Stop};
use crate::lru::{Links, Neighbours, Slot};
use crate::shm::journal::Transaction;
use crate::shm::layout::{Entry, NIL, Namespace, NamespaceRecord};
use crate::shm::lock::Guard;
use crate::shm::pool::{Shortage, Stash};
use crate::shm::segment::Segment;
use crate::shm::word::Word32;

/// How many free blocks a namespace may keep between operations.
pub(super) const STASH_LIMIT: u32 = 32;

/// While so many blocks are free, a namespace fetches some for its next operations, too.
const PLENTY: u32 = 8192;

#[derive(Debug)]
pub(super) struct Held<'s> {
    pub(super) segment: &'s Segment,
    pub(super) ns: &'static Namespace,
    pub(super) record: &'static NamespaceRecord,
    pub(super) slot: u32,
    /// The chain at the front of the stash, if it was just freed: its last block and its length.
    pub(super) freed: Option<(u32, u32)>,
    /// A change voids the flights on its key whose leases have a smaller token than this: all, but for a leader's own.
    pub(super) voids_below: u64,
    /// Bits of the processes that are to be woken when the lock is free again.
    pub(super) wakes: u64,
    /// None only while a repair works on what a dead owner's lock still guards.
    _guard: Option<Guard>,
}

impl<'s> Held<'s> {
    #[inline(always)]
    pub(super) fn new(
        segment: &'s Segment,
        slot: u32,
        ns: &'static Namespace,
        record: &'static NamespaceRecord,
        guard: Guard,
    ) -> Self {
        Self {
            segment,
            ns,
            record,
            slot,
            freed: None,
            voids_below: u64::MAX,
            wakes: 0,
            _guard: Some(guard),
        }
    }

    /// For a repair, whose caller holds the dead owner's lock and has not declared it sound.
    pub(super) fn under_repair(
        segment: &'s Segment,
        slot: u32,
        ns: &'static Namespace,
        record: &'static NamespaceRecord,
    ) -> Self {
        Self {
            segment,
            ns,
            record,
            slot,
            freed: None,
            voids_below: u64::MAX,
            wakes: 0,
            _guard: None,
        }
    }

    #[inline(always)]
    pub(super) fn begin(&self) -> Transaction {
        self.ns.journal.begin(self.segment.region())
    }

    #[inline(always)]
    pub(super) fn entry(&self, id: u32) -> Step<&'static Entry> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    #[inline(always)]
    pub(super) fn link(&self, block: u32) -> Step<&'static Word32> {
        Ok(self.segment.link(block)?)
    }

    #[inline(always)]
    pub(super) fn has_flag(&self, flag: u32) -> bool {
        self.ns.limits.flags.get() & flag != 0
    }

    pub(super) fn autopurges(&self) -> bool {
        self.has_flag(TTL_AUTOPURGE)
    }

    pub(super) fn keeps_stale(&self, asked: Option<bool>) -> bool {
        asked.unwrap_or_else(|| self.has_flag(NO_DELETE_ON_STALE_GET))
    }

    pub(super) fn limits(&self) -> Options {
        Options::read_from(&self.ns.limits)
    }

    pub(super) fn stash(&self) -> Stash {
        Stash {
            head: &self.ns.stash_head,
            count: &self.ns.stash_count,
            owned: &self.record.owned,
            owner: self.slot as u16,
        }
    }

    /// The recency list, written through a transaction.
    #[inline(always)]
    pub(super) fn recency<'t>(&self, change: &'t mut Transaction) -> ListLinks<'s, 't> {
        ListLinks {
            segment: self.segment,
            front: &self.ns.head,
            back: &self.ns.tail,
            change,
        }
    }

    /// The list of leases, the latest first.
    pub(super) fn leases<'t>(&self, change: &'t mut Transaction) -> ListLinks<'s, 't> {
        ListLinks {
            segment: self.segment,
            front: &self.ns.lease_head,
            back: &self.ns.lease_tail,
            change,
        }
    }

    /// Makes sure that the stash holds `want` blocks: from the pool, else by letting the least recent entries go.
    #[inline(always)]
    pub(super) fn reserve(&mut self, want: u32) -> Step<()> {
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
            self.freed = None;
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
                Err(Shortage::Damaged) => return Err(Stop::Damaged),
            };
            while self.ns.stash_count.get().saturating_add(there) < want {
                if self.ns.count.get() == 0 {
                    return Err(Stop::NoRoom(want - self.ns.stash_count.get()));
                }
                self.evict()?;
                self.count_memory_eviction();
            }
        }
    }

    pub(super) fn count_memory_eviction(&self) {
        self.ns
            .memory_evictions
            .put(self.ns.memory_evictions.get().wrapping_add(1));
        self.segment.header().memory_evictions.add(1);
    }

    /// Gives blocks beyond the limit back to the pool. Called at the end of an operation.
    #[inline(always)]
    pub(super) fn trim(&mut self) -> Step<()> {
        if self.ns.stash_count.get() <= STASH_LIMIT {
            Ok(())
        } else {
            self.give_surplus(STASH_LIMIT / 2)
        }
    }

    #[cold]
    pub(super) fn give_surplus(&mut self, keep: u32) -> Step<()> {
        if let Some((last, count)) = self.freed.take()
            && count >= STASH_LIMIT / 2
            && count <= self.ns.stash_count.get()
        {
            self.segment.give(&self.stash(), last, count)?;
        }
        let surplus = self.ns.stash_count.get().saturating_sub(keep);
        if surplus == 0 {
            return Ok(());
        }
        let mut last = self.ns.stash_head.get();
        for _ in 1..surplus {
            last = self.link(last)?.get();
        }
        Ok(self.segment.give(&self.stash(), last, surplus)?)
    }

    /// Writes down that a chain goes to the front of the stash, before whatever `rest` is there then.
    #[inline(always)]
    pub(super) fn push_chain(&self, change: &mut Transaction, first: u32, last: u32, rest: u32) -> Step<()> {
        change.set32(self.link(last)?, rest);
        change.set32(&self.ns.stash_head, first);
        Ok(())
    }
}

/// A list through blocks of the segment. Reads see the memory, writes go to the transaction.
#[derive(Debug)]
pub(super) struct ListLinks<'s, 't> {
    segment: &'s Segment,
    front: &'static Word32,
    back: &'static Word32,
    change: &'t mut Transaction,
}

#[inline(always)]
fn number(slot: Option<Slot>) -> u32 {
    slot.map_or(NIL, Slot::get)
}

impl ListLinks<'_, '_> {
    #[inline(always)]
    fn entry(&self, slot: Slot) -> Step<&'static Entry> {
        self.segment.block(slot.get()).ok_or(Stop::Damaged)
    }
}

impl Links for ListLinks<'_, '_> {
    type Fault = Stop;

    #[inline(always)]
    fn front(&self) -> Option<Slot> {
        Slot::new(self.front.get())
    }

    #[inline(always)]
    fn back(&self) -> Option<Slot> {
        Slot::new(self.back.get())
    }

    #[inline(always)]
    fn neighbours(&self, slot: Slot) -> Step<Neighbours> {
        let entry = self.entry(slot)?;
        Ok(Neighbours {
            before: Slot::new(entry.before.get()),
            after: Slot::new(entry.after.get()),
        })
    }

    #[inline(always)]
    fn set_front(&mut self, slot: Option<Slot>) {
        self.change.adjust32(self.front, number(slot));
    }

    #[inline(always)]
    fn set_back(&mut self, slot: Option<Slot>) {
        self.change.adjust32(self.back, number(slot));
    }

    #[inline(always)]
    fn set_before(&mut self, slot: Slot, before: Option<Slot>) -> Step<()> {
        let entry = self.entry(slot)?;
        self.change.adjust32(&entry.before, number(before));
        Ok(())
    }

    #[inline(always)]
    fn set_after(&mut self, slot: Slot, after: Option<Slot>) -> Step<()> {
        let entry = self.entry(slot)?;
        self.change.adjust32(&entry.after, number(after));
        Ok(())
    }
}

/// lru-cache's rule, which gives zero and NaN the meaning of "no TTL".
#[inline(always)]
pub(super) fn is_stale(start: f64, ttl: f64, now: f64) -> bool {
    ttl != 0.0 && start != 0.0 && now - start > ttl
}

/// What is left of a TTL: infinite where there is none, negative where it is over.
pub(super) fn remaining(start: f64, ttl: f64, now: f64) -> f64 {
    let falsy = |number: f64| number == 0.0 || number.is_nan();
    if falsy(ttl) || falsy(start) {
        f64::INFINITY
    } else {
        ttl - (now - start)
    }
}

//! A namespace whose lock is held: the only way to its data.
//!
//! Invariants: between two transactions of its journal the namespace is sound; a method that makes several leaves
//! it sound after each. If the process dies in one, the next to take the lock finishes it (`facade/mending.rs`) before it gets
//! a `Held`.

use crate::lru::{Links, Neighbours, Slot};
use crate::shm::journal::Transaction;
use crate::shm::layout::{Entry, NIL, Namespace, NamespaceRecord};
use crate::shm::lock::Guard;
use crate::shm::segment::Segment;
use crate::shm::word::Word32;
use crate::store::ground::options::{NO_DELETE_ON_STALE_GET, Options, TTL_AUTOPURGE};
use crate::store::ground::stop::{Step, Stop};

/// `Namespace::pending`: nothing, or what repair has to finish.
pub(in crate::store) const PENDING_NOTHING: u32 = 0;
pub(in crate::store) const PENDING_CLEAR: u32 = 1;
pub(in crate::store) const PENDING_CONDEMNED: u32 = 2;
/// The table is a new one, into which everything is still to be put.
pub(in crate::store) const PENDING_TABLE: u32 = 3;

#[derive(Debug)]
pub(in crate::store) struct Held<'s> {
    pub(in crate::store) segment: &'s Segment,
    pub(in crate::store) ns: &'static Namespace,
    pub(in crate::store) record: &'static NamespaceRecord,
    pub(in crate::store) slot: u32,
    /// A change voids the flights on its key whose token is smaller than this: all, but for a leader's own.
    pub(in crate::store) voids_below: u64,
    /// Bits of the processes that are to be woken when the lock is free again.
    pub(in crate::store) wakes: u64,
    /// Whether runs were drawn or given up, so that some may have to go back to the pool.
    pub(in crate::store) moved_runs: bool,
    /// None only while a repair works on what a dead owner's lock still guards.
    _guard: Option<Guard>,
}

impl<'s> Held<'s> {
    /// Without a guard for a repair, whose caller holds the dead owner's lock and has not declared it sound.
    #[inline(always)]
    pub(in crate::store) fn new(
        segment: &'s Segment,
        slot: u32,
        ns: &'static Namespace,
        record: &'static NamespaceRecord,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            segment,
            ns,
            record,
            slot,
            voids_below: u64::MAX,
            wakes: 0,
            moved_runs: false,
            _guard: guard,
        }
    }

    #[inline(always)]
    pub(in crate::store) fn begin(&self) -> Transaction {
        self.ns.journal.begin(self.segment.region())
    }

    #[inline(always)]
    pub(in crate::store) fn entry(&self, id: u32) -> Step<&'static Entry> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    #[inline(always)]
    pub(in crate::store) fn link(&self, block: u32) -> Step<&'static Word32> {
        Ok(self.segment.link(block)?)
    }

    #[inline(always)]
    pub(in crate::store) fn has_flag(&self, flag: u32) -> bool {
        self.ns.limits.flags.get() & flag != 0
    }

    pub(in crate::store) fn autopurges(&self) -> bool {
        self.has_flag(TTL_AUTOPURGE)
    }

    pub(in crate::store) fn keeps_stale(&self, asked: Option<bool>) -> bool {
        asked.unwrap_or_else(|| self.has_flag(NO_DELETE_ON_STALE_GET))
    }

    pub(in crate::store) fn limits(&self) -> Options {
        Options::read_from(&self.ns.limits)
    }

    /// The recency list, written through a transaction.
    #[inline(always)]
    pub(in crate::store) fn recency<'t>(&self, change: &'t mut Transaction) -> ListLinks<'s, 't> {
        ListLinks {
            segment: self.segment,
            front: &self.ns.head,
            back: &self.ns.tail,
            change,
        }
    }

    /// The list of flights, the latest first.
    pub(in crate::store) fn flights<'t>(&self, change: &'t mut Transaction) -> ListLinks<'s, 't> {
        ListLinks {
            segment: self.segment,
            front: &self.ns.flight_head,
            back: &self.ns.flight_tail,
            change,
        }
    }
}

/// A list through blocks of the segment. Reads see the memory, writes go to the transaction.
#[derive(Debug)]
pub(in crate::store) struct ListLinks<'s, 't> {
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
pub(in crate::store) fn is_stale(start: f64, ttl: f64, now: f64) -> bool {
    ttl != 0.0 && start != 0.0 && now - start > ttl
}

/// What is left of a TTL: infinite where there is none, negative where it is over.
pub(in crate::store) fn remaining(start: f64, ttl: f64, now: f64) -> f64 {
    let falsy = |number: f64| number == 0.0 || number.is_nan();
    if falsy(ttl) || falsy(start) {
        f64::INFINITY
    } else {
        ttl - (now - start)
    }
}

//! Marks: how a change of an entry tells those who keep a copy of its value. `copies` has the whole protocol.

use crate::shm::journal::Transaction;
use crate::shm::layout::{Area, Entry, MARKS, Namespace, READERS};
use crate::shm::segment::Segment;
use crate::store::ground::options::{TTL_AUTOPURGE, UPDATE_AGE_ON_GET};
use crate::store::table::Table;
use crate::store::table::record::Opening;

/// What a reader has to know of an entry to keep a copy of its value; all zero where it must not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memo {
    pub entry: u32,
    pub hash: u32,
    /// The key's mark, and where it lies among the marks.
    pub mark: u32,
    pub mark_at: u32,
    pub slot: u32,
    pub generation: u32,
    /// Until when the value may be given out; infinite without a TTL.
    pub expires: f64,
    /// Whether the entry bears tags, and what the area's `tag_epoch` was: when it moves, the copy is no longer true.
    pub has_tags: bool,
    pub tag_epoch: u32,
}

impl Memo {
    /// Takes down what is to be known of an entry.
    #[inline(always)]
    pub(in crate::store) fn look_at(
        &mut self,
        segment: &Segment,
        ns: &Namespace,
        slot: u32,
        id: u32,
        entry: &Entry,
    ) {
        let mark_at = mark_at(entry.hash.get(), slot);
        let barred = ns.limits.flags.get() & BARRED != 0 || segment.header().copied.observe() == 0;
        let Some(mark) = segment.mark(mark_at).filter(|_| !barred) else {
            *self = Self::default();
            return;
        };
        let (start, ttl) = (entry.start.get_f64(), entry.ttl.get_f64());
        self.entry = id;
        self.hash = entry.hash.get();
        self.mark = mark.observe();
        self.mark_at = mark_at;
        self.slot = slot;
        self.generation = ns.generation.get();
        self.expires = if ttl == 0.0 || start == 0.0 {
            f64::INFINITY
        } else {
            start + ttl
        };
        self.has_tags = false;
        if entry.has_extras() {
            self.look_at_tags(segment, ns, entry);
        }
    }

    /// Of an entry with tags, a copy is true only for as long as none of the namespace is invalidated.
    #[cold]
    fn look_at_tags(&mut self, segment: &Segment, ns: &Namespace, entry: &Entry) {
        let opening = Opening::of(segment, self.entry, entry);
        let has_tags = opening.and_then(|opening| Some(opening.record(entry)?.has_tags()));
        match (has_tags, area_of(segment, ns, self.slot)) {
            (Some(false), _) => {}
            (Some(true), Some(area)) => {
                self.has_tags = true;
                self.tag_epoch = area.tag_epoch.observe();
            }
            _ => *self = Self::default(),
        }
    }
}

/// The area of a namespace, if it is read by way of copies.
#[inline(always)]
fn area_of(segment: &Segment, ns: &Namespace, slot: u32) -> Option<&'static Area> {
    let area = segment.area(ns.copy_area.get().checked_sub(1)?)?;
    (area.slot.get() == slot + 1).then_some(area)
}

/// Options under which a read does more than move recency.
pub(in crate::store) const BARRED: u32 = TTL_AUTOPURGE | UPDATE_AGE_ON_GET;

#[inline(always)]
pub(in crate::store) fn mark_at(hash: u32, slot: u32) -> u32 {
    (hash ^ slot.wrapping_mul(0x9e37_79b1)) % MARKS
}

impl Table<'_> {
    pub(in crate::store) fn area(&self) -> Option<&'static Area> {
        area_of(self.segment, self.ns, self.slot)
    }

    /// Has a change of an entry count the mark of its key.
    #[inline(always)]
    pub(in crate::store) fn count_change(&self, change: &mut Transaction, hash: u32) {
        if self.segment.header().copied.get() != 0
            && let Some(mark) = self.segment.mark(mark_at(hash, self.slot))
        {
            change.count(mark);
        }
    }

    /// Counts all marks: for what changes entries without going through them.
    pub(in crate::store) fn count_all_changes(&self) {
        if self.segment.header().copied.get() == 0 {
            return;
        }
        for mark in (0..MARKS).filter_map(|index| self.segment.mark(index)) {
            mark.add(1);
        }
    }

    /// For a namespace that is emptied.
    pub(in crate::store) fn forget_touches(&self) {
        if let Some(area) = self.area() {
            area.carrying.put(0);
        }
    }
}

impl Area {
    /// How many of the readers may be looked at: what is written there is not trusted.
    #[inline(always)]
    pub(in crate::store) fn used(&self) -> usize {
        (self.used.get() as usize).min(READERS)
    }

    /// Whether copies were read since the recency list was last right.
    #[inline(always)]
    pub(in crate::store) fn has_touches(&self) -> bool {
        (1..self.used()).any(|reader| self.readers[reader].head.observe() != self.tails[reader].get())
    }
}

//! The manager of a server scope: which per-request scopes are alive, in which order they were used, and which
//! have to go.
//!
//! It guards no values: those are JavaScript's. A scope is a *number*, which is its identity and is never used
//! again, and a *slot*, which is its place in JavaScript's array of scopes and is used again once it is free.
//! Order of expiry and order of use are one list, because each use starts the time to live anew, so every
//! operation is O(1) but for the sweep, which is O(expired).
//!
//! Invariants:
//!
//! - `slots` maps the number of each living scope to its slot, and nothing else;
//! - the recency list links the living slots, and `used_at` never grows from newest to oldest;
//! - each slot that was ever handed out is either living or on the free list;
//! - at most `capacity` scopes live.
//!
//! It lives on the heap of one process and dies with it. The clock is passed in; it may stand still or jump back.

#![forbid(unsafe_code)]

mod numbers;

use crate::lru::recency::{self, Links, NONE, Slot, Slots};
use numbers::Numbers;

/// Nanoseconds on a monotonic clock.
pub type Instant = u64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// While the slot is free, `older` is the next free one.
    links: Links,
    number: u64,
    used_at: Instant,
}

#[derive(Debug)]
struct Entries {
    entries: Vec<Entry>,
    ends: Links,
}

impl Slots for Entries {
    fn links(&self, slot: Slot) -> Links {
        self.entries[slot as usize].links
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        self.entries[slot as usize].links = links;
    }
    fn ends(&self) -> Links {
        self.ends
    }
    fn set_ends(&mut self, ends: Links) {
        self.ends = ends;
    }
}

#[derive(Debug)]
pub struct Manager {
    capacity: usize,
    ttl: u64,
    forked: u64,
    /// The latest time that was passed in: a clock that jumps back is held here until it has caught up.
    latest: Instant,
    scopes: Entries,
    free: Slot,
    slots: Numbers,
    evicted: Vec<Slot>,
}

impl Manager {
    /// The most scopes that one manager can hold: a slot has to fit a positive `i32`.
    pub const MAX_CAPACITY: usize = i32::MAX as usize;

    /// `capacity` is cut to [`Self::MAX_CAPACITY`] and is at least one; `ttl` is in nanoseconds.
    pub fn new(capacity: usize, ttl: u64) -> Self {
        Self {
            capacity: capacity.clamp(1, Self::MAX_CAPACITY),
            ttl,
            forked: 0,
            latest: 0,
            scopes: Entries {
                entries: Vec::new(),
                ends: Links::NONE,
            },
            free: NONE,
            slots: Numbers::new(),
            evicted: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Sweeps the expired, then evicts the least recently used if there is no room, then takes in a scope whose
    /// number is the count of the forks before it. Returns its slot.
    ///
    /// What left is in [`Self::take_evicted`], except for the last: a new scope takes the place of the scope that
    /// left last, so the caller finds that one in the slot returned.
    pub fn fork(&mut self, now: Instant) -> Slot {
        let now = self.advance(now);
        while let Some(oldest) = self.oldest() {
            if now - self.scopes.entries[oldest as usize].used_at <= self.ttl {
                break;
            }
            self.evict(oldest);
        }
        if self.len() >= self.capacity
            && let Some(oldest) = self.oldest()
        {
            self.evict(oldest);
        }
        self.evicted.pop();
        let slot = self.take_slot();
        let entry = &mut self.scopes.entries[slot as usize];
        entry.number = self.forked;
        entry.used_at = now;
        recency::push_newest(&mut self.scopes, slot);
        self.slots.insert(self.forked, slot);
        self.forked += 1;
        slot
    }

    /// Makes a scope the one used last and starts its time to live anew. Returns its slot if it is alive; one that
    /// has expired is alive until it is swept.
    pub fn touch(&mut self, number: u64, now: Instant) -> Option<Slot> {
        let slot = self.slots.get(number)?;
        let now = self.advance(now);
        self.scopes.entries[slot as usize].used_at = now;
        recency::touch(&mut self.scopes, slot);
        Some(slot)
    }

    /// Takes a scope out. Returns the slot it had if it was alive.
    pub fn remove(&mut self, number: u64) -> Option<Slot> {
        let slot = self.slots.remove(number)?;
        self.release(slot);
        Some(slot)
    }

    /// Takes every scope out; [`Self::take_evicted`] has them, the least recently used first.
    pub fn clear(&mut self) {
        while let Some(oldest) = self.oldest() {
            self.evict(oldest);
        }
    }

    pub fn has_evicted(&self) -> bool {
        !self.evicted.is_empty()
    }

    /// The slots that have been emptied since the last call, in the order in which they were.
    pub fn take_evicted(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.evicted)
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn oldest(&self) -> Option<Slot> {
        let oldest = self.scopes.ends.older;
        (oldest != NONE).then_some(oldest)
    }

    fn evict(&mut self, slot: Slot) {
        self.slots.remove(self.scopes.entries[slot as usize].number);
        self.release(slot);
        self.evicted.push(slot);
    }

    fn release(&mut self, slot: Slot) {
        recency::unlink(&mut self.scopes, slot);
        self.scopes.entries[slot as usize].links.older = self.free;
        self.free = slot;
    }

    fn take_slot(&mut self) -> Slot {
        if self.free == NONE {
            self.scopes.entries.push(Entry {
                links: Links::NONE,
                number: 0,
                used_at: 0,
            });
            return (self.scopes.entries.len() - 1) as Slot;
        }
        let slot = self.free;
        self.free = self.scopes.entries[slot as usize].links.older;
        slot
    }

    /// Counts every invariant anew. For tests and fuzzers.
    ///
    /// # Errors
    ///
    /// Says which one does not hold.
    pub fn validate(&self) -> Result<(), String> {
        let size = self.scopes.entries.len();
        let mut linked = 0;
        let mut newer = NONE;
        let mut used_at = Instant::MAX;
        let mut slot = self.scopes.ends.newer;
        while slot != NONE {
            let entry = &self.scopes.entries[slot as usize];
            if entry.links.newer != newer {
                return Err(format!(
                    "slot {slot} has {} as its newer, not {newer}",
                    entry.links.newer
                ));
            }
            if entry.used_at > used_at {
                return Err(format!("slot {slot} was used after a newer one"));
            }
            if self.slots.get(entry.number) != Some(slot) {
                return Err(format!("number {} does not lead to slot {slot}", entry.number));
            }
            linked += 1;
            if linked > size {
                return Err("the recency list runs in a circle".into());
            }
            (newer, used_at, slot) = (slot, entry.used_at, entry.links.older);
        }
        if self.scopes.ends.older != newer || linked != self.len() || linked > self.capacity {
            return Err(format!(
                "{linked} linked, {} numbered, room for {}",
                self.len(),
                self.capacity
            ));
        }
        let mut free = 0;
        let mut slot = self.free;
        while slot != NONE && free <= size {
            free += 1;
            slot = self.scopes.entries[slot as usize].links.older;
        }
        if free + linked == size {
            Ok(())
        } else {
            Err(format!("{free} free, {linked} linked, of {size}"))
        }
    }
}

#[cfg(test)]
mod tests;

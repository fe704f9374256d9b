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

use crate::lru::{self, Links, SlotLinks, move_to_front, push_front, unlink};
use numbers::Numbers;

/// The place of a scope, counted from 0. The recency list counts its slots from 1.
pub type Slot = u32;

/// Nanoseconds on a monotonic clock.
pub type Instant = u64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    used_at: Instant,
}

#[derive(Debug)]
pub struct Manager {
    capacity: usize,
    ttl: u64,
    forked: u64,
    /// The latest time that was passed in: a clock that jumps back is held here until it has caught up.
    latest: Instant,
    /// By slot. What a free slot has here means nothing.
    entries: Vec<Entry>,
    recency: SlotLinks,
    /// Slots that were used and are not; the one that was emptied last is the next to be used.
    free: Vec<Slot>,
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
            entries: Vec::new(),
            recency: SlotLinks::new(),
            free: Vec::new(),
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
            if now - self.entries[oldest as usize].used_at <= self.ttl {
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
        let entry = &mut self.entries[slot as usize];
        entry.number = self.forked;
        entry.used_at = now;
        let Ok(()) = push_front(&mut self.recency, linked(slot));
        self.slots.insert(self.forked, slot);
        self.forked += 1;
        slot
    }

    /// Makes a scope the one used last and starts its time to live anew. Returns its slot if it is alive; one that
    /// has expired is alive until it is swept.
    pub fn touch(&mut self, number: u64, now: Instant) -> Option<Slot> {
        let slot = self.slots.get(number)?;
        let now = self.advance(now);
        self.entries[slot as usize].used_at = now;
        let Ok(()) = move_to_front(&mut self.recency, linked(slot));
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
        self.recency.back().map(slot_of)
    }

    fn evict(&mut self, slot: Slot) {
        self.slots.remove(self.entries[slot as usize].number);
        self.release(slot);
        self.evicted.push(slot);
    }

    fn release(&mut self, slot: Slot) {
        let Ok(()) = unlink(&mut self.recency, linked(slot));
        self.free.push(slot);
    }

    fn take_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry {
                number: 0,
                used_at: 0,
            });
            (self.entries.len() - 1) as Slot
        })
    }

    /// Counts every invariant anew. For tests and fuzzers.
    ///
    /// # Errors
    ///
    /// Says which one does not hold.
    pub fn validate(&self) -> Result<(), String> {
        let mut used_at = Instant::MAX;
        let mut living = vec![false; self.entries.len()];
        for slot in self.recency.iter().map(slot_of) {
            let entry = self
                .entries
                .get(slot as usize)
                .ok_or(format!("slot {slot} was never handed out"))?;
            if std::mem::replace(&mut living[slot as usize], true) {
                return Err(format!("the recency list meets slot {slot} twice"));
            }
            if entry.used_at > used_at {
                return Err(format!("slot {slot} was used after a newer one"));
            }
            if self.slots.get(entry.number) != Some(slot) {
                return Err(format!("number {} does not lead to slot {slot}", entry.number));
            }
            used_at = entry.used_at;
        }
        let linked = living.iter().filter(|living| **living).count();
        if linked != self.len() || linked > self.capacity {
            return Err(format!(
                "{linked} linked, {} numbered, room for {}",
                self.len(),
                self.capacity
            ));
        }
        for slot in &self.free {
            if std::mem::replace(&mut living[*slot as usize], true) {
                return Err(format!("slot {slot} is free, and living or free already"));
            }
        }
        if living.iter().all(|known| *known) {
            Ok(())
        } else {
            Err("a slot is lost".into())
        }
    }
}

/// A slot as the recency list counts it. Slots end at [`Manager::MAX_CAPACITY`], so there is always a next number.
fn linked(slot: Slot) -> lru::Slot {
    lru::Slot::MIN.saturating_add(slot)
}

fn slot_of(linked: lru::Slot) -> Slot {
    linked.get() - 1
}

#[cfg(test)]
mod tests;

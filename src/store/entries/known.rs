//! Which keys a walk has copied: an open table of the places of items, by the hash of their keys.

use crate::store::ground::values::{Item, Snapshot};
use std::ops::Range;

#[derive(Debug)]
pub(in crate::store) struct Known {
    /// Each an item's place, plus one; at most half of them are taken.
    places: Vec<u32>,
    taken: usize,
}

impl Known {
    /// All that was gathered so far, with room for so many.
    pub(in crate::store) fn of(gathered: &Snapshot, expected: u32) -> Self {
        let size = (2 * expected as usize).max(4 * gathered.items.len()).max(64);
        let mut known = Self {
            places: vec![0; size.next_power_of_two()],
            taken: gathered.items.len(),
        };
        known.fill(&gathered.items);
        known
    }

    /// Makes room for so many more.
    pub(in crate::store) fn make_room(&mut self, more: usize, items: &[Item]) {
        let wanted = 2 * (self.taken + more);
        if wanted > self.places.len() {
            self.places = vec![0; wanted.next_power_of_two()];
            self.fill(items);
        }
    }

    fn fill(&mut self, items: &[Item]) {
        for (place, item) in items.iter().enumerate() {
            let mut at = self.first(item.hash);
            while self.places[at] != 0 {
                at = self.next(at);
            }
            self.places[at] = place as u32 + 1;
        }
    }

    fn first(&self, hash: u32) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// Adds a key that is about to become the next item. False where it is there already.
    pub(in crate::store) fn add(&mut self, hash: u32, key: (u8, Range<usize>), gathered: &Snapshot) -> bool {
        self.make_room(1, &gathered.items);
        let bytes = gathered.bytes.get(key.1).unwrap_or_default();
        let mut at = self.first(hash);
        loop {
            let place = self.places[at];
            if place == 0 {
                self.places[at] = gathered.items.len() as u32 + 1;
                self.taken += 1;
                return true;
            }
            let item = gathered.items.get(place as usize - 1);
            if item
                .is_some_and(|item| item.hash == hash && item.key_tag == key.0 && gathered.key(item) == bytes)
            {
                return false;
            }
            at = self.next(at);
        }
    }
}

//! From a scope's number to its slot.
//!
//! Numbers are counted up and mostly leave in the order in which they came. So each has one place in a ring, the
//! number modulo its length, and neighbours are neighbours there: a fork at capacity finds its memory in the
//! processor's cache, however many scopes there are. A number that is still alive when a later one needs its
//! place, a ring's length of forks after it came, moves to a map.
//!
//! Invariants: a number is in the ring or in the map, never in both; the ring is a power of two long, and at
//! least twice as long as there are numbers.

use super::Slot;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No slot: none is so large.
const NONE: Slot = Slot::MAX;

#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    /// `NONE` where the place is empty.
    slot: Slot,
}

const EMPTY: Place = Place {
    number: 0,
    slot: NONE,
};
const SHORTEST: usize = 64;

#[derive(Debug)]
pub(super) struct Numbers {
    ring: Vec<Place>,
    old: HashMap<u64, Slot, BuildHasherDefault<NumberHasher>>,
    len: usize,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self {
            ring: vec![EMPTY; SHORTEST],
            old: HashMap::default(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, number: u64) -> Option<Slot> {
        let place = self.ring[self.place(number)];
        if place.slot != NONE && place.number == number {
            return Some(place.slot);
        }
        if self.old.is_empty() {
            None
        } else {
            self.old.get(&number).copied()
        }
    }

    /// Takes in a number that is greater than all before it.
    pub(super) fn insert(&mut self, number: u64, slot: Slot) {
        if (self.len + 1) * 2 > self.ring.len() {
            self.lengthen();
        }
        self.len += 1;
        self.put(Place { number, slot });
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Slot> {
        let at = self.place(number);
        let place = self.ring[at];
        let slot = if place.slot != NONE && place.number == number {
            self.ring[at].slot = NONE;
            place.slot
        } else if self.old.is_empty() {
            return None;
        } else {
            self.old.remove(&number)?
        };
        self.len -= 1;
        Some(slot)
    }

    fn place(&self, number: u64) -> usize {
        number as usize & (self.ring.len() - 1)
    }

    /// The later of two numbers for one place gets it.
    fn put(&mut self, mut new: Place) {
        let at = self.place(new.number);
        let place = &mut self.ring[at];
        if place.slot != NONE {
            if place.number < new.number {
                std::mem::swap(place, &mut new);
            }
            self.old.insert(new.number, new.slot);
        } else {
            *place = new;
        }
    }

    fn lengthen(&mut self) {
        let longer = vec![EMPTY; self.ring.len() * 2];
        let ring = std::mem::replace(&mut self.ring, longer);
        let old = std::mem::take(&mut self.old);
        for place in ring.into_iter().filter(|place| place.slot != NONE) {
            self.put(place);
        }
        for (number, slot) in old {
            self.put(Place { number, slot });
        }
    }
}

/// Numbers come from a counter and from no stranger, so one multiplication spreads them well enough.
#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        let product = number.wrapping_mul(GOLDEN);
        self.0 = product ^ product >> 32;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 << 8 | u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u64) -> Slot {
        number as Slot * 2
    }

    #[test]
    fn a_number_leads_to_the_slot_it_was_given_until_it_is_removed() {
        let mut numbers = Numbers::new();
        let count = if cfg!(miri) { 600 } else { 10_000 };
        for number in 0..count {
            numbers.insert(number, slot(number));
        }
        for number in (0..count).step_by(3) {
            assert_eq!(numbers.remove(number), Some(slot(number)));
        }
        for number in 0..count {
            assert_eq!(numbers.get(number), (number % 3 != 0).then_some(slot(number)));
        }
        assert_eq!(numbers.remove(count), None);
    }

    #[test]
    fn numbers_that_live_long_are_found_among_many_that_do_not() {
        let mut numbers = Numbers::new();
        let lasts = |number: u64| number.is_multiple_of(1_000);
        let count = if cfg!(miri) { 3_000 } else { 100_000 };
        for number in 0..count {
            numbers.insert(number, slot(number));
            if number >= 20 && !lasts(number - 20) {
                assert_eq!(numbers.remove(number - 20), Some(slot(number - 20)));
            }
        }
        for number in (0..count).filter(|number| lasts(*number)) {
            assert_eq!(numbers.remove(number), Some(slot(number)));
        }
        assert_eq!(numbers.len(), 20);
        assert!(
            numbers.ring.len() <= 512,
            "the ring follows what lives, not what was counted"
        );
    }
}

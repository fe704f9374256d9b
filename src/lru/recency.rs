//! A doubly linked list of slots, from the one used last to the one used longest ago.
//!
//! The list owns nothing: where slots and the two ends live is the caller's affair ([`Slots`]). Invariants, which
//! the caller upholds by linking a slot once and unlinking only what is linked:
//!
//! - following `older` from the newest meets every linked slot once and ends at the oldest;
//! - `newer` is its exact reverse;
//! - the list is empty if and only if both ends are [`NONE`].

/// The index of a place for one entry.
pub type Slot = u32;

/// No slot: the end of the list.
pub const NONE: Slot = Slot::MAX;

/// A slot's neighbours, or the two ends of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    pub newer: Slot,
    pub older: Slot,
}

impl Links {
    pub const NONE: Self = Self {
        newer: NONE,
        older: NONE,
    };
}

/// Where the links of the slots are kept.
pub trait Slots {
    fn links(&self, slot: Slot) -> Links;
    fn set_links(&mut self, slot: Slot, links: Links);
    /// The newest slot as `newer`, the oldest as `older`.
    fn ends(&self) -> Links;
    fn set_ends(&mut self, ends: Links);
}

/// Links a slot that is not in the list as the one used last.
pub fn push_newest(slots: &mut impl Slots, slot: Slot) {
    let ends = slots.ends();
    slots.set_links(
        slot,
        Links {
            newer: NONE,
            older: ends.newer,
        },
    );
    if ends.newer == NONE {
        slots.set_ends(Links {
            newer: slot,
            older: slot,
        });
        return;
    }
    let before = slots.links(ends.newer);
    slots.set_links(
        ends.newer,
        Links {
            newer: slot,
            ..before
        },
    );
    slots.set_ends(Links { newer: slot, ..ends });
}

/// Takes a slot out of the list.
pub fn unlink(slots: &mut impl Slots, slot: Slot) {
    let Links { newer, older } = slots.links(slot);
    let mut ends = slots.ends();
    if newer == NONE {
        ends.newer = older;
    } else {
        let links = slots.links(newer);
        slots.set_links(newer, Links { older, ..links });
    }
    if older == NONE {
        ends.older = newer;
    } else {
        let links = slots.links(older);
        slots.set_links(older, Links { newer, ..links });
    }
    slots.set_ends(ends);
    slots.set_links(slot, Links::NONE);
}

/// Makes a linked slot the one used last.
pub fn touch(slots: &mut impl Slots, slot: Slot) {
    if slots.ends().newer == slot {
        return;
    }
    unlink(slots, slot);
    push_newest(slots, slot);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Heap {
        links: Vec<Links>,
        ends: Links,
    }

    impl Slots for Heap {
        fn links(&self, slot: Slot) -> Links {
            self.links[slot as usize]
        }
        fn set_links(&mut self, slot: Slot, links: Links) {
            self.links[slot as usize] = links;
        }
        fn ends(&self) -> Links {
            self.ends
        }
        fn set_ends(&mut self, ends: Links) {
            self.ends = ends;
        }
    }

    fn heap(size: usize) -> Heap {
        Heap {
            links: vec![Links::NONE; size],
            ends: Links::NONE,
        }
    }

    fn newest_first(heap: &Heap) -> Vec<Slot> {
        let mut order = Vec::new();
        let mut slot = heap.ends.newer;
        let mut newer = NONE;
        while slot != NONE {
            assert_eq!(heap.links(slot).newer, newer, "the links back are the reverse");
            order.push(slot);
            newer = slot;
            slot = heap.links(slot).older;
        }
        assert_eq!(heap.ends.older, newer);
        order
    }

    #[test]
    fn the_slot_used_last_comes_first() {
        let mut heap = heap(4);
        for slot in 0..4 {
            push_newest(&mut heap, slot);
        }
        touch(&mut heap, 1);
        touch(&mut heap, 1);
        touch(&mut heap, 0);
        assert_eq!(newest_first(&heap), [0, 1, 3, 2]);
    }

    #[test]
    fn a_slot_leaves_from_either_end_and_from_the_middle() {
        let mut heap = heap(5);
        for slot in 0..5 {
            push_newest(&mut heap, slot);
        }
        unlink(&mut heap, 4);
        unlink(&mut heap, 0);
        unlink(&mut heap, 2);
        assert_eq!(newest_first(&heap), [3, 1]);
        unlink(&mut heap, 3);
        unlink(&mut heap, 1);
        assert_eq!(heap.ends, Links::NONE);
    }
}

//! Links on the heap: one pair for each slot, in a vector that grows as slots are used.

use std::convert::Infallible;

use super::{Links, Neighbours, Slot};

const ALONE: Neighbours = Neighbours {
    before: None,
    after: None,
};

/// A recency list of slots `1..`, owned by one thread.
#[derive(Clone, Debug, Default)]
pub struct SlotLinks {
    pairs: Vec<Neighbours>,
    front: Option<Slot>,
    back: Option<Slot>,
}

impl SlotLinks {
    pub const fn new() -> Self {
        Self {
            pairs: Vec::new(),
            front: None,
            back: None,
        }
    }

    /// From the most recent to the least.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        std::iter::successors(self.front, |slot| self.pair(*slot).after)
    }

    fn pair(&self, slot: Slot) -> Neighbours {
        self.pairs.get(slot.get() as usize - 1).copied().unwrap_or(ALONE)
    }

    fn pair_mut(&mut self, slot: Slot) -> &mut Neighbours {
        let index = slot.get() as usize - 1;
        if index >= self.pairs.len() {
            self.pairs.resize(index + 1, ALONE);
        }
        &mut self.pairs[index]
    }
}

impl Links for SlotLinks {
    type Fault = Infallible;

    fn front(&self) -> Option<Slot> {
        self.front
    }

    fn back(&self) -> Option<Slot> {
        self.back
    }

    fn neighbours(&self, slot: Slot) -> Result<Neighbours, Infallible> {
        Ok(self.pair(slot))
    }

    fn set_front(&mut self, slot: Option<Slot>) {
        self.front = slot;
    }

    fn set_back(&mut self, slot: Option<Slot>) {
        self.back = slot;
    }

    fn set_before(&mut self, slot: Slot, before: Option<Slot>) -> Result<(), Infallible> {
        self.pair_mut(slot).before = before;
        Ok(())
    }

    fn set_after(&mut self, slot: Slot, after: Option<Slot>) -> Result<(), Infallible> {
        self.pair_mut(slot).after = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{move_to_front, push_front, replace_at_front, unlink};
    use super::*;
    use proptest::prelude::*;

    fn slot(number: u32) -> Slot {
        Slot::new(number).unwrap()
    }

    fn assert_same(list: &SlotLinks, model: &[u32]) {
        assert_eq!(list.iter().map(Slot::get).collect::<Vec<_>>(), model);
        let mut backwards = Vec::new();
        let mut at = list.back();
        while let Some(here) = at {
            backwards.insert(0, here.get());
            at = list.neighbours(here).unwrap().before;
        }
        assert_eq!(backwards, model);
    }

    proptest! {
        #[test]
        fn the_list_agrees_with_a_vector_whatever_is_done_to_it(
            steps in prop::collection::vec((0u8..4, 1u32..12, 12u32..24), 0..200)
        ) {
            let mut list = SlotLinks::new();
            let mut model: Vec<u32> = Vec::new();
            for (what, one, other) in steps {
                let at = model.iter().position(|&slot| slot == one);
                match (what, at) {
                    (0, None) => {
                        push_front(&mut list, slot(one)).unwrap();
                        model.insert(0, one);
                    }
                    (1, Some(at)) => {
                        unlink(&mut list, slot(one)).unwrap();
                        model.remove(at);
                    }
                    (2, Some(at)) => {
                        move_to_front(&mut list, slot(one)).unwrap();
                        model.remove(at);
                        model.insert(0, one);
                    }
                    (3, Some(at)) if !model.contains(&other) => {
                        replace_at_front(&mut list, slot(one), slot(other)).unwrap();
                        model.remove(at);
                        model.insert(0, other);
                    }
                    _ => {}
                }
                assert_same(&list, &model);
            }
        }
    }
}

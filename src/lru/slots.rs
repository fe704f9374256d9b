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
    use super::super::{
        MOST_AT_ONCE, move_all_to_front, move_to_front, push_front, replace_at_front, unlink,
    };
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

    /// Shows the list as it was until `write` is called, as a transaction does.
    struct Delayed<'l> {
        list: &'l mut SlotLinks,
        writes: Vec<Write>,
    }

    enum Write {
        Front(Option<Slot>),
        Back(Option<Slot>),
        Before(Slot, Option<Slot>),
        After(Slot, Option<Slot>),
    }

    impl Delayed<'_> {
        fn write(self) {
            for write in self.writes {
                match write {
                    Write::Front(slot) => self.list.set_front(slot),
                    Write::Back(slot) => self.list.set_back(slot),
                    Write::Before(slot, before) => self.list.set_before(slot, before).unwrap(),
                    Write::After(slot, after) => self.list.set_after(slot, after).unwrap(),
                }
            }
        }
    }

    impl Links for Delayed<'_> {
        type Fault = Infallible;

        fn front(&self) -> Option<Slot> {
            self.list.front()
        }

        fn back(&self) -> Option<Slot> {
            self.list.back()
        }

        fn neighbours(&self, slot: Slot) -> Result<Neighbours, Infallible> {
            self.list.neighbours(slot)
        }

        fn set_front(&mut self, slot: Option<Slot>) {
            self.writes.push(Write::Front(slot));
        }

        fn set_back(&mut self, slot: Option<Slot>) {
            self.writes.push(Write::Back(slot));
        }

        fn set_before(&mut self, slot: Slot, before: Option<Slot>) -> Result<(), Infallible> {
            self.writes.push(Write::Before(slot, before));
            Ok(())
        }

        fn set_after(&mut self, slot: Slot, after: Option<Slot>) -> Result<(), Infallible> {
            self.writes.push(Write::After(slot, after));
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn moving_several_at_once_is_moving_each_in_turn(
            length in 1u32..14,
            turns in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let mut one_by_one = SlotLinks::new();
            (1..=length).for_each(|number| push_front(&mut one_by_one, slot(number)).unwrap());
            let mut at_once = one_by_one.clone();
            let mut slots: Vec<Slot> = Vec::new();
            for turn in turns {
                let next = slot(turn.index(length as usize) as u32 + 1);
                if slots.len() < MOST_AT_ONCE && !slots.contains(&next) {
                    slots.push(next);
                }
            }
            let mut model: Vec<u32> = (1..=length).rev().collect();
            for &next in &slots {
                move_to_front(&mut one_by_one, next).unwrap();
                model.retain(|&number| number != next.get());
                model.insert(0, next.get());
            }
            assert_same(&one_by_one, &model);

            let mut delayed = Delayed { list: &mut at_once.clone(), writes: Vec::new() };
            move_all_to_front(&mut delayed, &slots).unwrap();
            // As many as a journal holds.
            prop_assert!(delayed.writes.len() <= 4 * MOST_AT_ONCE + 4);
            let mut written = at_once.clone();
            Delayed { list: &mut written, writes: delayed.writes }.write();
            assert_same(&written, &model);

            move_all_to_front(&mut at_once, &slots).unwrap();
            assert_same(&at_once, &model);
        }

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

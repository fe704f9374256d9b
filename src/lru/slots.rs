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
        Batch, MOST_WRITES, move_all_to_front, move_to_front, push_front, replace_at_front, unlink,
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

    /// Shows the list as it was until `write` is called, and leaves out what changes nothing, as a transaction does.
    struct Delayed<'l> {
        list: &'l mut SlotLinks,
        writes: Vec<Write>,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Write {
        Front(Option<Slot>),
        Back(Option<Slot>),
        Before(Slot, Option<Slot>),
        After(Slot, Option<Slot>),
    }

    impl Write {
        /// The link, without what is written there.
        fn place(self) -> Self {
            match self {
                Self::Front(_) => Self::Front(None),
                Self::Back(_) => Self::Back(None),
                Self::Before(slot, _) => Self::Before(slot, None),
                Self::After(slot, _) => Self::After(slot, None),
            }
        }
    }

    impl Delayed<'_> {
        fn add(&mut self, write: Write) {
            let is_there = match write {
                Write::Front(slot) => self.list.front == slot,
                Write::Back(slot) => self.list.back == slot,
                Write::Before(slot, before) => self.list.pair(slot).before == before,
                Write::After(slot, after) => self.list.pair(slot).after == after,
            };
            if !is_there {
                assert!(self.writes.iter().all(|other| other.place() != write.place()));
                self.writes.push(write);
            }
        }

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
            self.add(Write::Front(slot));
        }

        fn set_back(&mut self, slot: Option<Slot>) {
            self.add(Write::Back(slot));
        }

        fn set_before(&mut self, slot: Slot, before: Option<Slot>) -> Result<(), Infallible> {
            self.add(Write::Before(slot, before));
            Ok(())
        }

        fn set_after(&mut self, slot: Slot, after: Option<Slot>) -> Result<(), Infallible> {
            self.add(Write::After(slot, after));
            Ok(())
        }
    }

    /// Does what is to be done as a transaction does it, and gives how many writes that took.
    fn by_writes(list: &mut SlotLinks, change: impl FnOnce(&mut Delayed<'_>)) -> usize {
        let mut shown = list.clone();
        let mut delayed = Delayed {
            list: &mut shown,
            writes: Vec::new(),
        };
        change(&mut delayed);
        let writes = delayed.writes;
        let count = writes.len();
        Delayed { list, writes }.write();
        count
    }

    /// In one list as it goes, in the other all at once.
    fn move_batch(list: &mut SlotLinks, other: &mut SlotLinks, batch: &mut Batch) {
        move_all_to_front(list, batch).unwrap();
        let writes = by_writes(other, |links| move_all_to_front(links, batch).unwrap());
        assert!(writes <= MOST_WRITES, "as many as a journal holds");
        batch.clear();
    }

    #[test]
    fn a_list_that_was_damaged_into_a_circle_has_an_end_for_a_batch() {
        let mut list = SlotLinks::new();
        (1..=3).for_each(|number| push_front(&mut list, slot(number)).unwrap());
        list.set_after(slot(1), Some(slot(3))).unwrap();
        let mut batch = Batch::default();
        for number in 1..=3 {
            assert!(batch.add(&list, slot(number)).unwrap());
        }
        move_all_to_front(&mut list, &batch).unwrap();
        assert_eq!(list.front(), Some(slot(3)));
    }

    proptest! {
        #[test]
        fn moving_several_at_once_is_moving_each_in_turn(
            length in 1u32..300,
            rows in prop::collection::vec((any::<prop::sample::Index>(), 1u32..40, any::<bool>()), 0..30),
        ) {
            let mut one_by_one = SlotLinks::new();
            (1..=length).for_each(|number| push_front(&mut one_by_one, slot(number)).unwrap());
            let mut at_once = one_by_one.clone();
            let mut at_once_by_writes = one_by_one.clone();
            let mut model: Vec<u32> = (1..=length).rev().collect();
            let mut batch = Batch::default();
            // Rows, as reading what was stored in turn makes them; some backwards.
            let turns = rows.iter().flat_map(|(start, count, backwards)| {
                let start = start.index(length as usize) as u32;
                (0..*count).map(move |step| {
                    let step = if *backwards { count - 1 - step } else { step };
                    (start + step) % length + 1
                })
            });
            for next in turns {
                move_to_front(&mut one_by_one, slot(next)).unwrap();
                model.retain(|&number| number != next);
                model.insert(0, next);
                if !batch.add(&at_once, slot(next)).unwrap() {
                    move_batch(&mut at_once, &mut at_once_by_writes, &mut batch);
                    assert!(batch.add(&at_once, slot(next)).unwrap());
                }
            }
            move_batch(&mut at_once, &mut at_once_by_writes, &mut batch);
            assert_same(&one_by_one, &model);
            assert_same(&at_once, &model);
            assert_same(&at_once_by_writes, &model);
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
                        by_writes(&mut list, |list| push_front(list, slot(one)).unwrap());
                        model.insert(0, one);
                    }
                    (1, Some(at)) => {
                        by_writes(&mut list, |list| unlink(list, slot(one)).unwrap());
                        model.remove(at);
                    }
                    (2, Some(at)) => {
                        by_writes(&mut list, |list| move_to_front(list, slot(one)).unwrap());
                        model.remove(at);
                        model.insert(0, one);
                    }
                    (3, Some(at)) if !model.contains(&other) => {
                        by_writes(&mut list, |list| replace_at_front(list, slot(one), slot(other)).unwrap());
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

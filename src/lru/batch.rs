//! Several slots that become the most recent at once.
//!
//! What is touched in turn often lies in turn: entries that were stored, or read, one after the other. Such a row goes to
//! the front as a whole, and only its ends are written. How many slots a batch takes therefore depends on how many
//! rows they make in the list as it is: the writes of a batch never exceed `MOST_WRITES`.

use super::{Links, Neighbours, Slot};

const MOST_SLOTS: usize = 64;
/// How many slots of a batch may have another before them in the list than comes next in the batch.
const MOST_BREAKS: usize = 8;

/// Each break is written once and closed once, with two writes; so are the ends.
pub const MOST_WRITES: usize = 4 * MOST_BREAKS + 6;

/// Slots of a list that are to become the most recent in their order, the last one the most. The list stays as it is
/// while a batch is gathered.
#[derive(Debug)]
pub struct Batch {
    slots: [Slot; MOST_SLOTS],
    len: usize,
    breaks: usize,
    /// A bit for each slot, modulo 256: where it is not set, the slot is not here.
    traces: [u64; 4],
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            slots: [Slot::MIN; MOST_SLOTS],
            len: 0,
            breaks: 0,
            traces: [0; 4],
        }
    }
}

#[inline(always)]
fn trace(slot: Slot) -> (usize, u64) {
    let number = slot.get();
    ((number >> 6) as usize % 4, 1 << (number % 64))
}

/// Whether the list has `next` right before `slot`.
#[inline(always)]
fn is_joined<L: Links>(links: &L, slot: Slot, next: Slot) -> Result<bool, L::Fault> {
    Ok(links.neighbours(slot)?.before == Some(next))
}

impl Batch {
    #[inline(always)]
    fn slots(&self) -> &[Slot] {
        &self.slots[..self.len]
    }

    #[inline(always)]
    fn place_of(&self, slot: Slot) -> Option<usize> {
        let (word, bit) = trace(slot);
        if self.traces[word] & bit == 0 {
            return None;
        }
        self.slots().iter().position(|other| *other == slot)
    }

    /// The same for a neighbour in the list of the slot at `at`, which in a row is the one beside it here.
    #[inline(always)]
    fn place_beside(&self, slot: Slot, at: usize) -> Option<usize> {
        let slots = self.slots();
        if slots.get(at + 1) == Some(&slot) {
            return Some(at + 1);
        }
        let before = at.wrapping_sub(1);
        if slots.get(before) == Some(&slot) {
            return Some(before);
        }
        self.place_of(slot)
    }

    #[inline(always)]
    fn has(&self, slot: Slot) -> bool {
        self.place_of(slot).is_some()
    }

    /// Adds a slot as the last; one that is here already has its later turn alone. False, and nothing done, where there
    /// is no room: the batch has to be moved first.
    #[inline(always)]
    pub fn add<L: Links>(&mut self, links: &L, slot: Slot) -> Result<bool, L::Fault> {
        if let Some(at) = self.place_of(slot)
            && !self.take_out(links, at)?
        {
            return Ok(false);
        }
        let is_break = match self.slots().last() {
            Some(&last) => !is_joined(links, last, slot)?,
            None => false,
        };
        if self.len == MOST_SLOTS || self.breaks + usize::from(is_break) > MOST_BREAKS {
            return Ok(false);
        }
        let (word, bit) = trace(slot);
        self.traces[word] |= bit;
        self.slots[self.len] = slot;
        self.len += 1;
        self.breaks += usize::from(is_break);
        Ok(true)
    }

    /// False where what is left would have too many breaks.
    fn take_out<L: Links>(&mut self, links: &L, at: usize) -> Result<bool, L::Fault> {
        let slot = self.slots[at];
        let before = at.checked_sub(1).map(|before| self.slots[before]);
        let after = self.slots().get(at + 1).copied();
        let mut breaks = self.breaks;
        if let Some(before) = before {
            breaks -= usize::from(!is_joined(links, before, slot)?);
        }
        if let Some(after) = after {
            breaks -= usize::from(!is_joined(links, slot, after)?);
        }
        if let Some((before, after)) = before.zip(after) {
            breaks += usize::from(!is_joined(links, before, after)?);
        }
        if breaks > MOST_BREAKS {
            return Ok(false);
        }
        self.breaks = breaks;
        self.slots.copy_within(at + 1..self.len, at);
        self.len -= 1;
        Ok(true)
    }

    pub fn clear(&mut self) {
        (self.len, self.breaks, self.traces) = (0, 0, [0; 4]);
    }
}

/// Makes the slots of a batch the most recent: as moving each in turn does, with far fewer writes. `links` may show the
/// list as it was until all is written.
#[inline]
pub fn move_all_to_front<L: Links>(links: &mut L, batch: &Batch) -> Result<(), L::Fault> {
    let slots = batch.slots();
    let Some((&first, &last)) = slots.first().zip(slots.last()) else {
        return Ok(());
    };
    let mut front = links.front();
    while let Some(slot) = front.filter(|slot| batch.has(*slot)) {
        front = links.neighbours(slot)?.after;
    }
    for at in 0..slots.len() {
        close_run(links, batch, at)?;
    }
    for pair in slots.windows(2) {
        links.set_before(pair[0], Some(pair[1]))?;
        links.set_after(pair[1], Some(pair[0]))?;
    }
    links.set_before(last, None)?;
    links.set_front(Some(last));
    links.set_after(first, front)?;
    match front {
        Some(front) => links.set_before(front, Some(first)),
        None => Ok(()),
    }
}

/// Joins what lies on both sides of a run of the batch's slots, once for each run: where `at` is its first. With
/// nothing after it, the list ends in the slot before the run, or, as all go to the front, in the batch's first.
#[inline(always)]
fn close_run<L: Links>(links: &mut L, batch: &Batch, at: usize) -> Result<(), L::Fault> {
    let Neighbours { before, mut after } = links.neighbours(batch.slots[at])?;
    if before.is_some_and(|before| batch.place_beside(before, at).is_some()) {
        return Ok(());
    }
    let mut at = at;
    while let Some(place) = after.and_then(|after| batch.place_beside(after, at)) {
        at = place;
        after = links.neighbours(batch.slots[at])?.after;
    }
    match (before, after) {
        (None, None) => {
            links.set_back(batch.slots().first().copied());
            Ok(())
        }
        (None, Some(_)) => Ok(()),
        (Some(before), None) => {
            links.set_back(Some(before));
            links.set_after(before, None)
        }
        (Some(before), Some(after)) => {
            links.set_after(before, Some(after))?;
            links.set_before(after, Some(before))
        }
    }
}

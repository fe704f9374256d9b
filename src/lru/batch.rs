//! Several slots that become the most recent at once.
//!
//! What is touched in turn often lies in turn: entries that were stored, or read, one after the other. Such a row goes to
//! the front as a whole, and only its ends are written. How many slots a batch takes therefore depends on how many
//! rows they make in the list as it is: the writes of a batch never exceed `MOST_WRITES`.

use super::{Links, Slot};

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
    /// A bit for each slot that has the next one here right before it in the list. Such slots are a row, up to the first
    /// without the bit, which is its end.
    joined: u64,
    /// A bit for each slot, modulo 256: where it is not set, the slot is not here.
    traces: [u64; 4],
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            slots: [Slot::MIN; MOST_SLOTS],
            len: 0,
            joined: 0,
            traces: [0; 4],
        }
    }
}

#[inline(always)]
fn trace(slot: Slot) -> (usize, u64) {
    let number = slot.get();
    ((number >> 6) as usize % 4, 1 << (number % 64))
}

/// The lowest bits, as many as `count`.
#[inline(always)]
fn lowest(count: usize) -> u64 {
    u64::MAX.checked_shr(64 - count as u32).unwrap_or(0)
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

    #[inline(always)]
    fn breaks(&self) -> usize {
        self.len.saturating_sub(1) - self.joined.count_ones() as usize
    }

    /// Where the rows end, the first of them first.
    #[inline(always)]
    fn ends(&self) -> impl Iterator<Item = usize> {
        let mut left = !self.joined & lowest(self.len);
        std::iter::from_fn(move || {
            let end = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (end < MOST_SLOTS).then_some(end)
        })
    }

    /// The slot that the list has right after the row which ends at a place.
    #[inline(always)]
    fn after_row<L: Links>(&self, links: &L, end: usize) -> Result<Option<Slot>, L::Fault> {
        let before = (!self.joined & lowest(end)).checked_ilog2();
        let start = before.map_or(0, |end| end as usize + 1);
        Ok(links.neighbours(self.slots[start])?.after)
    }

    /// The first slot from here on in the list that is none of the batch, where the slot before it is none or a row's first:
    /// each of the batch that comes next then is the end of a row. No more rows are looked at than there are.
    #[inline(always)]
    fn past_rows<L: Links>(&self, links: &L, slot: Option<Slot>) -> Result<Option<Slot>, L::Fault> {
        let mut slot = slot;
        for _row in self.ends() {
            let Some(end) = slot.and_then(|slot| self.place_of(slot)) else {
                break;
            };
            slot = self.after_row(links, end)?;
        }
        Ok(slot)
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
        if let Some(&last) = self.slots().last() {
            let joined = is_joined(links, last, slot)?;
            if self.len == MOST_SLOTS || (!joined && self.breaks() == MOST_BREAKS) {
                return Ok(false);
            }
            self.joined |= u64::from(joined) << (self.len - 1);
        }
        let (word, bit) = trace(slot);
        self.traces[word] |= bit;
        self.slots[self.len] = slot;
        self.len += 1;
        Ok(true)
    }

    /// False where what is left would have too many breaks.
    fn take_out<L: Links>(&mut self, links: &L, at: usize) -> Result<bool, L::Fault> {
        let mut joined = (self.joined >> 1) & !lowest(at);
        let after = self.slots().get(at + 1);
        if let Some(before) = at.checked_sub(1) {
            joined |= self.joined & lowest(before);
            if let Some(&after) = after {
                joined |= u64::from(is_joined(links, self.slots[before], after)?) << before;
            }
        }
        if self.len.saturating_sub(2) - joined.count_ones() as usize > MOST_BREAKS {
            return Ok(false);
        }
        self.joined = joined;
        self.slots.copy_within(at + 1..self.len, at);
        self.len -= 1;
        Ok(true)
    }

    pub fn clear(&mut self) {
        (self.len, self.joined, self.traces) = (0, 0, [0; 4]);
    }
}

/// Makes the slots of a batch the most recent: as moving each in turn does, with far fewer writes. `links` may show the
/// list as it was until all is written.
#[inline(always)]
pub fn move_all_to_front<L: Links>(links: &mut L, batch: &Batch) -> Result<(), L::Fault> {
    let slots = batch.slots();
    let Some((&first, &last)) = slots.first().zip(slots.last()) else {
        return Ok(());
    };
    let front = batch.past_rows(links, links.front())?;
    for end in batch.ends() {
        close_row(links, batch, end)?;
    }
    for end in batch.ends() {
        if let Some(&next) = slots.get(end + 1) {
            links.set_before(slots[end], Some(next))?;
            links.set_after(next, Some(slots[end]))?;
        }
    }
    links.set_before(last, None)?;
    links.set_front(Some(last));
    links.set_after(first, front)?;
    match front {
        Some(front) => links.set_before(front, Some(first)),
        None => Ok(()),
    }
}

/// Joins what lies on both sides of a row, and of those that follow it in the list at once; a row that follows one does
/// nothing. With nothing after it, the list ends in the slot before the row, or, as all go to the front, in the batch's
/// first.
#[inline(always)]
fn close_row<L: Links>(links: &mut L, batch: &Batch, end: usize) -> Result<(), L::Fault> {
    let before = links.neighbours(batch.slots[end])?.before;
    if before.is_some_and(|before| batch.place_of(before).is_some()) {
        return Ok(());
    }
    let after = batch.after_row(links, end)?;
    let after = batch.past_rows(links, after)?;
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

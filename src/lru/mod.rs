#![forbid(unsafe_code)]
//! Recency as a doubly linked list of slot numbers, over links that live wherever the caller keeps them: in a vector,
//! or in shared memory behind a journal.
//!
//! Invariants: `front` is the most recent slot and `back` the least; a slot is in a list at most once; the neighbour of
//! the front and of the back towards the outside is `None`. Each operation reads everything it needs before it writes
//! anything, so a `Links` may hold its writes back and make them as one.
//!
//! The module stores nothing and does no I/O: what a death in the middle means is its caller's to say.

mod slots;

pub use slots::SlotLinks;

use std::num::NonZeroU32;

/// The number of a place that can be linked. Never zero, so that zeroed memory is an empty list.
pub type Slot = NonZeroU32;

/// The slots on either side of one: `before` is more recent, `after` less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    pub before: Option<Slot>,
    pub after: Option<Slot>,
}

/// Where the links of one list are kept.
pub trait Links {
    /// Why a link cannot be read or written; `Infallible` where it always can.
    type Fault;

    fn front(&self) -> Option<Slot>;
    fn back(&self) -> Option<Slot>;
    fn neighbours(&self, slot: Slot) -> Result<Neighbours, Self::Fault>;

    fn set_front(&mut self, slot: Option<Slot>);
    fn set_back(&mut self, slot: Option<Slot>);
    fn set_before(&mut self, slot: Slot, before: Option<Slot>) -> Result<(), Self::Fault>;
    fn set_after(&mut self, slot: Slot, after: Option<Slot>) -> Result<(), Self::Fault>;
}

/// Makes a slot that is in no list the most recent.
#[inline]
pub fn push_front<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    let front = links.front();
    place_at_front(links, slot, front)
}

/// Takes a slot out.
#[inline]
pub fn unlink<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    let Neighbours { before, after } = links.neighbours(slot)?;
    close_gap(links, before, after)
}

/// Makes a slot of the list the most recent.
#[inline]
pub fn move_to_front<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    replace_at_front(links, slot, slot)
}

/// Takes `old` out and makes `new`, which may be the same, the most recent.
#[inline]
pub fn replace_at_front<L: Links>(links: &mut L, old: Slot, new: Slot) -> Result<(), L::Fault> {
    let front = links.front();
    if front == Some(old) {
        if old == new {
            return Ok(());
        }
        let after = links.neighbours(old)?.after;
        return place_at_front(links, new, after);
    }
    let Neighbours { before, after } = links.neighbours(old)?;
    close_gap(links, before, after)?;
    place_at_front(links, new, front)
}

/// The most slots that `move_all_to_front` takes at once.
pub const MOST_AT_ONCE: usize = 8;

/// Makes several slots of the list the most recent, the last one the most: as moving each in turn does, but with
/// about a third of the writes. The slots are distinct and no more than `MOST_AT_ONCE`; `links` may show the list as it
/// was until all is written.
#[inline]
pub fn move_all_to_front<L: Links>(links: &mut L, slots: &[Slot]) -> Result<(), L::Fault> {
    let Some((&first, &last)) = slots.first().zip(slots.last()) else {
        return Ok(());
    };
    let mut front = links.front();
    while let Some(slot) = front.filter(|slot| slots.contains(slot)) {
        front = links.neighbours(slot)?.after;
    }
    for &slot in slots {
        close_run(links, slots, slot, first)?;
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

/// Joins what lies on both sides of a run of `slots`, once for each run: where `slot` is its first. With nothing after
/// it, the list ends in the slot before the run, or, as all go to the front, in `end`.
#[inline]
fn close_run<L: Links>(links: &mut L, slots: &[Slot], slot: Slot, end: Slot) -> Result<(), L::Fault> {
    let Neighbours { before, mut after } = links.neighbours(slot)?;
    if before.is_some_and(|before| slots.contains(&before)) {
        return Ok(());
    }
    while let Some(next) = after.filter(|next| slots.contains(next)) {
        after = links.neighbours(next)?.after;
    }
    match (before, after) {
        (None, None) => {
            links.set_back(Some(end));
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

/// Joins the slots on both sides of one that goes.
#[inline]
fn close_gap<L: Links>(links: &mut L, before: Option<Slot>, after: Option<Slot>) -> Result<(), L::Fault> {
    match before {
        Some(before) => links.set_after(before, after)?,
        None => links.set_front(after),
    }
    match after {
        Some(after) => links.set_before(after, before),
        None => {
            links.set_back(before);
            Ok(())
        }
    }
}

/// Puts a slot before `next`, which is or will be the front of the rest.
#[inline]
fn place_at_front<L: Links>(links: &mut L, slot: Slot, next: Option<Slot>) -> Result<(), L::Fault> {
    links.set_before(slot, None)?;
    links.set_after(slot, next)?;
    links.set_front(Some(slot));
    match next {
        Some(next) => links.set_before(next, Some(slot)),
        None => {
            links.set_back(Some(slot));
            Ok(())
        }
    }
}

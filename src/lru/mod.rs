#![forbid(unsafe_code)]
//! Recency as a doubly linked list of slot numbers, over links that live wherever the caller keeps them: in a vector,
//! or in shared memory behind a journal.
//!
//! Invariants: `front` is the most recent slot and `back` the least; a slot is in a list at most once; the neighbour of
//! the front and of the back towards the outside is `None`. Each operation reads everything it needs before it writes
//! anything, so a `Links` may hold its writes back and make them as one.
//!
//! The module stores nothing and does no I/O: what a death in the middle means is its caller's to say.

mod batch;
mod slots;

pub use batch::{Batch, MOST_WRITES, move_all_to_front};
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

/// Where the links of one list are kept. No operation writes the same link twice, so one that holds its value already may
/// be left as it is.
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
#[inline(always)]
pub fn push_front<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    let front = links.front();
    place_at_front(links, slot, front)
}

/// Takes a slot out.
#[inline(always)]
pub fn unlink<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    let Neighbours { before, after } = links.neighbours(slot)?;
    close_gap(links, before, after)
}

/// Makes a slot of the list the most recent.
#[inline(always)]
pub fn move_to_front<L: Links>(links: &mut L, slot: Slot) -> Result<(), L::Fault> {
    replace_at_front(links, slot, slot)
}

/// Takes `old` out and makes `new`, which may be the same, the most recent.
#[inline(always)]
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

/// Joins the slots on both sides of one that goes.
#[inline(always)]
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
#[inline(always)]
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

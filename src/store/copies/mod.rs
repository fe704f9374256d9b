//! Copies: how a thread reads a hot key again without a call into this crate.
//!
//! JavaScript keeps a copy of a small value it was given, with what `Memo` tells of the entry, and may give it out again
//! as long as the key's mark has not moved: every change of an entry (not its recency) counts its mark up while the
//! journal's sequence number is odd, before anything else of the change can be seen. Keys whose hashes are alike share
//! a mark, so a copy may be thrown away for nothing, but is never kept for nothing.
//!
//! A read moves recency, and that must not be lost; so the reader leaves a touch in a ring that it alone writes to.
//! Whoever takes the namespace's lock carries all touches into the recency list before it does anything else, in the
//! order of their stamps. A stamp is one more than the largest that can be seen (Lamport's clock): what was read after
//! something else had ended has the larger stamp, in whatever process. Of equal stamps, which only reads at the same
//! time get, the later reader in the area counts as the later.
//!
//! Beside its stamp each reader shows the entry it touched, and reader 0 what a holder of the lock put first. The entry
//! beside the largest stamp is the most recent already, so reading it once more leaves nothing. The touch is in the ring
//! before the entry is shown, and the entry before its stamp: who sees the old stamp with the new entry skips a touch of
//! what was made the most recent already, by someone whose stamp will be larger than all of before.
//!
//! An entry with tags may be gone although nobody has changed it. Who keeps a copy of such a one keeps with it what the
//! namespace's `tag_epoch` was, in the area: every invalidation counts that up before anything else of it can be seen, so
//! that all copies with tags are read anew, once.
//!
//! Whatever a ring holds is checked before it is believed: a touch of an entry that is gone does nothing. A thread
//! that dies before it counts a touch in `head` has left none. Carrying over notes first which touches it carries, and
//! onto what: repair carries the same ones again, and the order comes out the same.

pub(in crate::store) mod rings;

pub use rings::RingPlace;

use crate::store::flights::Flights;
use crate::store::ground::layer::layer;

layer! {
    /// A held namespace: what those are told who keep copies of its entries.
    Copies over Flights
}

use std::mem::offset_of;
use std::sync::atomic::{Ordering, fence};

use crate::lru::{Batch, MOST_WRITES, Slot, move_all_to_front};
use crate::shm::journal::CAPACITY;
use crate::shm::layout::{Area, Entry, NIL, READERS, RING_TOUCHES, Reader, Ring, Touch};

use crate::store::ground::stop::Step;
use crate::store::table::marks::mark_at;

/// Where those who read by way of copies find what, for JavaScript: within a ring, an area, a touch and a reader, and how
/// large these are, all in words of 32 bits. What is read as a double there is at an even place.
pub const COPY_PLACES: &[(&str, i32)] = &[
    ("RING", RING_TOUCHES as i32),
    ("RING_HITS", in_words(offset_of!(Ring, hits))),
    ("RING_TOUCHES", in_words(offset_of!(Ring, touches))),
    ("TOUCH", in_words(size_of::<Touch>())),
    ("TOUCH_STAMP", in_words(offset_of!(Touch, stamp))),
    ("TOUCH_ENTRY", in_words(offset_of!(Touch, entry))),
    ("TOUCH_HASH", in_words(offset_of!(Touch, hash))),
    ("TOUCH_MARK", in_words(offset_of!(Touch, mark))),
    ("AREA_USED", in_words(offset_of!(Area, used))),
    ("AREA_TAG_EPOCH", in_words(offset_of!(Area, tag_epoch))),
    ("AREA_TAILS", in_words(offset_of!(Area, tails))),
    ("AREA_READERS", in_words(offset_of!(Area, readers))),
    ("READERS", READERS as i32),
    ("READER", in_words(size_of::<Reader>())),
    ("READER_STAMP", in_words(offset_of!(Reader, stamp))),
    ("READER_ENTRY", in_words(offset_of!(Reader, entry))),
    ("READER_HEAD", in_words(offset_of!(Reader, head))),
];

const fn in_words(bytes: usize) -> i32 {
    (bytes / size_of::<u32>()) as i32
}

/// A touch that was found in a ring.
struct Touched {
    stamp: f64,
    reader: usize,
    entry: u32,
    hash: u32,
    unmoved: bool,
}

impl Touched {
    #[inline(always)]
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let order = self.stamp.total_cmp(&other.stamp);
        order.then(self.reader.cmp(&other.reader))
    }
}

/// How far `Area::carrying` has come: the recency list is being changed; it is, and the rest is to be noted.
const CARRYING: u32 = 1;
const CARRIED: u32 = 2;

impl Copies<'_> {
    /// Reads that were answered from copies.
    pub(in crate::store) fn near_hits(&self) -> u64 {
        let Some(area) = self.area() else { return 0 };
        area.rings
            .iter()
            .filter_map(|word| self.segment.ring(u32::from(word.get()).checked_sub(1)?))
            .filter(|ring| ring.generation.get() == self.ns.generation.get())
            .map(hits_of)
            .fold(0, u64::wrapping_add)
    }

    /// Carries the touches of all rings into the recency list. Gives what is the most recent entry after that.
    #[inline(always)]
    pub(in crate::store) fn catch_up(&mut self) -> Step<u32> {
        if self.ns.copy_area.get() != 0
            && let Some(area) = self.area()
            && area.has_touches()
        {
            self.carry_over(area)?;
        }
        Ok(self.ns.head.get())
    }

    #[cold]
    fn carry_over(&mut self, area: &Area) -> Step<()> {
        for (reader, shown) in area.readers.iter().enumerate().take(area.used()) {
            area.until[reader].put(shown.head.observe());
        }
        area.base.put(self.ns.head.get());
        area.carrying.publish(CARRYING);
        self.carry(area)
    }

    /// What is carried was written down first, so that whoever goes on after a death moves the same entries in the same
    /// order; moving them twice leaves them as moving them once.
    fn carry(&mut self, area: &Area) -> Step<()> {
        let mut touches = Vec::with_capacity(RING_TOUCHES as usize);
        let mut rings = 0;
        for reader in 1..area.used() {
            let before = touches.len();
            self.gather(area, reader, &mut touches);
            rings += u32::from(touches.len() > before);
        }
        // One ring's touches are in order already.
        if rings > 1 {
            touches.sort_by(Touched::order);
        }
        let stamp = self.make_recent(area, &touches)?;
        area.next_stamp.put_f64(stamp);
        area.carrying.publish(CARRIED);
        self.end_carrying(area);
        Ok(())
    }

    fn end_carrying(&self, area: &Area) {
        area.readers[0].show(self.ns.head.get(), area.next_stamp.get_f64());
        for reader in 1..area.used() {
            area.tails[reader].put(area.until[reader].get());
        }
        area.carrying.publish(0);
    }

    /// For a repair: goes on where a dead owner stopped. Nothing else was done to the namespace since.
    pub(in crate::store) fn go_on_carrying(&mut self) -> Step<()> {
        let Some(area) = self.area() else { return Ok(()) };
        match area.carrying.get() {
            0 => {}
            CARRIED => self.end_carrying(area),
            _ => self.carry(area)?,
        }
        Ok(())
    }

    /// For a repair: shows what a dead owner put first and showed to nobody.
    pub(in crate::store) fn show_unshown_front(&self) {
        if let Some(area) = self.area()
            && !area.has_touches()
            && area.newest().entry.get() != self.ns.head.get()
        {
            self.publish_front();
        }
    }

    fn gather(&self, area: &Area, reader: usize, touches: &mut Vec<Touched>) {
        let ring = u32::from(area.rings[reader].get())
            .checked_sub(1)
            .and_then(|ring| self.segment.ring(ring));
        let (Some(ring), tail) = (ring, area.tails[reader].get()) else {
            return;
        };
        // More than a ring holds cannot be: what it says is not to be believed.
        let count = Some(area.until[reader].get().wrapping_sub(tail)).filter(|count| *count <= RING_TOUCHES);
        touches.extend((0..count.unwrap_or(0)).map(|step| {
            let touch = &ring.touches[(tail.wrapping_add(step) % RING_TOUCHES) as usize];
            let hash = touch.hash.get();
            let mark = self.segment.mark(mark_at(hash, self.slot));
            Touched {
                stamp: touch.stamp.get_f64(),
                reader,
                entry: touch.entry.get(),
                hash,
                unmoved: mark.is_some_and(|mark| mark.get() == touch.mark.get()),
            }
        }));
    }

    /// Touches come the oldest first. What a locked operation made the most recent keeps its place among them. Gives
    /// the stamp of what is the most recent after that.
    fn make_recent(&mut self, area: &Area, touches: &[Touched]) -> Step<f64> {
        let base = self.base(area)?;
        let placed = area.readers[0].stamp.get_f64();
        let mut turns = Batch::default();
        let mut newest = None;
        for touch in touches {
            if newest.is_none() && touch.stamp >= placed {
                self.make_most_recent(&mut turns, base)?;
                newest = Some(placed);
            }
            if self.is_there(touch)? {
                self.make_most_recent(&mut turns, touch.entry)?;
                newest = newest.map(|_| touch.stamp);
            }
        }
        if newest.is_none() {
            self.make_most_recent(&mut turns, base)?;
        }
        self.take_turns(&mut turns)?;
        Ok(newest.unwrap_or(placed))
    }

    /// What was the most recent entry when carrying began. After a death that is not what the list says.
    fn base(&self, area: &Area) -> Step<u32> {
        let (base, head) = (area.base.get(), self.ns.head.get());
        if base == head {
            return Ok(head);
        }
        let ours = self.segment.owner(base).map(|word| u32::from(word.get())) == Some(self.slot);
        let entry = self.segment.block::<Entry>(base).filter(|_| ours && base != NIL);
        let known = match entry {
            Some(entry) => !entry.is_flight() && self.is_in_bucket(base, entry.hash.get())?,
            None => false,
        };
        Ok(if known { base } else { head })
    }

    /// In turn, so that the last is the most recent.
    #[inline(always)]
    fn make_most_recent(&mut self, turns: &mut Batch, id: u32) -> Step<()> {
        let Some(slot) = Slot::new(id) else { return Ok(()) };
        let mut change = self.begin();
        if !turns.add(&self.recency(&mut change), slot)? {
            self.take_turns(turns)?;
            turns.add(&self.recency(&mut change), slot)?;
        }
        Ok(())
    }

    fn take_turns(&mut self, turns: &mut Batch) -> Step<()> {
        const { assert!(MOST_WRITES <= CAPACITY) };
        let mut change = self.begin();
        move_all_to_front(&mut self.recency(&mut change), turns)?;
        turns.clear();
        Ok(change.commit()?)
    }

    /// Whether the entry that was read is still one. An unmoved mark says so; a moved one may be another key's.
    #[inline(always)]
    fn is_there(&self, touch: &Touched) -> Step<bool> {
        let ours = self.segment.owner(touch.entry).map(|word| u32::from(word.get())) == Some(self.slot);
        let Some(entry) = self.segment.block::<Entry>(touch.entry).filter(|_| ours) else {
            return Ok(false);
        };
        if entry.hash.get() != touch.hash || entry.is_flight() {
            return Ok(false);
        }
        if touch.unmoved {
            return Ok(true);
        }
        self.is_in_bucket(touch.entry, touch.hash)
    }

    fn is_in_bucket(&self, id: u32, hash: u32) -> Step<bool> {
        let Some(mut link) = self.bucket(hash)? else {
            return Ok(false);
        };
        for _ in 0..=self.ns.count.get().saturating_add(self.ns.flight_count.get()) {
            match link.get() {
                NIL => return Ok(false),
                here if here == id => return Ok(true),
                here => link = &self.entry(here)?.chain,
            }
        }
        Ok(false)
    }

    /// Tells readers of copies that something else is the most recent entry now.
    #[inline(always)]
    pub(in crate::store) fn show_front(&self, before: u32) {
        if self.ns.copy_area.get() != 0 && self.ns.head.get() != before {
            self.publish_front();
        }
    }

    fn publish_front(&self) {
        if let Some(area) = self.area() {
            area.readers[0].show(self.ns.head.get(), area.clock() + 1.0);
        }
    }
}

impl Area {
    /// Who made an entry the most recent last.
    #[inline(always)]
    pub(in crate::store) fn newest(&self) -> &Reader {
        let mut newest = &self.readers[0];
        let mut clock = f64::from_bits(newest.stamp.observe());
        for reader in &self.readers[1..self.used().max(1)] {
            let stamp = f64::from_bits(reader.stamp.observe());
            if stamp >= clock {
                (newest, clock) = (reader, stamp);
            }
        }
        fence(Ordering::Acquire);
        newest
    }

    /// The largest stamp.
    #[inline(always)]
    pub(in crate::store) fn clock(&self) -> f64 {
        let stamps = self.readers[..self.used().max(1)]
            .iter()
            .map(|reader| reader.stamp.get_f64());
        stamps.fold(0.0, f64::max)
    }
}

impl Reader {
    #[inline(always)]
    pub(in crate::store) fn show(&self, entry: u32, stamp: f64) {
        self.entry.put(entry);
        self.stamp.publish(stamp.to_bits());
    }
}

pub(in crate::store) fn hits_of(ring: &Ring) -> u64 {
    // Whatever else may stand there becomes a number, too.
    ring.hits.get_f64() as u64
}

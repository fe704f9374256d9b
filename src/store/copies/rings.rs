//! Who has which ring: claiming one, giving it back, and taking back those of the dead.
//!
//! The directory's lock guards who has which area and ring, and the namespace's lock what stands in an area. A ring is
//! free while its `area` is 0; that is the last word written when one is claimed and when one is freed, but for its
//! entry in the area's list. A process that dies in between leaves a ring that counts as its own, or an area
//! without rings; both are found by `take_back_rings`.

use parking_lot::Mutex;

use crate::error::{Code, Result};
use crate::shm::layout::{AREAS, Area, NEAR_AT, NEAR_LEN, NIL, READERS, RINGS, Ring};
use crate::shm::word::Word32;
use crate::store::copies::Copies;
use crate::store::copies::hits_of;
use crate::store::ground::base::Ground;
use crate::store::ground::directory::Place;
use crate::store::ground::refusals::unrecoverable;
use crate::store::table::marks::BARRED;
use crate::sys::process::Identity;
use std::time::Duration;

/// A ring that a thread may write to. Places are in words from the start of what `Store::near_memory` lends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPlace {
    pub ring: u32,
    pub ring_at: u32,
    pub area_at: u32,
    /// Which of the area's readers this one is.
    pub reader: u32,
    pub slot: u32,
    pub generation: u32,
}

impl Ground {
    /// Where marks, areas and rings lie in this process.
    pub fn near_memory(&self) -> Option<(std::ptr::NonNull<u8>, usize)> {
        self.segment().near_range()
    }

    /// Pays for the marks and begins to count them. False where there is no memory for them.
    pub(in crate::store) fn lay_out_near(&self) -> Result<bool> {
        let header = self.segment().header();
        if header.copied.observe() != 0 {
            return Ok(true);
        }
        let _listing = self.listing()?;
        if header.copied.observe() == 0 {
            if self.segment().commit(NEAR_AT, NEAR_LEN).is_err() {
                return Ok(false);
            }
            header.committed_bytes.add(NEAR_LEN);
            header.copied.publish(1);
        }
        Ok(true)
    }

    /// Taking the namespace's lock here also waits for whoever began a change before marks were counted.
    pub(in crate::store) fn claim_ring(&self, place: Place) -> Result<Option<RingPlace>> {
        let _listing = self.listing()?;
        let held: Copies = self.hold(place.slot, Duration::ZERO)?;
        if held.ns.generation.get() != place.generation || held.ns.limits.flags.get() & BARRED != 0 {
            return Ok(None);
        }
        let Some((index, area)) = held.area_or_new() else {
            return Ok(None);
        };
        let Some(reader) = (1..READERS).find(|reader| area.rings[*reader].get() == 0) else {
            return Ok(None);
        };
        let mut rings = (0..RINGS).filter_map(|ring| Some((ring, self.segment().ring(ring)?)));
        let Some((number, ring)) = rings.find(|(_, ring)| ring.area.get() == 0) else {
            return Ok(None);
        };
        let me = Identity::of_self();
        ring.hits.put_f64(0.0);
        ring.pid.put(me.pid);
        ring.started.put(me.started);
        ring.reader.put(reader as u32);
        ring.generation.put(place.generation);
        ring.area.put(index + 1);
        area.tails[reader].put(0);
        area.readers[reader].head.put(0);
        area.used.put(area.used.get().max(reader as u32 + 1));
        area.rings[reader].put(number as u16 + 1);
        let words = |at: u64| ((at - NEAR_AT) / size_of::<Word32>() as u64) as u32;
        let region = self.segment().region();
        Ok(Some(RingPlace {
            ring: number,
            ring_at: words(region.offset_of(ring).0),
            area_at: words(region.offset_of(area).0),
            reader: reader as u32,
            slot: place.slot,
            generation: place.generation,
        }))
    }

    /// The directory's lock is held.
    fn free_ring(&self, number: u32) -> Result<()> {
        let Some(ring) = self.segment().ring(number) else {
            return Ok(());
        };
        let area = ring
            .area
            .get()
            .checked_sub(1)
            .and_then(|at| self.segment().area(at));
        if let Some(area) = area
            && let Some(slot) = area.slot.get().checked_sub(1)
        {
            let mut held: Copies = self.hold(slot, Duration::ZERO)?;
            if held.catch_up().is_err() {
                held.condemn()?;
            }
            held.let_go_of_ring(area, number, ring);
        }
        ring.area.put(0);
        Ok(())
    }

    /// Frees the rings of processes that are gone, and the areas that nobody uses. Waits for nobody: false where a lock
    /// was not to be had.
    pub(in crate::store) fn take_back_rings(&self) -> Result<bool> {
        if self.segment().header().copied.observe() == 0 {
            return Ok(true);
        }
        let _listing = match self.listing_within(Duration::ZERO) {
            Err(error) if error.code == Code::LockHeld => return Ok(false),
            listing => listing?,
        };
        let mut all = true;
        for number in 0..RINGS {
            let ring = self.segment().ring(number).ok_or_else(unrecoverable)?;
            let owner = Identity {
                pid: ring.pid.get(),
                started: ring.started.get(),
            };
            if ring.area.get() != 0 && !owner.is_alive() {
                all &= unless_held(self.free_ring(number))?;
            }
        }
        for index in 0..AREAS {
            let area = self.segment().area(index).ok_or_else(unrecoverable)?;
            if area.rings.iter().all(|ring| ring.get() == 0) {
                all &= unless_held(self.free_area(index, area))?;
            }
        }
        Ok(all)
    }

    /// The directory's lock is held.
    fn free_area(&self, index: u32, area: &'static Area) -> Result<()> {
        let Some(slot) = area.slot.get().checked_sub(1) else {
            return Ok(());
        };
        let held: Copies = self.hold(slot, Duration::ZERO)?;
        if held.ns.copy_area.get() == index + 1 {
            held.ns.copy_area.put(0);
        }
        area.slot.put(0);
        Ok(())
    }
}

/// Whether it was done, or is left for later because somebody has a lock.
fn unless_held(done: Result<()>) -> Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.code == Code::LockHeld => Ok(false),
        Err(error) => Err(error),
    }
}

impl Copies<'_> {
    /// Every ring of the namespace's area knows that it is one. The directory's lock is held.
    pub(in crate::store) fn validate_rings(&self) -> std::result::Result<(), String> {
        let Some(area) = self.area() else { return Ok(()) };
        for (reader, word) in area.rings.iter().enumerate() {
            let Some(number) = u32::from(word.get()).checked_sub(1) else {
                continue;
            };
            let ring = self.segment.ring(number);
            let knows = ring.is_some_and(|ring| {
                ring.area.get() == self.ns.copy_area.get() && ring.reader.get() == reader as u32
            });
            if !knows || reader == 0 || reader >= area.used() {
                return Err(format!("reader {reader} has ring {number}, which is not its own"));
            }
        }
        Ok(())
    }

    /// The namespace's area, or a free one made its own. The directory's lock is held.
    fn area_or_new(&self) -> Option<(u32, &'static Area)> {
        if let Some(area) = self.area() {
            return Some((self.ns.copy_area.get() - 1, area));
        }
        let mut areas = (0..AREAS).filter_map(|index| Some((index, self.segment.area(index)?)));
        let (index, area) = areas.find(|(_, area)| area.slot.get() == 0)?;
        for word in &area.rings {
            word.put(0);
        }
        for reader in &area.readers {
            reader.stamp.put_f64(0.0);
            reader.entry.put(NIL);
        }
        area.used.put(1);
        area.carrying.put(0);
        area.readers[0].show(self.ns.head.get(), 1.0);
        area.slot.put(self.slot + 1);
        self.ns.copy_area.put(index + 1);
        Some((index, area))
    }

    /// What the ring held is in the recency list.
    fn let_go_of_ring(&self, area: &Area, number: u32, ring: &Ring) {
        let listed = (1..READERS).find(|reader| u32::from(area.rings[*reader].get()) == number + 1);
        let Some(reader) = listed else { return };
        area.rings[reader].put(0);
        if ring.generation.get() == self.ns.generation.get() {
            self.ns.stripes[0].hits.add(hits_of(ring));
            self.ns.stripes[0].copy_hits.add(hits_of(ring));
        }
        // Its stamp may be the largest, and must not be forgotten with it.
        self.publish_front();
        let used = (1..READERS).rfind(|reader| area.rings[*reader].get() != 0);
        area.used.put(used.map_or(1, |last| last as u32 + 1));
    }
}

/// Rings of this process whose namespace was locked when they were to be given back.
#[derive(Debug, Default)]
pub(in crate::store) struct Rings {
    to_release: Mutex<Vec<u32>>,
}

impl Rings {
    /// Gives a ring back; what it holds is carried over first. One that cannot be given back now is when the next is.
    pub(in crate::store) fn release(&self, ground: &Ground, number: u32) -> Result<()> {
        self.to_release.lock().push(number);
        let Ok(_listing) = ground.listing_within(Duration::ZERO) else {
            return Ok(());
        };
        let mut waiting = std::mem::take(&mut *self.to_release.lock());
        waiting.retain(|number| ground.free_ring(*number).is_err());
        self.to_release.lock().append(&mut waiting);
        Ok(())
    }
}

//! Taking apart what was cleared, in slices, with nobody kept waiting for long (`table/remains.rs`).

use crate::error::{Code, Result};
use crate::shm::layout::NIL;
use crate::shm::pool::Shortage;
use crate::store::facade::Whole;
use crate::store::facade::store::Store;
use crate::store::ground::refusals::unrecoverable;
use crate::store::ground::slice::Slice;
use crate::store::ground::stop::{Step, Stop};
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Whole<'_> {
    /// Takes remains apart for a slice. True if there is more.
    fn reap(&mut self) -> Step<bool> {
        let mut slice = Slice::begin();
        while self.take_apart()? {
            self.trim()?;
            if slice.weigh(4) {
                return Ok(true);
            }
        }
        // Not even a few are kept: one of them may lie behind all that is in use.
        self.give_surplus(0)?;
        Ok(false)
    }
}

impl Store {
    /// Notes that this process has left remains in a slot.
    pub(in crate::store) fn will_reap(&self, slot: u32) {
        if self.has_remains(slot) {
            let mut slots = self.reaping.lock();
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
    }

    fn has_remains(&self, slot: u32) -> bool {
        let ns = self.segment().namespace(slot);
        ns.is_some_and(|ns| ns.remains.get() != NIL)
    }

    /// Takes apart some of what this process has cleared, and gives memory back to the system after that. True if there is more.
    pub fn reap(&self) -> Result<bool> {
        let Some(slot) = self.reaping.lock().last().copied() else {
            return self.release();
        };
        if self.reap_in(slot)? {
            return Ok(true);
        }
        let mut slots = self.reaping.lock();
        slots.retain(|reaped| *reaped != slot);
        Ok(true)
    }

    /// Gives memory back to the system, step by step. True if there is more to do.
    fn release(&self) -> Result<bool> {
        let steps = match self.releasing.load(Ordering::Relaxed) {
            0 => self.segment().release_steps(),
            begun => begun - 1,
        };
        let goes_on = match steps {
            0 => false,
            _ => match self.segment().release_some() {
                Ok(more) => more,
                Err(Shortage::Busy(_)) => false,
                Err(_) => return Err(unrecoverable()),
            },
        };
        self.releasing
            .store(if goes_on { steps } else { 0 }, Ordering::Relaxed);
        Ok(goes_on)
    }

    /// The same in one slot, whoever has cleared it.
    fn reap_in(&self, slot: u32) -> Result<bool> {
        let mut held: Whole = match self.hold(slot, Duration::ZERO) {
            Err(error) if error.code == Code::LockHeld => return Ok(true),
            held => held?,
        };
        match held.reap() {
            Ok(more) => {
                let (lock, claim) = (&held.ns.lock, held.ns.lock.claim());
                drop(held);
                lock.give_way(claim);
                Ok(more)
            }
            Err(Stop::Busy(_)) => Ok(true),
            Err(_) => {
                held.condemn()?;
                Ok(false)
            }
        }
    }
}

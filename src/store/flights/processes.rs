//! The processes that lead or follow flights, each in a slot whose lock it holds for as long as it lives.
//!
//! Invariant: a slot's `generation` changes whenever another process takes it, so that slot and generation together
//! name one process for ever. The kernel marks the lock when its holder dies, whatever the process id is used for
//! later.

use crate::error::Result;
use crate::shm::layout::{MAX_PROCESSES, ProcessSlot};
use crate::shm::lock::{self, Guard, Locked, Refused};
use crate::store::ground::base::Ground;
use crate::store::ground::refusals::unrecoverable;
use crate::store::ground::registration::{NO_SLOT, Registration};
use crate::sys::futex;
use crate::sys::process::Identity;
use std::time::Duration;

/// A process without a slot is not missed when it dies, so it waits for one, and once.
const LONG_ENOUGH: Duration = Duration::from_millis(250);

impl Ground {
    /// Takes a slot for this process. The calling thread must keep the guard for as long as the process lives.
    pub(in crate::store) fn register(&self) -> Result<Option<(Registration, Guard)>> {
        let _listing = self.listing_within(LONG_ENOUGH)?;
        let directory = self.segment().directory();
        let used = directory.processes_used.get();
        for slot in 0..used {
            let process = self.segment().process(slot).ok_or_else(unrecoverable)?;
            let guard = match lock::try_lock(&process.alive) {
                Err(Refused::Busy(_)) => continue,
                Err(Refused::Unrecoverable) => return Err(unrecoverable()),
                Ok(Locked::Sound(guard)) => guard,
                Ok(Locked::OwnerDied(dead)) => dead.after_repair(),
            };
            return Ok(Some((sign(slot, process), guard)));
        }
        let Some(process) = self.segment().process(used).filter(|_| used < MAX_PROCESSES) else {
            return Ok(None);
        };
        let at = self.segment().region().offset_of(process);
        if self
            .segment()
            .commit(at.0, size_of::<ProcessSlot>() as u64)
            .is_err()
        {
            return Ok(None);
        }
        lock::prepare(&process.alive);
        let Ok(Locked::Sound(guard)) = lock::try_lock(&process.alive) else {
            return Err(unrecoverable());
        };
        let registration = sign(used, process);
        directory.processes_used.publish(used + 1);
        Ok(Some((registration, guard)))
    }

    /// Whether a flight's leader still lives. One without a slot counts as living until its lease runs out.
    pub(in crate::store) fn lives(&self, leader: Registration) -> bool {
        if leader.slot == NO_SLOT {
            return true;
        }
        let used = self.segment().directory().processes_used.observe();
        self.segment()
            .process(leader.slot)
            .filter(|_| leader.slot < used)
            .is_some_and(|process| process.generation.get() == leader.generation && process.alive.is_held())
    }

    /// Wakes the processes whose bits are set.
    pub(in crate::store) fn wake(&self, mask: u64) {
        for (bit, word) in self.segment().header().wake.iter().enumerate() {
            if mask & (1 << bit) != 0 {
                word.add(1);
                futex::wake_all(word.atomic());
            }
        }
    }

    pub(in crate::store) fn wake_everyone(&self) {
        self.wake(u64::MAX);
    }
}

fn sign(slot: u32, process: &ProcessSlot) -> Registration {
    let generation = process.generation.get().wrapping_add(1).max(1);
    let me = Identity::of_self();
    process.generation.put(generation);
    process.pid.put(me.pid);
    process.started.put(me.started);
    Registration { slot, generation }
}

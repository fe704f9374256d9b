//! Taking a namespace's lock, and what is done when its last owner died holding it.
//!
//! Repair finishes the pool's transaction first, then the namespace's own, then whatever `pending` names. That is all
//! there is to do, because nothing is changed in any other way. If the journal holds what no transaction writes, or a
//! link leads nowhere, the namespace is condemned: emptied without following any of its links, its blocks found by
//! the owner's number that each one bears, and counted in `recoveries`. No other namespace is touched.
//!
//! A process that dies in here leaves the lock with a dead owner again, and the next one begins again from the start.

use crate::error::{Code, Error, Result};
use crate::shm::layout::NIL;
use crate::shm::lock::{self, DeadGuard, Guard, Locked, Refused};
use crate::shm::pool::Shortage;
use crate::shm::segment::Segment;
use crate::store::entries::remove::{PENDING_CLEAR, PENDING_CONDEMNED, PENDING_NOTHING};
use crate::store::ground::held::Held;
use crate::store::ground::stop::{Step, Stop};
use crate::sys::process;
use std::time::Duration;

pub(in crate::store) fn unrecoverable() -> Error {
    Error::new(
        Code::SegmentDamaged,
        "a lock of the segment cannot be had any more; restart the primary and its workers",
    )
}

/// Somebody has a lock, and has had it for as long as this process waits.
#[cold]
pub(in crate::store) fn busy(holder: u32) -> Error {
    let process = process::of_thread(holder);
    Error::new(
        Code::LockHeld,
        format!(
            "process {process} has kept a lock of the cache for as long as this one waits; it may be stopped, frozen or writing a core dump: try again, or end it"
        ),
    )
}

#[cold]
#[inline(never)]
pub(in crate::store) fn refused(refused: Refused) -> Error {
    match refused {
        Refused::Busy(holder) => busy(holder),
        Refused::Unrecoverable => unrecoverable(),
    }
}

/// Takes the lock of a namespace slot that was prepared before, if it is to be had within `patience`.
#[inline(always)]
pub(in crate::store) fn hold(segment: &Segment, slot: u32, patience: Duration) -> Result<Held<'_>> {
    let (Some(ns), Some(record)) = (segment.namespace(slot), segment.record(slot)) else {
        return Err(unrecoverable());
    };
    let guard = match lock::lock(&ns.lock, patience) {
        Ok(Locked::Sound(guard)) => guard,
        Ok(Locked::OwnerDied(dead)) => repaired(segment, slot, dead)?,
        Err(why) => return Err(refused(why)),
    };
    Ok(Held::new(segment, slot, ns, record, guard))
}

/// Repairs what a dead owner left. The data is reached before the lock is declared sound: should this process die now, the
/// next taker must still learn that the owner died.
#[cold]
#[inline(never)]
fn repaired(segment: &Segment, slot: u32, dead: DeadGuard) -> Result<Guard> {
    repair(segment, slot)?;
    segment.header().repairs.add(1);
    Ok(dead.after_repair())
}

/// What a namespace's data can be reached through while its lock still counts as a dead owner's.
fn repair(segment: &Segment, slot: u32) -> Result<()> {
    let (Some(ns), Some(record)) = (segment.namespace(slot), segment.record(slot)) else {
        return Err(unrecoverable());
    };
    let mut held = Held::under_repair(segment, slot, ns, record);
    match held.finish_interrupted() {
        Ok(()) => Ok(()),
        Err(Stop::Busy(holder)) => Err(busy(holder)),
        Err(_) => held.condemn(),
    }
}

impl Held<'_> {
    fn finish_interrupted(&mut self) -> Step<()> {
        match self.segment.settle_pool() {
            // Whoever has the pool's lock has finished what the dead one had begun there, if no change is half done.
            Err(Shortage::Busy(_)) if self.segment.is_pool_settled() => {}
            settled => settled?,
        }
        self.ns.journal.replay(self.segment.region())?;
        self.check_ends()?;
        self.go_on_carrying()?;
        match self.ns.pending.get() {
            PENDING_NOTHING => {}
            PENDING_CLEAR => self.finish_clear()?,
            _ => return Err(Stop::Damaged),
        }
        self.return_runs()?;
        self.show_unshown_front();
        Ok(())
    }

    /// What must hold of any namespace and costs nothing to see.
    fn check_ends(&self) -> Step<()> {
        let ns = self.ns;
        let list = |front: u32, back: u32, count: u32| {
            (front == NIL) == (count == 0) && (back == NIL) == (count == 0)
        };
        let table = (ns.table_root.get() == NIL) == (ns.table_depth.get() == 0);
        let sound = list(ns.head.get(), ns.tail.get(), ns.count.get())
            && list(ns.lease_head.get(), ns.lease_tail.get(), ns.lease_count.get())
            && (ns.stash_head.get() == NIL) == (ns.stash_count.get() == 0)
            && (ns.drawn.get() == NIL) == (ns.drawn_blocks.get() == 0)
            && (ns.spent.get() == NIL) == (ns.spent_blocks.get() == 0)
            && table;
        if sound { Ok(()) } else { Err(Stop::Damaged) }
    }

    /// Empties the namespace without believing anything in it.
    pub(in crate::store) fn condemn(&mut self) -> Result<()> {
        let ns = self.ns;
        ns.pending.put(PENDING_CONDEMNED);
        self.count_all_changes();
        self.forget_touches();
        for word in [
            &ns.count,
            &ns.head,
            &ns.tail,
            &ns.table_root,
            &ns.table_depth,
            &ns.buckets,
            &ns.tags_root,
        ] {
            word.put(0);
        }
        for word in [
            &ns.stash_head,
            &ns.stash_count,
            &ns.lease_head,
            &ns.lease_tail,
            &ns.lease_count,
        ] {
            word.put(NIL);
        }
        for word in [&ns.drawn, &ns.drawn_blocks, &ns.spent, &ns.spent_blocks] {
            word.put(NIL);
        }
        for word in [&ns.name_first, &ns.name_last, &ns.name_len] {
            word.put(NIL);
        }
        ns.calculated_size.put(0);
        ns.bytes.put(0);
        ns.next_expiry.put_f64(f64::INFINITY);
        ns.journal.abandon();
        self.moved_runs = false;
        self.segment.sweep(&self.stash()).map_err(|_| unrecoverable())?;
        self.segment.header().recoveries.add(1);
        ns.pending.put(PENDING_NOTHING);
        Ok(())
    }
}

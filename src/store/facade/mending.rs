//! Taking a namespace's lock, and what is done when its last owner died holding it.
//!
//! Repair finishes the pool's transaction first, then the namespace's own, then whatever `pending` names. That is all
//! there is to do, because nothing is changed in any other way. If the journal holds what no transaction writes, or a
//! link leads nowhere, the namespace is condemned: emptied without following any of its links, its blocks found by
//! the owner's number that each one bears, and counted in `recoveries`. No other namespace is touched.
//!
//! A process that dies in here leaves the lock with a dead owner again, and the next one begins again from the start.

use crate::error::Result;
use crate::shm::layout::NIL;
use crate::shm::pool::Shortage;
use crate::store::facade::Whole;
use crate::store::facade::namespaces::finish_interrupted_slots;
use crate::store::ground::base::Mending;
use crate::store::ground::held::{Held, PENDING_CLEAR, PENDING_NOTHING, PENDING_TABLE};
use crate::store::ground::refusals::busy;
use crate::store::ground::stop::{Step, Stop};

/// How this layer mends what a dead owner's lock guards.
pub(in crate::store) const MENDING: Mending = Mending {
    namespace: mend,
    directory: finish_interrupted_slots,
};

/// The lock still counts as a dead owner's meanwhile.
fn mend(held: Held) -> Result<()> {
    let mut held = Whole::from(held);
    match held.finish_interrupted() {
        Ok(()) => Ok(()),
        Err(Stop::Busy(holder)) => Err(busy(holder)),
        Err(_) => held.condemn(),
    }
}

impl Whole<'_> {
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
            PENDING_TABLE => self.fill_new_table()?,
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
            && list(ns.flight_head.get(), ns.flight_tail.get(), ns.flight_count.get())
            && (ns.stash_head.get() == NIL) == (ns.stash_count.get() == 0)
            && (ns.drawn.get() == NIL) == (ns.drawn_blocks.get() == 0)
            && (ns.spent.get() == NIL) == (ns.spent_blocks.get() == 0)
            && table;
        if sound { Ok(()) } else { Err(Stop::Damaged) }
    }
}

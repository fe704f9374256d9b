//! Condemning a namespace: the last resort, where something in it leads nowhere.

use crate::error::Result;
use crate::shm::layout::NIL;
use crate::store::entries::Entries;
use crate::store::ground::held::{PENDING_CONDEMNED, PENDING_NOTHING};
use crate::store::ground::refusals::unrecoverable;

impl Entries<'_> {
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
            &ns.remains,
            &ns.purge_at,
        ] {
            word.put(0);
        }
        for word in [
            &ns.stash_head,
            &ns.stash_count,
            &ns.flight_head,
            &ns.flight_tail,
            &ns.flight_count,
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

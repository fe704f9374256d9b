//! All entries at one moment, copied out under one hold of the lock.

use crate::shm::layout::{Entry, NIL};
use crate::store::ground::held::Held;
use crate::store::ground::options::ALLOW_STALE;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Content, Item, Snapshot, SnapshotOptions, Stale};
use crate::store::table::entry::{append_key, append_value};
use crate::store::table::life::Life;

impl Held<'_> {
    pub(in crate::store) fn snapshot(&mut self, now: f64, want: &SnapshotOptions) -> Step<Snapshot> {
        let with_stale = match want.stale {
            Stale::Include => true,
            Stale::Skip => false,
            Stale::AsConfigured => self.has_flag(ALLOW_STALE),
        };
        let mut snapshot = Snapshot {
            ttl_tracked: self.ns.ttl_tracked.get() != 0,
            size_tracked: self.counts_sizes(),
            ..Snapshot::default()
        };
        let mut id = self.ns.head.get();
        for _ in 0..self.ns.count.get() {
            let entry = self.entry(id)?;
            let shown = match self.life(id, entry, now)? {
                Life::Fresh => true,
                Life::Graced | Life::Expired => with_stale,
                Life::Negative | Life::Gone => false,
            };
            if shown {
                self.copy_item(id, entry, want.content, &mut snapshot)?;
            }
            id = entry.after.get();
        }
        if id == NIL {
            Ok(snapshot)
        } else {
            Err(Stop::Damaged)
        }
    }

    fn copy_item(&self, id: u32, entry: &Entry, content: Content, snapshot: &mut Snapshot) -> Step<()> {
        let from = snapshot.bytes.len();
        if content != Content::Values {
            append_key(self.segment, id, entry, &mut snapshot.bytes)?;
        }
        let middle = snapshot.bytes.len();
        if content != Content::Keys {
            append_value(self.segment, id, entry, &mut snapshot.bytes)?;
        }
        snapshot.items.push(Item {
            key_tag: entry.key_tag(),
            value_tag: entry.value_tag(),
            key: from..middle,
            value: middle..snapshot.bytes.len(),
            start: entry.start.get_f64(),
            ttl: entry.ttl.get_f64(),
            size: entry.counted_size(),
            borne: self.borne(id, entry)?,
        });
        Ok(())
    }
}

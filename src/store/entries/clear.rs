//! Removing every entry.
//!
//! Of few entries, each is removed by itself, after a note (`pending`) by which the next to take the lock of a process that
//! died in it goes on. Many become the remains in one transaction, and are taken apart later (`table/remains.rs`).
//! Their flights are void and stay, for their leaders and followers: they are put into the new table, also after a note.

use crate::shm::layout::{FANOUT, NIL, Remains};
use crate::store::entries::Entries;
use crate::store::ground::held::{PENDING_CLEAR, PENDING_NOTHING, PENDING_TABLE};
use crate::store::ground::stop::{Step, Stop};

/// Entries that are removed one by one, with the lock held.
const FEW: u32 = 256;

impl Entries<'_> {
    /// Removes every entry, and voids every flight: its leader goes on, for those who wait for it.
    pub(in crate::store) fn clear(&mut self) -> Step<()> {
        let tags = self.ns.tags_root.get() != NIL && self.ns.tag_clock.get() > u64::from(FEW);
        if self.ns.count.get() > FEW || self.ns.buckets.get() > 4 * FEW || tags {
            return self.cast_off();
        }
        let mut change = self.begin();
        self.void_all_flights(&mut change);
        change.set32(&self.ns.pending, PENDING_CLEAR);
        change.commit_rarely(false)?;
        self.finish_clear()
    }

    pub(in crate::store) fn finish_clear(&mut self) -> Step<()> {
        while self.ns.tail.get() != NIL {
            let found = self.locate(self.ns.tail.get())?;
            self.remove_rarely(&found)?;
        }
        self.expect_no_expiry();
        if self.ns.flight_count.get() == 0 {
            self.fell()?;
            self.fell_tags()?;
        }
        self.trim()?;
        self.ns.pending.put(PENDING_NOTHING);
        Ok(())
    }

    pub(in crate::store) fn expect_no_expiry(&self) {
        self.ns.next_expiry.put_f64(f64::INFINITY);
        self.ns.purge_at.put(0);
    }

    /// Makes all that there is the remains.
    fn cast_off(&mut self) -> Step<()> {
        let ns = self.ns;
        // One for what is known of the remains, one for a new table.
        self.reserve_blocks(2)?;
        let id = ns.stash_head.get();
        let remains: &Remains = self.segment.block(id).ok_or(Stop::Damaged)?;
        let has_flights = ns.flight_count.get() > 0;
        remains.head.put(ns.head.get());
        remains.count.put(ns.count.get());
        remains.table_root.put(ns.table_root.get());
        remains.table_depth.put(ns.table_depth.get());
        // Flights may still bring entries with tags.
        let tags = if has_flights { NIL } else { ns.tags_root.get() };
        remains.tags_root.put(tags);
        let mut change = self.begin();
        self.void_all_flights(&mut change);
        self.pop_node(&mut change, id, ns.remains.get())?;
        change.set32(&ns.remains, id);
        for word in [
            &ns.head,
            &ns.tail,
            &ns.count,
            &ns.table_root,
            &ns.table_depth,
            &ns.buckets,
        ] {
            change.set32(word, NIL);
        }
        change.set64(&ns.calculated_size, 0);
        change.set64(&ns.bytes, 0);
        if has_flights {
            change.set32(&ns.pending, PENDING_TABLE);
        } else {
            change.set32(&ns.tags_root, NIL);
        }
        change.commit_rarely(self.segment.header().copied.get() != 0)?;
        self.expect_no_expiry();
        if has_flights {
            self.fill_new_table()
        } else {
            Ok(())
        }
    }

    /// Makes a small table for the few entries and flights that are left in a large one, which becomes remains.
    #[inline(never)]
    pub(in crate::store) fn shrink(&mut self) -> Step<()> {
        let ns = self.ns;
        let left = ns.count.get().saturating_add(ns.flight_count.get());
        if left > FEW || ns.buckets.get() < 8 * FEW {
            return Ok(());
        }
        self.reserve_blocks(2)?;
        let id = ns.stash_head.get();
        let root = self.link(id)?.get();
        let remains: &Remains = self.segment.block(id).ok_or(Stop::Damaged)?;
        remains.head.put(NIL);
        remains.count.put(0);
        remains.table_root.put(ns.table_root.get());
        remains.table_depth.put(ns.table_depth.get());
        remains.tags_root.put(NIL);
        let mut change = self.begin();
        change.set32(&ns.stash_head, self.link(root)?.get());
        change.set32(&ns.stash_count, ns.stash_count.get().wrapping_sub(2));
        change.set32(self.link(id)?, ns.remains.get());
        change.set32(&ns.remains, id);
        change.set32(&ns.table_root, root);
        change.set32(&ns.table_depth, 1);
        change.set32(&ns.buckets, FANOUT as u32);
        change.set32(&ns.pending, PENDING_TABLE);
        change.commit_then(|| self.fill_table())?;
        ns.pending.put(PENDING_NOTHING);
        self.spread()
    }

    /// Puts everything into a table that is a new one, once more where that was begun.
    #[inline(never)]
    pub(in crate::store) fn fill_new_table(&mut self) -> Step<()> {
        self.ensure_table()?;
        if self.ns.count.get() == 0 {
            // Of flights there may be many, and a bucket that has many is not parted later.
            self.empty_table()?;
            self.spread()?;
        }
        self.begin().commit_then(|| self.fill_table())?;
        self.ns.pending.put(PENDING_NOTHING);
        self.spread()
    }

    /// Grows the table to what is in it.
    #[inline(never)]
    fn spread(&mut self) -> Step<()> {
        loop {
            let before = self.ns.buckets.get();
            self.grow()?;
            if self.ns.buckets.get() == before {
                return Ok(());
            }
        }
    }

    #[inline(never)]
    fn empty_table(&self) -> Step<()> {
        for index in 0..self.ns.buckets.get() {
            self.bucket_at(self.ns.table_root.get(), index)?.put(NIL);
        }
        Ok(())
    }

    /// The latest comes first in its bucket.
    #[inline(never)]
    fn fill_table(&self) -> Step<()> {
        let ns = self.ns;
        self.empty_table()?;
        for (last, count) in [(&ns.tail, &ns.count), (&ns.flight_tail, &ns.flight_count)] {
            let mut id = last.get();
            for _ in 0..count.get() {
                let entry = self.entry(id)?;
                let bucket = self.bucket(entry.hash.get())?.ok_or(Stop::Damaged)?;
                entry.chain.put(bucket.get());
                bucket.put(id);
                id = entry.before.get();
            }
        }
        Ok(())
    }
}

//! What is asked of a namespace as a whole: all its entries, its limits, its figures, its end.

use crate::error::Result;
use crate::shm::layout::BLOCK;
use crate::store::entries::expiry::{Due, Search};
use crate::store::entries::walk::Walk;
use crate::store::facade::Whole;
use crate::store::facade::cache::Cache;
use crate::store::ground::options::{Options, check_ttl};
use crate::store::ground::slice::Slice;
use crate::store::ground::values::{LoadEntry, Snapshot, SnapshotOptions, Stats, Usage};

impl Cache {
    /// Removes every entry, in one step. What is left to take apart `Store::reap` does.
    pub fn clear(&self) -> Result<()> {
        let slot = self.with_rarely(|held| {
            held.clear()?;
            Ok(held.slot)
        })?;
        self.store().will_reap(slot);
        Ok(())
    }

    /// Removes every entry that is stale and not kept. True if there was one.
    pub fn purge_stale(&self, now: f64) -> Result<bool> {
        let (mut from, mut any) = (Some(0), false);
        while let Some(bucket) = from {
            let (next, removed) = self.purge_from(now, bucket)?;
            (from, any) = (next, any || removed > 0);
        }
        Ok(any)
    }

    /// Goes on with that from a bucket, for a slice: the next bucket, and how many entries were removed.
    pub fn purge_from(&self, now: f64, bucket: u32) -> Result<(Option<u32>, u32)> {
        self.with_slice(|held| {
            let mut search = Search::from(bucket);
            let now = held.time(now);
            let ended = held.search(now, &mut search, &mut Slice::begin())?;
            if ended {
                held.shrink()?;
            }
            Ok(((!ended).then_some(search.bucket), search.removed))
        })
    }

    /// Does what is to be done now for a namespace that purges by itself; nothing for one in which nothing expires.
    pub fn purge_in_turn(&self, now: f64) -> Result<Option<Due>> {
        self.with_slice(|held| held.purge_in_turn(now))
    }

    pub fn size(&self, now: f64) -> Result<u64> {
        self.with_rarely(|held| {
            held.tidy(now)?;
            Ok(u64::from(held.ns.count.get()))
        })
    }

    pub fn calculated_size(&self) -> Result<u64> {
        self.with_rarely(|held| Ok(held.ns.calculated_size.get()))
    }

    /// Removes the least recent entry and gives its value.
    pub fn pop(&self, now: f64, out: &mut Vec<u8>) -> Result<Option<u8>> {
        self.with_rarely(|held| {
            held.tidy(now)?;
            held.pop(out)
        })
    }

    pub fn snapshot(&self, now: f64, want: &SnapshotOptions) -> Result<Snapshot> {
        let mut walk = Walk::begin(now, *want);
        while !self.walk(&mut walk)? {}
        Ok(walk.into_gathered())
    }

    /// Copies more of what is there, for a slice. True when all was copied.
    pub fn walk(&self, walk: &mut Walk) -> Result<bool> {
        walk.make_room();
        self.with_slice(|held| {
            held.tidy(walk.now())?;
            held.walk(walk)
        })
    }

    /// Clears, then sets each in turn. What cannot be stored is refused before anything is cleared.
    pub fn load(&self, now: f64, entries: &[LoadEntry]) -> Result<()> {
        self.check_loadable(entries)?;
        self.clear()?;
        self.load_more(now, entries)
    }

    /// Refuses what `load` would.
    pub fn check_loadable(&self, entries: &[LoadEntry]) -> Result<()> {
        entries
            .iter()
            .try_for_each(|entry| self.sought(entry.key).map(drop))?;
        self.with_rarely(|held| entries.iter().try_for_each(|entry| held.check_loadable(entry)))
    }

    /// Stores entries that were looked at before.
    pub fn load_more(&self, now: f64, entries: &[LoadEntry]) -> Result<()> {
        for entry in entries {
            let sought = self.sought(entry.key)?;
            self.with_rarely(|held| held.set(&sought, entry.value, now, &entry.options))?;
        }
        Ok(())
    }

    pub fn max(&self) -> Result<u64> {
        self.with_rarely(|held| Ok(held.ns.limits.max.get()))
    }

    /// Entries beyond the new limit go, the least recent first; all others keep their TTL.
    pub fn set_max(&self, max: u64, now: f64) -> Result<()> {
        while !self.lower_max(max, now)? {}
        Ok(())
    }

    /// Goes on with that for a slice. True when the limit has changed.
    pub fn lower_max(&self, max: u64, now: f64) -> Result<bool> {
        self.with_slice(|held| {
            Options { max, ..held.limits() }.validate()?;
            held.tidy(now)?;
            held.set_max(max, &mut Slice::begin())
        })
    }

    pub fn ttl(&self) -> Result<f64> {
        self.with_rarely(|held| Ok(held.ns.limits.ttl.get_f64()))
    }

    /// For what is set from now on.
    pub fn set_ttl(&self, ttl: f64) -> Result<()> {
        check_ttl(ttl)?;
        self.with_rarely(|held| {
            Options { ttl, ..held.limits() }.validate()?;
            held.ns.limits.ttl.put_f64(ttl);
            if ttl != 0.0 {
                held.ns.ttl_tracked.put(1);
            }
            Ok(())
        })
    }

    pub fn allow_stale(&self) -> Result<bool> {
        self.with_rarely(|held| Ok(held.limits().allow_stale))
    }

    pub fn set_allow_stale(&self, on: bool) -> Result<()> {
        self.with_rarely(|held| {
            Options {
                allow_stale: on,
                ..held.limits()
            }
            .write_to(&held.ns.limits);
            Ok(())
        })
    }

    /// For a namespace that purges by itself: there is nothing to do before this time.
    pub fn next_expiry(&self) -> Result<Option<f64>> {
        self.with_rarely(|held| Ok(held.purge_due()))
    }

    pub fn stats(&self) -> Result<Stats> {
        self.with_rarely(|held| Ok(held.stats()))
    }

    pub fn usage(&self) -> Result<Usage> {
        self.with_rarely(|held| {
            let (bytes, header) = (held.ns.bytes.get(), held.segment.header());
            Ok(Usage {
                entries: u64::from(held.ns.count.get()),
                bytes,
                overhead_bytes: (u64::from(held.record.owned.get()) * BLOCK).saturating_sub(bytes),
                segment_bytes: header.committed_bytes.get(),
                memory_evictions: held.ns.memory_evictions.get(),
                recoveries: header.recoveries.get(),
            })
        })
    }

    /// Whether the namespace can be had: makes it if it is gone, and takes its lock.
    pub fn health(&self) -> Result<()> {
        self.with_rarely(|_| Ok(()))
    }

    pub fn destroy(&self) -> Result<bool> {
        self.store().destroy(self.name())
    }

    pub fn validate(&self) -> std::result::Result<(), String> {
        self.store().validate()
    }
}

impl Whole<'_> {
    #[inline(always)]
    pub(in crate::store) fn count_lookup(&self, stripe: usize, hit: bool) {
        let stripe = &self.ns.stripes[stripe];
        if hit {
            stripe.hits.add(1)
        } else {
            stripe.misses.add(1)
        };
    }

    pub(in crate::store) fn stats(&self) -> Stats {
        let ns = self.ns;
        Stats {
            hits: ns
                .stripes
                .iter()
                .map(|stripe| stripe.hits.get())
                .fold(self.near_hits(), u64::wrapping_add),
            misses: ns
                .stripes
                .iter()
                .map(|stripe| stripe.misses.get())
                .fold(0, u64::wrapping_add),
            sets: ns.sets.get(),
            deletes: ns.deletes.get(),
            evictions: ns.evictions.get(),
            size: u64::from(ns.count.get()),
        }
    }
}

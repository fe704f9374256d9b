//! Removing what has expired.
//!
//! A search goes through the table bucket by bucket and lets the lock go in between. A table grows, and what a new
//! bucket gets comes from one with a smaller number; where a small one has taken its place, a search begins anew. So one that
//! went on after others had the lock has missed nothing that was there all the time.
//!
//! A namespace with `ttlAutopurge` has one search for all processes, of which any may do the next slice. While nothing
//! can expire there is none; `next_expiry` says until when. Searches take turns with pauses, so that looking for
//! what is not there costs little, however many entries there are.

use crate::shm::layout::{Entry, NIL};
use crate::store::entries::Entries;
use crate::store::ground::slice::Slice;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::entry::Found;
use crate::store::table::life::Life;
use crate::sys::clock::monotonic_ms;

/// A pause is so many times as long as the slice before it, unless that has found much.
const REST: f64 = 700.0;
const LONGEST_REST_MS: f64 = 1000.0;
/// So many entries are searched by any operation that comes upon them, with the lock that it holds.
const FEW: u32 = 1024;

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Search {
    /// The next bucket to look into.
    pub(in crate::store) bucket: u32,
    /// When the first of those that were seen expires.
    first_end: f64,
    seen: u32,
    pub(in crate::store) removed: u32,
}

impl Search {
    pub(in crate::store) fn from(bucket: u32) -> Self {
        Self {
            bucket,
            first_end: f64::INFINITY,
            seen: 0,
            removed: 0,
        }
    }
}

/// When a namespace wants to be purged, and whether some of that was done just now.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub at: f64,
    pub worked: bool,
}

impl Entries<'_> {
    /// Removes every entry that it comes upon and that is stale and not kept. True at the end of the table.
    pub(in crate::store) fn search(
        &mut self,
        now: f64,
        search: &mut Search,
        slice: &mut Slice,
    ) -> Step<bool> {
        let ns = self.ns;
        if search.bucket > ns.buckets.get() {
            search.bucket = 0;
        }
        while ns.table_root.get() != NIL && search.bucket < ns.buckets.get() {
            let seen = search.seen;
            self.search_bucket(now, search)?;
            search.bucket += 1;
            if slice.weigh(1 + search.seen - seen) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn search_bucket(&mut self, now: f64, search: &mut Search) -> Step<()> {
        let ns = self.ns;
        let mut link = self.bucket_at(ns.table_root.get(), search.bucket)?;
        let most = ns.count.get().saturating_add(ns.flight_count.get());
        for _ in 0..=most {
            let id = link.get();
            if id == NIL {
                return Ok(());
            }
            let entry = self.entry(id)?;
            if entry.is_flight() {
                link = &entry.chain;
                continue;
            }
            search.seen += 1;
            if matches!(self.life(id, entry, now)?, Life::Expired | Life::Gone) {
                self.remove_rarely(&Found { link, id, entry })?;
                search.removed += 1;
            } else {
                search.first_end = search.first_end.min(self.end_of(id, entry)?);
                link = &entry.chain;
            }
        }
        Err(Stop::Damaged)
    }

    /// When an entry is no longer kept; infinite for one without a TTL.
    fn end_of(&self, id: u32, entry: &Entry) -> Step<f64> {
        let (start, ttl) = (entry.start.get_f64(), entry.ttl.get_f64());
        if ttl != 0.0 && start != 0.0 {
            let kept_for = self.record_of(id, entry, |record| record.kept_for())?;
            Ok(start + ttl + kept_for.unwrap_or(0.0))
        } else {
            Ok(f64::INFINITY)
        }
    }

    /// For namespaces that purge by themselves: drops what has expired, where there are few to look at.
    #[inline(always)]
    pub(in crate::store) fn tidy(&mut self, now: f64) -> Step<f64> {
        let now = self.time(now);
        if self.autopurges() {
            self.tidy_few(now)?;
        }
        Ok(now)
    }

    #[cold]
    fn tidy_few(&mut self, now: f64) -> Step<()> {
        let ns = self.ns;
        let due = now > ns.next_expiry.get_f64() && now >= ns.purge_after.get_f64();
        if !due || ns.count.get() > FEW {
            return Ok(());
        }
        let mut search = Search::from(0);
        self.search(now, &mut search, &mut Slice::endless())?;
        ns.purge_at.put(0);
        ns.next_expiry.put_f64(search.first_end);
        ns.purge_after.put_f64(now + f64::from(ns.count.get() / FEW));
        Ok(())
    }

    /// When there may be something to purge; nothing where nothing expires, or the namespace does not purge by itself.
    pub(in crate::store) fn purge_due(&self) -> Option<f64> {
        let ns = self.ns;
        let (first, rested) = (ns.next_expiry.get_f64(), ns.purge_after.get_f64());
        match (self.autopurges(), ns.purge_at.get()) {
            (false, _) => None,
            (true, 0) => first.is_finite().then_some(first.max(rested)),
            (true, _) => Some(rested),
        }
    }

    /// Goes on with the search that all processes share, if it is time to.
    pub(in crate::store) fn purge_in_turn(&mut self, now: f64) -> Step<Option<Due>> {
        let Some(at) = self.purge_due() else {
            return Ok(None);
        };
        if now <= at {
            return Ok(Some(Due { at, worked: false }));
        }
        let (ns, began) = (self.ns, monotonic_ms());
        let is_new = ns.purge_at.get() == 0;
        let mut search = Search::from(ns.purge_at.get());
        if !is_new {
            search.first_end = ns.purge_seen.get_f64();
        }
        let ended = self.search(now, &mut search, &mut Slice::begin())?;
        ns.purge_seen.put_f64(search.first_end);
        ns.purge_at.put(if ended { 0 } else { search.bucket });
        // What is stored while the search goes on is noted there anew.
        let noted = if is_new {
            f64::INFINITY
        } else {
            ns.next_expiry.get_f64()
        };
        ns.next_expiry
            .put_f64(if ended { noted.min(search.first_end) } else { noted });
        let fruitful = search.removed * 4 > search.seen;
        let rest = if fruitful { 1.0 } else { REST };
        if ended {
            self.shrink()?;
        }
        let pause = ((monotonic_ms() - began) * rest).min(LONGEST_REST_MS);
        ns.purge_after.put_f64(now + pause);
        Ok(self.purge_due().map(|at| Due { at, worked: true }))
    }
}

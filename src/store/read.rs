//! Looking without changing what is stored: get, peek, has, info. Only recency and age move, and a stale entry that is
//! met by `get` goes.

use super::entry::{Found, Sought};
use super::held::{Held, is_stale, remaining};
use super::near::Memo;
use super::options::{
    ALLOW_STALE, GetOptions, HasOptions, PeekOptions, UPDATE_AGE_ON_GET, UPDATE_AGE_ON_HAS,
};
use super::stop::{Step, Stop};
use super::values::Info;
use crate::lru::{Slot, move_to_front};
use crate::sys::clock::monotonic_ms;

impl Held<'_> {
    /// The value's tag, and the value in `out`.
    #[inline(always)]
    pub(super) fn get(
        &mut self,
        sought: &Sought,
        now: f64,
        o: &GetOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
    ) -> Step<Option<u8>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        if found.entry.is_stale(now) {
            return self.get_stale(found, o, out);
        }
        let tag = self.read_value(&found, out)?;
        self.touch(found.id)?;
        if o.update_age_on_get
            .unwrap_or_else(|| self.has_flag(UPDATE_AGE_ON_GET))
        {
            self.renew(&found, now);
        } else {
            *memo = Memo::of(self.segment, self.ns, self.slot, found.id, found.entry);
        }
        Ok(Some(tag))
    }

    #[cold]
    fn get_stale(&mut self, found: Found, o: &GetOptions, out: &mut Vec<u8>) -> Step<Option<u8>> {
        let allowed = o.allow_stale.unwrap_or_else(|| self.has_flag(ALLOW_STALE));
        let tag = if allowed {
            Some(self.read_value(&found, out)?)
        } else {
            None
        };
        if !self.keeps_stale(o.no_delete_on_stale_get) {
            self.remove(&found)?;
            self.trim()?;
        }
        Ok(tag)
    }

    pub(super) fn peek(
        &mut self,
        sought: &Sought,
        now: f64,
        o: &PeekOptions,
        out: &mut Vec<u8>,
    ) -> Step<Option<u8>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        if found.entry.is_stale(now) && !o.allow_stale.unwrap_or_else(|| self.has_flag(ALLOW_STALE)) {
            return Ok(None);
        }
        self.read_value(&found, out).map(Some)
    }

    pub(super) fn has(&mut self, sought: &Sought, now: f64, o: &HasOptions) -> Step<bool> {
        let Some(found) = self.find(sought)? else {
            return Ok(false);
        };
        if found.entry.is_stale(now) {
            return Ok(false);
        }
        if o.update_age_on_has
            .unwrap_or_else(|| self.has_flag(UPDATE_AGE_ON_HAS))
        {
            self.renew(&found, now);
        }
        Ok(true)
    }

    pub(super) fn info(&mut self, sought: &Sought, out: &mut Vec<u8>) -> Step<Option<Info>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        let tag = self.read_value(&found, out)?;
        Ok(Some(Info {
            tag,
            start: found.entry.start.get_f64(),
            ttl: found.entry.ttl.get_f64(),
            size: found.entry.counted_size(),
            ttl_tracked: self.ns.ttl_tracked.get() != 0,
            size_tracked: self.counts_sizes(),
        }))
    }

    pub(super) fn remaining_ttl(&mut self, sought: &Sought, now: f64) -> Step<f64> {
        let found = self.find(sought)?;
        Ok(found.map_or(0.0, |found| {
            remaining(found.entry.start.get_f64(), found.entry.ttl.get_f64(), now)
        }))
    }

    /// Makes an entry the most recent.
    #[inline(always)]
    pub(super) fn touch(&mut self, id: u32) -> Step<()> {
        if self.ns.head.get() == id {
            return Ok(());
        }
        let mut change = self.begin();
        move_to_front(
            &mut self.recency(&mut change),
            Slot::new(id).ok_or(Stop::Damaged)?,
        )?;
        Ok(change.commit()?)
    }

    /// Starts an entry's TTL again. One store, so nothing can come between.
    fn renew(&self, found: &Found, now: f64) {
        let ttl = found.entry.ttl.get_f64();
        found.entry.start.put_f64(if ttl == 0.0 { 0.0 } else { now });
    }

    /// For namespaces that purge by themselves: drops what has expired, at most so often that a large one is not
    /// forever searched.
    #[inline(always)]
    pub(super) fn tidy(&mut self, now: f64) -> Step<f64> {
        let now = self.time(now);
        let due =
            self.autopurges() && now > self.ns.next_expiry.get_f64() && now >= self.ns.purge_after.get_f64();
        if due {
            self.purge_stale(now)?;
        }
        Ok(now)
    }

    /// The time, read from the clock if the caller left that to us and anything here ever had a TTL.
    #[inline(always)]
    pub(super) fn time(&self, now: f64) -> f64 {
        if !now.is_nan() || self.ns.ttl_tracked.get() == 0 {
            now
        } else {
            monotonic_ms()
        }
    }

    /// Removes every stale entry, the least recent first. True if there was one.
    pub(super) fn purge_stale(&mut self, now: f64) -> Step<bool> {
        let mut next_expiry = f64::INFINITY;
        let mut purged = false;
        let mut id = self.ns.tail.get();
        let count = self.ns.count.get();
        for _ in 0..count {
            let entry = self.entry(id)?;
            let before = entry.before.get();
            let (start, ttl) = (entry.start.get_f64(), entry.ttl.get_f64());
            if is_stale(start, ttl, now) {
                let found = self.locate(id)?;
                self.remove(&found)?;
                self.trim()?;
                purged = true;
            } else if ttl > 0.0 && start != 0.0 {
                next_expiry = next_expiry.min(start + ttl);
            }
            id = before;
        }
        self.ns.next_expiry.put_f64(next_expiry);
        self.ns.purge_after.put_f64(now + f64::from(count / 1024));
        Ok(purged)
    }
}

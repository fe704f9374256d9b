//! Looking without changing what is stored: get, peek, has, info. Only recency and age move, and a stale entry that is
//! met by `get` goes.

use crate::lru::{Slot, move_to_front};
use crate::store::entries::Entries;
use crate::store::entries::far::Far;
use crate::store::ground::options::{
    ALLOW_STALE, GetOptions, HasOptions, PeekOptions, UPDATE_AGE_ON_GET, UPDATE_AGE_ON_HAS,
};
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::Info;
use crate::store::table::chain::is_long;
use crate::store::table::entry::{Found, Sought};
use crate::store::table::life::Life;
use crate::store::table::marks::Memo;
use crate::store::table::record::record_len;
use crate::sys::clock::monotonic_ms;

impl Entries<'_> {
    /// The value's tag, and the value in `out`; a long one is left where it is, if `far` can take where that is.
    #[inline(always)]
    pub(in crate::store) fn get(
        &mut self,
        sought: &Sought,
        now: f64,
        o: &GetOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
        far: Option<&mut Far>,
    ) -> Step<Option<u8>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        let life = self.life(found.id, found.entry, now)?;
        if life != Life::Fresh {
            return self.get_stale(found, life, o, out);
        }
        let tag = match far {
            Some(far) if is_long(found.entry.payload_len()) => {
                let record = record_len(self.segment, found.id, found.entry)?;
                *far = Far::of(self.segment, found.id, found.entry, record)?;
                found.entry.value_tag()
            }
            _ => self.read_value(&found, out)?,
        };
        self.touch(found.id)?;
        if o.update_age_on_get
            .unwrap_or_else(|| self.has_flag(UPDATE_AGE_ON_GET))
        {
            self.renew(&found, now);
        } else {
            memo.look_at(self.segment, self.ns, self.slot, found.id, found.entry);
        }
        Ok(Some(tag))
    }

    /// What a get gives of an entry that is not fresh. It goes, unless it is to be kept.
    #[cold]
    fn get_stale(&mut self, found: Found, life: Life, o: &GetOptions, out: &mut Vec<u8>) -> Step<Option<u8>> {
        let tag = self.read_stale(&found, life, o.allow_stale, out)?;
        let goes = match life {
            Life::Expired => !self.keeps_stale(o.no_delete_on_stale_get),
            Life::Gone => true,
            Life::Fresh | Life::Negative | Life::Graced => false,
        };
        if goes {
            self.remove_rarely(&found)?;
        }
        Ok(tag)
    }

    /// The value of an entry that is stale and no worse, for those who take such.
    pub(in crate::store) fn read_stale(
        &self,
        found: &Found,
        life: Life,
        allowed: Option<bool>,
        out: &mut Vec<u8>,
    ) -> Step<Option<u8>> {
        let stale = matches!(life, Life::Graced | Life::Expired);
        if stale && allowed.unwrap_or_else(|| self.has_flag(ALLOW_STALE)) {
            self.read_value(found, out).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(in crate::store) fn peek(
        &mut self,
        sought: &Sought,
        now: f64,
        o: &PeekOptions,
        out: &mut Vec<u8>,
    ) -> Step<Option<u8>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        match self.life(found.id, found.entry, now)? {
            Life::Fresh => self.read_value(&found, out).map(Some),
            life => self.read_stale(&found, life, o.allow_stale, out),
        }
    }

    pub(in crate::store) fn has(&mut self, sought: &Sought, now: f64, o: &HasOptions) -> Step<bool> {
        let Some(found) = self.find(sought)? else {
            return Ok(false);
        };
        if !self.lives(&found, now)? {
            return Ok(false);
        }
        if o.update_age_on_has
            .unwrap_or_else(|| self.has_flag(UPDATE_AGE_ON_HAS))
        {
            self.renew(&found, now);
        }
        Ok(true)
    }

    pub(in crate::store) fn info(
        &mut self,
        sought: &Sought,
        now: f64,
        out: &mut Vec<u8>,
    ) -> Step<Option<Info>> {
        let Some(found) = self.find_shown(sought, now)? else {
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

    pub(in crate::store) fn remaining_ttl(&mut self, sought: &Sought, now: f64) -> Step<f64> {
        let found = self.find_shown(sought, now)?;
        Ok(found.map_or(0.0, |found| found.remaining_ttl(now)))
    }

    /// An entry that has a value, fresh or stale.
    fn find_shown(&self, sought: &Sought, now: f64) -> Step<Option<Found>> {
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        let life = self.life(found.id, found.entry, now)?;
        Ok((!matches!(life, Life::Negative | Life::Gone)).then_some(found))
    }

    /// Makes an entry the most recent.
    #[inline(always)]
    pub(in crate::store) fn touch(&mut self, id: u32) -> Step<()> {
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

    /// The time, read from the clock if the caller left that to us and anything here ever had a TTL.
    #[inline(always)]
    pub(in crate::store) fn time(&self, now: f64) -> f64 {
        if !now.is_nan() || self.ns.ttl_tracked.get() == 0 {
            now
        } else {
            monotonic_ms()
        }
    }
}

//! Operations that look and change under one hold of the lock: take, and what versions are for.
//!
//! A version names one value that was stored under one key, and no other ever after: it is a number that the segment
//! gives out once. An entry gets one when it is first asked for, in its record of extras; whatever stores another value
//! there stores it without, or with a new one. So a version that still stands there proves that the value is the same,
//! and deleting and storing again proves nothing. The segment's numbers start at random: those of another
//! segment, which came with a dump, are none that it gave.

use crate::store::entries::Entries;
use crate::store::ground::extras::Extras;
use crate::store::ground::options::{GetOptions, SetOptions};
use crate::store::ground::stop::Step;
use crate::store::ground::values::Value;
use crate::store::table::entry::{Found, Sought};
use crate::store::table::life::Life;
use crate::store::table::marks::Memo;

impl Entries<'_> {
    pub(in crate::store) fn take(
        &mut self,
        sought: &Sought,
        now: f64,
        out: &mut Vec<u8>,
    ) -> Step<Option<u8>> {
        let tag = match self.find(sought)? {
            None => None,
            Some(found) => match self.life(found.id, found.entry, now)? {
                Life::Fresh => Some(self.read_value(&found, out)?),
                life => self.read_stale(&found, life, None, out)?,
            },
        };
        self.discard(sought)?;
        if tag.is_some() {
            self.ns.deletes.put(self.ns.deletes.get().wrapping_add(1));
        }
        Ok(tag)
    }

    pub(in crate::store) fn get_with_version(
        &mut self,
        sought: &Sought,
        now: f64,
        out: &mut Vec<u8>,
    ) -> Step<Option<(u8, u64)>> {
        let fresh_alone = GetOptions {
            allow_stale: Some(false),
            ..GetOptions::default()
        };
        let Some(tag) = self.get(sought, now, &fresh_alone, out, &mut Memo::default(), None)? else {
            return Ok(None);
        };
        let Some(found) = self.find(sought)? else {
            return Ok(None);
        };
        let version = match self.version_of(&found)? {
            0 => self.give_version(sought, &found, Value { tag, bytes: out })?,
            version => version,
        };
        Ok(Some((tag, version)))
    }

    /// The version of an entry, or 0.
    fn version_of(&self, found: &Found) -> Step<u64> {
        let version = self.record_of(found.id, found.entry, |record| record.version())?;
        Ok(version.unwrap_or(0))
    }

    /// Stores an entry as it is, with a version.
    fn give_version(&mut self, sought: &Sought, found: &Found, value: Value) -> Step<u64> {
        let version = self.new_version();
        let record = self.record_with_version(found, version)?;
        // Its value stays, and so do the flights on its key.
        let voids_below = std::mem::replace(&mut self.voids_below, 0);
        self.replace_record(sought, &record, value)?;
        self.voids_below = voids_below;
        Ok(version)
    }

    /// Not one that was ever given, and not 0.
    fn new_version(&self) -> u64 {
        loop {
            let version = self.segment.header().versions.add(1);
            if version != 0 {
                return version;
            }
        }
    }

    pub(in crate::store) fn set_if_version(
        &mut self,
        sought: &Sought,
        value: Value,
        version: Option<u64>,
        now: f64,
        o: &SetOptions,
    ) -> Step<bool> {
        self.check_storable(o)?;
        let there = match self.find_living(sought, now)? {
            Some(found) => Some(self.version_of(&found)?),
            None => None,
        };
        // 0 is what an entry has that was never asked for a version.
        if there != version || version == Some(0) {
            return Ok(false);
        }
        let extras = Extras {
            version: self.new_version(),
            ..o.extras.copied().unwrap_or_default()
        };
        let o = SetOptions {
            extras: Some(&extras),
            ..*o
        };
        self.set(sought, value, now, &o)
    }
}

//! What an entry is to those who read it, by its TTL and by what it bears.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use crate::shm::layout::Entry;
use crate::shm::segment::Segment;
use crate::store::ground::extras::Extras;
use crate::store::ground::held::is_stale;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::Borne;
use crate::store::table::Table;
use crate::store::table::entry::{Found, Sought};
use crate::store::table::record::{
    Record, Traits, names_in, read_names, whole_record, with_record, written_names,
};

/// What an entry is to those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Life {
    Fresh,
    /// It says that there is nothing.
    Negative,
    /// Past its TTL, and kept.
    Graced,
    Expired,
    /// Never to be given again: one of its tags was invalidated, or it said that there is nothing and is stale.
    Gone,
}

/// What an entry is, by its TTL and by its record, as long as no tag has made it gone.
#[inline(always)]
pub(in crate::store) fn life_of(record: &Record, entry: &Entry, now: f64) -> Life {
    let (start, ttl) = (entry.start.get_f64(), entry.ttl.get_f64());
    match (is_stale(start, ttl, now), record.is_negative()) {
        (false, false) => Life::Fresh,
        (false, true) => Life::Negative,
        (true, true) => Life::Gone,
        (true, false) if now - start > ttl + record.kept_for() => Life::Expired,
        (true, false) => Life::Graced,
    }
}

impl Table<'_> {
    #[inline(always)]
    pub(in crate::store) fn life(&self, id: u32, entry: &Entry, now: f64) -> Step<Life> {
        if entry.has_extras() {
            return self.life_by_record(id, entry, now);
        }
        Ok(if entry.is_stale(now) {
            Life::Expired
        } else {
            Life::Fresh
        })
    }

    #[inline(never)]
    fn life_by_record(&self, id: u32, entry: &Entry, now: f64) -> Step<Life> {
        let tags = self.tags();
        with_record(self.segment, id, entry, |record| {
            Ok(if tags.have_felled(&record)? {
                Life::Gone
            } else {
                life_of(&record, entry, now)
            })
        })?
    }

    /// Whether there is a value that is not stale.
    #[inline(always)]
    pub(in crate::store) fn lives(&self, found: &Found, now: f64) -> Step<bool> {
        Ok(self.life(found.id, found.entry, now)? == Life::Fresh)
    }

    /// Reads what an entry bears: `None` where it has no record.
    #[inline(always)]
    pub(in crate::store) fn record_of<R>(
        &self,
        id: u32,
        entry: &Entry,
        read: impl FnOnce(Record) -> R,
    ) -> Step<Option<R>> {
        if entry.has_extras() {
            with_record(self.segment, id, entry, read).map(Some)
        } else {
            Ok(None)
        }
    }

    /// All that a record says of an entry with a value.
    pub(in crate::store) fn borne(&self, id: u32, entry: &Entry) -> Step<Option<Box<Borne>>> {
        if !entry.has_extras() {
            return Ok(None);
        }
        let whole = whole_record(self.segment, id, entry)?;
        let record = Record::read(&whole, whole.len()).ok_or(Stop::Damaged)?;
        Ok(Some(Box::new(Borne {
            grace: record.grace(),
            delta: record.delta(),
            version: record.version(),
            tags: read_names(names_in(&whole)),
        })))
    }

    /// An entry with a value that is not stale.
    pub(in crate::store) fn find_living(&self, sought: &Sought, now: f64) -> Step<Option<Found>> {
        match self.find(sought)? {
            Some(found) if self.lives(&found, now)? => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// For another value of the same entry, which is another version.
    pub(in crate::store) fn record_without_version(&self, found: &Found) -> Step<Vec<u8>> {
        if found.entry.has_extras() {
            self.record_with_version(found, 0)
        } else {
            Ok(Vec::new())
        }
    }

    pub(in crate::store) fn record_with_version(&self, found: &Found, version: u64) -> Step<Vec<u8>> {
        let whole = whole_record(self.segment, found.id, found.entry)?;
        let there = Record::read(&whole, whole.len()).map(|record| record.traits());
        let traits = Traits {
            version,
            ..there.unwrap_or_default()
        };
        Ok(traits.write(names_in(&whole)))
    }

    /// The record for a value that is stored now.
    pub(in crate::store) fn inscribe(&self, extras: &Extras) -> Step<Vec<u8>> {
        extras.check()?;
        let hash = |tag: &String| tag_hash(self.segment, tag);
        let traits = Traits {
            grace: extras.grace,
            delta: extras.delta,
            negative: extras.negative,
            version: extras.version,
            clock: self.ns.tag_clock.get(),
            tags: extras.tags.iter().map(hash).collect(),
        };
        Ok(traits.write(&written_names(extras.tags)))
    }
}

pub(in crate::store) fn tag_hash(segment: &Segment, tag: &str) -> u64 {
    let secrets = RapidSecrets::seed(segment.header().hash_seed.get());
    rapidhash_v3_seeded(tag.as_bytes(), &secrets)
}

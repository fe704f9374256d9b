//! What an entry may bear beside its key and its value: for how long past its TTL it may still be given, how long it
//! took to compute, that it says "there is nothing", its version, and its tags.
//!
//! All of it is one record between key and value, and a bit of the value's tag says that it is there: an entry
//! without one pays nothing for it. `docs/shared-memory.md` has its bytes. Whoever stores a value stores its record with it,
//! in the same transaction, so that the two never part.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use crate::error::Result;
use crate::shm::layout::Entry;
use crate::shm::segment::Segment;
use crate::store::ground::held::{Held, is_stale};
use crate::store::ground::options::invalid;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::Borne;
use crate::store::table::entry::{Found, Sought};
use crate::store::table::record::{
    Record, Traits, names_in, read_names, whole_record, with_record, written_names,
};

/// How many tags an entry may bear.
pub const MAX_TAGS: usize = 128;
/// How long a tag may be, in UTF-16 units, as JavaScript counts.
pub const MAX_TAG_LENGTH: usize = 1024;

/// What is stored with a value. All zero is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extras<'a> {
    /// For how many milliseconds past its TTL the value may be given to those who ask for a stale one. It is not removed
    /// before that.
    pub grace: f64,
    /// How many milliseconds it took to compute.
    pub delta: f64,
    /// There is nothing to be had under this key, which is known for as long as the entry lives.
    pub negative: bool,
    /// What `getWithVersion` said of it; 0 for none.
    pub version: u64,
    pub tags: &'a [String],
}

impl Extras<'_> {
    /// That it can be stored.
    pub fn check(&self) -> Result<()> {
        if self.tags.len() > MAX_TAGS {
            let message = format!(
                "tags must be at most {MAX_TAGS} for one entry, not {}",
                self.tags.len()
            );
            return Err(invalid(message));
        }
        self.tags.iter().try_for_each(|tag| check_tag(tag))
    }
}

pub(in crate::store) fn check_tag(tag: &str) -> Result<()> {
    let fits =
        !tag.is_empty() && tag.len() <= 3 * MAX_TAG_LENGTH && tag.encode_utf16().count() <= MAX_TAG_LENGTH;
    if fits {
        Ok(())
    } else {
        Err(invalid(format!(
            "a tag must have 1 to {MAX_TAG_LENGTH} characters, not {}",
            tag.encode_utf16().count()
        )))
    }
}

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

impl Held<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_neither_empty_nor_long() {
        for (tag, fits) in [
            (String::new(), false),
            ("a".into(), true),
            ("x".repeat(MAX_TAG_LENGTH), true),
            ("€".repeat(MAX_TAG_LENGTH), true),
            ("x".repeat(MAX_TAG_LENGTH + 1), false),
            ("😀".repeat(MAX_TAG_LENGTH / 2 + 1), false),
        ] {
            assert_eq!(check_tag(&tag).is_ok(), fits, "{}", tag.len());
        }
    }
}

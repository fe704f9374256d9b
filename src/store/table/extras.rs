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
use crate::store::table::chain::{Cursor, First};
use crate::store::table::entry::{Found, Sought};

/// How many tags an entry may bear.
pub const MAX_TAGS: usize = 128;
/// How long a tag may be, in UTF-16 units, as JavaScript counts.
pub const MAX_TAG_LENGTH: usize = 1024;

const GRACE: u8 = 1;
const DELTA: u8 = 2;
const NEGATIVE: u8 = 4;
const VERSION: u8 = 8;

/// The length of the record (4), which fields it has (1), nothing (1), how many tags (2).
const HEAD: usize = 8;
const FIELD: usize = 8;

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

/// What an entry's record says of it, but for the names of its tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Traits {
    pub(in crate::store) grace: f64,
    pub(in crate::store) delta: f64,
    pub(in crate::store) negative: bool,
    pub(in crate::store) version: u64,
    /// What the namespace's tag clock showed when the entry was written.
    pub(in crate::store) clock: u64,
    /// The hashes of its tags.
    pub(in crate::store) tags: Vec<u64>,
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

    #[cold]
    fn life_by_record(&self, id: u32, entry: &Entry, now: f64) -> Step<Life> {
        let traits = self.traits(id, entry)?;
        if self.is_invalidated(&traits)? {
            return Ok(Life::Gone);
        }
        let (start, ttl) = (entry.start.get_f64(), entry.ttl.get_f64());
        Ok(match (is_stale(start, ttl, now), traits.negative) {
            (false, false) => Life::Fresh,
            (false, true) => Life::Negative,
            (true, true) => Life::Gone,
            (true, false) if now - start > ttl + traits.kept_for() => Life::Expired,
            (true, false) => Life::Graced,
        })
    }

    /// Whether there is a value that is not stale.
    #[inline(always)]
    pub(in crate::store) fn lives(&self, found: &Found, now: f64) -> Step<bool> {
        Ok(self.life(found.id, found.entry, now)? == Life::Fresh)
    }

    /// What an entry bears; nothing where it has no record.
    pub(in crate::store) fn traits(&self, id: u32, entry: &Entry) -> Step<Traits> {
        if !entry.has_extras() {
            return Ok(Traits::default());
        }
        let mut bytes = Vec::with_capacity(64);
        let mut at = Cursor::at_start(self.segment, id, First::Entry, entry.payload_len())?;
        at.skip(entry.key_len())?;
        at.append_to(HEAD, &mut bytes)?;
        let head = Head::read(&bytes, entry.value_len.get() as usize)?;
        at.append_to(head.fixed_len() - HEAD, &mut bytes)?;
        Ok(head.traits(&bytes))
    }

    /// The whole record of an entry, empty where it has none.
    pub(in crate::store) fn inscription(&self, id: u32, entry: &Entry) -> Step<Vec<u8>> {
        let mut bytes = Vec::new();
        if entry.has_extras() {
            let mut at = Cursor::at_start(self.segment, id, First::Entry, entry.payload_len())?;
            at.skip(entry.key_len())?;
            at.append_to(HEAD, &mut bytes)?;
            let head = Head::read(&bytes, entry.value_len.get() as usize)?;
            at.append_to(head.len - HEAD, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// All that a record says of an entry with a value.
    pub(in crate::store) fn borne(&self, id: u32, entry: &Entry) -> Step<Option<Box<Borne>>> {
        if !entry.has_extras() {
            return Ok(None);
        }
        let record = self.inscription(id, entry)?;
        let head = Head::read(&record, record.len())?;
        let traits = head.traits(&record);
        Ok(Some(Box::new(Borne {
            grace: traits.grace,
            delta: traits.delta,
            version: traits.version,
            tags: head.names(&record),
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
        if !found.entry.has_extras() {
            let traits = Traits {
                version,
                ..Traits::default()
            };
            return Ok(traits.write(&[]));
        }
        let record = self.inscription(found.id, found.entry)?;
        let head = Head::read(&record, record.len())?;
        let traits = Traits {
            version,
            ..head.traits(&record)
        };
        Ok(traits.write(record.get(head.fixed_len()..).unwrap_or_default()))
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
        let mut names = Vec::new();
        for tag in extras.tags {
            // `check` has seen that this many fit.
            names.extend((tag.len() as u16).to_le_bytes());
            names.extend(tag.as_bytes());
        }
        Ok(traits.write(&names))
    }
}

/// The first bytes of a record: what else there is in it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Head {
    pub(in crate::store) len: usize,
    kinds: u8,
    tags: usize,
}

impl Head {
    /// `most`: as many bytes as there are after the key.
    pub(in crate::store) fn read(bytes: &[u8], most: usize) -> Step<Self> {
        let Some(&[a, b, c, d, kinds, _, low, high]) = bytes.first_chunk::<HEAD>() else {
            return Err(Stop::Damaged);
        };
        let head = Self {
            len: u32::from_le_bytes([a, b, c, d]) as usize,
            kinds,
            tags: usize::from(u16::from_le_bytes([low, high])),
        };
        if head.fixed_len() <= head.len && head.len <= most && head.tags <= MAX_TAGS {
            Ok(head)
        } else {
            Err(Stop::Damaged)
        }
    }

    fn has(self, kind: u8) -> bool {
        self.kinds & kind != 0
    }

    /// Without the names of the tags.
    fn fixed_len(self) -> usize {
        let fields = [self.has(GRACE), self.has(DELTA), self.has(VERSION), self.tags > 0];
        let fields = fields.into_iter().filter(|there| *there).count();
        HEAD + (fields + self.tags) * FIELD
    }

    /// The names of the tags, which are at the end of the record.
    fn names(self, record: &[u8]) -> Vec<String> {
        let mut rest = record.get(self.fixed_len()..).unwrap_or_default();
        let mut names = Vec::with_capacity(self.tags);
        while let Some((len, more)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_le_bytes(*len)).min(more.len());
            let (name, after) = more.split_at(len);
            names.push(String::from_utf8_lossy(name).into_owned());
            rest = after;
        }
        names
    }

    fn traits(self, bytes: &[u8]) -> Traits {
        let mut words = bytes.get(HEAD..).unwrap_or_default().chunks_exact(FIELD);
        let mut next = |there: bool| {
            let word = if there { words.next() } else { None };
            word.and_then(|word| word.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        Traits {
            grace: f64::from_bits(next(self.has(GRACE))),
            delta: f64::from_bits(next(self.has(DELTA))),
            negative: self.has(NEGATIVE),
            version: next(self.has(VERSION)),
            clock: next(self.tags > 0),
            tags: (0..self.tags).map(|_| next(true)).collect(),
        }
    }
}

impl Traits {
    /// For how long past its TTL the entry is not to be removed.
    pub(in crate::store) fn kept_for(&self) -> f64 {
        if self.negative { 0.0 } else { self.grace }
    }

    /// The record's bytes; none at all where there is nothing to say.
    pub(in crate::store) fn write(&self, names: &[u8]) -> Vec<u8> {
        let bit = |there: bool, kind: u8| if there { kind } else { 0 };
        let head = Head {
            len: 0,
            kinds: bit(self.grace != 0.0, GRACE)
                | bit(self.delta != 0.0, DELTA)
                | bit(self.negative, NEGATIVE)
                | bit(self.version != 0, VERSION),
            tags: self.tags.len(),
        };
        if head.kinds == 0 && head.tags == 0 {
            return Vec::new();
        }
        let len = head.fixed_len() + names.len();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend((len as u32).to_le_bytes());
        bytes.extend([head.kinds, 0]);
        bytes.extend((head.tags as u16).to_le_bytes());
        for (there, word) in [
            (head.has(GRACE), self.grace.to_bits()),
            (head.has(DELTA), self.delta.to_bits()),
            (head.has(VERSION), self.version),
            (head.tags > 0, self.clock),
        ] {
            if there {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend(self.tags.iter().flat_map(|hash| hash.to_le_bytes()));
        bytes.extend(names);
        bytes
    }
}

pub(in crate::store) fn tag_hash(segment: &Segment, tag: &str) -> u64 {
    let secrets = RapidSecrets::seed(segment.header().hash_seed.get());
    rapidhash_v3_seeded(tag.as_bytes(), &secrets)
}

/// Goes over the record of a value's entry, and gives how long the value is.
#[inline(always)]
pub(in crate::store) fn skip_record(at: &mut Cursor, entry: &Entry) -> Step<usize> {
    let len = entry.value_len.get() as usize;
    if entry.has_extras() {
        skip_record_that_is_there(at, len)
    } else {
        Ok(len)
    }
}

#[cold]
fn skip_record_that_is_there(at: &mut Cursor, most: usize) -> Step<usize> {
    let mut bytes = Vec::with_capacity(HEAD);
    at.append_to(HEAD, &mut bytes)?;
    let head = Head::read(&bytes, most)?;
    at.skip(head.len - HEAD)?;
    Ok(most - head.len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let traits = Traits {
            grace: 5.0,
            delta: 0.25,
            negative: true,
            version: 77,
            clock: 9,
            tags: vec![1, u64::MAX, 3],
        };
        let bytes = traits.write(b"\x01\0a");
        let head = Head::read(&bytes, bytes.len()).unwrap();
        assert_eq!(head.len, bytes.len());
        assert_eq!(head.traits(&bytes), traits);
        let without = Traits {
            tags: Vec::new(),
            clock: 0,
            ..traits
        };
        let bytes = without.write(b"");
        assert_eq!(Head::read(&bytes, 1 << 20).unwrap().traits(&bytes), without);
        assert!(Traits::default().write(b"").is_empty());
    }

    #[test]
    fn a_record_that_contradicts_itself_is_not_believed() {
        let bytes = Traits {
            grace: 5.0,
            tags: vec![1, 2],
            ..Traits::default()
        }
        .write(b"");
        assert!(Head::read(&bytes, bytes.len() - 1).is_err());
        assert!(Head::read(&bytes[..7], 100).is_err());
        for (at, nonsense) in [(0, 9), (4, 0xff), (6, 200)] {
            let mut damaged = bytes.clone();
            damaged[at] = nonsense;
            assert!(Head::read(&damaged, bytes.len()).is_err(), "{at}");
        }
    }

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

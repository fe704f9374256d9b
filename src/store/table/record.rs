//! The bytes of a record of extras, and reading them where they lie. `docs/shared-memory.md` has the table of its fields.
//!
//! Invariant: a record is believed only if its parts have room in it, and it has room before the end of its entry. Most
//! records lie, but for the names of their tags, in the first block of their entry, and are read there without a copy
//! on the heap; this may be done without the lock, as it reads words and bounds every step.

use crate::shm::layout::{ENTRY_PAYLOAD, Entry, EntryWords, LONG_TAIL};
use crate::shm::segment::Segment;
use crate::store::ground::extras::MAX_TAGS;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::chain::{Cursor, First, is_long};

const GRACE: u8 = 1;
const DELTA: u8 = 2;
const NEGATIVE: u8 = 4;
const VERSION: u8 = 8;
/// Those that have bytes, in their order.
const FIELDS: u8 = GRACE | DELTA | VERSION;

/// The length of the record (4), which fields it has (1), nothing (1), how many tags (2).
const HEAD: usize = 8;
const FIELD: usize = 8;

/// The first bytes of a record: what else there is in it.
#[derive(Clone, Copy, Debug)]
struct Head {
    len: usize,
    kinds: u8,
    tags: usize,
}

impl Head {
    /// `most`: as many bytes as there are after the key.
    #[inline(always)]
    fn read(bytes: &[u8], most: usize) -> Option<Self> {
        let &[a, b, c, d, kinds, _, low, high] = bytes.first_chunk::<HEAD>()?;
        let head = Self {
            len: u32::from_le_bytes([a, b, c, d]) as usize,
            kinds,
            tags: usize::from(u16::from_le_bytes([low, high])),
        };
        let fits = head.fixed_len() <= head.len && head.len <= most && head.tags <= MAX_TAGS;
        fits.then_some(head)
    }

    fn has(self, kind: u8) -> bool {
        self.kinds & kind != 0
    }

    /// How many fields come before the tags' hashes.
    #[inline(always)]
    fn fields(self) -> usize {
        (self.kinds & FIELDS).count_ones() as usize + usize::from(self.tags > 0)
    }

    /// Without the names of the tags.
    #[inline(always)]
    fn fixed_len(self) -> usize {
        HEAD + (self.fields() + self.tags) * FIELD
    }
}

/// What an entry's record says of it, but for the names of its tags.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Record<'a> {
    head: Head,
    fixed: &'a [u8],
}

impl<'a> Record<'a> {
    #[inline(always)]
    pub(in crate::store) fn read(bytes: &'a [u8], most: usize) -> Option<Self> {
        let head = Head::read(bytes, most)?;
        let fixed = bytes.get(HEAD..head.fixed_len())?;
        Some(Self { head, fixed })
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        let bytes = self.fixed.get(index * FIELD..(index + 1) * FIELD);
        bytes
            .and_then(|word| word.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    }

    #[inline(always)]
    fn field(&self, kind: u8) -> u64 {
        if self.head.has(kind) {
            self.word((self.head.kinds & FIELDS & (kind - 1)).count_ones() as usize)
        } else {
            0
        }
    }

    /// For how long past its TTL a value may be given to those who ask for a stale one.
    pub(in crate::store) fn grace(&self) -> f64 {
        f64::from_bits(self.field(GRACE))
    }

    /// How long it took to compute.
    pub(in crate::store) fn delta(&self) -> f64 {
        f64::from_bits(self.field(DELTA))
    }

    /// Whether it says that there is nothing.
    #[inline(always)]
    pub(in crate::store) fn is_negative(&self) -> bool {
        self.head.has(NEGATIVE)
    }

    /// 0 for one that was never asked for.
    pub(in crate::store) fn version(&self) -> u64 {
        self.field(VERSION)
    }

    #[inline(always)]
    pub(in crate::store) fn has_tags(&self) -> bool {
        self.head.tags > 0
    }

    /// What the namespace's tag clock showed when the entry was written.
    #[inline(always)]
    pub(in crate::store) fn clock(&self) -> u64 {
        if self.has_tags() {
            self.word(self.head.fields() - 1)
        } else {
            0
        }
    }

    /// The hashes of its tags.
    #[inline(always)]
    pub(in crate::store) fn tags(&self) -> impl Iterator<Item = u64> {
        let (from, record) = (self.head.fields(), *self);
        (0..self.head.tags).map(move |tag| record.word(from + tag))
    }

    /// For how long past its TTL the entry is not to be removed.
    pub(in crate::store) fn kept_for(&self) -> f64 {
        if self.is_negative() { 0.0 } else { self.grace() }
    }

    pub(in crate::store) fn traits(&self) -> Traits {
        Traits {
            grace: self.grace(),
            delta: self.delta(),
            negative: self.is_negative(),
            version: self.version(),
            clock: self.clock(),
            tags: self.tags().collect(),
        }
    }
}

/// A record's fields in memory of their own, to be changed and written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Traits {
    pub(in crate::store) grace: f64,
    pub(in crate::store) delta: f64,
    pub(in crate::store) negative: bool,
    pub(in crate::store) version: u64,
    pub(in crate::store) clock: u64,
    pub(in crate::store) tags: Vec<u64>,
}

impl Traits {
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

/// What a record's tags are called as `Traits::write` is given them.
pub(in crate::store) fn written_names(tags: &[String]) -> Vec<u8> {
    let mut names = Vec::new();
    for tag in tags {
        // `Extras::check` has seen that this many fit.
        names.extend((tag.len() as u16).to_le_bytes());
        names.extend(tag.as_bytes());
    }
    names
}

/// The names of the tags as they stand in a whole record, at its end.
pub(in crate::store) fn names_in(whole: &[u8]) -> &[u8] {
    let head = Head::read(whole, whole.len());
    head.and_then(|head| whole.get(head.fixed_len()..))
        .unwrap_or_default()
}

pub(in crate::store) fn read_names(mut rest: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(more.len());
        let (name, after) = more.split_at(len);
        names.push(String::from_utf8_lossy(name).into_owned());
        rest = after;
    }
    names
}

/// What an entry's first block holds of its payload.
#[derive(Debug)]
pub(in crate::store) struct Opening {
    bytes: [[u8; 8]; ENTRY_PAYLOAD / 8],
    len: usize,
}

impl Opening {
    /// Without the lock, what it holds is to be disbelieved until a sequence number confirms it.
    #[inline(always)]
    pub(in crate::store) fn of(segment: &Segment, id: u32, entry: &Entry) -> Option<Self> {
        let words = &segment.block::<EntryWords>(id)?.payload;
        let tail = if is_long(entry.payload_len()) {
            LONG_TAIL
        } else {
            0
        };
        Some(Self {
            bytes: std::array::from_fn(|word| words[word].get().to_ne_bytes()),
            len: ENTRY_PAYLOAD - tail,
        })
    }

    #[inline(always)]
    fn after_key(&self, entry: &Entry) -> &[u8] {
        let bytes = self.bytes.as_flattened().get(entry.key_len()..self.len);
        bytes.unwrap_or_default()
    }

    /// The record of an entry that has one, if it lies in here.
    #[inline(always)]
    pub(in crate::store) fn record(&self, entry: &Entry) -> Option<Record<'_>> {
        Record::read(self.after_key(entry), entry.value_len.get() as usize)
    }

    /// How long that record is with the names of its tags, if that can be seen in here.
    #[inline(always)]
    pub(in crate::store) fn record_len(&self, entry: &Entry) -> Option<usize> {
        let head = Head::read(self.after_key(entry), entry.value_len.get() as usize)?;
        Some(head.len)
    }
}

/// Reads the record of an entry that has one, wherever it lies.
#[inline(always)]
pub(in crate::store) fn with_record<R>(
    segment: &Segment,
    id: u32,
    entry: &Entry,
    read: impl FnOnce(Record) -> R,
) -> Step<R> {
    let opening = Opening::of(segment, id, entry).ok_or(Stop::Damaged)?;
    if let Some(record) = opening.record(entry) {
        return Ok(read(record));
    }
    let (bytes, head) = start_of_record(segment, id, entry, Head::fixed_len)?;
    let record = Record::read(&bytes, head.len).ok_or(Stop::Damaged)?;
    Ok(read(record))
}

/// The whole record of an entry, empty where it has none.
pub(in crate::store) fn whole_record(segment: &Segment, id: u32, entry: &Entry) -> Step<Vec<u8>> {
    if entry.has_extras() {
        Ok(start_of_record(segment, id, entry, |head| head.len)?.0)
    } else {
        Ok(Vec::new())
    }
}

/// How much of what follows the key is the record.
#[inline(always)]
pub(in crate::store) fn record_len(segment: &Segment, id: u32, entry: &Entry) -> Step<usize> {
    if !entry.has_extras() {
        return Ok(0);
    }
    let opening = Opening::of(segment, id, entry).ok_or(Stop::Damaged)?;
    match opening.record_len(entry) {
        Some(len) => Ok(len),
        None => Ok(start_of_record(segment, id, entry, |_| HEAD)?.1.len),
    }
}

/// So many of a record's first bytes as its head is asked for.
#[cold]
fn start_of_record(
    segment: &Segment,
    id: u32,
    entry: &Entry,
    want: impl FnOnce(Head) -> usize,
) -> Step<(Vec<u8>, Head)> {
    let mut bytes = Vec::with_capacity(64);
    let mut at = Cursor::at_start(segment, id, First::Entry, entry.payload_len())?;
    at.skip(entry.key_len())?;
    at.append_to(HEAD, &mut bytes)?;
    let head = Head::read(&bytes, entry.value_len.get() as usize).ok_or(Stop::Damaged)?;
    at.append_to(want(head) - HEAD, &mut bytes)?;
    Ok((bytes, head))
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
        let names = ["a".to_string(), String::new(), "bcd".to_string()];
        let bytes = traits.write(&written_names(&names));
        let record = Record::read(&bytes, bytes.len()).unwrap();
        assert_eq!(record.head.len, bytes.len());
        assert_eq!(record.traits(), traits);
        assert_eq!(read_names(names_in(&bytes)), names);
        for kinds in 0..16u8 {
            let has = |kind: u8| kinds & kind != 0;
            let some = Traits {
                grace: if has(1) { 5.0 } else { 0.0 },
                delta: if has(2) { 0.5 } else { 0.0 },
                negative: has(4),
                version: if has(8) { 7 } else { 0 },
                clock: 0,
                tags: Vec::new(),
            };
            let bytes = some.write(b"");
            if kinds == 0 {
                assert!(bytes.is_empty());
            } else {
                assert_eq!(Record::read(&bytes, 1 << 20).unwrap().traits(), some);
            }
        }
    }

    #[test]
    fn a_record_that_contradicts_itself_is_not_believed() {
        let bytes = Traits {
            grace: 5.0,
            tags: vec![1, 2],
            ..Traits::default()
        }
        .write(b"");
        assert!(Record::read(&bytes, bytes.len() - 1).is_none());
        assert!(Record::read(&bytes[..7], 100).is_none());
        for (at, nonsense) in [(0, 9), (4, 0xff), (6, 200)] {
            let mut damaged = bytes.clone();
            damaged[at] = nonsense;
            assert!(Record::read(&damaged, bytes.len()).is_none(), "{at}");
        }
    }
}

//! One entry: finding it, reading it, and the packed fields of its header.

use crate::shm::layout::{ENTRY_PAYLOAD, Entry, NIL};
use crate::shm::segment::Segment;
use crate::shm::word::Word32;
use crate::store::ground::held::{is_stale, remaining};
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Key, Value};
use crate::store::table::Table;
use crate::store::table::chain::{Chain, Cursor, First, append_part};
use crate::store::table::record::record_len;

/// Set in the key's tag of a flight, so that the flight of a key is never taken for its entry.
pub(in crate::store) const FLIGHT_TAG: u8 = 0x80;

/// Set in the value's tag of an entry that bears a record of extras.
pub(in crate::store) const EXTRAS_TAG: u8 = 0x80;

const SIZE_BITS: u32 = 56;

/// The packed fields of an entry's header.
impl Entry {
    #[inline(always)]
    pub(in crate::store) fn key_word(tag: u8, len: usize) -> u32 {
        ((len as u32) << 8) | u32::from(tag)
    }

    #[inline(always)]
    pub(in crate::store) fn key_len(&self) -> usize {
        (self.key.get() >> 8) as usize
    }

    #[inline(always)]
    pub(in crate::store) fn key_tag(&self) -> u8 {
        self.key.get() as u8
    }

    #[inline(always)]
    pub(in crate::store) fn is_flight(&self) -> bool {
        self.key_tag() & FLIGHT_TAG != 0
    }

    pub(in crate::store) fn size_word(tag: u8, size: u64) -> u64 {
        (u64::from(tag) << SIZE_BITS) | size
    }

    #[inline(always)]
    pub(in crate::store) fn value_tag(&self) -> u8 {
        (self.size.get() >> SIZE_BITS) as u8 & !EXTRAS_TAG
    }

    /// Whether a record lies between key and value; `value_len` counts it in.
    #[inline(always)]
    pub(in crate::store) fn has_extras(&self) -> bool {
        self.size.get() >> 63 != 0
    }

    #[inline(always)]
    pub(in crate::store) fn counted_size(&self) -> u64 {
        self.size.get() & ((1 << SIZE_BITS) - 1)
    }

    pub(in crate::store) fn payload_len(&self) -> usize {
        self.key_len() + self.value_len.get() as usize
    }

    /// Whether key and value have room in the entry's own block.
    #[inline(always)]
    pub(in crate::store) fn is_one_block(&self) -> bool {
        self.payload_len() <= ENTRY_PAYLOAD
    }

    pub(in crate::store) fn chain_from(&self, id: u32) -> Chain {
        Chain {
            kind: First::Entry,
            len: self.payload_len(),
            first: id,
            last: self.last.get(),
        }
    }

    #[inline(always)]
    pub(in crate::store) fn is_stale(&self, now: f64) -> bool {
        is_stale(self.start.get_f64(), self.ttl.get_f64(), now)
    }
}

/// An entry, and the word that links to it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) link: &'static Word32,
    pub(in crate::store) id: u32,
    pub(in crate::store) entry: &'static Entry,
}

impl Found {
    /// What is left of its TTL: infinite where there is none, negative where it is over.
    #[inline(always)]
    pub(in crate::store) fn remaining_ttl(&self, now: f64) -> f64 {
        remaining(self.entry.start.get_f64(), self.entry.ttl.get_f64(), now)
    }
}

/// A key with its hash, ready to be looked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Sought<'k> {
    pub(in crate::store) key: Key<'k>,
    pub(in crate::store) hash: u32,
}

impl Sought<'_> {
    /// The flight of the same key.
    pub(in crate::store) fn flight(self) -> Self {
        Self {
            key: Key {
                tag: self.key.tag | FLIGHT_TAG,
                bytes: self.key.bytes,
            },
            hash: self.hash,
        }
    }

    /// At the key of what was found under the right hash: an entry's, or a flight's.
    #[inline(always)]
    fn key_of<'s>(&self, segment: &'s Segment, id: u32, entry: &Entry) -> Step<Cursor<'s>> {
        if self.key.tag & FLIGHT_TAG == 0 {
            Cursor::at_start(segment, id, First::Entry, entry.payload_len())
        } else {
            Cursor::at_start(segment, id, First::Flight, self.key.bytes.len())
        }
    }
}

impl Table<'_> {
    /// Looks a key up. A chain longer than there are entries is a circle.
    #[inline(always)]
    pub(in crate::store) fn find(&self, sought: &Sought) -> Step<Option<Found>> {
        let Some(link) = self.bucket(sought.hash)? else {
            return Ok(None);
        };
        self.find_from(link, sought)
    }

    /// The same, from a word of the chain on: for flights, of which a key may have several.
    pub(in crate::store) fn find_from(
        &self,
        mut link: &'static Word32,
        sought: &Sought,
    ) -> Step<Option<Found>> {
        let word = Entry::key_word(sought.key.tag, sought.key.bytes.len());
        let mut left = self.ns.count.get().saturating_add(self.ns.flight_count.get());
        loop {
            let id = link.get();
            if id == NIL {
                return Ok(None);
            }
            let entry = self.entry(id)?;
            if entry.hash.get() == sought.hash && entry.key.get() == word {
                let mut at = sought.key_of(self.segment, id, entry)?;
                if at.equals(sought.key.bytes)? {
                    return Ok(Some(Found { link, id, entry }));
                }
            }
            if left == 0 {
                return Err(Stop::Damaged);
            }
            left -= 1;
            link = &entry.chain;
        }
    }

    /// Finds the word that links to an entry that is known by its number.
    pub(in crate::store) fn locate(&self, id: u32) -> Step<Found> {
        let entry = self.entry(id)?;
        let mut link = self.bucket(entry.hash.get())?.ok_or(Stop::Damaged)?;
        for _ in 0..=self.ns.count.get().saturating_add(self.ns.flight_count.get()) {
            let here = link.get();
            if here == id {
                return Ok(Found { link, id, entry });
            }
            link = &self.entry(here)?.chain;
        }
        Err(Stop::Damaged)
    }

    #[inline(always)]
    pub(in crate::store) fn read_value(&self, found: &Found, out: &mut Vec<u8>) -> Step<u8> {
        out.clear();
        append_value(self.segment, found.id, found.entry, out)?;
        Ok(found.entry.value_tag())
    }

    /// Whether what is stored is what lru-cache would find `===`: numbers by value, all else by tag and bytes. What
    /// bears extras is never taken for the same.
    pub(in crate::store) fn holds(&self, found: &Found, value: &Value) -> Step<bool> {
        if found.entry.has_extras() {
            return Ok(false);
        }
        if found.entry.value_tag() != value.tag || found.entry.value_len.get() as usize != value.bytes.len() {
            return Ok(false);
        }
        if value.tag == Value::NUMBER {
            return Ok(self.read_number(found)? == number_of(value.bytes));
        }
        let mut at = Cursor::at_start(self.segment, found.id, First::Entry, found.entry.payload_len())?;
        at.skip(found.entry.key_len())?;
        at.equals(value.bytes)
    }

    /// The number in an entry, if it holds one.
    pub(in crate::store) fn read_number(&self, found: &Found) -> Step<Option<f64>> {
        if found.entry.value_tag() != Value::NUMBER {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(8);
        append_value(self.segment, found.id, found.entry, &mut bytes)?;
        Ok(number_of(&bytes))
    }
}

fn number_of(bytes: &[u8]) -> Option<f64> {
    bytes.try_into().ok().map(f64::from_le_bytes)
}

#[inline(always)]
pub(in crate::store) fn append_value(
    segment: &Segment,
    id: u32,
    entry: &Entry,
    out: &mut Vec<u8>,
) -> Step<()> {
    let mut at = Cursor::at_start(segment, id, First::Entry, entry.payload_len())?;
    let record = record_len(segment, id, entry)?;
    at.skip(entry.key_len() + record)?;
    let len = (entry.value_len.get() as usize).checked_sub(record);
    at.append_to(len.ok_or(Stop::Damaged)?, out)
}

pub(in crate::store) fn append_key(segment: &Segment, id: u32, entry: &Entry, out: &mut Vec<u8>) -> Step<()> {
    append_part(
        segment,
        id,
        First::Entry,
        entry.payload_len(),
        entry.key_len(),
        out,
    )
}

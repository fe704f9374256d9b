//! Keys and values as the store sees them: bytes with a tag. What the tags mean is the codec's business, but for numbers.

use crate::store::ground::extras::Extras;
use std::ops::Range;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = (1 << 24) - 1;

/// Two keys are one if their tags and bytes are equal. Tags are 1 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    pub tag: u8,
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    pub tag: u8,
    pub bytes: &'a [u8],
}

impl Value<'_> {
    /// The tag of a number: eight bytes, an f64, little endian. The one kind of value that the store itself reads.
    pub const NUMBER: u8 = 1;
    /// What followers get where there is nothing to be had; never stored.
    pub const NOTHING: Value<'static> = Value { tag: 127, bytes: &[] };
}

/// What is known of an entry beside its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    pub tag: u8,
    /// On the clock that `now` is on; zero for an entry without a TTL.
    pub start: f64,
    pub ttl: f64,
    pub size: u64,
    /// Whether any entry of the namespace ever had a TTL: lru-cache shows the fields of `dump` only then.
    pub ttl_tracked: bool,
    pub size_tracked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Keys,
    Values,
    Entries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// As the namespace's `allowStale` says.
    AsConfigured,
    Include,
    Skip,
}

#[derive(Clone, Copy, Debug)]
pub struct SnapshotOptions {
    pub content: Content,
    pub stale: Stale,
}

/// The entries at one moment, the most recently used first.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub bytes: Vec<u8>,
    pub items: Vec<Item>,
    pub ttl_tracked: bool,
    pub size_tracked: bool,
}

/// Ranges are into `Snapshot::bytes`; empty for what was not asked for.
#[derive(Clone, Debug)]
pub struct Item {
    pub(in crate::store) hash: u32,
    pub key_tag: u8,
    pub value_tag: u8,
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub start: f64,
    pub ttl: f64,
    pub size: u64,
    /// What it bears beside its value, where it bears something.
    pub borne: Option<Box<Borne>>,
}

/// As `Extras`, in memory of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Borne {
    pub grace: f64,
    pub delta: f64,
    pub version: u64,
    pub tags: Vec<String>,
}

impl Borne {
    pub fn extras(&self) -> Extras<'_> {
        Extras {
            grace: self.grace,
            delta: self.delta,
            negative: false,
            version: self.version,
            tags: &self.tags,
        }
    }
}

impl Snapshot {
    pub fn key(&self, item: &Item) -> &[u8] {
        self.bytes.get(item.key.clone()).unwrap_or_default()
    }

    pub fn value(&self, item: &Item) -> &[u8] {
        self.bytes.get(item.value.clone()).unwrap_or_default()
    }
}

/// One entry for `load`.
#[derive(Clone, Copy, Debug)]
pub struct LoadEntry<'a> {
    pub key: Key<'a>,
    pub value: Value<'a>,
    pub options: crate::store::ground::options::SetOptions<'a>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    pub sets: u64,
    pub deletes: u64,
    pub evictions: u64,
    pub size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub entries: u64,
    /// Of keys and values.
    pub bytes: u64,
    /// What the namespace holds beside them: headers, links, table, name, free blocks kept at hand.
    pub overhead_bytes: u64,
    /// What the whole segment has had the system set aside.
    pub segment_bytes: u64,
    /// Entries of this namespace that had to go for want of memory.
    pub memory_evictions: u64,
    /// Namespaces of the whole segment that were cleared because they could not be proved sound.
    pub recoveries: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentUsage {
    pub namespaces: u64,
    pub segment_bytes: u64,
    pub capacity: u64,
    pub free_bytes: u64,
    pub memory_evictions: u64,
    pub recoveries: u64,
    /// Locks whose owner had died, and what they guard was repaired.
    pub repairs: u64,
}

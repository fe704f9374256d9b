//! The byte map of a segment: pure arithmetic and plain structs, checked by static assertions.
//!
//! `docs/shared-memory.md` describes every field. Whoever changes a structure here raises `LAYOUT_VERSION` and adds a
//! line to the history there.

use super::journal::Journal;
use super::region::{Offset, Payload, Shared};
use super::word::{Word16, Word32, Word64};
use crate::sys::mutex::SharedMutex;

pub const MAGIC: u64 = u64::from_le_bytes(*b"FLOTILLA");
pub const LAYOUT_VERSION: u32 = 9;

pub const PAGE: u64 = 4096;
pub const BLOCK: u64 = 128;
/// What a block that is not the first of its chain holds, after its link.
pub const BLOCK_PAYLOAD: usize = 124;
pub const ENTRY_PAYLOAD: usize = 72;
pub const FLIGHT_PAYLOAD: usize = 32;
/// What a run of blocks holds beside its payload: the link to the next run, and how many blocks it has.
pub const RUN_HEADER: usize = 8;
/// What the first block of something long gives up of its payload.
pub const LONG_TAIL: usize = 16;
/// Free runs are kept by the power of two that their length has at least.
pub const RUN_CLASSES: usize = 32;
/// Blocks are paid for in runs of this many: 256 KiB, and exactly one page of owners.
pub const COMMIT_BLOCKS: u32 = 2048;

pub const MAX_NAMESPACES: u32 = 16_384;
pub const MAX_PROCESSES: u32 = 512;
pub const WAKE_WORDS: usize = 64;
pub const STRIPES: usize = 8;
/// A flight knows each of its tags by one of so many bits.
pub const TAG_BITS: usize = 32;
/// Words that count the changes of keys, chosen by a key's hash.
pub const MARKS: u32 = 1 << 15;
/// How many namespaces may be read by way of copies at once, and how many threads of how many namespaces.
pub const AREAS: u32 = 128;
pub const RINGS: u32 = 256;
/// Places for readers in an area, the first of which stands for the holders of the lock.
pub const READERS: usize = 64;
pub const RING_TOUCHES: u32 = 128;
/// Links of a table node.
pub const FANOUT: usize = 32;

/// No block. Block zero is never handed out, so that zeroed memory is a structure without blocks.
pub const NIL: u32 = 0;

const HEADER_AT: u64 = 0;
const DIRECTORY_AT: u64 = 4096;
const POOL_AT: u64 = DIRECTORY_AT + 128;
const PROCESSES_AT: u64 = 8192;
const RECORDS_AT: u64 = PROCESSES_AT + MAX_PROCESSES as u64 * size_of::<ProcessSlot>() as u64;
const NAMESPACES_AT: u64 = RECORDS_AT + MAX_NAMESPACES as u64 * size_of::<NamespaceRecord>() as u64;
pub const NEAR_AT: u64 = NAMESPACES_AT + MAX_NAMESPACES as u64 * size_of::<Namespace>() as u64;
const AREAS_AT: u64 = NEAR_AT + MARKS as u64 * size_of::<Word32>() as u64;
const RINGS_AT: u64 = AREAS_AT + AREAS as u64 * size_of::<Area>() as u64;
const OWNERS_AT: u64 = RINGS_AT + RINGS as u64 * size_of::<Ring>() as u64;
/// What marks, areas and rings take together; paid for when the first thread asks for a ring.
pub const NEAR_LEN: u64 = OWNERS_AT - NEAR_AT;

/// What every segment pays for at once.
pub const FIXED_COMMIT: u64 = PROCESSES_AT;

#[derive(Debug)]
#[repr(C)]
pub struct Header {
    pub magic: Word64,
    pub version: Word32,
    pub mutex_kind: Word32,
    pub len: Word64,
    pub block_capacity: Word32,
    pub ready: Word32,
    pub identity: [Word64; 2],
    pub maker_started: Word64,
    pub maker_pid: Word32,
    /// 1 once the marks are there to be counted.
    pub copied: Word32,
    pub hash_seed: Word64,
    pub committed_bytes: Word64,
    pub recoveries: Word64,
    pub repairs: Word64,
    pub memory_evictions: Word64,
    pub flight_tokens: Word64,
    /// The next version; the first is a random one.
    pub versions: Word64,
    pub wake: [Word32; WAKE_WORDS],
}

#[derive(Debug)]
#[repr(C)]
pub struct Directory {
    pub lock: SharedMutex,
    /// Namespace slots whose lock was ever prepared: `0..slots_used`.
    pub slots_used: Word32,
    /// Process slots whose lock was ever prepared: `0..processes_used`.
    pub processes_used: Word32,
    reserved: [Word32; 14],
}

#[derive(Debug)]
#[repr(C)]
pub struct PoolHeader {
    pub lock: SharedMutex,
    pub journal: Journal,
    pub free_head: Word32,
    pub free_count: Word32,
    /// The first block that was never handed out.
    pub fresh: Word32,
    /// Blocks below this number are paid for.
    pub committed: Word32,
    /// Free blocks that lie in runs, and not in the list at `free_head`.
    pub run_blocks: Word32,
    /// A bit for each class that has runs.
    pub run_classes: Word32,
    /// The first free run of each class: class n has runs of 2^n to 2^(n+1) - 1 blocks.
    pub runs: [Word32; RUN_CLASSES],
}

#[derive(Debug)]
#[repr(C)]
pub struct ProcessSlot {
    /// Held for as long as the process lives: its death is this lock's.
    pub alive: SharedMutex,
    pub pid: Word32,
    pub generation: Word32,
    pub started: Word64,
    reserved: [Word64; 6],
}

/// What a search for a name reads: small, and apart from the namespaces themselves.
#[derive(Debug)]
#[repr(C)]
pub struct NamespaceRecord {
    pub name: [Word64; 2],
    pub state: Word32,
    pub generation: Word32,
    /// Blocks that belong to the namespace: entries, flights, table, name and stash.
    pub owned: Word32,
    reserved: Word32,
}

#[derive(Debug)]
#[repr(C)]
pub struct Limits {
    pub max: Word64,
    pub max_size: Word64,
    pub max_entry_size: Word64,
    pub ttl: Word64,
    pub flags: Word32,
    reserved: Word32,
}

#[derive(Debug)]
#[repr(C)]
pub struct Stripe {
    pub hits: Word64,
    pub misses: Word64,
    /// Reads that copies answered whose rings were given back since; they are among `hits`, too.
    pub copy_hits: Word64,
    pub flights_led: Word64,
    pub flights_followed: Word64,
    /// How often the namespace's lock was not to be had at once.
    pub lock_waits: Word64,
    reserved: [Word64; 2],
}

impl Stripe {
    pub fn counts(&self) -> [&Word64; 6] {
        [
            &self.hits,
            &self.misses,
            &self.copy_hits,
            &self.flights_led,
            &self.flights_followed,
            &self.lock_waits,
        ]
    }
}

#[derive(Debug)]
#[repr(C)]
pub struct Namespace {
    pub lock: SharedMutex,
    pub generation: Word32,
    /// A change of many transactions that repair has to finish.
    pub pending: Word32,
    pub count: Word32,
    pub head: Word32,
    pub tail: Word32,
    pub table_root: Word32,
    pub table_depth: Word32,
    pub buckets: Word32,
    pub limits: Limits,
    pub calculated_size: Word64,
    pub bytes: Word64,
    pub next_expiry: Word64,
    pub purge_after: Word64,
    pub stash_head: Word32,
    pub stash_count: Word32,
    pub flight_head: Word32,
    pub flight_tail: Word32,
    pub flight_count: Word32,
    pub ttl_tracked: Word32,
    pub name_first: Word32,
    pub name_last: Word32,
    pub name_len: Word32,
    /// The area of those who read by way of copies, plus one.
    pub copy_area: Word32,
    pub declared: Limits,
    pub sets: Word64,
    pub deletes: Word64,
    pub evictions: Word64,
    pub memory_evictions: Word64,
    /// How often a tag was invalidated.
    pub tag_clock: Word64,
    /// The table of the tags that were.
    pub tags_root: Word32,
    /// What was cleared and is not taken apart yet, the latest first.
    pub remains: Word32,
    pub journal: Journal,
    /// Flights with a smaller token than this are void, whatever their state.
    pub void_before: Word64,
    /// Runs that were drawn from the pool for what is being written.
    pub drawn: Word32,
    pub drawn_blocks: Word32,
    /// Runs that were given up, and go to the pool at the end of the operation.
    pub spent: Word32,
    pub spent_blocks: Word32,
    /// Of the drawn runs; nothing while there are none.
    pub last_drawn: Word32,
    /// With `ttlAutopurge`: the bucket that the search for what has expired goes on with; 0 while there is none.
    pub purge_at: Word32,
    /// For each bit of tags: flights that have it and a smaller token than this are void.
    pub void_tags: [Word64; TAG_BITS],
    /// The largest of them: flights with no smaller a token are not void by a tag.
    pub void_tagged: Word64,
    /// Of the search under way: when the first of those that it has seen expires.
    pub purge_seen: Word64,
    /// For each bit of tags: bits of the processes that lead a flight which has it, and were not told since that it is void.
    pub tag_leaders: [Word64; TAG_BITS],
    unused: [Word64; 3],
    pub stripes: [Stripe; STRIPES],
}

/// One read of a copy, by which its entry became the most recent.
#[derive(Debug)]
#[repr(C)]
pub struct Touch {
    /// When, on the area's logical clock: a double.
    pub stamp: Word64,
    pub entry: Word32,
    pub hash: Word32,
    pub mark: Word32,
    reserved: Word32,
}

/// The reads of one thread that the recency list does not show yet. That thread alone writes `hits` and touches.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Ring {
    /// Reads that were answered from copies: a double.
    pub hits: Word64,
    pub started: Word64,
    pub pid: Word32,
    /// The area it belongs to, plus one; 0 while it is free.
    pub area: Word32,
    /// Which of the area's readers has it.
    pub reader: Word32,
    pub generation: Word32,
    reserved: [Word32; 8],
    pub touches: [Touch; RING_TOUCHES as usize],
}

/// The last thing that a reader, or whoever held the lock, made the most recent. Written by that one alone.
#[derive(Debug)]
#[repr(C)]
pub struct Reader {
    /// When, on the area's logical clock: a double. Written after `entry`.
    pub stamp: Word64,
    pub entry: Word32,
    /// How many touches it ever left in its ring.
    pub head: Word32,
}

/// What those who read one namespace by way of copies share. Reader 0 stands for the holders of the lock.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Area {
    /// The namespace's slot, plus one; 0 while it is free.
    pub slot: Word32,
    /// How many of the readers there are to be looked at.
    pub used: Word32,
    /// How far touches were carried over, where that was interrupted; 0 when it was not.
    pub carrying: Word32,
    /// While touches are carried: what was the most recent entry before.
    pub base: Word32,
    /// While touches are carried: the stamp of what is the most recent after it; a double.
    pub next_stamp: Word64,
    /// Counts the invalidations of tags: a copy of an entry with tags is true while it has not moved.
    pub tag_epoch: Word32,
    reserved: [Word32; 9],
    /// The readers' rings, plus one; 0 for none.
    pub rings: [Word16; READERS],
    /// How many of a reader's touches the recency list shows.
    pub tails: [Word32; READERS],
    pub readers: [Reader; READERS],
    /// While touches are carried: up to which of each reader's.
    pub until: [Word32; READERS],
}

#[derive(Debug)]
#[repr(C, align(64))]
pub struct Entry {
    /// The next block of this entry's own chain.
    pub next: Word32,
    /// The next entry of the same bucket.
    pub chain: Word32,
    pub before: Word32,
    pub after: Word32,
    pub last: Word32,
    pub hash: Word32,
    /// Length, shifted left by eight; the low byte is the key's tag.
    pub key: Word32,
    /// Of all that follows the key: the record of extras, if there is one, and the value.
    pub value_len: Word32,
    pub start: Word64,
    pub ttl: Word64,
    /// lru-cache's size of the entry in the low 56 bits; the high byte is the value's tag, and its high bit says that there
    /// is a record of extras.
    pub size: Word64,
    payload: Payload<ENTRY_PAYLOAD>,
}

/// The same block as the words that a journal can store to.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct EntryWords {
    header: [Word64; 7],
    pub payload: [Word64; ENTRY_PAYLOAD / 8],
}

#[derive(Debug)]
#[repr(C, align(64))]
pub struct Flight {
    pub next: Word32,
    pub chain: Word32,
    pub before: Word32,
    pub after: Word32,
    pub last: Word32,
    pub hash: Word32,
    pub key: Word32,
    pub state: Word32,
    pub deadline: Word64,
    pub token: Word64,
    /// One bit for each process slot, modulo 64, that follows.
    pub waiters: Word64,
    pub owner: Word32,
    pub owner_generation: Word32,
    pub outcome_first: Word32,
    pub outcome_last: Word32,
    /// The byte count in all but the low byte, which is the value's tag.
    pub outcome: Word64,
    /// What followers know the flight by: it stays when the flight is taken over.
    pub number: Word64,
    /// The bits of the tags that what the leader brings may bear.
    pub tags: Word32,
    reserved: Word32,
    payload: Payload<FLIGHT_PAYLOAD>,
}

#[derive(Debug)]
#[repr(C, align(64))]
pub struct Node {
    pub links: [Word32; FANOUT],
}

/// What a namespace had when it was cleared: nobody looks anything up there, and it is taken apart bit by bit.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Remains {
    /// What was cleared before.
    pub next: Word32,
    /// The first of the entries, in the order of their recency, and how many there are.
    pub head: Word32,
    pub count: Word32,
    pub table_root: Word32,
    pub table_depth: Word32,
    pub tags_root: Word32,
    reserved: [Word32; 26],
}

/// A tag that was invalidated, and when. Free while that is 0.
#[derive(Debug)]
#[repr(C)]
pub struct TagRow {
    pub hash: Word64,
    pub time: Word64,
}

/// Some of the tags that were invalidated.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct TagLeaf {
    pub next: Word32,
    reserved: Word32,
    /// The latest time of those that had to be forgotten.
    pub floor: Word64,
    pub rows: [TagRow; 7],
}

/// The first block of a run, in a value or among the free ones. `before` and `start` are a free run's alone.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Run {
    pub next: Word32,
    /// How many blocks it has, this one among them.
    pub len: Word32,
    pub before: Word32,
    between: [Word32; 28],
    /// In the last block of a free run: its first.
    pub start: Word32,
}

/// The first block of what is too long for a chain: the end of it, whatever else the block is.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Long {
    before: [Word64; 14],
    /// Tells one writing of the same block from another: the sequence number of the journal at that time.
    pub stamp: Word64,
    /// How many blocks its runs have.
    pub blocks: Word32,
    reserved: Word32,
}

pub const ENTRY_PAYLOAD_AT: u64 = BLOCK - ENTRY_PAYLOAD as u64;
pub const FLIGHT_PAYLOAD_AT: u64 = BLOCK - FLIGHT_PAYLOAD as u64;
pub const CHAIN_PAYLOAD_AT: u64 = BLOCK - BLOCK_PAYLOAD as u64;
pub const RUN_PAYLOAD_AT: u64 = RUN_HEADER as u64;

const _: () = {
    assert!(size_of::<Header>() <= DIRECTORY_AT as usize);
    assert!(size_of::<Directory>() == 128);
    assert!(POOL_AT as usize + size_of::<PoolHeader>() <= PROCESSES_AT as usize);
    assert!(size_of::<ProcessSlot>() == 128);
    assert!(size_of::<NamespaceRecord>() == 32);
    assert!(size_of::<Journal>() == 16 + 16 * super::journal::CAPACITY);
    assert!(size_of::<Namespace>() == 2048);
    assert!(size_of::<Entry>() == BLOCK as usize && size_of::<Flight>() == BLOCK as usize);
    assert!(size_of::<Node>() == BLOCK as usize && size_of::<EntryWords>() == BLOCK as usize);
    assert!(size_of::<TagLeaf>() == BLOCK as usize && size_of::<Remains>() == BLOCK as usize);
    assert!(size_of::<Run>() == BLOCK as usize && size_of::<Long>() == BLOCK as usize);
    assert!(std::mem::offset_of!(Run, next) == 0 && std::mem::offset_of!(Run, start) == 124);
    assert!(std::mem::offset_of!(Long, stamp) == BLOCK as usize - LONG_TAIL);
    assert!(size_of::<Touch>() == 24 && size_of::<Reader>() == 16);
    assert!(size_of::<Ring>() == 64 + 24 * RING_TOUCHES as usize && size_of::<Area>() == 1728);
    assert!(std::mem::offset_of!(Area, tag_epoch) == 24 && std::mem::offset_of!(Area, readers) == 448);
    assert!(NEAR_AT.is_multiple_of(PAGE) && AREAS_AT.is_multiple_of(64) && RINGS_AT.is_multiple_of(64));
    assert!(std::mem::offset_of!(Entry, payload) == ENTRY_PAYLOAD_AT as usize);
    assert!(std::mem::offset_of!(EntryWords, payload) == ENTRY_PAYLOAD_AT as usize);
    assert!(std::mem::offset_of!(Flight, payload) == FLIGHT_PAYLOAD_AT as usize);
    assert!(std::mem::offset_of!(Entry, key) == std::mem::offset_of!(Flight, key));
    assert!(std::mem::offset_of!(Entry, chain) == std::mem::offset_of!(Flight, chain));
    assert!(std::mem::offset_of!(Entry, hash) == std::mem::offset_of!(Flight, hash));
    assert!(std::mem::offset_of!(Entry, last) == std::mem::offset_of!(Flight, last));
    assert!(std::mem::offset_of!(Entry, next) == 0 && std::mem::offset_of!(Flight, next) == 0);
    assert!(
        RECORDS_AT.is_multiple_of(PAGE)
            && NAMESPACES_AT.is_multiple_of(PAGE)
            && OWNERS_AT.is_multiple_of(PAGE)
    );
    assert!(COMMIT_BLOCKS as u64 * size_of::<Word16>() as u64 == PAGE);
    // What the design allows an entry beside its key and value: header, its share of the table, and an owner.
    assert!(ENTRY_PAYLOAD_AT + 4 + size_of::<Word16>() as u64 <= 64);
};

// SAFETY: `#[repr(C)]`, made of words, as are all of the following.
unsafe impl Shared for Header {}
// SAFETY: words and a mutex.
unsafe impl Shared for Directory {}
// SAFETY: words, a mutex and a journal.
unsafe impl Shared for PoolHeader {}
// SAFETY: words and a mutex.
unsafe impl Shared for ProcessSlot {}
// SAFETY: words.
unsafe impl Shared for NamespaceRecord {}
// SAFETY: words, a mutex and a journal.
unsafe impl Shared for Namespace {}
// SAFETY: words and payload.
unsafe impl Shared for Entry {}
// SAFETY: words.
unsafe impl Shared for EntryWords {}
// SAFETY: words and payload.
unsafe impl Shared for Flight {}
// SAFETY: words.
unsafe impl Shared for Node {}
// SAFETY: words.
unsafe impl Shared for Remains {}
// SAFETY: words.
unsafe impl Shared for TagLeaf {}
// SAFETY: words.
unsafe impl Shared for Run {}
// SAFETY: words.
unsafe impl Shared for Long {}
// SAFETY: words.
unsafe impl Shared for Area {}
// SAFETY: words.
unsafe impl Shared for Ring {}

/// Where things lie in a segment of so many blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub block_capacity: u32,
    blocks_at: u64,
    pub len: u64,
}

impl Geometry {
    /// The largest segment whose blocks and their owners stay within `capacity` bytes.
    pub fn for_capacity(capacity: u64) -> Self {
        let per_block = BLOCK + size_of::<Word16>() as u64;
        let blocks = (capacity.saturating_sub(64 << 10) / per_block).clamp(u64::from(COMMIT_BLOCKS), 1 << 31);
        Self::of_blocks(blocks as u32)
    }

    pub fn of_blocks(block_capacity: u32) -> Self {
        let owners = (u64::from(block_capacity) * size_of::<Word16>() as u64).next_multiple_of(PAGE);
        let blocks_at = OWNERS_AT + owners;
        let len = (blocks_at + u64::from(block_capacity) * BLOCK).next_multiple_of(PAGE);
        Self {
            block_capacity,
            blocks_at,
            len,
        }
    }

    pub const fn header(self) -> Offset {
        Offset(HEADER_AT)
    }

    pub const fn directory(self) -> Offset {
        Offset(DIRECTORY_AT)
    }

    pub const fn pool(self) -> Offset {
        Offset(POOL_AT)
    }

    pub fn process(self, slot: u32) -> Option<Offset> {
        let at = PROCESSES_AT + u64::from(slot) * size_of::<ProcessSlot>() as u64;
        (slot < MAX_PROCESSES).then_some(Offset(at))
    }

    pub fn record(self, slot: u32) -> Option<Offset> {
        let at = RECORDS_AT + u64::from(slot) * size_of::<NamespaceRecord>() as u64;
        (slot < MAX_NAMESPACES).then_some(Offset(at))
    }

    pub fn namespace(self, slot: u32) -> Option<Offset> {
        let at = NAMESPACES_AT + u64::from(slot) * size_of::<Namespace>() as u64;
        (slot < MAX_NAMESPACES).then_some(Offset(at))
    }

    #[inline(always)]
    pub const fn mark(self, index: u32) -> Offset {
        Offset(NEAR_AT + (index % MARKS) as u64 * size_of::<Word32>() as u64)
    }

    pub fn area(self, index: u32) -> Option<Offset> {
        let at = AREAS_AT + u64::from(index) * size_of::<Area>() as u64;
        (index < AREAS).then_some(Offset(at))
    }

    pub fn ring(self, index: u32) -> Option<Offset> {
        let at = RINGS_AT + u64::from(index) * size_of::<Ring>() as u64;
        (index < RINGS).then_some(Offset(at))
    }

    pub fn owner(self, block: u32) -> Option<Offset> {
        let at = OWNERS_AT + u64::from(block) * size_of::<Word16>() as u64;
        (block < self.block_capacity).then_some(Offset(at))
    }

    /// Where the first block would lie, if it were one.
    pub const fn blocks(self) -> Offset {
        Offset(self.blocks_at)
    }

    #[inline(always)]
    pub fn block(self, block: u32) -> Option<Offset> {
        let at = self.blocks_at + u64::from(block) * BLOCK;
        (block != NIL && block < self.block_capacity).then_some(Offset(at))
    }

    /// The byte ranges that a run of blocks needs: the blocks, and their owners.
    pub fn commit_ranges(self, from: u32, to: u32) -> [(u64, u64); 2] {
        let owner = size_of::<Word16>() as u64;
        let (from, to) = (u64::from(from), u64::from(to));
        [
            (self.blocks_at + from * BLOCK, (to - from) * BLOCK),
            (OWNERS_AT + from * owner, (to - from) * owner),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_holds_its_blocks_within_the_capacity_asked_for() {
        for capacity in [1u64 << 20, 10 << 20, 512 << 20, 64 << 30] {
            let geometry = Geometry::for_capacity(capacity);
            assert!(u64::from(geometry.block_capacity) * (BLOCK + 2) <= capacity);
            assert!(u64::from(geometry.block_capacity) * (BLOCK + 2) > capacity - (256 << 10));
            let last = geometry.block(geometry.block_capacity - 1).unwrap();
            assert!(last.0 + BLOCK <= geometry.len);
            assert!(geometry.owner(geometry.block_capacity - 1).unwrap().0 < geometry.block(1).unwrap().0);
        }
    }

    #[test]
    fn nothing_outside_has_a_place() {
        let geometry = Geometry::for_capacity(1 << 20);
        assert_eq!(geometry.block(NIL), None);
        assert_eq!(geometry.block(geometry.block_capacity), None);
        assert_eq!(geometry.namespace(MAX_NAMESPACES), None);
        assert_eq!(geometry.process(MAX_PROCESSES), None);
    }
}

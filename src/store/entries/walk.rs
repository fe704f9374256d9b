//! Copying all entries out, in slices that let the lock go in between.
//!
//! The recency list is followed from its front. As long as nobody changes anything that gives the entries at one moment,
//! and of few entries it always does, for one slice is enough. Otherwise the walk goes on behind the last of the entries
//! that it knows and that still has the neighbour it had; what has moved to the front meanwhile, it finds in the table,
//! which it goes through at the end. So what was there all the time is copied, and no key twice.

use crate::shm::layout::{Entry, NIL};
use crate::store::entries::Entries;
use crate::store::entries::known::Known;
use crate::store::ground::options::ALLOW_STALE;
use crate::store::ground::slice::Slice;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Content, Item, Snapshot, SnapshotOptions, Stale};
use crate::store::table::entry::{append_key, append_value};
use crate::store::table::life::Life;

/// Places in the list by which a walk finds back.
const CRUMBS: usize = 64;
/// How often the list may be gone through in all, by a walk that is led back again and again.
const MOST_ROUNDS: u32 = 4;
/// Bytes that are copied in a time that counts as a step.
const STEP_BYTES: usize = 4096;
/// As many entries as a slice may copy, and bytes of them.
const SLICE_ITEMS: usize = 8192;
const SLICE_BYTES: usize = 1 << 20;

/// Where a walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    /// In the list, with so many steps left.
    List(u32),
    /// In the table, at this bucket.
    Bucket(u32),
    End,
}

/// A walk over one namespace, and what it has copied.
#[derive(Debug)]
pub struct Walk {
    want: SnapshotOptions,
    now: f64,
    gathered: Snapshot,
    at: At,
    /// Which namespace it is, by slot and generation.
    of: (u32, u32),
    /// The journal's sequence number at the end of the last slice, and whether it ever moved between two.
    sequence: u64,
    moved: bool,
    /// How many buckets there were then, and entries.
    buckets: u32,
    entries: u32,
    /// The last entries of the list that were passed.
    crumbs: Vec<u32>,
    known: Option<Known>,
}

impl Walk {
    pub fn begin(now: f64, want: SnapshotOptions) -> Self {
        Self {
            want,
            now,
            gathered: Snapshot::default(),
            at: At::Start,
            of: (0, 0),
            sequence: 0,
            moved: false,
            buckets: 0,
            entries: 0,
            crumbs: Vec::new(),
            known: None,
        }
    }

    pub fn want(&self) -> &SnapshotOptions {
        &self.want
    }

    pub fn now(&self) -> f64 {
        self.now
    }

    /// Makes room for what the next slice copies, without the lock: memory that grows is moved or filled as a whole, which takes
    /// longer than a slice. What a single slice is enough for needs none.
    pub(in crate::store) fn make_room(&mut self) {
        if matches!(self.at, At::Start | At::End) {
            return;
        }
        let gathered = &mut self.gathered;
        gathered.items.reserve(SLICE_ITEMS);
        gathered.bytes.reserve(SLICE_BYTES);
        match &mut self.known {
            Some(known) => known.make_room(SLICE_ITEMS, &gathered.items),
            None => self.known = Some(Known::of(gathered, self.entries)),
        }
    }

    /// What it has copied so far.
    pub fn gathered(&self) -> &Snapshot {
        &self.gathered
    }

    pub fn into_gathered(self) -> Snapshot {
        self.gathered
    }

    /// Copies an entry, unless its key was copied before.
    fn add(&mut self, held: &Entries, id: u32, entry: &Entry) -> Step<()> {
        let with_stale = match self.want.stale {
            Stale::Include => true,
            Stale::Skip => false,
            Stale::AsConfigured => held.has_flag(ALLOW_STALE),
        };
        let shown = match held.life(id, entry, self.now)? {
            Life::Fresh => true,
            Life::Graced | Life::Expired => with_stale,
            Life::Negative | Life::Gone => false,
        };
        if !shown {
            return Ok(());
        }
        let bytes = &mut self.gathered.bytes;
        let from = bytes.len();
        append_key(held.segment, id, entry, bytes)?;
        let middle = bytes.len();
        let is_new = self.known.as_mut().is_none_or(|known| {
            let key = (entry.key_tag(), from..middle);
            known.add(entry.hash.get(), key, &self.gathered)
        });
        if !is_new {
            self.gathered.bytes.truncate(from);
            return Ok(());
        }
        if self.want.content != Content::Keys {
            append_value(held.segment, id, entry, &mut self.gathered.bytes)?;
        }
        self.gathered.items.push(Item {
            hash: entry.hash.get(),
            key_tag: entry.key_tag(),
            value_tag: entry.value_tag(),
            key: from..middle,
            value: middle..self.gathered.bytes.len(),
            start: entry.start.get_f64(),
            ttl: entry.ttl.get_f64(),
            size: entry.counted_size(),
            borne: held.borne(id, entry)?,
        });
        Ok(())
    }

    /// The steps that the last entry was worth.
    fn weight(&self, before: usize) -> u32 {
        (1 + self.gathered.bytes.len().saturating_sub(before) / STEP_BYTES) as u32
    }
}

impl Entries<'_> {
    /// Goes on with a walk for a slice. True when it has ended.
    pub(in crate::store) fn walk(&mut self, walk: &mut Walk) -> Step<bool> {
        let (slice, of) = (&mut Slice::begin(), (self.slot, self.ns.generation.get()));
        if walk.at == At::Start {
            walk.of = of;
            walk.at = At::List(self.ns.count.get().saturating_mul(MOST_ROUNDS));
            walk.gathered.ttl_tracked = self.ns.ttl_tracked.get() != 0;
            walk.gathered.size_tracked = self.counts_sizes();
        } else if walk.of != of {
            // It was destroyed, and what is there now is another.
            walk.at = At::End;
        } else if self.ns.journal.sequence() != walk.sequence {
            walk.moved = true;
        }
        if let At::List(left) = walk.at {
            self.walk_list(walk, left, slice)?;
        }
        if let At::Bucket(_) = walk.at
            && self.ns.buckets.get() < walk.buckets
        {
            // The table is a smaller one: entries may be where the walk has been.
            walk.at = At::Bucket(0);
        }
        if let At::Bucket(bucket) = walk.at {
            self.walk_table(walk, bucket, slice)?;
        }
        walk.sequence = self.ns.journal.sequence();
        walk.buckets = self.ns.buckets.get();
        walk.entries = self.ns.count.get();
        Ok(walk.at == At::End)
    }

    fn walk_list(&mut self, walk: &mut Walk, mut left: u32, slice: &mut Slice) -> Step<()> {
        let mut id = match self.way_on(walk)? {
            Some(id) => id,
            None => {
                walk.at = At::Bucket(0);
                return Ok(());
            }
        };
        while id != NIL && left > 0 {
            left -= 1;
            let before = walk.gathered.bytes.len();
            let entry = self.entry(id)?;
            walk.add(self, id, entry)?;
            if walk.crumbs.len() == 2 * CRUMBS {
                walk.crumbs.drain(..CRUMBS);
            }
            walk.crumbs.push(id);
            id = entry.after.get();
            if slice.weigh(walk.weight(before)) {
                break;
            }
        }
        if id != NIL && left == 0 && !walk.moved {
            return Err(Stop::Damaged);
        }
        walk.at = match (id, left, walk.moved) {
            (NIL, _, false) => At::End,
            (NIL, _, true) | (_, 0, _) => At::Bucket(0),
            _ => At::List(left),
        };
        Ok(())
    }

    /// The entry to go on with; nothing where the way is lost.
    fn way_on(&self, walk: &mut Walk) -> Step<Option<u32>> {
        let Some(last) = walk.crumbs.last() else {
            return Ok(Some(self.ns.head.get()));
        };
        if !walk.moved || self.ns.journal.sequence() == walk.sequence {
            return Ok(Some(self.entry(*last)?.after.get()));
        }
        for (at, pair) in walk.crumbs.windows(2).enumerate().rev() {
            let (before, id) = (self.entry(pair[0])?, self.entry(pair[1])?);
            if id.before.get() == pair[0] && before.after.get() == pair[1] && self.is_in_table(pair[1], id)? {
                walk.crumbs.truncate(at + 2);
                return Ok(Some(id.after.get()));
            }
        }
        Ok(None)
    }

    /// Whether a block is still that of an entry of the table.
    fn is_in_table(&self, id: u32, entry: &Entry) -> Step<bool> {
        let Some(mut link) = self.bucket(entry.hash.get())? else {
            return Ok(false);
        };
        for _ in 0..=self.ns.count.get().saturating_add(self.ns.flight_count.get()) {
            let here = link.get();
            if here == id || here == NIL {
                return Ok(here == id && !entry.is_flight());
            }
            link = &self.entry(here)?.chain;
        }
        Err(Stop::Damaged)
    }

    fn walk_table(&mut self, walk: &mut Walk, mut bucket: u32, slice: &mut Slice) -> Step<()> {
        let root = self.ns.table_root.get();
        while root != NIL && bucket < self.ns.buckets.get() {
            let before = walk.gathered.bytes.len();
            self.walk_bucket(walk, self.bucket_at(root, bucket)?.get())?;
            bucket += 1;
            if slice.weigh(walk.weight(before)) {
                walk.at = At::Bucket(bucket);
                return Ok(());
            }
        }
        walk.at = At::End;
        Ok(())
    }

    fn walk_bucket(&mut self, walk: &mut Walk, mut id: u32) -> Step<()> {
        for _ in 0..=self.ns.count.get().saturating_add(self.ns.flight_count.get()) {
            if id == NIL {
                return Ok(());
            }
            let entry = self.entry(id)?;
            if !entry.is_flight() {
                walk.add(self, id, entry)?;
            }
            id = entry.chain.get();
        }
        Err(Stop::Damaged)
    }
}

//! Tags: making every entry that bears one gone, at once, whatever their number.
//!
//! A namespace has a clock that each invalidation moves on by one, and a table of the tags that were invalidated, each
//! with the clock's time then. An entry remembers the time when it was written: it is gone if one of its tags has a
//! later one. Nothing goes through entries; whoever comes upon one that is gone removes it.
//!
//! The table is a tree of nodes with leaves of seven tags, chosen by a tag's hash; what nobody invalidated takes no
//! room. A leaf that is full forgets its oldest tag and keeps that tag's time as its floor: of a tag that is not in it,
//! nobody knows whether it was invalidated up to then, so an entry that is as old is gone.
//!
//! Invariants: no time in the table, nor an entry's, is later than the clock; a leaf's floor is not later than any
//! time in it. Each invalidation is one transaction, and so is each block that the tree gets: a death leaves a tag
//! invalidated, or not, and at most a leaf without tags.

use crate::shm::layout::{FANOUT, NIL, Namespace, Node, TagLeaf};
use crate::shm::segment::Segment;
use crate::shm::word::Word32;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;
use crate::store::table::buckets::BITS;
use crate::store::table::life::tag_hash;
use crate::store::table::record::Record;

/// A segment with fewer blocks than that has a smaller table in each namespace, so that tags do not fill it.
const MANY_BLOCKS: u32 = 1 << 20;

/// What lies on the way to a leaf.
enum Way {
    Leaf(&'static TagLeaf),
    /// The topmost link that leads nowhere.
    Gap(&'static Word32),
}

/// The tags of a namespace that were invalidated. Looking at them needs no lock where a sequence number confirms it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Tags<'s> {
    segment: &'s Segment,
    ns: &'static Namespace,
}

impl<'s> Tags<'s> {
    #[inline(always)]
    pub(in crate::store) fn of(segment: &'s Segment, ns: &'static Namespace) -> Self {
        Self { segment, ns }
    }

    /// How many nodes lie between the root, which is one of them, and a leaf.
    fn levels(self) -> u32 {
        if self.segment.geometry().block_capacity < MANY_BLOCKS {
            2
        } else {
            3
        }
    }

    fn way_to(self, hash: u64) -> Step<Way> {
        let mut link = &self.ns.tags_root;
        for level in (0..self.levels()).rev() {
            if link.get() == NIL {
                return Ok(Way::Gap(link));
            }
            let node: &Node = self.segment.block(link.get()).ok_or(Stop::Damaged)?;
            link = &node.links[(hash >> (BITS * level)) as usize % FANOUT];
        }
        if link.get() == NIL {
            return Ok(Way::Gap(link));
        }
        self.segment.block(link.get()).map(Way::Leaf).ok_or(Stop::Damaged)
    }

    /// Whether one of an entry's tags was invalidated after it was written.
    #[inline(always)]
    pub(in crate::store) fn have_felled(self, record: &Record) -> Step<bool> {
        if !record.has_tags() || record.clock() >= self.ns.tag_clock.get() {
            return Ok(false);
        }
        self.any_since(record)
    }

    #[inline(never)]
    fn any_since(self, record: &Record) -> Step<bool> {
        for hash in record.tags() {
            if let Way::Leaf(leaf) = self.way_to(hash)?
                && leaf.time_of(hash) > record.clock()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<'s> Table<'s> {
    #[inline(always)]
    pub(in crate::store) fn tags(&self) -> Tags<'s> {
        Tags::of(self.segment, self.ns)
    }

    /// Makes all entries that bear the tag gone.
    pub(in crate::store) fn invalidate_tag(&mut self, tag: &str) -> Step<()> {
        let hash = tag_hash(self.segment, tag);
        let leaf = self.tag_leaf(hash)?;
        let time = self.ns.tag_clock.get().wrapping_add(1);
        let row = leaf.row(hash).or_else(|| leaf.oldest()).ok_or(Stop::Damaged)?;
        let mut change = self.begin();
        self.void_flights_with(&mut change, hash);
        // Before anything of this can be seen, copies of entries with tags are no longer true.
        if let Some(area) = self.area() {
            change.count(&area.tag_epoch);
        }
        if row.hash.get() != hash {
            change.adjust64(&leaf.floor, row.time.get());
            change.set64(&row.hash, hash);
        }
        change.set64(&row.time, time);
        change.set64(&self.ns.tag_clock, time);
        Ok(change.commit_rarely(false)?)
    }

    /// The leaf of a tag, made if there is none.
    fn tag_leaf(&mut self, hash: u64) -> Step<&'static TagLeaf> {
        let mut made = 0;
        loop {
            let gap = match self.tags().way_to(hash)? {
                Way::Leaf(leaf) => return Ok(leaf),
                Way::Gap(_) if made > self.tags().levels() => return Err(Stop::Damaged),
                Way::Gap(gap) => gap,
            };
            self.reserve_blocks(1)?;
            let id = self.blank_node()?;
            let mut change = self.begin();
            self.pop_node(&mut change, id, NIL)?;
            change.set32(gap, id);
            change.commit_rarely(false)?;
            made += 1;
        }
    }

    /// Forgets all invalidations: for a namespace without entries and flights.
    pub(in crate::store) fn fell_tags(&mut self) -> Step<()> {
        while self.ns.tags_root.get() != NIL {
            self.prune_tags(&self.ns.tags_root)?;
            self.trim()?;
        }
        Ok(())
    }

    /// Cuts one leaf or node off a table of tags.
    pub(in crate::store) fn prune_tags(&mut self, root: &'static Word32) -> Step<()> {
        self.prune(root, self.tags().levels() + 1)
    }

    /// All blocks of a table of tags, in any order.
    pub(in crate::store) fn tag_blocks(&self, root: u32) -> Step<Vec<u32>> {
        let mut level = vec![root];
        level.retain(|id| *id != NIL);
        let mut all = level.clone();
        for _ in 0..self.tags().levels() {
            let mut below = Vec::new();
            for id in level {
                let node: &Node = self.segment.block(id).ok_or(Stop::Damaged)?;
                below.extend(node.links.iter().map(Word32::get).filter(|id| *id != NIL));
            }
            all.extend(&below);
            level = below;
        }
        Ok(all)
    }
}

impl TagLeaf {
    fn row(&self, hash: u64) -> Option<&crate::shm::layout::TagRow> {
        self.rows
            .iter()
            .find(|row| row.time.get() != 0 && row.hash.get() == hash)
    }

    /// A free row, whose time is 0, or the one that was invalidated the longest ago.
    fn oldest(&self) -> Option<&crate::shm::layout::TagRow> {
        self.rows.iter().min_by_key(|row| row.time.get())
    }

    /// When a tag was invalidated last, or may have been.
    fn time_of(&self, hash: u64) -> u64 {
        self.row(hash).map_or(self.floor.get(), |row| row.time.get())
    }
}

//! The hash table of a namespace: buckets are words in a tree of nodes, 32 to a node, so that the table, too, is made
//! of nothing but blocks. It grows one bucket at a time (linear hashing): no operation ever pays for all entries.
//!
//! Invariants: with `buckets` buckets and 2^n the largest power of two not above it, an entry lies in bucket
//! `hash mod 2^(n+1)` if that exists, else in `hash mod 2^n`. Every bucket below `buckets` has its node; nodes beyond
//! may exist and are empty. `table_root` is nil exactly while the namespace has never stored anything since it was
//! made or cleared. Each structural step is one transaction, so a death in the middle leaves a smaller, sound table.

use crate::shm::layout::{FANOUT, NIL, Node};
use crate::shm::segment::Segment;
use crate::shm::word::Word32;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;

pub(in crate::store) const BITS: u32 = FANOUT.trailing_zeros();
/// No table can be deeper: 32^6 buckets are more than there can be blocks.
const DEEPEST: u32 = 6;
const MOST_BUCKETS: u32 = 1 << 30;
/// A longer chain is left in one piece; only colliding hashes make one.
const LONGEST_SPLIT: usize = 24;

impl Table<'_> {
    /// The bucket of a hash; `None` while there is no table.
    #[inline(always)]
    pub(in crate::store) fn bucket(&self, hash: u32) -> Step<Option<&'static Word32>> {
        let root = self.ns.table_root.get();
        if root == NIL {
            return Ok(None);
        }
        self.bucket_at(root, bucket_of(hash, self.ns.buckets.get()))
            .map(Some)
    }

    #[inline(always)]
    pub(in crate::store) fn bucket_at(&self, root: u32, index: u32) -> Step<&'static Word32> {
        descend(self.segment, root, self.ns.table_depth.get(), index).ok_or(Stop::Damaged)
    }

    #[inline(always)]
    fn node(&self, id: u32) -> Step<&'static Node> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    /// Makes sure that there is a table to put something into.
    #[inline(always)]
    pub(in crate::store) fn ensure_table(&mut self) -> Step<()> {
        if self.ns.table_root.get() != NIL {
            Ok(())
        } else {
            self.plant()
        }
    }

    #[cold]
    fn plant(&mut self) -> Step<()> {
        self.reserve_blocks(1)?;
        let id = self.blank_node()?;
        let mut change = self.begin();
        self.pop_node(&mut change, id, NIL)?;
        change.set32(&self.ns.table_root, id);
        change.set32(&self.ns.table_depth, 1);
        change.set32(&self.ns.buckets, FANOUT as u32);
        Ok(change.commit_rarely(false)?)
    }

    /// Empties all links but the first, which is the stash's, of the stash's first block.
    pub(in crate::store) fn blank_node(&mut self) -> Step<u32> {
        let id = self.ns.stash_head.get();
        for link in &self.node(id)?.links[1..] {
            link.put(NIL);
        }
        Ok(id)
    }

    /// Takes the stash's first block out, as a node whose first link is `first`.
    pub(in crate::store) fn pop_node(
        &self,
        change: &mut crate::shm::journal::Transaction,
        id: u32,
        first: u32,
    ) -> Step<()> {
        let link = self.link(id)?;
        change.set32(&self.ns.stash_head, link.get());
        change.set32(&self.ns.stash_count, self.ns.stash_count.get().wrapping_sub(1));
        change.set32(link, first);
        Ok(())
    }

    /// Puts a node back to the front of the stash.
    pub(in crate::store) fn push_node(
        &self,
        change: &mut crate::shm::journal::Transaction,
        id: u32,
    ) -> Step<()> {
        change.set32(self.link(id)?, self.ns.stash_head.get());
        change.set32(&self.ns.stash_head, id);
        change.set32(&self.ns.stash_count, self.ns.stash_count.get().wrapping_add(1));
        Ok(())
    }

    /// Adds a bucket if the table has become too full for its entries. A table that finds no memory stays as it is.
    #[inline(always)]
    pub(in crate::store) fn grow(&mut self) -> Step<()> {
        let held = u64::from(self.ns.count.get()) + u64::from(self.ns.flight_count.get());
        if held * 4 <= u64::from(self.ns.buckets.get()) * 5 {
            Ok(())
        } else {
            self.add_bucket()
        }
    }

    #[cold]
    fn add_bucket(&mut self) -> Step<()> {
        let index = self.ns.buckets.get();
        if index < FANOUT as u32 {
            return Err(Stop::Damaged);
        }
        if index >= MOST_BUCKETS || !self.ensure_leaf(index)? {
            return Ok(());
        }
        let root = self.ns.table_root.get();
        let high = 1 << index.ilog2();
        let source = self.bucket_at(root, index - high)?;
        let target = self.bucket_at(root, index)?;
        let mut change = self.begin();
        let (mut stays, mut goes) = (source, target);
        let mut id = source.get();
        for _ in 0..LONGEST_SPLIT {
            if id == NIL {
                change.set32(stays, NIL);
                change.set32(goes, NIL);
                change.set32(&self.ns.buckets, index + 1);
                return Ok(change.commit()?);
            }
            let entry = self.entry(id)?;
            let end = if entry.hash.get() & high == 0 {
                &mut stays
            } else {
                &mut goes
            };
            if end.get() != id {
                change.set32(end, id);
            }
            *end = &entry.chain;
            id = entry.chain.get();
        }
        Ok(())
    }

    /// Makes the nodes on the way to a bucket. False when there is no block to be had.
    fn ensure_leaf(&mut self, index: u32) -> Step<bool> {
        if index.trailing_zeros() < BITS {
            return Ok(true);
        }
        loop {
            if self.ns.stash_count.get() == 0 && self.segment.take(&self.stash(), 1).is_err() {
                return Ok(false);
            }
            let depth = self.ns.table_depth.get().min(DEEPEST);
            if u64::from(index) >> (BITS * depth) != 0 {
                self.raise_root(depth)?;
                continue;
            }
            let Some(gap) = self.first_gap(index)? else {
                return Ok(true);
            };
            let id = self.blank_node()?;
            let mut change = self.begin();
            self.pop_node(&mut change, id, NIL)?;
            change.set32(gap, id);
            change.commit_rarely(false)?;
        }
    }

    fn raise_root(&mut self, depth: u32) -> Step<()> {
        if depth >= DEEPEST {
            return Err(Stop::Damaged);
        }
        let id = self.blank_node()?;
        let mut change = self.begin();
        self.pop_node(&mut change, id, self.ns.table_root.get())?;
        change.set32(&self.ns.table_root, id);
        change.set32(&self.ns.table_depth, depth + 1);
        Ok(change.commit_rarely(false)?)
    }

    /// The topmost missing link on the way to a bucket.
    fn first_gap(&self, index: u32) -> Step<Option<&'static Word32>> {
        let mut id = self.ns.table_root.get();
        for level in (1..self.ns.table_depth.get().min(DEEPEST)).rev() {
            let link = child(self.node(id)?, index >> (BITS * level));
            id = link.get();
            if id == NIL {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// Gives all nodes of an empty table back to the stash, from the last leaf to the root.
    pub(in crate::store) fn fell(&mut self) -> Step<()> {
        while self.ns.table_root.get() != NIL {
            if self.ns.buckets.get() != FANOUT as u32 {
                self.ns.buckets.put(FANOUT as u32);
            }
            let root = self.ns.table_root.get();
            let (parent, id) = self.last_node(&self.ns.table_root, self.ns.table_depth.get())?;
            let mut change = self.begin();
            change.set32(parent, NIL);
            if id == root {
                change.set32(&self.ns.table_depth, 0);
                change.set32(&self.ns.buckets, 0);
            }
            self.push_node(&mut change, id)?;
            change.commit_rarely(false)?;
            self.trim()?;
        }
        Ok(())
    }

    /// Cuts one node off a tree of so many levels of nodes.
    #[inline(never)]
    pub(in crate::store) fn prune(&mut self, root: &'static Word32, levels: u32) -> Step<()> {
        let (parent, id) = self.last_node(root, levels)?;
        let mut change = self.begin();
        change.set32(parent, NIL);
        self.push_node(&mut change, id)?;
        Ok(change.commit_rarely(false)?)
    }

    /// The node that is reached from the root by always taking the last link there is, and the word that leads to it.
    fn last_node(&self, root: &'static Word32, levels: u32) -> Step<(&'static Word32, u32)> {
        let (mut parent, mut id) = (root, root.get());
        for _ in 1..levels.min(DEEPEST) {
            let links = &self.node(id)?.links;
            let Some(link) = links.iter().rev().find(|link| link.get() != NIL) else {
                break;
            };
            (parent, id) = (link, link.get());
        }
        Ok((parent, id))
    }
}

/// The bucket's word in a tree of that root and depth.
#[inline(always)]
pub(in crate::store) fn descend(
    segment: &Segment,
    root: u32,
    depth: u32,
    index: u32,
) -> Option<&'static Word32> {
    let mut node = segment.block::<Node>(root)?;
    let mut level = depth.min(DEEPEST);
    while level > 1 {
        level -= 1;
        node = segment.block::<Node>(child(node, index >> (BITS * level)).get())?;
    }
    Some(child(node, index))
}

#[inline(always)]
fn child(node: &'static Node, index: u32) -> &'static Word32 {
    &node.links[index as usize % FANOUT]
}

/// The bucket of a hash among so many.
#[inline(always)]
pub(in crate::store) fn bucket_of(hash: u32, buckets: u32) -> u32 {
    let high = 1u32 << (31 - (buckets | 1).leading_zeros());
    let index = hash & (high | (high - 1));
    if index < buckets {
        index
    } else {
        index & (high - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::bucket_of;

    #[test]
    fn adding_a_bucket_moves_only_what_was_in_its_source() {
        for buckets in 32u32..200 {
            let source = buckets - (1 << buckets.ilog2());
            for hash in 0..5000u32 {
                let (before, after) = (bucket_of(hash, buckets), bucket_of(hash, buckets + 1));
                assert!(before < buckets && after <= buckets);
                assert!(before == after || (before == source && after == buckets));
            }
        }
    }
}

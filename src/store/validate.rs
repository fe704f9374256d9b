//! Recounting every invariant of a segment: what tests and fuzzers call after whatever they did.
//!
//! It reads everything and changes nothing. With up to a thousand namespaces it holds all locks at once, so that the
//! sum over all blocks is exact even while others wait to go on; beyond that each namespace is checked by itself.

use super::entry::LEASE_TAG;
use super::held::Held;
use super::repair::hold;
use super::stop::Stop;
use super::store::Store;
use super::table::bucket_of;
use crate::shm::layout::{FANOUT, Lease, NIL, Node};

/// Locks that are held at once; the kernel follows 2,048 of a dying thread's.
const MOST_HELD: usize = 1000;

type Verdict<T> = Result<T, String>;

/// Which blocks were met, and by whom.
struct Census {
    seen: Vec<u16>,
    met: u64,
}

const UNSEEN: u16 = u16::MAX;
const POOL: u16 = u16::MAX - 1;

impl Census {
    fn meet(&mut self, block: u32, who: u16, what: &str) -> Verdict<()> {
        let Some(mark) = self.seen.get_mut(block as usize).filter(|_| block != NIL) else {
            return Err(format!("{what} leads to block {block}, which does not exist"));
        };
        if *mark != UNSEEN {
            return Err(format!("{what} leads to block {block}, which {mark} has already"));
        }
        *mark = who;
        self.met += 1;
        Ok(())
    }
}

impl Store {
    pub fn validate(&self) -> Verdict<()> {
        let listing = self.listing().map_err(|error| error.to_string())?;
        let slots: Vec<u32> = (0..self.segment().directory().slots_used.get()).collect();
        let mut census = Census {
            seen: vec![UNSEEN; self.segment().geometry().block_capacity as usize],
            met: 0,
        };
        let mut kept = Vec::new();
        for &slot in &slots {
            let held = hold(self.segment(), slot).map_err(|error| error.to_string())?;
            held.validate(&mut census)
                .and_then(|()| held.validate_rings())
                .map_err(|fault| format!("namespace slot {slot}: {fault}"))?;
            if slots.len() <= MOST_HELD {
                kept.push(held);
            }
        }
        if slots.len() <= MOST_HELD {
            self.validate_pool(&mut census)?;
        }
        drop(kept);
        drop(listing);
        Ok(())
    }

    fn validate_pool(&self, census: &mut Census) -> Verdict<()> {
        self.segment()
            .settle_pool()
            .map_err(|fault| format!("pool: {fault:?}"))?;
        let pool = self.segment().pool();
        let mut block = pool.free_head.get();
        for _ in 0..pool.free_count.get() {
            census.meet(block, POOL, "the free list")?;
            block = self
                .segment()
                .link(block)
                .map_err(|fault| format!("free list: {fault:?}"))?
                .get();
        }
        if block != NIL {
            return Err(format!(
                "the free list goes on after its {} blocks",
                pool.free_count.get()
            ));
        }
        let handed_out = u64::from(pool.fresh.get()) - 1;
        if census.met != handed_out {
            return Err(format!(
                "{} of {handed_out} blocks are accounted for: the rest leaked",
                census.met
            ));
        }
        if pool.journal.sequence() & 1 != 0 {
            return Err("the pool's journal is open".into());
        }
        Ok(())
    }
}

/// What walking the table finds.
#[derive(Default)]
struct Tally {
    entries: u32,
    leases: u32,
    size: u64,
    bytes: u64,
    blocks: u64,
}

impl Held<'_> {
    fn validate(&self, census: &mut Census) -> Verdict<()> {
        let before = census.met;
        let mut tally = Tally::default();
        if self.ns.table_root.get() != NIL {
            let buckets = self.ns.buckets.get();
            self.validate_node(self.ns.table_root.get(), self.ns.table_depth.get(), census)?;
            for index in 0..buckets {
                self.validate_bucket(index, buckets, census, &mut tally)?;
            }
        }
        self.validate_list("recency", self.ns.head.get(), self.ns.tail.get(), tally.entries)?;
        self.validate_list(
            "lease",
            self.ns.lease_head.get(),
            self.ns.lease_tail.get(),
            tally.leases,
        )?;
        if self.ns.name_first.get() != NIL {
            self.validate_chain(
                self.ns.name_first.get(),
                self.ns.name_last.get(),
                None,
                census,
                "the name",
            )?;
        }
        for block in self.tag_blocks().map_err(gone)? {
            self.own(block, census, "the table of tags")?;
        }
        self.validate_stash(census)?;
        let ns = self.ns;
        expect("count", u64::from(ns.count.get()), u64::from(tally.entries))?;
        expect(
            "lease count",
            u64::from(ns.lease_count.get()),
            u64::from(tally.leases),
        )?;
        expect("calculated size", ns.calculated_size.get(), tally.size)?;
        expect("bytes", ns.bytes.get(), tally.bytes)?;
        expect(
            "owned blocks",
            u64::from(self.record.owned.get()),
            census.met - before,
        )?;
        expect("pending", u64::from(ns.pending.get()), 0)?;
        expect("open journal", ns.journal.sequence() & 1, 0)?;
        let max = ns.limits.max.get();
        if max != 0 && u64::from(ns.count.get()) > max {
            return Err(format!("{} entries, and max is {max}", ns.count.get()));
        }
        Ok(())
    }

    /// A node and all below it; `level` one is a leaf, whose links are buckets.
    fn validate_node(&self, id: u32, level: u32, census: &mut Census) -> Verdict<()> {
        self.own(id, census, "the table")?;
        if level <= 1 {
            return Ok(());
        }
        let node: &Node = self.segment.block(id).ok_or("a table node does not exist")?;
        for link in node.links.iter().filter(|link| link.get() != NIL) {
            self.validate_node(link.get(), level - 1, census)?;
        }
        Ok(())
    }

    fn validate_bucket(
        &self,
        index: u32,
        buckets: u32,
        census: &mut Census,
        tally: &mut Tally,
    ) -> Verdict<()> {
        let root = self.ns.table_root.get();
        let mut id = self
            .bucket_at(root, index)
            .map_err(|_| format!("bucket {index} has no node"))?
            .get();
        while id != NIL {
            let entry = self.entry(id).map_err(gone)?;
            if bucket_of(entry.hash.get(), buckets) != index {
                return Err(format!("entry {id} is in bucket {index}, which is not its own"));
            }
            let blocks = if entry.key_tag() & LEASE_TAG != 0 {
                tally.leases += 1;
                self.validate_outcome(id, census)?;
                super::chain::First::Lease.blocks(entry.key_len())
            } else {
                tally.entries += 1;
                tally.size += entry.counted_size();
                tally.bytes += entry.payload_len() as u64;
                entry.blocks()
            };
            tally.blocks += u64::from(blocks);
            self.validate_chain(id, entry.last.get(), Some(blocks), census, "an entry")?;
            id = entry.chain.get();
        }
        Ok(())
    }

    fn validate_outcome(&self, id: u32, census: &mut Census) -> Verdict<()> {
        let lease: &Lease = self.segment.block(id).ok_or("a lease does not exist")?;
        let first = lease.outcome_first.get();
        if first == NIL {
            return Ok(());
        }
        let blocks = super::chain::First::Plain.blocks((lease.outcome.get() >> 8) as usize);
        self.validate_chain(
            first,
            lease.outcome_last.get(),
            Some(blocks),
            census,
            "an outcome",
        )
    }

    fn validate_chain(
        &self,
        first: u32,
        last: u32,
        blocks: Option<u32>,
        census: &mut Census,
        what: &str,
    ) -> Verdict<()> {
        let (mut id, mut count, mut end) = (first, 0, NIL);
        while id != NIL {
            self.own(id, census, what)?;
            (end, count) = (id, count + 1);
            id = self.link(id).map_err(gone)?.get();
        }
        if end != last || blocks.is_some_and(|blocks| blocks != count) {
            return Err(format!(
                "{what} at {first} ends at {end} after {count}, not at {last} after {blocks:?}"
            ));
        }
        Ok(())
    }

    fn validate_list(&self, what: &str, front: u32, back: u32, count: u32) -> Verdict<()> {
        let (mut id, mut before, mut met) = (front, NIL, 0);
        while id != NIL {
            let entry = self.entry(id).map_err(gone)?;
            if entry.before.get() != before || entry.is_lease() != (what == "lease") {
                return Err(format!("the {what} list is broken at {id}"));
            }
            met += 1;
            if met > count {
                return Err(format!("the {what} list has more than its {count}"));
            }
            (before, id) = (id, entry.after.get());
        }
        if before != back || met != count {
            return Err(format!(
                "the {what} list ends at {before} after {met}, not at {back} after {count}"
            ));
        }
        Ok(())
    }

    fn validate_stash(&self, census: &mut Census) -> Verdict<()> {
        let mut id = self.ns.stash_head.get();
        for _ in 0..self.ns.stash_count.get() {
            self.own(id, census, "the stash")?;
            id = self.link(id).map_err(gone)?.get();
        }
        if id == NIL {
            Ok(())
        } else {
            Err("the stash goes on after its blocks".into())
        }
    }

    fn own(&self, id: u32, census: &mut Census, what: &str) -> Verdict<()> {
        census.meet(id, self.slot as u16, what)?;
        let owner = self.segment.owner(id).map(crate::shm::word::Word16::get);
        if owner == Some(self.slot as u16) {
            Ok(())
        } else {
            Err(format!("{what}: block {id} bears {owner:?}"))
        }
    }
}

fn expect(what: &str, is: u64, should: u64) -> Verdict<()> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what} is {is} and should be {should}"))
    }
}

fn gone(_: Stop) -> String {
    "a link leads to a block that does not exist".into()
}

const _: () = assert!(FANOUT == 32);

//! Recounting every invariant of a segment: what tests and fuzzers call after whatever they did.
//!
//! It reads everything and changes nothing. With up to a thousand namespaces it holds all locks at once, so that the
//! sum over all blocks is exact even while others wait to go on; beyond that each namespace is checked by itself.

use crate::error::Error;
use crate::shm::layout::{FANOUT, Flight, NIL, Node, Remains, Run};
use crate::shm::runs::{IN_RUN, run_room};
use crate::shm::segment::Segment;
use crate::store::facade::Whole;
use crate::store::facade::store::Store;
use crate::store::ground::stop::Stop;
use crate::store::table::buckets::bucket_of;
use crate::store::table::chain::{Chain, First, is_long, tail_of};
use crate::store::table::entry::FLIGHT_TAG;
use crate::store::table::flight::outcome_of;
use std::time::Duration;

/// Locks that are held at once; the kernel follows 2,048 of a dying thread's.
const MOST_HELD: usize = 1000;

/// Whoever asks for this can wait.
const PATIENCE: Duration = Duration::from_secs(20);

type Verdict<T> = Result<T, String>;

/// Which blocks were met, and by whom: as far as the last that was.
struct Census {
    seen: Vec<u16>,
    capacity: usize,
    met: u64,
}

const UNSEEN: u16 = u16::MAX;
const POOL: u16 = u16::MAX - 1;
const POOL_RUN: u16 = u16::MAX - 2;

impl Census {
    fn new(segment: &Segment) -> Self {
        Self {
            seen: Vec::new(),
            capacity: segment.geometry().block_capacity as usize,
            met: 0,
        }
    }

    fn meet(&mut self, block: u32, who: u16, what: &str) -> Verdict<()> {
        let needed = block as usize + 1;
        if needed > self.seen.len() && needed <= self.capacity {
            self.seen.resize(needed, UNSEEN);
        }
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

    /// All blocks that bear the number of a namespace that was given up.
    fn write_off(&mut self, segment: &Segment, slot: u32) -> Verdict<()> {
        for block in 1..segment.pool().fresh.get() {
            if segment
                .owner(block)
                .is_some_and(|owner| u32::from(owner.get()) == slot)
            {
                self.meet(block, slot as u16, "a namespace that was given up")?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// What is wrong, with patience for all who are at work.
    pub fn validate(&self) -> Verdict<()> {
        self.validate_within(PATIENCE)
            .map_err(|error| error.to_string())?
    }

    /// The verdict; or an error, where a lock is not to be had within `patience`: then there is none.
    pub fn validate_within(&self, patience: Duration) -> Result<Verdict<()>, Error> {
        let _listing = self.listing_within(patience)?;
        let (lost, used): (Vec<u32>, Vec<u32>) =
            (0..self.segment().directory().slots_used.get()).partition(|&slot| self.is_lost(slot));
        let mut census = Census::new(self.segment());
        if lost.len() + used.len() <= MOST_HELD {
            let all = used.iter().map(|&slot| self.hold(slot, patience));
            let all: Vec<Whole> = all.collect::<Result<_, Error>>()?;
            return Ok(self.verdict(&all, &lost, &mut census));
        }
        for slot in used {
            let verdict = Whole::verdict(&self.hold(slot, patience)?, &mut census);
            if verdict.is_err() {
                return Ok(verdict);
            }
        }
        Ok(Ok(()))
    }

    /// That of the whole segment, whose locks are held.
    fn verdict(&self, all: &[Whole], lost: &[u32], census: &mut Census) -> Verdict<()> {
        for &slot in lost {
            census.write_off(self.segment(), slot)?;
        }
        all.iter().try_for_each(|held| held.verdict(census))?;
        self.validate_pool(census)
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
        self.validate_runs(census)?;
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

impl Store {
    /// The free runs: each in the list of its class, with its ends saying the same, and no other block marked as in one.
    fn validate_runs(&self, census: &mut Census) -> Verdict<()> {
        let (segment, pool) = (self.segment(), self.segment().pool());
        let (mut blocks, mut classes) = (0, 0);
        for (class, head) in pool.runs.iter().enumerate() {
            let (mut start, mut before) = (head.get(), NIL);
            while start != NIL {
                let run: &Run = segment.block(start).ok_or("a free run does not exist")?;
                let len = run.len.get();
                if len == 0 || len.ilog2() as usize != class || run.before.get() != before {
                    return Err(format!(
                        "the free run at {start} of {len} is not one of class {class}"
                    ));
                }
                for block in start..start.saturating_add(len) {
                    census.meet(block, POOL_RUN, "a free run")?;
                }
                let end: &Run = segment.block(start + len - 1).ok_or("a free run has no end")?;
                expect(
                    "start of a free run",
                    u64::from(end.start.get()),
                    u64::from(start),
                )?;
                (blocks, classes) = (blocks + len, classes | (1u64 << class));
                (before, start) = (start, run.next.get());
            }
        }
        expect(
            "blocks in free runs",
            u64::from(pool.run_blocks.get()),
            u64::from(blocks),
        )?;
        expect("classes of free runs", u64::from(pool.run_classes.get()), classes)?;
        let marked = |block: u32| segment.owner(block).is_some_and(|owner| owner.get() == IN_RUN);
        let wrong = (1..pool.fresh.get())
            .find(|block| marked(*block) && census.seen.get(*block as usize) != Some(&POOL_RUN));
        match wrong {
            Some(block) => Err(format!(
                "block {block} is marked as in a free run, and is in none"
            )),
            None => Ok(()),
        }
    }
}

/// What walking a list of runs finds.
#[derive(Default)]
struct Runs {
    blocks: u64,
    room: usize,
    last_room: usize,
    end: u32,
}

/// What walking the table finds.
#[derive(Default)]
struct Tally {
    entries: u32,
    flights: u32,
    size: u64,
    bytes: u64,
}

impl Whole<'_> {
    fn verdict(&self, census: &mut Census) -> Verdict<()> {
        self.validate(census)
            .and_then(|()| self.validate_rings())
            .map_err(|fault| format!("namespace slot {}: {fault}", self.slot))
    }

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
            "flight",
            self.ns.flight_head.get(),
            self.ns.flight_tail.get(),
            tally.flights,
        )?;
        if let Some(name) = self.name_chain() {
            self.validate_chain(&name, census, "the name")?;
        }
        self.validate_tags(self.ns.tags_root.get(), census)?;
        self.validate_remains(census)?;
        self.validate_stash(census)?;
        let ns = self.ns;
        expect("count", u64::from(ns.count.get()), u64::from(tally.entries))?;
        expect(
            "flight count",
            u64::from(ns.flight_count.get()),
            u64::from(tally.flights),
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

    fn validate_tags(&self, root: u32, census: &mut Census) -> Verdict<()> {
        for block in self.tag_blocks(root).map_err(gone)? {
            self.own(block, census, "the table of tags")?;
        }
        Ok(())
    }

    /// What was cleared: of a table the nodes alone, as its entries hang from the list.
    fn validate_remains(&self, census: &mut Census) -> Verdict<()> {
        let mut id = self.ns.remains.get();
        while id != NIL {
            self.own(id, census, "what was cleared")?;
            let remains: &Remains = self.segment.block(id).ok_or("what was cleared does not exist")?;
            let (mut entry, mut count) = (remains.head.get(), 0);
            while entry != NIL {
                let block = self.entry(entry).map_err(gone)?;
                self.validate_chain(&block.chain_from(entry), census, "a cleared entry")?;
                (entry, count) = (block.after.get(), count + 1);
            }
            expect("cleared entries", u64::from(remains.count.get()), count)?;
            if remains.table_root.get() != NIL {
                self.validate_node(remains.table_root.get(), remains.table_depth.get(), census)?;
            }
            self.validate_tags(remains.tags_root.get(), census)?;
            id = remains.next.get();
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
            let chain = if entry.key_tag() & FLIGHT_TAG != 0 {
                tally.flights += 1;
                let flight: &Flight = self.segment.block(id).ok_or("a flight does not exist")?;
                if let Some(outcome) = outcome_of(flight) {
                    self.validate_chain(&outcome, census, "an outcome")?;
                }
                Chain {
                    kind: First::Flight,
                    len: entry.key_len(),
                    ..entry.chain_from(id)
                }
            } else {
                tally.entries += 1;
                tally.size += entry.counted_size();
                tally.bytes += entry.payload_len() as u64;
                entry.chain_from(id)
            };
            self.validate_chain(&chain, census, "an entry")?;
            id = entry.chain.get();
        }
        Ok(())
    }

    fn validate_chain(&self, chain: &Chain, census: &mut Census, what: &str) -> Verdict<()> {
        let Chain {
            kind,
            len,
            first,
            last,
        } = *chain;
        if is_long(len) {
            return self.validate_long(chain, census, what);
        }
        let (mut id, mut count, mut end) = (first, 0, NIL);
        while id != NIL {
            self.own(id, census, what)?;
            (end, count) = (id, count + 1);
            id = self.link(id).map_err(gone)?.get();
        }
        if end != last || count != kind.blocks(len) {
            return Err(format!(
                "{what} at {first} ends at {end} after {count}, not at {last} after {}",
                kind.blocks(len)
            ));
        }
        Ok(())
    }

    /// One block, and as many runs as the bytes need, all but the last of which are full.
    fn validate_long(&self, chain: &Chain, census: &mut Census, what: &str) -> Verdict<()> {
        self.own(chain.first, census, what)?;
        let tail = tail_of(self.segment, chain.first).map_err(gone)?;
        let head = self.link(chain.first).map_err(gone)?.get();
        let found = self.validate_list_of_runs(head, census, what)?;
        expect("blocks of runs", found.blocks, u64::from(tail.blocks.get()))?;
        let needed = chain.kind.in_runs(chain.len);
        if found.end != chain.last || found.room < needed || found.room - found.last_room >= needed {
            return Err(format!(
                "{what} at {} has room for {} in runs that end at {}, and needs {needed} up to {}",
                chain.first, found.room, found.end, chain.last
            ));
        }
        Ok(())
    }

    fn validate_list_of_runs(&self, head: u32, census: &mut Census, what: &str) -> Verdict<Runs> {
        let mut found = Runs::default();
        let mut start = head;
        while start != NIL {
            let run: &Run = self.segment.block(start).ok_or("a run does not exist")?;
            let len = run.len.get();
            if len == 0 {
                return Err(format!("{what} has a run at {start} without blocks"));
            }
            for block in start..start.saturating_add(len) {
                self.own(block, census, what)?;
            }
            found.blocks += u64::from(len);
            found.last_room = run_room(len);
            found.room += found.last_room;
            found.end = start;
            start = run.next.get();
        }
        Ok(found)
    }

    fn validate_list(&self, what: &str, front: u32, back: u32, count: u32) -> Verdict<()> {
        let (mut id, mut before, mut met) = (front, NIL, 0);
        while id != NIL {
            let entry = self.entry(id).map_err(gone)?;
            if entry.before.get() != before || entry.is_flight() != (what == "flight") {
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
        for list in [self.stash().drawn, self.stash().spent] {
            let found = self.validate_list_of_runs(list.head.get(), census, "the stash")?;
            expect("blocks of loose runs", u64::from(list.blocks.get()), found.blocks)?;
        }
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

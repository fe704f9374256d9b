//! Runs drawn and given back at random, beside a plain account of which blocks are held.

use super::*;
use crate::shm::layout::{Namespace, NamespaceRecord};
use proptest::prelude::*;

/// A namespace that does nothing but hold blocks, beside a plain account of which ones.
struct Holder {
    segment: Segment,
    ns: &'static Namespace,
    record: &'static NamespaceRecord,
    singles: Vec<u32>,
    runs: Vec<(u32, u32)>,
}

impl Holder {
    fn new(capacity: u64) -> Self {
        let segment = Segment::create(capacity).unwrap();
        for at in [segment.geometry().namespace(5), segment.geometry().record(5)] {
            segment.commit(at.unwrap().0, 4096).unwrap();
        }
        Self {
            ns: segment.namespace(5).unwrap(),
            record: segment.record(5).unwrap(),
            segment,
            singles: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn stash(&self) -> Stash {
        Stash {
            head: &self.ns.stash_head,
            count: &self.ns.stash_count,
            owned: &self.record.owned,
            owner: 5,
            drawn: RunList {
                head: &self.ns.drawn,
                blocks: &self.ns.drawn_blocks,
            },
            last_drawn: &self.ns.last_drawn,
            spent: RunList {
                head: &self.ns.spent,
                blocks: &self.ns.spent_blocks,
            },
        }
    }

    fn take(&mut self, count: u32) {
        if self.segment.take(&self.stash(), count).is_err() {
            return;
        }
        for _ in 0..count {
            let block = self.ns.stash_head.get();
            self.ns.stash_head.put(self.segment.link(block).unwrap().get());
            self.singles.push(block);
        }
        assert_eq!(self.ns.stash_head.get(), NIL);
        self.ns.stash_count.put(0);
    }

    fn give(&mut self, count: usize, from: usize) {
        let mut last = NIL;
        let count = count.min(self.singles.len());
        for index in 0..count {
            let block = self.singles.swap_remove((from + index * 7) % self.singles.len());
            self.segment.link(block).unwrap().put(self.ns.stash_head.get());
            self.ns.stash_head.put(block);
            if last == NIL {
                last = block;
            }
        }
        self.ns.stash_count.put(count as u32);
        if count > 0 {
            self.segment.give(&self.stash(), last, count as u32).unwrap();
        }
    }

    fn draw(&mut self, bytes: usize) {
        let missing = self.segment.draw(&self.stash(), bytes).unwrap();
        let (mut start, mut room, mut last) = (self.ns.drawn.get(), 0, 0);
        while start != NIL {
            let run = self.segment.run(start).unwrap();
            self.runs.push((start, run.len.get()));
            last = run_room(run.len.get());
            room += last;
            start = run.next.get();
        }
        self.ns.drawn.put(NIL);
        self.ns.drawn_blocks.put(0);
        assert!(room >= bytes - missing && (room - last < bytes || bytes == missing));
    }

    fn give_run(&mut self, which: usize) {
        if self.runs.is_empty() {
            return;
        }
        let (start, len) = self.runs.swap_remove(which % self.runs.len());
        let run = self.segment.run(start).unwrap();
        run.next.put(NIL);
        run.len.put(len);
        self.ns.spent.put(start);
        self.ns.spent_blocks.put(len);
        let stash = self.stash();
        self.segment.give_runs(&stash, &stash.spent).unwrap();
    }

    fn check(&self) {
        let pool = self.segment.pool();
        let mut held = vec![false; self.segment.geometry().block_capacity as usize];
        let runs = self.runs.iter().flat_map(|&(start, len)| start..start + len);
        let mut count = 0;
        for block in self.singles.iter().copied().chain(runs) {
            assert!(block > 0 && block < pool.fresh.get());
            assert!(
                !std::mem::replace(&mut held[block as usize], true),
                "{block} was given out twice"
            );
            assert!(self.segment.bears(block, 5));
            count += 1;
        }
        assert_eq!(self.record.owned.get(), count);
        let free = pool.free_count.get() + pool.run_blocks.get();
        assert_eq!(free + count + 1, pool.fresh.get(), "blocks leaked");
        self.check_free_runs(&held);
    }

    /// No two free runs lie side by side, and none touches what is held.
    fn check_free_runs(&self, held: &[bool]) {
        let pool = self.segment.pool();
        for head in &pool.runs {
            let mut start = head.get();
            while start != NIL {
                let run = self.segment.run(start).unwrap();
                let end = start + run.len.get();
                assert!((start..end).all(|block| !held[block as usize] && self.segment.bears(block, IN_RUN)));
                assert!(!self.segment.bears(start - 1, IN_RUN));
                assert!(end == pool.fresh.get() || !self.segment.bears(end, IN_RUN));
                start = run.next.get();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_given_out_once_and_grow_together_again(
        steps in prop::collection::vec((0u8..8, any::<u16>(), any::<u16>()), 1..300)
    ) {
        let mut holder = Holder::new(2 << 20);
        for (what, much, which) in steps {
            let (much, which) = (usize::from(much), usize::from(which));
            match what {
                0 => holder.take((much % 200) as u32),
                1 | 2 => holder.give(much % 300, which),
                3 => holder.draw(1 + much % 3000),
                4 => holder.draw(1 + much * 4),
                _ => holder.give_run(which),
            }
            holder.check();
        }
        let most = holder.singles.len();
        holder.give(most, 0);
        while !holder.runs.is_empty() {
            holder.give_run(0);
        }
        let pool = holder.segment.pool();
        let guard = holder.segment.lock_pool().unwrap();
        holder.segment.sort_free_blocks(u32::MAX).unwrap();
        drop(guard);
        let all = pool.fresh.get() - 1;
        assert!(all == 0 || holder.segment.longest_run(1).unwrap() == Some(1));
        assert!(all == 0 || holder.segment.run(1).unwrap().len.get() == all);
    }
}

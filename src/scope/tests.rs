//! The manager against a model: a vector in order of use, searched from end to end.

use super::*;

struct Model {
    capacity: usize,
    ttl: u64,
    forked: u64,
    /// Number and time of use, the least recently used first.
    scopes: Vec<(u64, Instant)>,
}

impl Model {
    fn fork(&mut self, now: Instant) -> Vec<u64> {
        let mut left = Vec::new();
        while let Some(&(number, used_at)) = self.scopes.first() {
            if now - used_at <= self.ttl {
                break;
            }
            left.push(number);
            self.scopes.remove(0);
        }
        if self.scopes.len() >= self.capacity {
            left.push(self.scopes.remove(0).0);
        }
        self.scopes.push((self.forked, now));
        self.forked += 1;
        left
    }

    fn touch(&mut self, number: u64, now: Instant) -> bool {
        let found = self.remove(number);
        if found {
            self.scopes.push((number, now));
        }
        found
    }

    fn remove(&mut self, number: u64) -> bool {
        let at = self.scopes.iter().position(|scope| scope.0 == number);
        at.map(|at| self.scopes.remove(at)).is_some()
    }
}

/// What JavaScript keeps beside the manager: which scope is in which slot.
#[derive(Default)]
struct Shelf(Vec<Option<u64>>);

impl Shelf {
    /// Puts a scope on the shelf as the bindings' caller does, and returns what left for it.
    fn fork(&mut self, manager: &mut Manager, number: u64, now: Instant) -> Vec<u64> {
        let slot = manager.fork(now) as usize;
        let mut left = self.clear(manager.take_evicted());
        if slot == self.0.len() {
            self.0.push(None);
        }
        left.extend(self.0[slot].replace(number));
        left
    }

    fn clear(&mut self, slots: Vec<Slot>) -> Vec<u64> {
        slots.into_iter().map(|slot| self.take(slot)).collect()
    }

    fn take(&mut self, slot: Slot) -> u64 {
        self.0[slot as usize].take().expect("a scope leaves once")
    }
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn compare(capacity: usize, ttl: u64, steps: usize, seed: u64) {
    let mut random = Random(seed);
    let mut manager = Manager::new(capacity, ttl);
    let mut model = Model {
        capacity,
        ttl,
        forked: 0,
        scopes: Vec::new(),
    };
    let mut shelf = Shelf::default();
    let mut now = 0;
    for step in 0..steps {
        now += random.below(4) * random.below(ttl / 2 + 2);
        let number = random.below(model.forked + 2);
        let recent = model.forked.saturating_sub(random.below(capacity as u64 * 2));
        match random.below(10) {
            0..5 => {
                let left = shelf.fork(&mut manager, model.forked, now);
                assert_eq!(left, model.fork(now), "step {step}, seed {seed}");
            }
            5..8 => {
                let slot = manager.touch(recent, now);
                assert_eq!(
                    slot.is_some(),
                    model.touch(recent, now),
                    "step {step}, seed {seed}"
                );
                if let Some(slot) = slot {
                    assert_eq!(shelf.0[slot as usize], Some(recent));
                }
            }
            8 => {
                let slot = manager.remove(number);
                assert_eq!(slot.is_some(), model.remove(number), "step {step}, seed {seed}");
                if let Some(slot) = slot {
                    assert_eq!(shelf.take(slot), number);
                }
            }
            _ if random.below(200) == 0 => {
                manager.clear();
                let left = shelf.clear(manager.take_evicted());
                assert_eq!(
                    left,
                    model.scopes.drain(..).map(|scope| scope.0).collect::<Vec<_>>()
                );
            }
            _ => assert_eq!(manager.remove(u64::MAX), None),
        }
        assert_eq!(manager.len(), model.scopes.len());
        if step % 64 == 0 {
            assert_eq!(manager.validate(), Ok(()));
        }
    }
    assert_eq!(manager.validate(), Ok(()));
}

#[test]
fn it_does_what_the_model_does() {
    // Miri runs the same steps some hundred times slower.
    let steps = if cfg!(miri) { 300 } else { 20_000 };
    for (seed, (capacity, ttl)) in [(1, 0), (1, 50), (2, 7), (8, 100), (100, 1_000), (1_000, 10)]
        .into_iter()
        .enumerate()
    {
        compare(capacity, ttl, steps, seed as u64 + 1);
    }
}

#[test]
fn a_scope_is_swept_when_it_is_older_than_its_time_to_live_and_not_before() {
    let mut manager = Manager::new(10, 100);
    let first = manager.fork(0);
    manager.fork(100);
    assert_eq!(
        manager.len(),
        2,
        "exactly as old as the time to live is not older"
    );
    assert_eq!(
        manager.fork(101),
        first,
        "the new scope takes the place of the expired one"
    );
    assert!(!manager.has_evicted(), "which the caller finds there");
    assert_eq!(manager.len(), 2);
}

#[test]
fn an_expired_scope_is_alive_until_the_next_fork() {
    let mut manager = Manager::new(10, 100);
    manager.fork(0);
    assert!(manager.touch(0, 1_000).is_some());
    manager.fork(1_050);
    assert_eq!(manager.len(), 2, "touching it started its time to live anew");
}

#[test]
fn a_clock_that_stands_still_or_jumps_back_expires_nothing() {
    let mut manager = Manager::new(10, 0);
    manager.fork(50);
    manager.fork(50);
    manager.fork(10);
    assert_eq!(manager.len(), 3);
    assert_eq!(manager.validate(), Ok(()));
}

#[test]
fn the_expired_leave_in_the_order_of_their_last_use() {
    let mut manager = Manager::new(10, 10);
    let slots: Vec<Slot> = (0..4).map(|_| manager.fork(0)).collect();
    manager.touch(0, 1);
    let reused = manager.fork(100);
    assert_eq!(manager.take_evicted(), [slots[1], slots[2], slots[3]]);
    assert_eq!(reused, slots[0]);
}

#[test]
fn memory_is_bounded_by_the_most_scopes_that_lived_at_once() {
    let mut manager = Manager::new(100, u64::MAX);
    for now in 0..if cfg!(miri) { 500 } else { 10_000 } {
        manager.fork(now);
    }
    assert_eq!(manager.entries.len(), 100);
}

//! What can be shown of all namespaces without waiting for anybody: no lock is taken.
//!
//! Whoever shows figures has to be answered also while the holder of a lock is stopped. Each word is read for itself, so
//! that two of them may be of different moments, and a namespace that is destroyed meanwhile may be seen once more.

use crate::shm::layout::{BLOCK, Stripe};
use crate::shm::word::Word64;
use crate::store::facade::Whole;
use crate::store::facade::namespaces::sure_name;
use crate::store::facade::store::Store;
use crate::store::ground::held::Held;
use crate::store::ground::values::Stats;

/// Of one namespace.
#[derive(Clone, Debug)]
pub struct NamespaceFigures {
    pub name: String,
    pub stats: Stats,
    /// Hits that copies answered; they are among those of `stats`.
    pub copy_hits: u64,
    pub flights_led: u64,
    pub flights_followed: u64,
    pub lock_waits: u64,
    /// Of keys and values.
    pub bytes: u64,
    /// Of all that the namespace holds.
    pub held_bytes: u64,
    pub memory_evictions: u64,
}

impl Store {
    /// Of all namespaces that there are.
    pub fn figures(&self) -> Vec<NamespaceFigures> {
        self.live_slots()
            .filter_map(|(slot, record)| {
                let ns = self.segment().namespace(slot)?;
                let name = sure_name(self, ns, record)?;
                // Nothing but reading is done with it.
                let seen = Whole::from(Held::new(self.segment(), slot, ns, record, None));
                let near_hits = seen.near_hits();
                let sum = |count: fn(&Stripe) -> &Word64| {
                    let counts = ns.stripes.iter().map(|stripe| count(stripe).get());
                    counts.fold(0, u64::wrapping_add)
                };
                Some(NamespaceFigures {
                    name,
                    stats: seen.stats(),
                    copy_hits: near_hits.wrapping_add(sum(|stripe| &stripe.copy_hits)),
                    flights_led: sum(|stripe| &stripe.flights_led),
                    flights_followed: sum(|stripe| &stripe.flights_followed),
                    lock_waits: sum(|stripe| &stripe.lock_waits),
                    bytes: ns.bytes.get(),
                    held_bytes: u64::from(record.owned.get()) * BLOCK,
                    memory_evictions: ns.memory_evictions.get(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::store::ground::held::Held;
    use crate::store::{Cache, ClaimOptions, Key, Options, SegmentOptions, SetOptions, Store, Value};

    #[test]
    fn figures_are_read_while_somebody_keeps_the_lock() {
        let store = Store::create(&SegmentOptions { capacity: 1 << 20 }).unwrap();
        let options = Options {
            max: 100,
            ..Options::default()
        };
        let cache = store.open("users", &options).unwrap();
        let key = Key { tag: 0, bytes: b"a" };
        let value = Value {
            tag: 0,
            bytes: b"1234",
        };
        cache.set(key, value, Cache::NOW, &SetOptions::default()).unwrap();
        let flight = Key { tag: 0, bytes: b"b" };
        let claim = || cache.claim(flight, Cache::NOW, &ClaimOptions::default(), &mut Vec::new());
        claim().unwrap();
        claim().unwrap();
        let held = store
            .hold::<Held>(cache.place().slot, std::time::Duration::from_secs(1))
            .unwrap();
        let figures = store.figures();
        drop(held);
        let [users] = &figures[..] else {
            panic!("one namespace, not {figures:?}")
        };
        assert_eq!(
            (users.name.as_str(), users.stats.sets, users.stats.size),
            ("users", 1, 1)
        );
        assert_eq!((users.flights_led, users.flights_followed), (1, 1));
        assert_eq!((users.bytes, users.lock_waits, users.copy_hits), (5, 0, 0));
        assert!(users.held_bytes > 0);
    }

    #[test]
    fn a_lock_that_is_not_to_be_had_at_once_is_counted() {
        let store = Store::create(&SegmentOptions { capacity: 1 << 20 }).unwrap();
        let options = Options {
            max: 100,
            ..Options::default()
        };
        let cache = store.open("users", &options).unwrap();
        let slot = cache.place().slot;
        let held: Held = store.hold(slot, std::time::Duration::from_secs(1)).unwrap();
        std::thread::scope(|scope| {
            let waits = || scope.spawn(|| store.hold::<Held>(slot, std::time::Duration::ZERO).is_err());
            assert!(waits().join().unwrap());
        });
        drop(held);
        assert_eq!(store.figures()[0].lock_waits, 1);
    }
}

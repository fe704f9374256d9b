//! Dying while many entries are cleared at once, and while what was cleared is taken apart.

use super::flights::{is_current, lead};
use super::*;

/// More than are removed one by one.
const MANY: usize = 300;

fn many(_: &Arc<Store>, cache: &Cache) {
    fill(cache, MANY);
    put(cache, "long", 9000);
}

#[test]
fn clearing_many_is_done_or_not_begun() {
    die_everywhere(&bounded(1000), Between::Nothing, many, |cache| {
        cache.clear().unwrap()
    });
}

/// The flights are void in the same step, and their leaders find them in the new table.
#[test]
fn clearing_many_voids_their_flights_with_them() {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    for n in 1.. {
        let cache = store.open("victim", &bounded(1000)).unwrap();
        many(&store, &cache);
        let flights: Vec<_> = (0..100)
            .map(|key| lead(&cache, &format!("flight {key}"), true))
            .collect();
        let status = in_forked_child(|| {
            failpoint::arm(n);
            cache.clear().unwrap();
            failpoint::arm(0);
        })
        .unwrap();
        let killed = was_killed(&store, status, n);
        let left = state(&cache).len();
        assert!(
            left == 0 || left == MANY + 1,
            "{left} entries are left after store {n}"
        );
        for flight in &flights {
            assert_eq!(is_current(&cache, flight), left > 0, "store {n}");
            cache.release(flight).unwrap();
        }
        cache.destroy().unwrap();
        while store.reap().unwrap() {}
        if !killed {
            break;
        }
    }
    assert_eq!(store.usage().unwrap().recoveries, 0);
}

#[test]
fn taking_apart_goes_on_where_it_was() {
    let cleared = |store: &Arc<Store>, cache: &Cache| {
        many(store, cache);
        cache.invalidate_tags(&["tag".into()]).unwrap();
        cache.clear().unwrap();
        many(store, cache);
        cache.clear().unwrap();
        put(cache, "after", 10);
    };
    die_everywhere(&bounded(1000), Between::Nothing, cleared, |cache| {
        while cache.store().reap().unwrap() {}
    });
}

/// Who needs blocks takes them from there before it lets anything go.
#[test]
fn blocks_come_from_what_was_cleared_before_anything_is_evicted() {
    let store = Store::create(&SegmentOptions { capacity: 1 << 20 }).unwrap();
    let cache = store.open("cleared", &bounded(100_000)).unwrap();
    for round in 0..5 {
        fill(&cache, 2000);
        store.validate().unwrap();
        assert_eq!(store.usage().unwrap().memory_evictions, 0, "in round {round}");
        cache.clear().unwrap();
        assert_eq!(cache.size(NOW).unwrap(), 0);
    }
}

/// Memory that goes back to the system is free, or was never handed out.
#[test]
fn giving_memory_back_is_begun_again() {
    let store = Store::create(&SegmentOptions { capacity: 64 << 20 }).unwrap();
    let cache = store.open("victim", &bounded(100_000)).unwrap();
    let kept = store.open("kept", &bounded(10)).unwrap();
    put(&kept, "kept", 100);
    for n in [1, 3, 8, 21, 89, 5000, 100_000] {
        for index in 0..90_000 {
            put(&cache, &format!("key {index}"), 30);
        }
        cache.clear().unwrap();
        while cache.usage().unwrap().overhead_bytes > 10_000 {
            store.reap().unwrap();
        }
        let status = in_forked_child(|| {
            failpoint::arm(n);
            while store.reap().unwrap() {}
            failpoint::arm(0);
        })
        .unwrap();
        was_killed(&store, status, n);
        assert_eq!(state(&kept).len(), 1);
    }
    while store.reap().unwrap() {}
    assert_eq!(store.usage().unwrap().recoveries, 0);
}

/// Entries and flights are there, whenever the process dies.
#[test]
fn a_table_becomes_small_again_in_one_step() {
    let emptied = |_: &Arc<Store>, cache: &Cache| {
        fill(cache, 2700);
        for index in 100..2700 {
            cache.delete(key(&format!("key {index}")), NOW).unwrap();
        }
        lead(cache, "flight", true);
    };
    let small = |cache: &Cache| {
        assert!(!cache.purge_stale(NOW).unwrap());
        assert_eq!(state(cache).len(), 100);
    };
    die_some_places(&bounded(10_000), Between::Nothing, emptied, small, 17);
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    let cache = store.open("alone", &bounded(20_000)).unwrap();
    fill(&cache, 20_000);
    let large = cache.usage().unwrap().overhead_bytes;
    cache.set_max(100, NOW).unwrap();
    while store.reap().unwrap() {}
    store.validate().unwrap();
    assert_eq!(state(&cache).len(), 100);
    let small = cache.usage().unwrap().overhead_bytes;
    assert!(small < large / 4, "{small} of {large} bytes are left");
}

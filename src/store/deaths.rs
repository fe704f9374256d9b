//! Dying at every single store of every changing operation.
//!
//! For each operation and each N, a forked child does the operation and is killed at its Nth store to the segment;
//! then this process takes over. What it finds must pass `validate`, must be what was there before or what the
//! finished operation leaves, and nothing may have had to be cleared.

mod copies;
mod extras;
mod flights;
mod one_step;
mod remains;
mod runs;

use std::sync::Arc;

use super::{
    Cache, Content, GetOptions, HasOptions, Key, LoadEntry, Options, SegmentOptions, SetOptions,
    SnapshotOptions, Stale, Store, Value,
};
use crate::shm::failpoint;
use crate::sys::process::in_forked_child;

const NOW: f64 = 1000.0;
const SIGKILL: i32 = 9;

type State = Vec<(Vec<u8>, Vec<u8>, f64, f64, u64)>;

fn key(text: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: text.as_bytes(),
    }
}

fn value(bytes: &[u8]) -> Value<'_> {
    Value { tag: 3, bytes }
}

fn bounded(max: u64) -> Options {
    Options {
        max,
        ..Options::default()
    }
}

fn put(cache: &Cache, name: &str, len: usize) {
    put_with(cache, name, len, &SetOptions::default());
}

fn put_with(cache: &Cache, name: &str, len: usize, options: &SetOptions) {
    cache
        .set(key(name), value(&vec![len as u8; len]), NOW, options)
        .unwrap();
}

fn fill(cache: &Cache, count: usize) {
    for index in 0..count {
        put(cache, &format!("key {index}"), 10 + index % 5 * 100);
    }
}

fn state(cache: &Cache) -> State {
    let want = SnapshotOptions {
        content: Content::Entries,
        stale: Stale::Include,
    };
    let snapshot = cache.snapshot(NOW, &want).unwrap();
    let item = |item| snapshot_row(&snapshot, item);
    snapshot.items.iter().map(item).collect()
}

fn snapshot_row(snapshot: &super::Snapshot, item: &super::Item) -> (Vec<u8>, Vec<u8>, f64, f64, u64) {
    (
        snapshot.key(item).to_vec(),
        snapshot.value(item).to_vec(),
        item.start,
        item.ttl,
        item.size,
    )
}

/// The keys, and how long their values are.
fn sketch(state: &State) -> Vec<(String, usize)> {
    let row = |row: &(Vec<u8>, Vec<u8>, f64, f64, u64)| (String::from_utf8_lossy(&row.0).into(), row.1.len());
    state.iter().map(row).collect()
}

/// What may be found after a death.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    /// All or nothing.
    Nothing,
    /// Some of the old entries gone, none changed: the operation lets several go, one by one.
    FewerEntries,
    /// Only that the segment is sound: the operation stores several things.
    Anything,
}

/// Whether the child was killed at its store, or had fewer; either way it must have left a sound segment.
fn was_killed(store: &Store, status: i32, n: u64) -> bool {
    let killed = status & 0x7f == SIGKILL;
    assert!(
        killed || status == 0,
        "the child ended with {status:#x} at store {n}"
    );
    store
        .validate()
        .unwrap_or_else(|fault| panic!("after a death at store {n}: {fault}"));
    killed
}

/// Kills the operation at each of its stores in turn. Gives how many there were.
fn die_everywhere(
    options: &Options,
    between: Between,
    prepare: impl Fn(&Arc<Store>, &Cache),
    operation: impl Fn(&Cache),
) -> u64 {
    die_some_places(options, between, prepare, operation, 1)
}

/// The same at one store in so many, for what makes thousands.
fn die_some_places(
    options: &Options,
    between: Between,
    prepare: impl Fn(&Arc<Store>, &Cache),
    operation: impl Fn(&Cache),
    step: usize,
) -> u64 {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    let bystander = store.open("bystander", &bounded(100)).unwrap();
    fill(&bystander, 20);
    let untouched = state(&bystander);
    let open = || {
        let cache = store.open("victim", options).unwrap();
        prepare(&store, &cache);
        cache
    };

    let cache = open();
    let before = state(&cache);
    operation(&cache);
    let after = state(&cache);
    cache.destroy().unwrap();
    store.validate().unwrap();

    for n in (1..).step_by(step) {
        let cache = open();
        assert!(state(&cache) == before, "{:?}", sketch(&before));
        let status = in_forked_child(|| {
            failpoint::arm(n);
            operation(&cache);
            failpoint::arm(0);
        })
        .unwrap();
        let killed = was_killed(&store, status, n);
        let found = state(&cache);
        let expected = match between {
            Between::Nothing => found == before || found == after,
            Between::FewerEntries => found == after || found.iter().all(|item| before.contains(item)),
            Between::Anything => true,
        };
        assert!(
            expected,
            "after a death at store {n} there is neither the old nor the new: {:?}",
            sketch(&found)
        );
        assert!(
            killed || found == after,
            "the operation was not done although nothing killed it"
        );
        assert_eq!(state(&bystander), untouched);
        assert_eq!(
            store.usage().unwrap().recoveries,
            0,
            "a namespace had to be cleared after store {n}"
        );
        let size = (options.max_size != 0).then_some(3.0);
        put_with(
            &cache,
            "and on it goes",
            300,
            &SetOptions {
                size,
                ..SetOptions::default()
            },
        );
        cache.destroy().unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("destroyed after a death at store {n}: {fault}"));
        if !killed {
            return n - 1;
        }
    }
    unreachable!("an operation has an end")
}

fn twelve(_: &Arc<Store>, cache: &Cache) {
    fill(cache, 12);
}

#[test]
fn set_of_a_new_key() {
    let stores = die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        put(cache, "new", 28)
    });
    assert!(
        stores > 30,
        "{stores} stores only: the failpoint does not see them"
    );
}

#[test]
fn set_of_a_new_key_with_a_value_of_many_blocks() {
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        put(cache, "new", 9000)
    });
}

#[test]
fn set_into_an_empty_namespace() {
    die_everywhere(
        &bounded(100),
        Between::Nothing,
        |_, _| (),
        |cache| put(cache, "new", 28),
    );
}

#[test]
fn set_over_a_key_with_longer_shorter_and_equal_values() {
    for len in [10, 200, 7000, 0] {
        die_everywhere(&bounded(100), Between::FewerEntries, twelve, |cache| {
            put(cache, "key 4", len)
        });
    }
}

#[test]
fn set_over_a_key_in_its_own_block() {
    let ends = SetOptions {
        ttl: Some(1e9),
        ..SetOptions::default()
    };
    for (name, old, new) in [
        ("a", 28, 28),
        ("eight by", 64, 20),
        ("a key of 14 by", 0, 58),
        ("b", 71, 0),
    ] {
        let prepare = |store: &Arc<Store>, cache: &Cache| {
            put(cache, name, old);
            twelve(store, cache);
        };
        let stores = die_everywhere(&bounded(100), Between::Nothing, prepare, |cache| {
            put_with(cache, name, new, &ends)
        });
        assert!(stores > 20, "{stores} stores only");
    }
}

#[test]
fn set_that_shrinks_a_long_value() {
    let long = |_: &Arc<Store>, cache: &Cache| put(cache, "long", 9000);
    die_everywhere(&bounded(100), Between::Nothing, long, |cache| {
        put(cache, "long", 5)
    });
}

#[test]
fn set_that_evicts_by_max() {
    die_everywhere(&bounded(12), Between::FewerEntries, twelve, |cache| {
        put(cache, "new", 28)
    });
}

#[test]
fn set_that_evicts_by_size_and_set_that_is_too_large() {
    let options = Options {
        max_size: 100,
        ..Options::default()
    };
    let prepare = |_: &Arc<Store>, cache: &Cache| {
        for index in 0..10 {
            put_with(
                cache,
                &format!("key {index}"),
                50,
                &SetOptions {
                    size: Some(10.0),
                    ..SetOptions::default()
                },
            );
        }
    };
    for (name, size) in [("new", 35.0), ("key 3", 45.0), ("key 0", 70.0), ("key 5", 500.0)] {
        let o = SetOptions {
            size: Some(size),
            ..SetOptions::default()
        };
        die_everywhere(&options, Between::Anything, prepare, |cache| {
            put_with(cache, name, 60, &o)
        });
    }
}

#[test]
fn set_of_an_equal_primitive() {
    let options = Options {
        max_size: 100,
        ttl: 50.0,
        ..Options::default()
    };
    let o = |size, ttl| SetOptions {
        size: Some(size),
        ttl: Some(ttl),
        primitive: true,
        ..SetOptions::default()
    };
    let prepare = |_: &Arc<Store>, cache: &Cache| {
        put_with(cache, "a", 5, &o(3.0, 10.0));
        put_with(cache, "b", 5, &o(3.0, 10.0));
    };
    die_everywhere(&options, Between::Anything, prepare, |cache| {
        put_with(cache, "a", 5, &o(9.0, 70.0))
    });
}

#[test]
fn set_if_absent_and_incr() {
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache
            .set_if_absent(key("new"), value(b"x"), NOW, &SetOptions::default())
            .unwrap();
    });
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache
            .incr(key("counter"), 2.0, NOW, &SetOptions::default())
            .unwrap();
    });
    let counted = |_: &Arc<Store>, cache: &Cache| {
        cache
            .incr(
                key("counter"),
                1.0,
                NOW,
                &SetOptions {
                    ttl: Some(9.0),
                    ..SetOptions::default()
                },
            )
            .unwrap();
        fill(cache, 3);
    };
    die_everywhere(&bounded(100), Between::Nothing, counted, |cache| {
        cache
            .incr(key("counter"), 2.0, NOW, &SetOptions::default())
            .unwrap();
    });
}

#[test]
fn touch_of_first_middle_and_last() {
    let options = Options {
        ttl: 500.0,
        ..bounded(100)
    };
    for name in ["key 0", "key 5", "key 11"] {
        die_everywhere(&options, Between::Nothing, twelve, |cache| {
            cache.touch(key(name), NOW + 5.0, Some(900.0)).unwrap();
        });
    }
}

#[test]
fn get_of_first_middle_and_last() {
    let options = Options {
        ttl: 500.0,
        update_age_on_get: true,
        ..bounded(100)
    };
    for name in ["key 0", "key 5", "key 11"] {
        die_everywhere(&options, Between::Anything, twelve, |cache| {
            cache
                .get(key(name), NOW + 5.0, &GetOptions::default(), &mut Vec::new())
                .unwrap();
        });
    }
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache
            .get(key("key 0"), NOW, &GetOptions::default(), &mut Vec::new())
            .unwrap();
    });
}

#[test]
fn get_has_and_purge_of_stale_entries() {
    let options = Options {
        ttl: 5.0,
        update_age_on_has: true,
        ..bounded(100)
    };
    die_everywhere(&options, Between::Nothing, twelve, |cache| {
        cache
            .get(key("key 3"), NOW + 10.0, &GetOptions::default(), &mut Vec::new())
            .unwrap();
    });
    die_everywhere(&options, Between::Nothing, twelve, |cache| {
        cache
            .has(key("key 3"), NOW + 1.0, &HasOptions::default())
            .unwrap();
    });
    die_everywhere(&options, Between::FewerEntries, twelve, |cache| {
        cache.purge_stale(NOW + 10.0).unwrap();
    });
    let purging = Options {
        ttl_autopurge: true,
        ..options
    };
    die_everywhere(&purging, Between::FewerEntries, twelve, |cache| {
        cache.size(NOW + 10.0).unwrap();
    });
}

#[test]
fn delete_and_pop() {
    for name in ["key 0", "key 5", "key 11"] {
        die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
            cache.delete(key(name), NOW).unwrap();
        });
    }
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache.pop(NOW, &mut Vec::new()).unwrap();
    });
}

#[test]
fn clear_finishes_even_if_its_process_does_not() {
    let many = |_: &Arc<Store>, cache: &Cache| fill(cache, 90);
    die_everywhere(&bounded(100), Between::FewerEntries, many, |cache| {
        cache.clear().unwrap()
    });
}

#[test]
fn load() {
    die_everywhere(&bounded(100), Between::Anything, twelve, |cache| {
        let options = SetOptions::default();
        let entries = ["x", "y", "z"].map(|name| LoadEntry {
            key: key(name),
            value: value(b"v"),
            options,
        });
        cache.load(NOW, &entries).unwrap();
    });
}

#[test]
fn max_ttl_and_allow_stale_set_anew() {
    die_everywhere(&bounded(100), Between::FewerEntries, twelve, |cache| {
        cache.set_max(3, NOW).unwrap()
    });
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache.set_ttl(77.0).unwrap()
    });
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        cache.set_allow_stale(true).unwrap()
    });
}

#[test]
fn a_table_that_grows_by_a_node_and_by_a_level() {
    // A set of one more entry than 1.25 per bucket adds a bucket; the 33rd of them a node, the 1,025th a level.
    for count in [40, 80, 1280] {
        let prepare = move |_: &Arc<Store>, cache: &Cache| {
            (0..count).for_each(|index| put(cache, &format!("{index}"), 1));
        };
        die_everywhere(&bounded(5000), Between::Nothing, prepare, |cache| {
            put(cache, "one more", 1)
        });
    }
}

#[test]
fn eviction_for_want_of_memory_from_oneself() {
    let huge =
        |_: &Arc<Store>, cache: &Cache| (0..20).for_each(|index| put(cache, &index.to_string(), 150_000));
    die_everywhere(&bounded(100), Between::FewerEntries, huge, |cache| {
        put(cache, "more", 2000)
    });
    die_everywhere(&bounded(100), Between::FewerEntries, huge, |cache| {
        put(cache, "more", 400_000)
    });
}

#[test]
fn eviction_for_want_of_memory_from_another() {
    let store = Store::create(&SegmentOptions { capacity: 2 << 20 }).unwrap();
    for n in 1.. {
        let rich = store.open("rich", &bounded(1000)).unwrap();
        let poor = store.open("poor", &bounded(1000)).unwrap();
        (0..40).for_each(|index| put(&rich, &index.to_string(), 60_000));
        let status = in_forked_child(|| {
            failpoint::arm(n);
            put(&poor, "first", 70_000);
        })
        .unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("after a death at store {n}: {fault}"));
        assert!(state(&rich).iter().all(|row| row.1.len() == 60_000));
        put(&poor, "first", 70_000);
        assert_eq!(state(&poor).len(), 1);
        assert_eq!(store.usage().unwrap().recoveries, 0);
        rich.destroy().unwrap();
        poor.destroy().unwrap();
        store.validate().unwrap();
        if status == 0 {
            return assert!(n > 100);
        }
    }
}

#[test]
fn making_and_destroying_a_namespace() {
    let store = Store::create(&SegmentOptions { capacity: 2 << 20 }).unwrap();
    let long_name = "n".repeat(3000);
    for n in 1.. {
        let status = in_forked_child(|| {
            failpoint::arm(n);
            drop(store.open(&long_name, &bounded(10)).unwrap());
        })
        .unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("after a death at store {n} of open: {fault}"));
        let cache = store.open(&long_name, &bounded(10)).unwrap();
        put(&cache, "a", 5);
        assert_eq!(store.namespaces().unwrap(), std::slice::from_ref(&long_name));
        assert!(store.destroy(&long_name).unwrap());
        store.validate().unwrap();
        if status == 0 {
            break;
        }
    }
    for n in 1.. {
        let cache = store.open(&long_name, &bounded(10)).unwrap();
        fill(&cache, 10);
        let status = in_forked_child(|| {
            failpoint::arm(n);
            store.destroy(&long_name).unwrap();
        })
        .unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("after a death at store {n} of destroy: {fault}"));
        let rest = state(&cache).len();
        assert!(
            rest == 10 || rest == 0,
            "{rest} entries of a namespace that was being destroyed"
        );
        store.destroy(&long_name).unwrap();
        store.validate().unwrap();
        if status == 0 {
            break;
        }
    }
    assert_eq!(store.usage().unwrap().recoveries, 0);
    assert_eq!(store.usage().unwrap().namespaces, 0);
}

#[test]
fn a_repair_that_dies_is_begun_again() {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    let cache = store.open("victim", &bounded(100)).unwrap();
    for second in 1..400 {
        fill(&cache, 40);
        let clear = |n| {
            in_forked_child(|| {
                failpoint::arm(n);
                cache.clear().unwrap();
            })
            .unwrap()
        };
        assert_ne!(clear(300), 0);
        let status = in_forked_child(|| {
            failpoint::arm(second);
            put(&cache, "x", 5);
        })
        .unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("after a repair that died at store {second}: {fault}"));
        assert!(state(&cache).len() <= 1);
        if status == 0 {
            return;
        }
    }
}

//! Memory: values of every size up to the ceiling, a segment that fills up, a million small entries, churn, and as
//! many namespaces as the design asks for; never a leaked block.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla::error::Code;
use flotilla::store::{Cache, GetOptions, Key, Options, SegmentOptions, SetOptions, Store, Value};

const NOW: f64 = 1000.0;

fn segment(capacity: u64) -> Arc<Store> {
    Store::create(&SegmentOptions { capacity }).unwrap()
}

fn open(store: &Arc<Store>, name: &str, max: u64) -> Cache {
    store
        .open(
            name,
            &Options {
                max,
                ..Options::default()
            },
        )
        .unwrap()
}

fn put(cache: &Cache, name: &str, bytes: &[u8]) {
    let stored = cache.set(key(name), Value { tag: 3, bytes }, NOW, &SetOptions::default());
    assert!(stored.unwrap_or_else(|error| panic!("{} bytes: {error}", bytes.len())));
}

fn key(text: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: text.as_bytes(),
    }
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index * 31 + seed * 7 + index / 251) as u8)
        .collect()
}

fn get(cache: &Cache, name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    cache
        .get(key(name), NOW, &GetOptions::default(), &mut out)
        .unwrap()
        .map(|_| out)
}

#[test]
fn values_from_one_byte_to_the_ceiling_come_back_whole() {
    let store = segment(8 << 20);
    let cache = open(&store, "values", 1000);
    let capacity = store.usage().unwrap().capacity as usize;
    let mut sizes: Vec<usize> = (0..23).map(|power| 1 << power).collect();
    sizes.extend((0..400).map(|index| index * 3));
    sizes.extend([1_000_003, 4_999_999, capacity * 8 / 10, capacity * 9 / 10]);
    sizes.retain(|size| *size < capacity);
    for &size in &sizes {
        let bytes = pattern(size, size);
        put(&cache, "v", &bytes);
        assert!(
            get(&cache, "v").unwrap() == bytes,
            "{size} bytes came back changed"
        );
    }
    store.validate().unwrap();
}

#[test]
fn a_value_that_can_never_fit_is_refused_and_nothing_goes_for_it() {
    let store = segment(2 << 20);
    let cache = open(&store, "values", 1000);
    for index in 0..50 {
        put(&cache, &index.to_string(), &pattern(100, index));
    }
    let huge = vec![1; 3 << 20];
    let error = cache
        .set(
            key("huge"),
            Value { tag: 3, bytes: &huge },
            NOW,
            &SetOptions::default(),
        )
        .unwrap_err();
    assert_eq!(error.code, Code::ValueTooLarge);
    assert_eq!(cache.size(NOW).unwrap(), 50);
    assert_eq!(cache.stats().unwrap().evictions, 0);
}

#[test]
fn keys_of_a_megabyte_are_keys_like_others_and_longer_than_the_limit_is_refused() {
    let store = segment(16 << 20);
    let cache = open(&store, "keys", 1000);
    let long = "k".repeat(1 << 20);
    let other = format!("{}x", &long[1..]);
    put(&cache, &long, b"one");
    put(&cache, &other, b"two");
    assert_eq!(get(&cache, &long).unwrap(), b"one");
    assert_eq!(get(&cache, &other).unwrap(), b"two");
    assert!(cache.delete(key(&long), NOW).unwrap());
    assert_eq!(get(&cache, &long), None);
    let too_long = vec![0; 1 << 24];
    let error = cache
        .has(
            Key {
                tag: 2,
                bytes: &too_long,
            },
            NOW,
            &Default::default(),
        )
        .unwrap_err();
    assert_eq!(error.code, Code::KeyTooLarge);
    store.validate().unwrap();
}

#[test]
fn a_full_segment_lets_the_least_recent_go_and_keeps_the_rest() {
    let store = segment(4 << 20);
    let cache = open(&store, "full", 1_000_000);
    for index in 0..100_000usize {
        put(&cache, &index.to_string(), &pattern(200, index));
    }
    let kept = cache.size(NOW).unwrap() as usize;
    assert!(kept > 10_000, "only {kept} entries of 200 bytes in 4 MB");
    for index in 100_000 - kept..100_000 {
        assert_eq!(get(&cache, &index.to_string()).unwrap(), pattern(200, index));
    }
    let usage = cache.usage().unwrap();
    assert_eq!(usage.memory_evictions as usize, 100_000 - kept);
    store.validate().unwrap();
    // One large value takes the place of as many small ones as it needs, and of no more.
    put(&cache, "large", &pattern(1 << 20, 1));
    let left = cache.size(NOW).unwrap() as usize;
    assert!(
        left > kept / 2,
        "{left} of {kept} entries left after one value of a megabyte"
    );
    store.validate().unwrap();
}

/// Nothing calcifies: whatever the memory was cut up for, the next thing finds room, and takes no more than it needs.
#[test]
fn small_and_large_values_make_room_for_each_other() {
    let store = segment(8 << 20);
    let cache = open(&store, "mixed", 1_000_000);
    let sizes = [40, 100, 900, 2100, 5000, 64_000, 700_000, 2_000_000];
    let bytes = pattern(2_000_000, 5);
    let mut seed = 9u64;
    let mut roll = |sides: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % sides
    };
    for round in 0..60 {
        // Mostly small ones, then mostly large ones, and back.
        let turns = if round % 2 == 0 { 4000 } else { 40 };
        for turn in 0..turns {
            let size = sizes[if round % 2 == 0 { roll(4) } else { 4 + roll(4) }];
            let name = format!("{round} {turn}");
            put(&cache, &name, &bytes[..size]);
            assert!(get(&cache, &name).unwrap() == bytes[..size]);
        }
        store.validate().unwrap();
        let used = cache.usage().unwrap().bytes;
        // The largest may just have had to make room for itself.
        assert!(
            round == 0 || used > 4 << 20,
            "{used} bytes are left in round {round}"
        );
    }
    cache.clear().unwrap();
    while store.reap().unwrap() {}
    assert!(cache.usage().unwrap().overhead_bytes < 10_000);
}

/// What is freed grows together, whatever it was before.
#[test]
fn a_value_as_large_as_the_memory_fits_after_any_mixture() {
    let store = segment(8 << 20);
    let cache = open(&store, "mixed", 1_000_000);
    let whole = pattern(store.usage().unwrap().capacity as usize * 9 / 10, 2);
    for size in [30, 500, 1900, 2100, 70_000] {
        for index in 0..(20_000_000 / size).min(60_000) {
            put(&cache, &format!("{size} {index}"), &whole[..size]);
        }
        put(&cache, "whole", &whole);
        assert!(get(&cache, "whole").unwrap() == whole);
        store.validate().unwrap();
    }
}

#[test]
fn a_namespace_with_nothing_to_give_takes_from_the_largest() {
    let store = segment(4 << 20);
    let large = open(&store, "large", 1_000_000);
    let small = open(&store, "small", 1_000_000);
    for index in 0..100 {
        put(&small, &index.to_string(), &pattern(100, index));
    }
    for index in 0..50_000usize {
        put(&large, &index.to_string(), &pattern(100, index));
    }
    let newcomer = open(&store, "newcomer", 1_000_000);
    put(&newcomer, "first", &pattern(500_000, 1));
    assert_eq!(get(&newcomer, "first").unwrap(), pattern(500_000, 1));
    assert_eq!(
        small.size(NOW).unwrap(),
        100,
        "the small namespace was made to give"
    );
    assert!(large.usage().unwrap().memory_evictions > 0);
    store.validate().unwrap();
}

#[test]
fn a_million_small_entries_take_no_more_than_they_should() {
    let store = segment(512 << 20);
    let cache = open(&store, "million", 1_000_000);
    for index in 0..1_000_000u32 {
        put(&cache, &index.to_string(), &index.to_le_bytes());
    }
    assert_eq!(cache.size(NOW).unwrap(), 1_000_000);
    for index in (0..1_000_000u32).step_by(997) {
        assert_eq!(get(&cache, &index.to_string()).unwrap(), index.to_le_bytes());
    }
    let usage = cache.usage().unwrap();
    // One block each, and the table: at most 64 bytes beside what a block holds.
    assert!(usage.bytes + usage.overhead_bytes < 1_000_000 * 136, "{usage:?}");
    store.validate().unwrap();
    cache.clear().unwrap();
    store.validate().unwrap();
    while store.reap().unwrap() {}
    store.validate().unwrap();
    assert!(
        cache.usage().unwrap().overhead_bytes < 10_000,
        "clear kept memory"
    );
    let left = store.usage().unwrap().segment_bytes;
    assert!(
        left < 4 << 20,
        "the system got nothing back: {left} bytes are left"
    );
    // What was given back is had again.
    for index in 0..100_000u32 {
        put(&cache, &index.to_string(), &index.to_le_bytes());
    }
    assert_eq!(get(&cache, "99999").unwrap(), 99_999u32.to_le_bytes());
    store.validate().unwrap();
}

#[test]
fn churn_leaks_no_block() {
    let seconds = std::env::var("FLOTILLA_CHURN_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(2);
    let store = segment(8 << 20);
    let caches: Vec<Cache> = (0..4)
        .map(|index| open(&store, &format!("churn {index}"), 500 << index))
        .collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let bytes = pattern(20_000, 3);
    let mut seed = 1u64;
    let mut roll = |sides: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % sides
    };
    while Instant::now() < until {
        for _ in 0..2000 {
            let cache = &caches[roll(4)];
            let name = roll(3000).to_string();
            match roll(10) {
                0 => drop(cache.delete(key(&name), NOW).unwrap()),
                1 if roll(500) == 0 => cache.clear().unwrap(),
                2 if roll(500) == 0 => drop(cache.destroy().unwrap()),
                _ => put(cache, &name, &bytes[..[3, 30, 300, 3000, 20_000][roll(5)]]),
            }
        }
        store.validate().unwrap();
    }
    for cache in &caches {
        cache.destroy().unwrap();
    }
    store.validate().unwrap();
    while store.reap().unwrap() {}
    store.validate().unwrap();
    assert_eq!(
        store.usage().unwrap().free_bytes + 128,
        store.usage().unwrap().capacity,
        "blocks are missing"
    );
}

#[test]
fn ten_thousand_namespaces_and_names_of_ten_thousand_characters() {
    let store = segment(64 << 20);
    let began = Instant::now();
    let caches: Vec<Cache> = (0..10_000)
        .map(|index| open(&store, &format!("namespace {index}"), 10))
        .collect();
    for (index, cache) in caches.iter().enumerate() {
        put(cache, "k", &index.to_le_bytes());
    }
    println!("10,000 namespaces took {:?}", began.elapsed());
    for (index, cache) in caches.iter().enumerate() {
        assert_eq!(get(cache, "k").unwrap(), index.to_le_bytes());
    }
    let long = "n".repeat(9_999) + "a";
    let alike = "n".repeat(9_999) + "b";
    put(&open(&store, &long, 10), "k", b"a");
    put(&open(&store, &alike, 10), "k", b"b");
    assert_eq!(get(&open(&store, &long, 10), "k").unwrap(), b"a");
    let names = store.namespaces().unwrap();
    assert_eq!(names.len(), 10_002);
    assert!(names.contains(&long) && names.contains(&"namespace 77".to_string()));
    store.validate().unwrap();
    for name in names {
        assert!(store.destroy(&name).unwrap());
    }
    assert_eq!(
        store.usage().unwrap().free_bytes + 128,
        store.usage().unwrap().capacity,
        "blocks are missing"
    );
}

#[test]
fn more_namespaces_than_a_segment_holds_are_refused() {
    let store = segment(16 << 20);
    let made = (0..20_000)
        .map(|index| {
            store.open(
                &index.to_string(),
                &Options {
                    max: 1,
                    ..Options::default()
                },
            )
        })
        .take_while(Result::is_ok)
        .count();
    assert_eq!(made, 16_384);
    let error = store
        .open(
            "one more",
            &Options {
                max: 1,
                ..Options::default()
            },
        )
        .unwrap_err();
    assert_eq!(error.code, Code::TooManyNamespaces);
    assert!(store.destroy("7").unwrap());
    open(&store, "one more", 1);
}

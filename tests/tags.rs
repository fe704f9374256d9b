//! Tags of the store: what they make gone, and what happens when there are more than are remembered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;

use flotilla::error::Code;
use flotilla::store::{
    Cache, Extras, GetOptions, HasOptions, Key, MAX_TAGS, NearReader, Options, PeekOptions, SegmentOptions,
    SetOptions, Store, Value,
};

const NOW: f64 = 1000.0;

fn open(store: &Arc<Store>, name: &str) -> Cache {
    let options = Options {
        max: 1_000_000,
        ..Options::default()
    };
    store.open(name, &options).unwrap()
}

fn segment() -> Arc<Store> {
    Store::create(&SegmentOptions { capacity: 32 << 20 }).unwrap()
}

fn key(name: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: name.as_bytes(),
    }
}

fn put(cache: &Cache, name: &str, tags: &[String]) {
    let extras = Extras {
        tags,
        ..Extras::default()
    };
    let value = Value {
        tag: 3,
        bytes: b"value",
    };
    let options = SetOptions {
        extras: Some(&extras),
        ..SetOptions::default()
    };
    cache.set(key(name), value, NOW, &options).unwrap();
}

fn has(cache: &Cache, name: &str) -> bool {
    cache.has(key(name), NOW, &HasOptions::default()).unwrap()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix} {index}")).collect()
}

#[test]
fn what_is_invalidated_misses_and_goes_and_what_is_stored_after_it_stays() {
    let store = segment();
    let (cache, other) = (open(&store, "one"), open(&store, "other"));
    let tags = names("tag", 3);
    for cache in [&cache, &other] {
        put(cache, "both", &tags[..2]);
        put(cache, "second", &tags[1..2]);
        put(cache, "third", &tags[2..]);
    }
    cache.invalidate_tags(&tags[1..2]).unwrap();
    let peek = PeekOptions {
        allow_stale: Some(true),
    };
    assert!(
        cache
            .peek(key("both"), NOW, &peek, &mut Vec::new())
            .unwrap()
            .is_none()
    );
    assert_eq!(
        [has(&cache, "both"), has(&cache, "second"), has(&cache, "third")],
        [false, false, true]
    );
    assert_eq!(cache.size(NOW).unwrap(), 3);
    let stale = GetOptions {
        allow_stale: Some(true),
        no_delete_on_stale_get: Some(true),
        ..GetOptions::default()
    };
    assert!(
        cache
            .get(key("both"), NOW, &stale, &mut Vec::new())
            .unwrap()
            .is_none()
    );
    assert_eq!(cache.size(NOW).unwrap(), 2);
    assert!(cache.purge_stale(NOW).unwrap());
    assert_eq!(cache.size(NOW).unwrap(), 1);
    put(&cache, "both", &tags[..2]);
    assert!(has(&cache, "both") && has(&other, "both") && has(&other, "second"));
    store.validate().unwrap();
}

/// Another process's reader of copies misses at once, and a copy without tags is none the worse for it.
#[test]
fn a_copy_of_what_bears_tags_ends_with_any_invalidation_and_others_do_not() {
    let store = segment();
    let (cache, other) = (open(&store, "copies"), open(&store, "other"));
    let tags = names("tag", 2);
    put(&cache, "tagged", &tags[..1]);
    put(&cache, "plain", &[]);
    let mut reader = NearReader::open(&cache).unwrap().unwrap();
    let mut read = |name: &str| {
        let (tag, copied) = reader.get(key(name), NOW, &mut Vec::new()).unwrap();
        (tag.is_some(), copied)
    };
    for name in ["tagged", "plain"] {
        assert_eq!(read(name), (true, false));
        assert_eq!(read(name), (true, true), "{name} is not read from a copy");
    }
    other.invalidate_tags(&tags).unwrap();
    assert_eq!(read("tagged"), (true, true));
    cache.invalidate_tags(&tags[1..]).unwrap();
    assert_eq!([read("plain"), read("tagged")], [(true, true), (true, false)]);
    assert_eq!(read("tagged"), (true, true));
    cache.invalidate_tags(&tags[..1]).unwrap();
    assert_eq!(read("tagged"), (false, false));
    assert_eq!(read("plain"), (true, true));
    put(&cache, "tagged", &tags[..1]);
    assert_eq!([read("tagged"), read("tagged")], [(true, false), (true, true)]);
    store.validate().unwrap();
}

/// What an entry bears may lie in its first block, or go on in others: both are read, with the lock and without.
#[test]
fn values_behind_records_of_any_length_are_read_whole() {
    let store = segment();
    let cache = open(&store, "records");
    let long = "a tag with a name that is much longer than what one block of the segment has room for, so it goes on";
    for count in [0, 1, 2, 5, 9, 40] {
        for name in [
            "k",
            "a key of more than seventy-two bytes, which does not have room in the block of its entry",
        ] {
            for len in [0usize, 3, 28, 500, 5000] {
                let tags: Vec<String> = (0..count).map(|index| format!("{long} {index}")).collect();
                let tags = if len == 28 { names("t", count) } else { tags };
                let bytes: Vec<u8> = (0..len).map(|index| index as u8).collect();
                let extras = Extras {
                    grace: 7.0,
                    tags: &tags,
                    ..Extras::default()
                };
                let options = SetOptions {
                    extras: Some(&extras),
                    ..SetOptions::default()
                };
                let value = Value {
                    tag: 3,
                    bytes: &bytes,
                };
                cache.set(key(name), value, NOW, &options).unwrap();
                put(&cache, "most recent", &[]);
                let mut out = Vec::new();
                assert_eq!(
                    cache
                        .peek(key(name), NOW, &PeekOptions::default(), &mut out)
                        .unwrap(),
                    Some(3)
                );
                assert_eq!(out, bytes);
                for _ in 0..2 {
                    let got = cache
                        .get(key(name), NOW, &GetOptions::default(), &mut out)
                        .unwrap();
                    assert_eq!((got, &out), (Some(3), &bytes));
                    assert!(has(&cache, name));
                }
                if let Some(tag) = tags.last() {
                    cache.invalidate_tags(std::slice::from_ref(tag)).unwrap();
                    assert!(!has(&cache, name));
                    assert!(
                        cache
                            .get(key(name), NOW, &GetOptions::default(), &mut out)
                            .unwrap()
                            .is_none()
                    );
                }
            }
        }
    }
    store.validate().unwrap();
}

#[test]
fn what_is_invalidated_is_not_there_to_be_deleted() {
    let cache = open(&segment(), "deleted");
    let tags = names("tag", 1);
    put(&cache, "gone", &tags);
    cache.invalidate_tags(&tags).unwrap();
    put(&cache, "there", &tags);
    assert!(!cache.delete(key("gone"), NOW).unwrap());
    assert!(cache.delete(key("there"), NOW).unwrap());
    assert_eq!(cache.stats().unwrap().deletes, 1);
}

/// More tags than the table of a small segment holds: none of them is missed, whatever else has to go.
#[test]
fn a_tag_that_had_to_be_forgotten_takes_its_entries_with_it() {
    let store = segment();
    let cache = open(&store, "many");
    let tags = names("tag", 12_000);
    for tag in &tags {
        put(&cache, tag, std::slice::from_ref(tag));
    }
    put(&cache, "untagged", &[]);
    cache.invalidate_tags(&tags).unwrap();
    for tag in &tags {
        assert!(!has(&cache, tag), "{tag}");
    }
    assert!(has(&cache, "untagged"));
    // Whatever is written now is as new as can be, so no tag that was forgotten says anything about it.
    for tag in &tags {
        put(&cache, tag, std::slice::from_ref(tag));
    }
    assert!(tags.iter().all(|tag| has(&cache, tag)));
    store.validate().unwrap();
    cache.clear().unwrap();
    assert_eq!(cache.usage().unwrap().entries, 0);
    while store.reap().unwrap() {}
    assert!(
        cache.usage().unwrap().overhead_bytes < 16 << 10,
        "the table of tags goes with the entries"
    );
    store.validate().unwrap();
}

#[test]
fn tags_that_cannot_be_are_refused_and_nothing_changes() {
    let store = segment();
    let cache = open(&store, "refused");
    let tags = names("tag", MAX_TAGS + 1);
    put(&cache, "there", &tags[..MAX_TAGS]);
    let extras = Extras {
        tags: &tags,
        ..Extras::default()
    };
    let options = SetOptions {
        extras: Some(&extras),
        ..SetOptions::default()
    };
    let value = Value {
        tag: 3,
        bytes: b"new",
    };
    let error = cache.set(key("there"), value, NOW, &options).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    let mut found = Vec::new();
    cache
        .get(key("there"), NOW, &GetOptions::default(), &mut found)
        .unwrap();
    assert_eq!(found, b"value");
    for bad in [String::new(), "x".repeat(1025)] {
        assert!(cache.invalidate_tags(&[tags[0].clone(), bad]).is_err());
        assert!(has(&cache, "there"));
    }
}

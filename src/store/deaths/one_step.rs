//! Dying in operations that look and change in one step.

use super::*;

#[test]
fn take_of_first_middle_and_last() {
    for name in ["key 0", "key 5", "key 11"] {
        die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
            cache.take(key(name), NOW, &mut Vec::new()).unwrap().unwrap();
        });
    }
}

/// The version is an entry's own affair: what is there to see stays as it was.
#[test]
fn the_first_version_of_an_entry() {
    for len in [8, 70, 5000] {
        let prepare = |store: &Arc<Store>, cache: &Cache| {
            twelve(store, cache);
            put(cache, "versioned", len);
        };
        die_everywhere(&bounded(100), Between::Nothing, prepare, |cache| {
            cache
                .get_with_version(key("versioned"), NOW, &mut Vec::new())
                .unwrap()
                .unwrap();
        });
    }
}

#[test]
fn set_if_a_version_stands() {
    for (old, new) in [(8, 9), (8, 700), (700, 8)] {
        let prepare = |store: &Arc<Store>, cache: &Cache| {
            put(cache, "versioned", old);
            twelve(store, cache);
            let _ = cache.get_with_version(key("versioned"), NOW, &mut Vec::new());
        };
        die_everywhere(&bounded(100), Between::Nothing, prepare, |cache| {
            let (_, version) = cache
                .get_with_version(key("versioned"), NOW, &mut Vec::new())
                .unwrap()
                .unwrap();
            let stored = cache.set_if_version(
                key("versioned"),
                value(&vec![new as u8; new]),
                Some(version),
                NOW,
                &SetOptions::default(),
            );
            assert!(stored.unwrap());
        });
    }
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        let stored = cache.set_if_version(key("new"), value(b"x"), None, NOW, &SetOptions::default());
        assert!(stored.unwrap());
    });
}

#[test]
fn incr_with_its_ttl() {
    let ends = SetOptions {
        ttl: Some(70.0),
        ..SetOptions::default()
    };
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        let counted = cache.incr_with_ttl(key("counter"), 2.0, NOW, &ends).unwrap();
        assert_eq!(counted, (2.0, 70.0));
    });
}

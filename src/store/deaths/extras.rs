//! Dying while an entry gets, changes or loses what it bears beside its value.

use super::*;
use crate::store::Extras;

fn tags() -> Vec<String> {
    ["a", "b", "a tag of some length"].map(String::from).to_vec()
}

#[test]
fn set_with_extras_over_a_key_with_and_without() {
    let tags = tags();
    let extras = Extras {
        grace: 500.0,
        delta: 7.0,
        tags: &tags,
        ..Extras::default()
    };
    let bearing = SetOptions {
        ttl: Some(50.0),
        extras: Some(&extras),
        ..SetOptions::default()
    };
    let few = SetOptions {
        extras: Some(&Extras { tags: &[], ..extras }),
        ..bearing
    };
    let plain = SetOptions {
        extras: None,
        ..bearing
    };
    for (old, new) in [
        (&bearing, &plain),
        (&plain, &bearing),
        (&few, &plain),
        (&plain, &few),
        (&few, &few),
    ] {
        for len in [8, 600] {
            let prepare = |store: &Arc<Store>, cache: &Cache| {
                put_with(cache, "a", len, old);
                twelve(store, cache);
            };
            die_everywhere(&bounded(100), Between::Nothing, prepare, |cache| {
                put_with(cache, "a", len + 1, new)
            });
        }
    }
}

#[test]
fn invalidation_of_tags_that_are_new_known_and_too_many() {
    let tags = tags();
    let extras = Extras {
        tags: &tags,
        ..Extras::default()
    };
    let bearing = SetOptions {
        extras: Some(&extras),
        ..SetOptions::default()
    };
    let tagged = |_: &Arc<Store>, cache: &Cache| {
        fill(cache, 3);
        put_with(cache, "tagged", 9, &bearing);
    };
    die_everywhere(&bounded(100), Between::Nothing, tagged, |cache| {
        cache.invalidate_tags(&tags[..1]).unwrap()
    });
    let known = |store: &Arc<Store>, cache: &Cache| {
        cache.invalidate_tags(&tags).unwrap();
        tagged(store, cache);
    };
    die_everywhere(&bounded(100), Between::Nothing, known, |cache| {
        cache.invalidate_tags(&tags[..1]).unwrap()
    });
    die_everywhere(&bounded(100), Between::FewerEntries, known, |cache| {
        cache.clear().unwrap()
    });
    let more: Vec<String> = (0..9).map(|index| format!("tag {index}")).collect();
    die_everywhere(&bounded(100), Between::FewerEntries, tagged, |cache| {
        cache.invalidate_tags(&more).unwrap();
        cache.invalidate_tags(&tags[2..]).unwrap();
    });
}

/// An entry that is gone is removed as an expired one is.
#[test]
fn get_and_purge_of_what_was_invalidated() {
    let tags = tags();
    let extras = Extras {
        tags: &tags[..1],
        ..Extras::default()
    };
    let bearing = SetOptions {
        extras: Some(&extras),
        ..SetOptions::default()
    };
    let gone = |_: &Arc<Store>, cache: &Cache| {
        put_with(cache, "tagged", 9, &bearing);
        fill(cache, 3);
        put_with(cache, "tagged too", 9, &bearing);
        cache.invalidate_tags(&tags).unwrap();
    };
    die_everywhere(&bounded(100), Between::Nothing, gone, |cache| {
        let got = cache.get(key("tagged"), NOW, &GetOptions::default(), &mut Vec::new());
        assert_eq!(got.unwrap(), None);
    });
    die_everywhere(&bounded(100), Between::Nothing, gone, |cache| {
        assert!(cache.purge_stale(NOW).unwrap());
        assert_eq!(cache.size(NOW).unwrap(), 3);
    });
}

//! Dying at the stores of operations on long values.

use super::*;

#[test]
fn set_and_delete_of_values_in_runs() {
    let long = |_: &Arc<Store>, cache: &Cache| {
        twelve(&Arc::clone(cache.store()), cache);
        put(cache, "long", 100_000);
        put(cache, "longer", 200_000);
    };
    for (name, len) in [
        ("new", 150_000),
        ("long", 100_000),
        ("long", 3000),
        ("longer", 20),
        ("key 4", 50_000),
    ] {
        die_everywhere(&bounded(100), Between::Nothing, long, |cache| {
            put(cache, name, len)
        });
    }
    for name in ["long", "longer"] {
        die_everywhere(&bounded(100), Between::Nothing, long, |cache| {
            assert!(cache.delete(key(name), NOW).unwrap());
        });
    }
    die_everywhere(&bounded(14), Between::FewerEntries, long, |cache| {
        put(cache, "new", 120_000)
    });
}

/// Free memory in pieces of a few blocks, so that a value is many runs and what is freed grows together again.
#[test]
fn set_and_delete_of_values_in_many_short_runs() {
    let in_pieces = |_: &Arc<Store>, cache: &Cache| {
        for index in 0..3000 {
            put(cache, &format!("small {index}"), 1200);
        }
        for index in (0..3000).filter(|index| index % 3 > 0) {
            cache.delete(key(&format!("small {index}")), NOW).unwrap();
        }
    };
    let stores = die_some_places(
        &bounded(10_000),
        Between::Anything,
        in_pieces,
        |cache| {
            put(cache, "long", 40_000);
            put(cache, "long", 60_000);
            cache.delete(key("long"), NOW).unwrap();
        },
        997,
    );
    assert!(stores > 10_000, "{stores} stores only");
}

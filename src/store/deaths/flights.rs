//! Deaths of those who claim a key, follow, finish, fail and release.

use super::*;
use crate::store::flights::watcher::Outlook;
use crate::store::{Claim, ClaimOptions, Flight, PeekOptions};

fn claim(cache: &Cache, name: &str, force: bool) -> Claim {
    let options = ClaimOptions {
        force,
        ..ClaimOptions::default()
    };
    cache.claim(key(name), NOW, &options, &mut Vec::new()).unwrap()
}

pub(super) fn lead(cache: &Cache, name: &str, force: bool) -> Flight {
    match claim(cache, name, force) {
        Claim::Leader(flight) => flight,
        other => panic!("{other:?} instead of the lead"),
    }
}

#[test]
fn claiming_following_and_taking_over() {
    die_everywhere(&bounded(100), Between::Nothing, twelve, |cache| {
        drop(claim(cache, "computed", false))
    });
    let led = |_: &Arc<Store>, cache: &Cache| {
        fill(cache, 12);
        lead(cache, "computed", false);
    };
    die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
        drop(claim(cache, "computed", false))
    });
    die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
        drop(lead(cache, "computed", true))
    });
}

#[test]
fn finishing_failing_and_releasing_with_and_without_followers() {
    for followed in [false, true] {
        let led = move |_: &Arc<Store>, cache: &Cache| {
            fill(cache, 12);
            lead(cache, "computed", false);
            if followed {
                claim(cache, "computed", false);
            }
        };
        // A forced claim by the operation itself gives it the token that its finish needs.
        die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
            let flight = lead(cache, "computed", true);
            cache
                .finish(&flight, value(&[7; 500]), NOW, &SetOptions::default())
                .unwrap();
        });
        die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
            let flight = lead(cache, "computed", true);
            cache.fail(&flight, b"no luck", NOW).unwrap();
        });
        die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
            let flight = lead(cache, "computed", true);
            cache.release(&flight).unwrap();
        });
    }
}

/// Whether what its leader brings would still be stored.
pub(super) fn is_current(cache: &Cache, flight: &Flight) -> bool {
    cache.look_at_own(flight, NOW).unwrap().is_ok()
}

/// A change and the end of the flights on its key are there together, or neither of them.
#[test]
fn voiding_with_every_change() {
    let long = [7; 500];
    type Change<'a> = (&'a str, &'a dyn Fn(&Cache));
    let changes: [Change; 9] = [
        ("computed", &|cache| put(cache, "computed", 28)),
        ("computed", &|cache| put(cache, "computed", 9000)),
        ("key 3", &|cache| put(cache, "key 3", 10)),
        ("key 3", &|cache| put(cache, "key 3", 7000)),
        ("key 3", &|cache| drop(cache.delete(key("key 3"), NOW))),
        ("computed", &|cache| drop(cache.delete(key("computed"), NOW))),
        ("computed", &|cache| {
            drop(cache.set_if_absent(key("computed"), value(&long), NOW, &SetOptions::default()))
        }),
        ("computed", &|cache| {
            drop(cache.incr(key("computed"), 2.0, NOW, &SetOptions::default()))
        }),
        ("key 3", &|cache| cache.clear().unwrap()),
    ];
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    for (number, (name, change)) in changes.into_iter().enumerate() {
        let holds = |cache: &Cache| {
            let mut out = Vec::new();
            let got = cache.peek(key(name), NOW, &PeekOptions::default(), &mut out);
            got.unwrap().map(|_| out)
        };
        for n in 1.. {
            let cache = store.open("victim", &bounded(100)).unwrap();
            fill(&cache, 12);
            let first = lead(&cache, name, true);
            let second = lead(&cache, name, true);
            let before = holds(&cache);
            let status = in_forked_child(|| {
                failpoint::arm(n);
                change(&cache);
                failpoint::arm(0);
            })
            .unwrap();
            let killed = was_killed(&store, status, n);
            let changed = holds(&cache) != before;
            let current = [is_current(&cache, &first), is_current(&cache, &second)];
            assert_eq!(current[0], current[1], "change {number}, store {n}");
            // A delete of nothing has nothing else to show.
            if before.is_some() || changed {
                assert_eq!(current[0], !changed, "change {number}, store {n}");
            }
            assert!(killed || !current[0], "change {number} voids nothing");
            cache.destroy().unwrap();
            store.validate().unwrap();
            if !killed {
                break;
            }
        }
    }
    assert_eq!(store.usage().unwrap().recoveries, 0);
}

#[test]
fn finishing_a_void_flight_and_one_that_voids_another() {
    let void = |_: &Arc<Store>, cache: &Cache| fill(cache, 12);
    die_everywhere(&bounded(100), Between::Anything, void, |cache| {
        let flight = lead(cache, "computed", false);
        claim(cache, "computed", false);
        cache.delete(key("computed"), NOW).unwrap();
        cache
            .finish(&flight, value(&[7; 500]), NOW, &SetOptions::default())
            .unwrap();
    });
    let passed = |_: &Arc<Store>, cache: &Cache| {
        fill(cache, 12);
        lead(cache, "computed", false);
    };
    die_everywhere(&bounded(100), Between::Nothing, passed, |cache| {
        let flight = lead(cache, "computed", true);
        cache
            .finish(&flight, value(&[7; 500]), NOW, &SetOptions::default())
            .unwrap();
    });
}

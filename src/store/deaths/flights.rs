//! Deaths of those who claim a key, follow, finish, fail and release.

use super::*;
use crate::store::{Claim, ClaimOptions, Lease};

fn claim(cache: &Cache, name: &str, force: bool) -> Claim {
    let options = ClaimOptions {
        force,
        ..ClaimOptions::default()
    };
    cache.claim(key(name), NOW, &options, &mut Vec::new()).unwrap()
}

fn lead(cache: &Cache, name: &str, force: bool) -> Lease {
    match claim(cache, name, force) {
        Claim::Leader(lease) => lease,
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
            let lease = lead(cache, "computed", true);
            cache
                .finish(&lease, value(&[7; 500]), NOW, &SetOptions::default())
                .unwrap();
        });
        die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
            let lease = lead(cache, "computed", true);
            cache.fail(&lease, b"no luck", NOW).unwrap();
        });
        die_everywhere(&bounded(100), Between::Nothing, led, |cache| {
            let lease = lead(cache, "computed", true);
            cache.release(&lease).unwrap();
        });
    }
}

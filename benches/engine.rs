//! What one operation costs in the engine itself, with no binding and no JavaScript. `cargo bench --bench engine`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use flotilla::store::{
    Cache, ClaimOptions, Extras, GetOptions, HasOptions, Key, Options, SegmentOptions, SetOptions, Store,
    Value,
};
use flotilla::sys::clock::monotonic_ms;

const ROUNDS: usize = 7;

fn measure(name: &str, operations: u32, mut run: impl FnMut(u32)) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for index in 0..operations {
                run(index);
            }
            start.elapsed().as_nanos() as f64 / f64::from(operations)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<58} {:>8.1} ns", times[ROUNDS / 2]);
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

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("user:{index}")).collect()
}

fn key(text: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: text.as_bytes(),
    }
}

fn value(bytes: &[u8]) -> Value<'_> {
    Value { tag: 2, bytes }
}

/// Reads of one key by so many threads at once, in millions a second.
fn read_hot(cache: &Cache, readers: usize) -> f64 {
    let time = std::time::Duration::from_millis(500);
    let total: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..readers)
            .map(|_| {
                scope.spawn(|| {
                    let mut out = Vec::with_capacity(64);
                    let (start, mut count) = (Instant::now(), 0u64);
                    while start.elapsed() < time {
                        for _ in 0..1000 {
                            black_box(
                                cache
                                    .get(key("user:42"), Cache::NOW, &GetOptions::default(), &mut out)
                                    .unwrap(),
                            );
                        }
                        count += 1000;
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    total as f64 / time.as_secs_f64() / 1e6
}

/// Reads of entries that bear tags, of which others are invalidated now and then.
fn tagged(store: &Arc<Store>) {
    let cache = open(store, "tagged", 100_000);
    let tags = ["user:42", "page"].map(String::from);
    let extras = Extras {
        tags: &tags,
        ..Extras::default()
    };
    let bearing = SetOptions {
        extras: Some(&extras),
        ..SetOptions::default()
    };
    let (now, names, small) = (monotonic_ms(), keys(10_000), [b'x'; 28]);
    let (get, has, mut out) = (
        GetOptions::default(),
        HasOptions::default(),
        Vec::with_capacity(64),
    );
    let pick = |index: u32| &names[(index as usize).wrapping_mul(2_654_435_761) % names.len()];
    for name in &names {
        cache.set(key(name), value(&small), now, &bearing).unwrap();
    }
    for others in ["", ", after another tag's invalidation"] {
        if !others.is_empty() {
            cache.invalidate_tags(&["other".to_string()]).unwrap();
        }
        measure(&format!("get, one hot key with tags{others}"), 1_000_000, |_| {
            black_box(cache.get(key("user:42"), now, &get, &mut out).unwrap());
        });
        measure(&format!("has, one key with tags{others}"), 1_000_000, |_| {
            black_box(cache.has(key("user:42"), now, &has).unwrap());
        });
        measure(
            &format!("get, random of 10000 with tags{others}"),
            1_000_000,
            |index| {
                black_box(cache.get(key(pick(index)), now, &get, &mut out).unwrap());
            },
        );
    }
}

fn main() {
    let store = Store::create(&SegmentOptions { capacity: 2 << 30 }).unwrap();
    let small = [b'x'; 28];
    let now = monotonic_ms();
    let (get, set) = (GetOptions::default(), SetOptions::default());
    let mut out = Vec::with_capacity(4096);

    measure("the clock", 1_000_000, |_| {
        black_box(monotonic_ms());
    });

    let one = open(&store, "one", 1000);
    one.set(key("user:42"), value(&small), now, &set).unwrap();
    measure("get, one hot key, 28 bytes", 1_000_000, |_| {
        black_box(one.get(key("user:42"), now, &get, &mut out).unwrap());
    });
    measure("has, one hot key", 1_000_000, |_| {
        black_box(one.has(key("user:42"), now, &HasOptions::default()).unwrap());
    });
    measure("get, missing", 1_000_000, |_| {
        black_box(one.get(key("user:43"), now, &get, &mut out).unwrap());
    });
    measure("set over one key, 28 bytes", 1_000_000, |_| {
        black_box(one.set(key("user:42"), value(&small), now, &set).unwrap());
    });
    measure("incr one key", 1_000_000, |_| {
        black_box(one.incr(key("counter"), 1.0, now, &set).unwrap());
    });

    tagged(&store);

    for count in [1_000usize, 100_000, 1_000_000] {
        let cache = open(&store, &format!("of {count}"), count as u64);
        let names = keys(count);
        for name in &names {
            cache.set(key(name), value(&small), now, &set).unwrap();
        }
        let pick = |index: u32| &names[(index as usize).wrapping_mul(2_654_435_761) % count];
        measure(&format!("get, random of {count}, 28 bytes"), 1_000_000, |index| {
            black_box(cache.get(key(pick(index)), now, &get, &mut out).unwrap());
        });
        measure(
            &format!("set over, random of {count}, 28 bytes"),
            1_000_000,
            |index| {
                black_box(cache.set(key(pick(index)), value(&small), now, &set).unwrap());
            },
        );
        let fresh = keys(count * 2);
        measure(
            &format!("set new with eviction, {count} entries"),
            1_000_000,
            |index| {
                black_box(
                    cache
                        .set(
                            key(&fresh[index as usize % fresh.len()]),
                            value(&small),
                            now,
                            &set,
                        )
                        .unwrap(),
                );
            },
        );
        cache.clear().unwrap();
    }

    for size in [1 << 10, 64 << 10, 1 << 20] {
        let cache = open(&store, &format!("values of {size}"), 100);
        let bytes = vec![7u8; size];
        measure(&format!("set, {size} bytes"), 300, |index| {
            black_box(
                cache
                    .set(
                        key(if index % 2 == 0 { "a" } else { "b" }),
                        value(&bytes),
                        now,
                        &set,
                    )
                    .unwrap(),
            );
        });
        measure(&format!("get, {size} bytes"), 300, |_| {
            black_box(cache.get(key("a"), now, &get, &mut out).unwrap());
        });
    }

    for readers in [1, 2] {
        println!(
            "{:<58} {:>8.1} million a second",
            format!("{readers} thread(s) reading one hot key"),
            read_hot(&one, readers)
        );
    }

    let flights = open(&store, "flights", 1000);
    measure("claim and finish, no followers", 100_000, |_| {
        let flotilla::store::Claim::Leader(flight) = flights
            .claim(
                key("k"),
                monotonic_ms(),
                &ClaimOptions {
                    force: true,
                    ..ClaimOptions::default()
                },
                &mut out,
            )
            .unwrap()
        else {
            return;
        };
        flights
            .finish(&flight, value(&small), monotonic_ms(), &set)
            .unwrap();
    });
    store.validate().unwrap();
}

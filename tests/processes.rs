//! Two processes on one segment: what one stores the other sees, no update is lost, a lock's dead owner is replaced at
//! once, and flights work across both.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "support/worker.rs"]
mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use flotilla::store::{
    Cache, Claim, ClaimOptions, Flight, GetOptions, Outcome, SegmentOptions, SetOptions, Store,
};
use flotilla::sys::clock::monotonic_ms;
use support::{Worker, bounded, key, role, value};

const INCREMENTS: u32 = 100_000;
const SET: SetOptions = SetOptions {
    ttl: None,
    start: None,
    size: None,
    no_update_ttl: false,
    primitive: false,
    extras: None,
};

fn claim(cache: &Cache, name: &str, options: &ClaimOptions) -> Claim {
    cache
        .claim(key(name), monotonic_ms(), options, &mut Vec::new())
        .unwrap()
}

fn lead(cache: &Cache, name: &str) -> Flight {
    match claim(cache, name, &ClaimOptions::default()) {
        Claim::Leader(flight) => flight,
        other => panic!("{other:?} instead of the lead"),
    }
}

/// The outcome, and when it came.
fn follow(cache: &Cache, flight: &Flight) -> mpsc::Receiver<(Outcome, Instant)> {
    let (tell, told) = mpsc::channel();
    cache
        .follow(
            flight,
            Box::new(move |outcome| tell.send((outcome, Instant::now())).unwrap()),
        )
        .unwrap();
    told
}

fn soon<T>(told: &mpsc::Receiver<T>) -> T {
    told.recv_timeout(Duration::from_secs(20))
        .expect("nobody woke the follower")
}

#[test]
fn worker() {
    let Some((role, store)) = role() else { return };
    let cache = store.open("shared", &bounded(100)).unwrap();
    match role.as_str() {
        "count" => {
            println!("\nready");
            for _ in 0..INCREMENTS {
                cache.incr(key("counter"), 1.0, monotonic_ms(), &SET).unwrap();
            }
        }
        "read" => {
            let mut out = Vec::new();
            let tag = cache
                .get(key("greeting"), monotonic_ms(), &GetOptions::default(), &mut out)
                .unwrap();
            assert_eq!((tag, out.as_slice()), (Some(3), &b"hello"[..]));
            cache
                .set(key("answer"), value(b"and to you"), monotonic_ms(), &SET)
                .unwrap();
        }
        "lead" => {
            lead(&cache, "computed");
            println!("\nleading");
            loop {
                std::thread::park();
            }
        }
        "answer" => {
            println!("\nready");
            for round in 0..500 {
                let name = format!("round {round}");
                let flight = loop {
                    match claim(&cache, &name, &ClaimOptions::default()) {
                        Claim::Leader(flight) => break flight,
                        _ => std::thread::yield_now(),
                    }
                };
                println!("leading {round}");
                // Until the other process follows: it sets this key just before it does.
                while !cache
                    .has(key(&format!("following {round}")), 0.0, &Default::default())
                    .unwrap()
                {
                    std::hint::spin_loop();
                }
                std::thread::sleep(Duration::from_micros(300));
                cache
                    .finish(
                        &flight,
                        value(&monotonic_ms().to_le_bytes()),
                        monotonic_ms(),
                        &SET,
                    )
                    .unwrap();
            }
        }
        other => panic!("no role {other}"),
    }
}

fn segment() -> std::sync::Arc<Store> {
    Store::create(&SegmentOptions { capacity: 8 << 20 }).unwrap()
}

#[test]
fn what_one_process_stores_the_other_reads() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    cache
        .set(key("greeting"), value(b"hello"), monotonic_ms(), &SET)
        .unwrap();
    Worker::start(&store, "read").finish();
    let mut out = Vec::new();
    cache
        .get(key("answer"), monotonic_ms(), &GetOptions::default(), &mut out)
        .unwrap();
    assert_eq!(out, b"and to you");
    store.validate().unwrap();
}

#[test]
fn no_increment_of_two_contending_processes_is_lost() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    let mut worker = Worker::start(&store, "count");
    worker.expect("ready");
    for _ in 0..INCREMENTS {
        cache.incr(key("counter"), 1.0, monotonic_ms(), &SET).unwrap();
    }
    worker.finish();
    let sum = cache.incr(key("counter"), 0.0, monotonic_ms(), &SET).unwrap();
    assert_eq!(sum, f64::from(INCREMENTS) * 2.0);
}

#[test]
fn a_leader_that_is_killed_frees_its_flight_at_once() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    let mut worker = Worker::start(&store, "lead");
    worker.expect("leading");
    let Claim::Follower(flight) = claim(&cache, "computed", &ClaimOptions::default()) else {
        panic!("not a follower")
    };
    let told = follow(&cache, &flight);
    assert!(
        told.recv_timeout(Duration::from_millis(50)).is_err(),
        "told before anything happened"
    );
    let killed = Instant::now();
    worker.kill();
    let (outcome, at) = soon(&told);
    assert_eq!(outcome, Outcome::Lost);
    println!("told {:?} after the kill", at - killed);
    lead(&cache, "computed");
    store.validate().unwrap();
}

#[test]
fn a_dead_leader_that_nobody_followed_does_not_keep_its_flight() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    let mut worker = Worker::start(&store, "lead");
    worker.expect("leading");
    worker.kill();
    lead(&cache, "computed");
}

#[test]
fn followers_get_the_value_of_another_process_within_milliseconds() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    let mut worker = Worker::start(&store, "answer");
    worker.expect("ready");
    let mut waits = Vec::new();
    for round in 0..500 {
        worker.expect(&format!("leading {round}"));
        let Claim::Follower(flight) = claim(&cache, &format!("round {round}"), &ClaimOptions::default())
        else {
            panic!("not a follower in round {round}")
        };
        let told = follow(&cache, &flight);
        cache
            .set(
                key(&format!("following {round}")),
                value(b""),
                monotonic_ms(),
                &SET,
            )
            .unwrap();
        let (outcome, _) = soon(&told);
        let now = monotonic_ms();
        let Outcome::Value { bytes, .. } = outcome else {
            panic!("{outcome:?}")
        };
        waits.push(now - f64::from_le_bytes(bytes.try_into().unwrap()));
    }
    worker.finish();
    waits.sort_by(f64::total_cmp);
    println!(
        "woken after {:.3} ms (median), {:.3} ms (99th)",
        waits[250], waits[495]
    );
    assert!(waits[250] < 5.0, "the median follower waited {} ms", waits[250]);
    store.validate().unwrap();
}

/// Eight bytes that say how long the rest is and of what it is made.
fn telling(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![seed; len];
    bytes[0] = (len % 251) as u8;
    bytes
}

#[test]
fn who_reads_without_the_lock_never_sees_a_torn_value() {
    let store = segment();
    let cache = store.open("shared", &bounded(100)).unwrap();
    let until = Instant::now() + Duration::from_millis(700);
    let lens = [1, 9, 28, 60, 64, 190, 1000, 3000];
    cache
        .set(key("hot"), value(&telling(0, 28)), Cache::NOW, &SET)
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0usize;
            while Instant::now() < until {
                turn += 1;
                let bytes = telling(turn as u8, lens[turn % lens.len()]);
                cache.set(key("hot"), value(&bytes), Cache::NOW, &SET).unwrap();
                if turn.is_multiple_of(7) {
                    // Its blocks go to others meanwhile.
                    cache.delete(key("hot"), Cache::NOW).unwrap();
                    cache
                        .set(key("other"), value(&[0xee; 3000]), Cache::NOW, &SET)
                        .unwrap();
                }
            }
        });
        let (mut out, mut seen) = (Vec::new(), 0u64);
        while Instant::now() < until {
            let peeked = cache
                .peek(key("hot"), Cache::NOW, &Default::default(), &mut out)
                .unwrap();
            if peeked.is_none()
                && cache
                    .get(key("hot"), Cache::NOW, &GetOptions::default(), &mut out)
                    .unwrap()
                    .is_none()
            {
                continue;
            }
            seen += 1;
            assert_eq!(usize::from(out[0]), out.len() % 251, "a torn length");
            assert!(
                out[1..].windows(2).all(|pair| pair[0] == pair[1]),
                "a torn value of {} bytes",
                out.len()
            );
        }
        assert!(seen > 100);
    });
    store.validate().unwrap();
}

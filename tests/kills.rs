//! Workers killed with SIGKILL at random moments under load: nothing hangs, tears, leaks, or is lost beside what the
//! killed one was doing.
//!
//! `FLOTILLA_KILLS=100000 cargo test --release --test kills` runs the design's full number.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "support/worker.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flotilla::store::{
    Cache, Claim, ClaimOptions, Content, GetOptions, NearReader, Options, SegmentOptions, SetOptions,
    SnapshotOptions, Stale, Store,
};
use flotilla::sys::clock::monotonic_ms;
use support::{Worker, bounded, key, role, value};

/// A generator that needs no crate: only variety is asked of it.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// Bytes that say themselves whether they are whole.
fn sealed(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.div_ceil(8))
        .flat_map(|_| dice.roll(u64::MAX).to_le_bytes())
        .collect();
    bytes.truncate(len);
    let sum = checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(bytes.len() as u64 ^ 0xcbf2_9ce4_8422_2325, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
}

fn assert_whole(bytes: &[u8]) {
    let (body, sum) = bytes.split_at(bytes.len() - 8);
    assert_eq!(
        checksum(body).to_le_bytes(),
        sum,
        "a torn value of {} bytes",
        bytes.len()
    );
}

fn caches(store: &Arc<Store>) -> Vec<Cache> {
    let sized = Options {
        max_size: 500,
        ttl: 20.0,
        ttl_autopurge: true,
        ..Options::default()
    };
    vec![
        store.open("small", &bounded(50)).unwrap(),
        store.open("large", &bounded(3000)).unwrap(),
        store.open("sized", &sized).unwrap(),
    ]
}

/// What one process works on, and how it reads it.
struct Desk {
    caches: Vec<Cache>,
    readers: Vec<Option<NearReader>>,
    /// Counters, and what was known to have been counted.
    counted: Cache,
    known: Cache,
    counters: NearReader,
}

impl Desk {
    fn at(store: &Arc<Store>) -> Self {
        let caches = caches(store);
        let counted = store.open("counted", &bounded(100)).unwrap();
        Self {
            readers: caches
                .iter()
                .map(|cache| NearReader::open(cache).unwrap())
                .collect(),
            caches,
            known: store.open("known", &bounded(100)).unwrap(),
            counters: NearReader::open(&counted).unwrap().unwrap(),
            counted,
        }
    }

    fn get(&mut self, at: usize, name: &str, now: f64, out: &mut Vec<u8>) -> Option<u8> {
        match &mut self.readers[at] {
            Some(reader) => reader.get(key(name), now, out).unwrap().0,
            None => self.caches[at]
                .get(key(name), now, &GetOptions::default(), out)
                .unwrap(),
        }
    }

    /// Counts, and only then says so.
    fn count(&self, name: &str) {
        let now = monotonic_ms();
        let sum = self
            .counted
            .incr(key(name), 1.0, now, &SetOptions::default())
            .unwrap();
        self.known
            .set(key(name), value(&sum.to_le_bytes()), now, &SetOptions::default())
            .unwrap();
    }

    /// A copy is never older than a write that had ended before it was read.
    fn assert_not_stale(&mut self, name: &str, out: &mut Vec<u8>) {
        let now = monotonic_ms();
        let known = self
            .known
            .get(key(name), now, &GetOptions::default(), out)
            .unwrap();
        let least = known.map_or(0.0, |_| number(out));
        let (tag, _) = self.counters.get(key(name), now, out).unwrap();
        let read = tag.map_or(0.0, |_| number(out));
        assert!(
            read >= least,
            "{name}: {read} was read after {least} had been written"
        );
    }
}

fn number(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(bytes.try_into().unwrap())
}

/// One random operation.
fn act(dice: &mut Dice, desk: &mut Desk, out: &mut Vec<u8>) {
    if dice.roll(4) == 0 {
        let counter = format!("counter {}", dice.roll(3));
        if dice.roll(4) == 0 {
            desk.count(&counter);
        }
        desk.assert_not_stale(&counter, out);
    }
    let at = dice.roll(3) as usize;
    let set = SetOptions {
        size: (at == 2).then(|| 1.0 + dice.roll(20) as f64),
        ..SetOptions::default()
    };
    let name = format!("key {}", dice.roll(400));
    let now = monotonic_ms();
    let got = matches!(dice.roll(5), 0 | 1).then(|| desk.get(at, &name, now, out));
    if got == Some(Some(3)) {
        assert_whole(out);
    }
    let cache = &desk.caches[at];
    match dice.roll(41) {
        0..=15 => {
            if cache.get(key(&name), now, &GetOptions::default(), out).unwrap() == Some(3) {
                assert_whole(out);
            }
        }
        16..=29 => {
            let usual = [1, 30, 200, 2000, 9000, 60_000][dice.roll(6) as usize];
            let len = if dice.roll(60) == 0 { 2 << 20 } else { usual };
            cache
                .set(key(&name), value(&sealed(dice, len)), now, &set)
                .unwrap();
        }
        30..=32 => drop(cache.delete(key(&name), now).unwrap()),
        33 | 34 => {
            let counter = format!("counter {}", dice.roll(9));
            cache.incr(key(&counter), 1.0, now, &set).unwrap();
        }
        35 => drop(cache.purge_stale(now).unwrap()),
        36 | 37 => {
            let options = ClaimOptions {
                force: dice.roll(4) == 0,
                ..ClaimOptions::default()
            };
            if let Claim::Leader(flight) = cache.claim(key(&name), now, &options, out).unwrap() {
                cache
                    .finish(&flight, value(&sealed(dice, 300)), now, &set)
                    .unwrap();
            }
        }
        38 if dice.roll(50) == 0 => cache.clear().unwrap(),
        38 if dice.roll(200) == 0 => drop(cache.destroy().unwrap()),
        39 => {
            let ttl = Some(1.0 + dice.roll(30) as f64);
            cache.touch(key(&name), now, ttl).unwrap();
        }
        _ => {
            let want = SnapshotOptions {
                content: Content::Keys,
                stale: Stale::Include,
            };
            cache.snapshot(now, &want).unwrap();
        }
    }
}

#[test]
fn worker() {
    let Some((seed, store)) = role() else { return };
    let mut dice = Dice(seed.parse::<u64>().unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut desk = Desk::at(&store);
    let mut out = Vec::new();
    println!("\nready");
    loop {
        act(&mut dice, &mut desk, &mut out);
    }
}

/// Ends the whole test when nothing has moved for a minute: a hang must not look like patience.
fn watch(progress: &Arc<AtomicU64>) {
    let progress = Arc::clone(progress);
    std::thread::spawn(move || {
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = progress.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > Duration::from_secs(60) {
                eprintln!("nothing moved for a minute after {now} kills");
                std::process::abort();
            }
        }
    });
}

fn kills() -> u64 {
    std::env::var("FLOTILLA_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(300)
}

#[test]
fn workers_killed_under_load_break_nothing_and_lose_nothing_else() {
    if role().is_some() {
        return;
    }
    let store = Store::create(&SegmentOptions { capacity: 64 << 20 }).unwrap();
    let kept = store.open("kept", &bounded(500)).unwrap();
    let mut dice = Dice(77);
    let mut treasure = Vec::new();
    for index in 0..500 {
        let bytes = sealed(&mut dice, 10 + index * 7);
        kept.set(
            key(&format!("kept {index}")),
            value(&bytes),
            monotonic_ms(),
            &SetOptions::default(),
        )
        .unwrap();
        treasure.push(bytes);
    }
    let mut desk = Desk::at(&store);
    let progress = Arc::new(AtomicU64::new(0));
    watch(&progress);
    let mut out = Vec::new();
    let mut workers: Vec<Worker> = (0..3)
        .map(|seed| Worker::start(&store, &seed.to_string()))
        .collect();
    for kill in 0..kills() {
        let victim = dice.roll(3) as usize;
        workers[victim].expect("ready");
        let until = Instant::now() + Duration::from_micros(dice.roll(3000));
        while Instant::now() < until {
            act(&mut dice, &mut desk, &mut out);
        }
        let next = Worker::start(&store, &(kill + 10).to_string());
        std::mem::replace(&mut workers[victim], next).kill();
        store.process_exited().unwrap();
        progress.store(kill + 1, Ordering::Relaxed);
        if kill % 50 == 0 {
            store.validate().unwrap();
        }
    }
    drop(workers);
    store.process_exited().unwrap();
    store.validate().unwrap();
    for (index, bytes) in treasure.iter().enumerate() {
        let tag = kept
            .get(
                key(&format!("kept {index}")),
                monotonic_ms(),
                &GetOptions::default(),
                &mut out,
            )
            .unwrap();
        assert_eq!((tag, &out), (Some(3), bytes));
    }
    let usage = store.usage().unwrap();
    assert_eq!(usage.recoveries, 0, "a namespace had to be cleared");
    println!("{} locks were left by the dead, and repaired", usage.repairs);
    drop((desk.readers, desk.counters));
    for cache in desk.caches.iter().chain([&kept, &desk.counted, &desk.known]) {
        cache.destroy().unwrap();
    }
    store.validate().unwrap();
}

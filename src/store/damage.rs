//! What happens to a namespace whose memory was damaged, and when the system has no memory to give.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::{
    Cache, Claim, ClaimOptions, GetOptions, HasOptions, Key, Options, SegmentOptions, SetOptions, Store,
    Value,
};
use crate::error::Code;
use crate::shm::failpoint;
use crate::shm::layout::{Entry, Flight as FlightBlock};
use crate::shm::lock::{self, Locked};
use crate::store::ground::held::Held;
use crate::sys::memory::refusal::while_refused;
use crate::sys::process::in_forked_child;

const NOW: f64 = 1000.0;

fn key(text: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: text.as_bytes(),
    }
}

fn put(cache: &Cache, name: &str, len: usize) -> crate::error::Result<bool> {
    cache.set(
        key(name),
        Value {
            tag: 3,
            bytes: &vec![9; len],
        },
        NOW,
        &SetOptions::default(),
    )
}

fn open(store: &Arc<Store>, name: &str) -> Cache {
    store
        .open(
            name,
            &Options {
                max: 10_000,
                ..Options::default()
            },
        )
        .unwrap()
}

fn segment() -> Arc<Store> {
    Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap()
}

fn fill(cache: &Cache) {
    for index in 0..200 {
        put(cache, &index.to_string(), index * 3).unwrap();
    }
}

/// Every word of a namespace's header, overwritten in turn with nonsense, ends in an answer or in that namespace
/// being cleared; never in a crash, a hang, or harm to another.
#[test]
fn nonsense_in_any_word_of_a_namespace_harms_no_other() {
    let store = segment();
    let bystander = open(&store, "bystander");
    fill(&bystander);
    let lock_words = 64 / 4;
    let journal = std::mem::offset_of!(crate::shm::layout::Namespace, journal) / 4;
    for word in lock_words..journal {
        for nonsense in [u32::MAX, 0x7fff_fff0, 0] {
            let victim = open(&store, "victim");
            fill(&victim);
            let at = store.segment().geometry().namespace(1).unwrap();
            store
                .segment()
                .region()
                .copy_in(
                    crate::shm::region::Offset(at.0 + word as u64 * 4),
                    &nonsense.to_le_bytes(),
                )
                .unwrap();
            let mut out = Vec::new();
            for name in ["5", "150", "199", "none"] {
                let _ = victim.get(key(name), NOW, &GetOptions::default(), &mut out);
                let _ = put(&victim, name, 400);
                let _ = victim.delete(key(name), NOW);
            }
            let _ = victim.clear();
            let _ = victim.stats();
            victim.destroy().unwrap();
            assert_eq!(bystander.size(NOW).unwrap(), 200);
        }
    }
    for index in 0..200usize {
        let mut out = Vec::new();
        bystander
            .get(key(&index.to_string()), NOW, &GetOptions::default(), &mut out)
            .unwrap();
        assert_eq!(out.len(), index * 3);
    }
}

/// Nonsense in a lock, of which some the C library ends a process for, costs that namespace what was in it, and no more.
/// A number of a thread that exists is no nonsense: it names the holder.
#[test]
fn nonsense_in_a_lock_is_seen_before_the_lock_is_taken() {
    let words = 40 / 4;
    let all = (0..words).flat_map(|word| [u32::MAX, 0x7fff_fff0, 3, 1].map(|bits| (word, bits)));
    for (word, nonsense) in all.filter(|(word, bits)| *word != 0 || *bits > 3) {
        let store = segment();
        let (bystander, victim) = (open(&store, "bystander"), open(&store, "victim"));
        fill(&bystander);
        fill(&victim);
        store.wait_at_most(10);
        let at = store.segment().geometry().namespace(1).unwrap();
        let place = crate::shm::region::Offset(at.0 + word * 4);
        let region = store.segment().region();
        region.copy_in(place, &nonsense.to_le_bytes()).unwrap();
        let status = in_forked_child(|| {
            assert!(put(&victim, "new", 50).unwrap());
            assert!(victim.has(key("new"), NOW, &HasOptions::default()).unwrap());
            assert_eq!(bystander.size(NOW).unwrap(), 200);
        });
        assert_eq!(status.unwrap(), 0, "word {word}, {nonsense:x}");
        assert!(put(&victim, "newer", 50).unwrap());
        assert_eq!(bystander.size(NOW).unwrap(), 200);
    }
}

/// A lock that somebody let go unrepaired can never be had again: the namespace begins anew, is counted, and every
/// handle finds it.
#[test]
fn a_namespace_whose_lock_is_lost_begins_anew() {
    let store = segment();
    let (bystander, victim) = (open(&store, "bystander"), open(&store, "victim"));
    let other_handle = open(&store, "victim");
    fill(&bystander);
    fill(&victim);
    in_forked_child(|| {
        let _held: Held = store.hold(1, Duration::from_secs(5)).unwrap();
        std::mem::forget(_held);
    })
    .unwrap();
    let Ok(Locked::OwnerDied(dead)) = lock::try_lock(&store.segment().namespace(1).unwrap().lock) else {
        panic!("nobody died with the lock");
    };
    drop(dead);
    assert_eq!(victim.size(NOW).unwrap(), 0);
    assert!(put(&victim, "new", 50).unwrap());
    assert!(other_handle.has(key("new"), NOW, &HasOptions::default()).unwrap());
    assert!(!other_handle.has(key("5"), NOW, &HasOptions::default()).unwrap());
    assert_eq!(store.usage().unwrap().recoveries, 1);
    assert_eq!(bystander.size(NOW).unwrap(), 200);
    let mut names = store.namespaces().unwrap();
    names.sort_unstable();
    assert_eq!(names, ["bystander", "victim"]);
    assert!(store.destroy("victim").unwrap());
    store.validate().unwrap();
}

/// What a leader left for its followers says how long it is; a length that nothing can have is not believed.
#[test]
fn a_wild_length_of_an_outcome_ends_in_an_answer() {
    let store = segment();
    let cache = open(&store, "flown");
    let claim = || cache.claim(key("a"), NOW, &ClaimOptions::default(), &mut Vec::new());
    let Ok(Claim::Leader(leader)) = claim() else {
        panic!("nobody led before")
    };
    let Ok(Claim::Follower(follower)) = claim() else {
        panic!("somebody leads already")
    };
    cache.fail(&leader, b"why", NOW).unwrap();
    let ns = store.segment().namespace(cache.place().slot).unwrap();
    let block: &FlightBlock = store.segment().block(ns.flight_head.get()).unwrap();
    block.outcome.put(u64::MAX);
    let (tell, told) = channel();
    let done = move |outcome| tell.send(outcome).unwrap();
    cache.follow(&follower, Box::new(done)).unwrap();
    assert!(told.recv_timeout(Duration::from_secs(20)).is_ok());
    assert!(put(&cache, "b", 50).unwrap());
}

/// Wild numbers in what holds a long value together end in an answer or in that namespace being cleared; and what is
/// given back afterwards is given out once only.
#[test]
fn nonsense_in_the_runs_of_a_value_harms_no_other() {
    let store = segment();
    let bystander = open(&store, "bystander");
    for index in 0..5 {
        put(&bystander, &index.to_string(), 50_000).unwrap();
    }
    let offsets = [0, 4, 8, 124];
    for (at, nonsense) in
        (0..12).flat_map(|at| [u32::MAX, 0x7fff_fff0, 5000, 1000, 2, 1, 0].map(|word| (at, word)))
    {
        let victim = open(&store, "victim");
        put(&victim, "before", 30_000).unwrap();
        put(&victim, "long", 100_000).unwrap();
        put(&victim, "short", 30).unwrap();
        let ns = store.segment().namespace(1).unwrap();
        let entry: &Entry = store.segment().block(ns.head.get()).unwrap();
        let long = entry.after.get();
        let run = store.segment().link(long).unwrap().get();
        // The entry's own words that matter for its runs, then those of its run's first block.
        let (block, offset) = match at {
            0..=3 => (run, offsets[at]),
            4 => (long, 0),
            5 => (long, 16),
            6 => (long, 120),
            7 => (long, 28),
            _ => (run + at as u32, offsets[at % 4]),
        };
        let place = store.segment().geometry().block(block).unwrap().0 + offset;
        let region = store.segment().region();
        region
            .copy_in(crate::shm::region::Offset(place), &nonsense.to_le_bytes())
            .unwrap();
        let mut out = Vec::new();
        let _ = victim.get(key("long"), NOW, &GetOptions::default(), &mut out);
        let _ = put(&victim, "long", 40_000);
        let _ = victim.delete(key("long"), NOW);
        let _ = put(&victim, "other", 120_000);
        let _ = victim.clear();
        victim.destroy().unwrap();
        for index in 0..5 {
            let name = index.to_string();
            bystander
                .get(key(&name), NOW, &GetOptions::default(), &mut out)
                .unwrap();
            assert!(
                out.len() == 50_000 && out.iter().all(|byte| *byte == 9),
                "{at} {nonsense:x}"
            );
        }
    }
    let fresh = open(&store, "fresh");
    for index in 0..30 {
        put(&fresh, &index.to_string(), 90_000).unwrap();
    }
    assert_eq!(bystander.size(NOW).unwrap(), 5);
}

/// A free run that says nonsense of itself costs what the free memory held, and nothing else.
#[test]
fn nonsense_in_a_free_run_loses_free_memory_alone() {
    for nonsense in [u32::MAX, 0, 1, 3, 70_000] {
        for offset in [0, 4, 8] {
            let store = segment();
            let cache = open(&store, "cache");
            put(&cache, "kept", 50_000).unwrap();
            put(&cache, "gone", 100_000).unwrap();
            put(&cache, "kept, too", 50_000).unwrap();
            cache.delete(key("gone"), NOW).unwrap();
            let pool = store.segment().pool();
            let start = pool.runs[pool.run_classes.get().ilog2() as usize].get();
            let place = store.segment().geometry().block(start).unwrap().0 + offset;
            let region = store.segment().region();
            region
                .copy_in(crate::shm::region::Offset(place), &u32::to_le_bytes(nonsense))
                .unwrap();
            for len in [60_000, 100_000, 30, 200_000] {
                let _ = put(&cache, &len.to_string(), len);
            }
            let _ = cache.clear();
            let other = open(&store, "other");
            for index in 0..40 {
                put(&other, &index.to_string(), 50_000).unwrap();
            }
            let mut out = Vec::new();
            for index in 0..40 {
                let found = other.get(key(&index.to_string()), NOW, &GetOptions::default(), &mut out);
                assert_eq!((found.unwrap(), out.len()), (Some(3), 50_000));
            }
        }
    }
}

/// A journal that no transaction wrote is not believed: the namespace is cleared, counted, and no block is lost.
#[test]
fn a_damaged_journal_under_a_dead_owner_clears_that_namespace_alone() {
    let store = segment();
    let bystander = open(&store, "bystander");
    fill(&bystander);
    let victim = open(&store, "victim");
    fill(&victim);
    let status = in_forked_child(|| {
        // Somewhere inside of the applying half of a transaction.
        failpoint::arm(60);
        put(&victim, "new", 28).unwrap();
    })
    .unwrap();
    assert_ne!(status, 0);
    let ns = store.segment().namespace(1).unwrap();
    let at = store.segment().region().offset_of(&ns.journal).0;
    let odd = ns.journal.sequence() | 1;
    store
        .segment()
        .region()
        .copy_in(crate::shm::region::Offset(at), &odd.to_le_bytes())
        .unwrap();
    store
        .segment()
        .region()
        .copy_in(crate::shm::region::Offset(at + 8), &u32::MAX.to_le_bytes())
        .unwrap();
    assert_eq!(victim.size(NOW).unwrap(), 0);
    assert_eq!(store.usage().unwrap().recoveries, 1);
    store.validate().unwrap();
    assert_eq!(bystander.size(NOW).unwrap(), 200);
    fill(&victim);
    store.validate().unwrap();
}

#[test]
fn a_system_without_memory_ends_in_eviction_and_at_last_in_a_clean_error() {
    let store = segment();
    let cache = open(&store, "rich");
    for index in 0..100 {
        put(&cache, &index.to_string(), 10_000).unwrap();
    }
    let poor = open(&store, "poor");
    while_refused(|| {
        // The namespace makes room by itself...
        for index in 0..100 {
            assert!(put(&cache, &format!("more {index}"), 10_000).unwrap());
        }
        assert!(cache.stats().unwrap().evictions > 0);
        assert!(cache.usage().unwrap().memory_evictions > 0);
        // ... one with nothing takes from the largest ...
        assert!(put(&poor, "a", 300_000).unwrap());
        // ... and what cannot be had by evicting everything is refused.
        let error = put(&poor, "b", 2_000_000).unwrap_err();
        assert_eq!(error.code, Code::OutOfMemory);
    });
    store.validate().unwrap();
    assert!(put(&poor, "b", 2_000_000).unwrap());
    store.validate().unwrap();
}

#[test]
fn a_namespace_that_the_system_has_no_memory_for_is_refused() {
    let store = segment();
    let error = while_refused(|| {
        store
            .open(
                "new",
                &Options {
                    max: 1,
                    ..Options::default()
                },
            )
            .unwrap_err()
    });
    assert_eq!(error.code, Code::OutOfMemory);
    open(&store, "new");
    store.validate().unwrap();
}

//! What happens to a namespace whose memory was damaged, and when the system has no memory to give.

use std::sync::Arc;

use super::{Cache, GetOptions, Key, Options, SegmentOptions, SetOptions, Store, Value};
use crate::error::Code;
use crate::shm::failpoint;
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

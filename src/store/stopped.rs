//! What others can do while one process keeps a lock: here a thread stands for a process that was stopped.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::flights::watcher::refusal::REFUSED;
use super::*;
use crate::error::{Code, Error};
use crate::store::ground::held::Held;

const NOW: f64 = 1000.0;

fn key(name: &str) -> Key<'_> {
    Key {
        tag: 1,
        bytes: name.as_bytes(),
    }
}

fn value(text: &str) -> Value<'_> {
    Value {
        tag: 3,
        bytes: text.as_bytes(),
    }
}

fn store() -> Arc<Store> {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    store.wait_at_most(20);
    store
}

fn cache(store: &Arc<Store>, name: &str) -> Cache {
    let options = Options {
        max: 3,
        ..Options::default()
    };
    store.open(name, &options).unwrap()
}

fn set(cache: &Cache, name: &str) -> Result<bool, Error> {
    cache.set(key(name), value(name), NOW, &SetOptions::default())
}

fn get(cache: &Cache, name: &str) -> Result<Option<String>, Error> {
    let mut out = Vec::new();
    let found = cache.get(key(name), NOW, &GetOptions::default(), &mut out)?;
    Ok(found.map(|_| String::from_utf8(out).unwrap()))
}

/// Runs `body` while another thread has a lock.
fn while_held<G>(take: impl FnOnce() -> G + Send, body: impl FnOnce()) {
    let (tell_taken, taken) = channel();
    let (tell_done, done) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let guard = take();
            tell_taken.send(()).unwrap();
            let _ = done.recv();
            drop(guard);
        });
        taken.recv().unwrap();
        body();
        drop(tell_done);
    });
}

fn while_locked(store: &Arc<Store>, cache: &Cache, body: impl FnOnce()) {
    let slot = cache.place().slot;
    while_held(|| store.hold::<Held>(slot, Duration::from_secs(5)).unwrap(), body);
}

fn refused<R: std::fmt::Debug>(answer: Result<R, Error>) {
    let error = answer.unwrap_err();
    assert_eq!(error.code, Code::LockHeld);
    let pid = std::process::id().to_string();
    assert!(error.message.contains(&pid), "{}", error.message);
}

#[test]
fn reads_answer_and_changes_are_refused_in_time() {
    let store = store();
    let cache = cache(&store, "locked");
    for name in ["a", "b", "c"] {
        set(&cache, name).unwrap();
    }
    while_locked(&store, &cache, || {
        assert_eq!(get(&cache, "a").unwrap().as_deref(), Some("a"));
        assert_eq!(get(&cache, "missing").unwrap(), None);
        assert!(cache.has(key("b"), NOW, &HasOptions::default()).unwrap());
        let begun = Instant::now();
        refused(set(&cache, "d"));
        refused(cache.delete(key("a"), NOW));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    });
    // What was read meanwhile counts as read: the least recent is another.
    set(&cache, "d").unwrap();
    assert_eq!(get(&cache, "a").unwrap().as_deref(), Some("a"));
    assert_eq!(get(&cache, "b").unwrap(), None);
    assert_eq!(cache.stats().unwrap().hits, 2);
    store.validate().unwrap();
}

#[test]
fn long_values_and_those_of_a_cache_that_purges_itself_are_read() {
    let store = store();
    let options = Options {
        ttl: 50_000.0,
        ttl_autopurge: true,
        ..Options::default()
    };
    let cache = store.open("purging", &options).unwrap();
    let long = "x".repeat(100_000);
    cache
        .set(key("long"), value(&long), NOW, &SetOptions::default())
        .unwrap();
    while_locked(&store, &cache, || {
        assert_eq!(get(&cache, "long").unwrap().as_deref(), Some(&*long));
    });
}

#[test]
fn a_holder_that_was_waited_for_in_vain_is_not_waited_for_again() {
    let store = store();
    let cache = cache(&store, "locked");
    while_locked(&store, &cache, || {
        refused(set(&cache, "a"));
        store.wait_at_most(60_000);
        for _ in 0..100 {
            refused(set(&cache, "a"));
        }
        store.wait_at_most(20);
    });
    assert!(set(&cache, "a").unwrap());
}

#[test]
fn other_namespaces_go_on() {
    let store = store();
    let locked = cache(&store, "locked");
    while_locked(&store, &locked, || {
        let other = cache(&store, "other");
        set(&other, "a").unwrap();
        assert_eq!(get(&other, "a").unwrap().as_deref(), Some("a"));
        // It can be joined and listed, as both only need what it was made with.
        let joined = cache(&store, "locked");
        assert_eq!(get(&joined, "a").unwrap(), None);
        let mut names = store.namespaces().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["locked", "other"]);
        refused(store.destroy("locked"));
        assert!(store.destroy("other").unwrap());
    });
    assert!(store.destroy("locked").unwrap());
    store.validate().unwrap();
}

#[test]
fn a_full_cache_takes_memory_from_those_that_are_not_locked() {
    let store = store();
    let (locked, other) = (
        store.open("locked", &wide()).unwrap(),
        store.open("other", &wide()).unwrap(),
    );
    let fill = |cache: &Cache| {
        let text = "x".repeat(1000);
        for index in 0..1500 {
            cache
                .set(key(&index.to_string()), value(&text), NOW, &SetOptions::default())
                .unwrap();
        }
    };
    fill(&locked);
    fill(&other);
    let asking = store.open("asking", &wide()).unwrap();
    while_locked(&store, &locked, || fill(&asking));
    store.validate().unwrap();
}

fn wide() -> Options {
    Options {
        max: 100_000,
        ..Options::default()
    }
}

#[test]
fn whoever_keeps_the_pool_keeps_nobody_waiting() {
    let store = store();
    let cache = cache(&store, "kept");
    set(&cache, "a").unwrap();
    let text = "x".repeat(50_000);
    while_held(
        || store.segment().lock_pool().unwrap(),
        || {
            refused(cache.set(key("long"), value(&text), NOW, &SetOptions::default()));
            assert_eq!(get(&cache, "a").unwrap().as_deref(), Some("a"));
            assert!(set(&cache, "b").unwrap());
            assert!(cache.delete(key("b"), NOW).unwrap());
        },
    );
    assert!(
        cache
            .set(key("long"), value(&text), NOW, &SetOptions::default())
            .unwrap()
    );
    store.validate().unwrap();
}

#[test]
fn who_follows_without_a_thread_is_told_to_claim_again() {
    let store = store();
    let cache = cache(&store, "followed");
    REFUSED.set(true);
    let claim = || cache.claim(key("a"), NOW, &ClaimOptions::default(), &mut Vec::new());
    let Ok(Claim::Leader(_)) = claim() else {
        panic!("nobody led before")
    };
    let follow = || {
        let Ok(Claim::Follower(flight)) = claim() else {
            panic!("somebody leads already")
        };
        let (tell, told) = channel();
        let done = move |outcome| tell.send(outcome).unwrap();
        cache.follow(&flight, Box::new(done)).unwrap();
        told
    };
    assert!(matches!(follow().recv(), Ok(Outcome::Lost)));
    // The thread is started when the system gives one again.
    REFUSED.set(false);
    let told = follow();
    cache.destroy().unwrap();
    assert!(matches!(
        told.recv_timeout(Duration::from_secs(20)),
        Ok(Outcome::Lost)
    ));
}

#[test]
fn what_a_dead_process_led_is_freed_when_the_lock_is_to_be_had() {
    let store = store();
    let cache = cache(&store, "led");
    let status = crate::sys::process::in_forked_child(|| {
        let claim = cache.claim(key("a"), NOW, &ClaimOptions::default(), &mut Vec::new());
        assert!(matches!(claim, Ok(Claim::Leader(_))));
        crate::sys::process::die();
    })
    .unwrap();
    assert_ne!(status, 0);
    while_locked(&store, &cache, || {
        let begun = Instant::now();
        assert!(!store.process_exited().unwrap());
        store.process_exited_for_sure().unwrap();
        assert!(begun.elapsed() < Duration::from_millis(500));
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while store
        .segment()
        .namespace(cache.place().slot)
        .unwrap()
        .flight_count
        .get()
        > 0
    {
        assert!(Instant::now() < deadline, "the thread did not free it");
        std::thread::yield_now();
    }
}

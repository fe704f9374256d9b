//! A handle on one namespace: what bindings hold for each cache object.
//!
//! A handle remembers its name and the options it was made with, so that it can make the namespace again after
//! someone destroyed it. It may be used from every thread; nothing in it is locked while an operation runs.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::shm::layout::{BLOCK, MAX_NAMESPACES};
use crate::store::entries::expiry::{Due, Search};
use crate::store::entries::far::Far;
use crate::store::entries::glance::Looker;
use crate::store::entries::unheld::Unmoved;
use crate::store::entries::walk::Walk;
use crate::store::facade::Whole;
use crate::store::facade::store::Store;
use crate::store::ground::directory::Place;
use crate::store::ground::extras::{MAX_TAGS, check_tag};
use crate::store::ground::options::{
    GetOptions, HasOptions, LeftOut, Options, PeekOptions, SetOptions, check_ttl,
};
use crate::store::ground::refusals::{busy, unrecoverable};
use crate::store::ground::slice::Slice;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{
    Info, Key, LoadEntry, MAX_KEY_BYTES, Snapshot, SnapshotOptions, Stats, Usage, Value,
};
use crate::store::table::entry::Sought;
use crate::store::table::marks::Memo;

/// How often an operation is begun again before it gives up: others may take the memory that was freed for it.
const ROUNDS: u32 = 1000;

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    name: String,
    /// What the namespace had when it was last joined or made, and so what it is made with again.
    declared: Mutex<Options>,
    left_out: LeftOut,
    /// Slot and generation, packed, so that they change together.
    place: AtomicU64,
    /// The thread that this process has waited for in vain.
    stuck: AtomicU32,
    /// Entries that were read without the lock, so that their recency is still to be moved.
    unmoved: Unmoved,
}

#[derive(Clone, Debug)]
pub struct Cache {
    shared: Arc<Shared>,
}

impl Cache {
    pub(in crate::store) fn new(
        store: Arc<Store>,
        name: &str,
        declared: Options,
        left_out: LeftOut,
        place: Place,
    ) -> Self {
        let place = AtomicU64::new(pack(place));
        Self {
            shared: Arc::new(Shared {
                store,
                name: name.to_string(),
                declared: Mutex::new(declared),
                left_out,
                place,
                stuck: AtomicU32::new(0),
                unmoved: Unmoved::default(),
            }),
        }
    }

    /// For `now`: the store reads its clock (monotonic milliseconds) itself, and only where a TTL makes it matter.
    pub const NOW: f64 = f64::NAN;

    pub fn name(&self) -> &str {
        &self.shared.name
    }

    pub fn declared(&self) -> Options {
        self.lock_declared().clone()
    }

    fn lock_declared(&self) -> MutexGuard<'_, Options> {
        self.shared.declared.lock()
    }

    pub(in crate::store) fn unmoved(&self) -> &Unmoved {
        &self.shared.unmoved
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// Runs an operation with the namespace's lock held, making the namespace again if it was destroyed, and finding
    /// memory elsewhere if it has none left to give.
    #[inline(always)]
    pub(in crate::store) fn with<R>(&self, mut operation: impl FnMut(&mut Whole) -> Step<R>) -> Result<R> {
        let store = &*self.shared.store;
        let mut condemned = false;
        for _ in 0..ROUNDS {
            let place = self.place();
            let mut held = match self.hold(place) {
                Ok(held) => held,
                Err(error) => {
                    self.find_again(place, error, &mut condemned)?;
                    continue;
                }
            };
            if held.ns.generation.get() != place.generation {
                drop(held);
                self.reopen()?;
                continue;
            }
            match held.catch_up().and_then(|front| {
                self.shared.unmoved.move_in(&mut held)?;
                let answer = operation(&mut held);
                held.show_front(front);
                answer
            }) {
                Ok(answer) => {
                    let wakes = held.wakes;
                    drop(held);
                    if wakes != 0 {
                        store.wake(wakes);
                    }
                    return Ok(answer);
                }
                Err(stop) => self.see_to(stop, held, &mut condemned)?,
            }
        }
        Err(Error::new(
            Code::OutOfMemory,
            "other namespaces took all memory that was freed; raise `memory`",
        ))
    }

    /// The same for operations that are not asked for often: their code is small.
    pub(in crate::store) fn with_rarely<R>(
        &self,
        mut operation: impl FnMut(&mut Whole) -> Step<R>,
    ) -> Result<R> {
        let mut answer = None;
        self.with_any(&mut |held| {
            answer = Some(operation(held)?);
            Ok(())
        })?;
        answer.ok_or_else(unrecoverable)
    }

    /// The same for one slice of many: who waits for the lock has it before the next.
    fn with_slice<R>(&self, mut operation: impl FnMut(&mut Whole) -> Step<R>) -> Result<R> {
        let (answer, lock, claim) = self.with_rarely(|held| {
            let answer = operation(held)?;
            Ok((answer, &held.ns.lock, held.ns.lock.claim()))
        })?;
        lock.give_way(claim);
        self.shared.store.will_reap(self.place().slot);
        Ok(answer)
    }

    #[inline(never)]
    pub(in crate::store) fn with_any(&self, operation: &mut dyn FnMut(&mut Whole) -> Step<()>) -> Result<()> {
        self.with(operation)
    }

    /// Does what lets a stopped operation be begun again.
    #[cold]
    #[inline(never)]
    fn see_to(&self, stop: Stop, mut held: Whole, condemned: &mut bool) -> Result<()> {
        match stop {
            Stop::Refused(error) => Err(error),
            Stop::Busy(holder) => Err(busy(holder)),
            Stop::NoRoom(blocks) => {
                let slot = held.slot;
                drop(held);
                self.shared.store.make_room(blocks, slot)
            }
            Stop::Damaged if !*condemned => {
                *condemned = true;
                held.condemn()
            }
            Stop::Damaged => Err(unrecoverable()),
        }
    }

    /// Takes the namespace's lock.
    #[inline(always)]
    fn hold(&self, place: Place) -> Result<Whole<'_>> {
        if self.shared.stuck.load(Ordering::Relaxed) != 0 {
            return self.hold_after_trouble(place);
        }
        let store = &*self.shared.store;
        store.hold(place.slot, store.segment().patience())
    }

    /// What this process waited for in vain it does not wait for again, until another thread has the lock.
    #[cold]
    #[inline(never)]
    fn hold_after_trouble(&self, place: Place) -> Result<Whole<'_>> {
        let store = &*self.shared.store;
        let stuck = self.shared.stuck.swap(0, Ordering::Relaxed);
        let patience = if self.holder(place) == stuck {
            Duration::ZERO
        } else {
            store.segment().patience()
        };
        store.hold(place.slot, patience)
    }

    /// The lock was not to be had. It may be lost, and then the namespace is made anew; or it may be that of one which is
    /// none any more, and whose lock nobody lets go.
    #[cold]
    #[inline(never)]
    fn find_again(&self, place: Place, error: Error, condemned: &mut bool) -> Result<()> {
        if error.code == Code::SegmentDamaged && !*condemned {
            *condemned = true;
            self.shared.store.listing()?.abandon(place)?;
        } else if error.code != Code::LockHeld || !self.is_gone(place) {
            self.shared.stuck.store(self.holder(place), Ordering::Relaxed);
            return Err(error);
        }
        self.reopen()
    }

    /// Whether the namespace was destroyed or given up.
    fn is_gone(&self, place: Place) -> bool {
        let ns = self.shared.store.segment().namespace(place.slot);
        ns.is_none_or(|ns| ns.generation.get() != place.generation)
    }

    /// The thread that has the namespace's lock.
    fn holder(&self, place: Place) -> u32 {
        let ns = self.shared.store.segment().namespace(place.slot);
        ns.map_or(0, |ns| ns.lock.holder())
    }

    #[inline(always)]
    pub(in crate::store) fn place(&self) -> Place {
        unpack(self.shared.place.load(Ordering::Acquire))
    }

    #[cold]
    fn reopen(&self) -> Result<()> {
        let shared = &*self.shared;
        let declared = self.declared();
        let (place, declared) = shared
            .store
            .listing()?
            .open(&shared.name, &declared, shared.left_out)?;
        *self.lock_declared() = declared;
        shared.place.store(pack(place), Ordering::Release);
        Ok(())
    }

    #[inline(always)]
    pub(in crate::store) fn looker(&self) -> Looker<'_> {
        Looker {
            ground: &self.shared.store,
            place: self.place(),
        }
    }

    #[inline(always)]
    pub(in crate::store) fn sought<'k>(&self, key: Key<'k>) -> Result<Sought<'k>> {
        if key.bytes.len() > MAX_KEY_BYTES {
            return Err(too_long(key.bytes.len()));
        }
        Ok(Sought {
            key,
            hash: self.shared.store.key_hash(&key),
        })
    }

    #[inline]
    pub fn get(&self, key: Key, now: f64, options: &GetOptions, out: &mut Vec<u8>) -> Result<Option<u8>> {
        self.get_noting(key, now, options, out, &mut Memo::default())
    }

    /// The same, with what the caller needs to keep a copy of the value.
    #[inline]
    pub fn get_noting(
        &self,
        key: Key,
        now: f64,
        options: &GetOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
    ) -> Result<Option<u8>> {
        let mut far = Far::default();
        let got = self.get_or_see(key, now, options, out, memo, &mut far)?;
        match got {
            Some(tag) if far.is_some() => self.read_far(key, tag, &far, out),
            _ => Ok(got),
        }
    }

    /// The same, but that a long value is only seen: `far` says where, and the caller copies it.
    #[inline]
    pub fn get_or_see(
        &self,
        key: Key,
        now: f64,
        options: &GetOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
        far: &mut Far,
    ) -> Result<Option<u8>> {
        let sought = self.sought(key)?;
        if let Some(tag) = self.looker().glance_get(&sought, now, options, out, memo, far) {
            return Ok(Some(tag));
        }
        *far = Far::default();
        let stripe = self.shared.store.stripe();
        let got = self.with(|held| {
            let now = held.tidy(now)?;
            let got = held.get(&sought, now, options, out, memo, Some(&mut *far))?;
            held.count_lookup(stripe, got.is_some());
            Ok(got)
        });
        got.or_else(|error| self.get_unheld(error, &sought, now, options, out, far))
    }

    pub fn peek(&self, key: Key, now: f64, options: &PeekOptions, out: &mut Vec<u8>) -> Result<Option<u8>> {
        let sought = self.sought(key)?;
        if let Some(got) = self.looker().glance_peek(&sought, now, options, out) {
            return Ok(got);
        }
        self.with(|held| {
            let now = held.tidy(now)?;
            held.peek(&sought, now, options, out)
        })
    }

    pub fn has(&self, key: Key, now: f64, options: &HasOptions) -> Result<bool> {
        let sought = self.sought(key)?;
        if let Some(got) = self.looker().glance_has(&sought, now, options) {
            return Ok(got);
        }
        self.with(|held| {
            let now = held.tidy(now)?;
            held.has(&sought, now, options)
        })
        .or_else(|error| self.has_unheld(error, &sought, now, options))
    }

    /// What is known of an entry, stale or not; its value in `out`.
    pub fn info(&self, key: Key, now: f64, out: &mut Vec<u8>) -> Result<Option<Info>> {
        let sought = self.sought(key)?;
        self.with_rarely(|held| {
            let now = held.tidy(now)?;
            held.info(&sought, now, out)
        })
    }

    /// False when the entry is larger than any may be: it was not stored, and an old one is gone.
    #[inline]
    pub fn set(&self, key: Key, value: Value, now: f64, options: &SetOptions) -> Result<bool> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            held.set(&sought, value, now, options)
        })
    }

    /// False when the key is there and not stale, or the entry is larger than any may be.
    pub fn set_if_absent(&self, key: Key, value: Value, now: f64, options: &SetOptions) -> Result<bool> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            held.set_if_absent(&sought, value, now, options)
        })
    }

    /// Adds to a number, from zero if there is none; a TTL counts on the first write only.
    pub fn incr(&self, key: Key, amount: f64, now: f64, options: &SetOptions) -> Result<f64> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            held.incr(&sought, amount, now, options).map(|(sum, _)| sum)
        })
    }

    /// Begins an entry's lifetime again, with another TTL where one is given. False where nothing lives.
    pub fn touch(&self, key: Key, now: f64, ttl: Option<f64>) -> Result<bool> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            held.extend(&sought, now, ttl)
        })
    }

    pub fn delete(&self, key: Key, now: f64) -> Result<bool> {
        let sought = self.sought(key)?;
        self.with(|held| {
            held.tidy(now)?;
            held.delete(&sought)
        })
    }

    /// Makes every entry that bears one of the tags gone, however many there are.
    pub fn invalidate_tags(&self, tags: &[String]) -> Result<()> {
        tags.iter().try_for_each(|tag| check_tag(tag))?;
        for some in tags.chunks(MAX_TAGS) {
            self.with_rarely(|held| {
                some.iter().try_for_each(|tag| held.invalidate_tag(tag))?;
                held.trim()?;
                held.leaders_hear(some);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Removes every entry, in one step. What is left to take apart `Store::reap` does.
    pub fn clear(&self) -> Result<()> {
        let slot = self.with_rarely(|held| {
            held.clear()?;
            Ok(held.slot)
        })?;
        self.shared.store.will_reap(slot);
        Ok(())
    }

    /// Removes every entry that is stale and not kept. True if there was one.
    pub fn purge_stale(&self, now: f64) -> Result<bool> {
        let (mut from, mut any) = (Some(0), false);
        while let Some(bucket) = from {
            let (next, removed) = self.purge_from(now, bucket)?;
            (from, any) = (next, any || removed > 0);
        }
        Ok(any)
    }

    /// Goes on with that from a bucket, for a slice: the next bucket, and how many entries were removed.
    pub fn purge_from(&self, now: f64, bucket: u32) -> Result<(Option<u32>, u32)> {
        self.with_slice(|held| {
            let mut search = Search::from(bucket);
            let now = held.time(now);
            let ended = held.search(now, &mut search, &mut Slice::begin())?;
            if ended {
                held.shrink()?;
            }
            Ok(((!ended).then_some(search.bucket), search.removed))
        })
    }

    /// Does what is to be done now for a namespace that purges by itself; nothing for one in which nothing expires.
    pub fn purge_in_turn(&self, now: f64) -> Result<Option<Due>> {
        self.with_slice(|held| held.purge_in_turn(now))
    }

    pub fn remaining_ttl(&self, key: Key, now: f64) -> Result<f64> {
        let sought = self.sought(key)?;
        self.with_rarely(|held| {
            let now = held.tidy(now)?;
            held.remaining_ttl(&sought, now)
        })
    }

    pub fn size(&self, now: f64) -> Result<u64> {
        self.with_rarely(|held| {
            held.tidy(now)?;
            Ok(u64::from(held.ns.count.get()))
        })
    }

    pub fn calculated_size(&self) -> Result<u64> {
        self.with_rarely(|held| Ok(held.ns.calculated_size.get()))
    }

    /// Removes the least recent entry and gives its value.
    pub fn pop(&self, now: f64, out: &mut Vec<u8>) -> Result<Option<u8>> {
        self.with_rarely(|held| {
            held.tidy(now)?;
            held.pop(out)
        })
    }

    pub fn snapshot(&self, now: f64, want: &SnapshotOptions) -> Result<Snapshot> {
        let mut walk = Walk::begin(now, *want);
        while !self.walk(&mut walk)? {}
        Ok(walk.into_gathered())
    }

    /// Copies more of what is there, for a slice. True when all was copied.
    pub fn walk(&self, walk: &mut Walk) -> Result<bool> {
        walk.make_room();
        self.with_slice(|held| {
            held.tidy(walk.now())?;
            held.walk(walk)
        })
    }

    /// Clears, then sets each in turn. What cannot be stored is refused before anything is cleared.
    pub fn load(&self, now: f64, entries: &[LoadEntry]) -> Result<()> {
        self.check_loadable(entries)?;
        self.clear()?;
        self.load_more(now, entries)
    }

    /// Refuses what `load` would.
    pub fn check_loadable(&self, entries: &[LoadEntry]) -> Result<()> {
        entries
            .iter()
            .try_for_each(|entry| self.sought(entry.key).map(drop))?;
        self.with_rarely(|held| entries.iter().try_for_each(|entry| held.check_loadable(entry)))
    }

    /// Stores entries that were looked at before.
    pub fn load_more(&self, now: f64, entries: &[LoadEntry]) -> Result<()> {
        for entry in entries {
            let sought = self.sought(entry.key)?;
            self.with_rarely(|held| held.set(&sought, entry.value, now, &entry.options))?;
        }
        Ok(())
    }

    pub fn max(&self) -> Result<u64> {
        self.with_rarely(|held| Ok(held.ns.limits.max.get()))
    }

    /// Entries beyond the new limit go, the least recent first; all others keep their TTL.
    pub fn set_max(&self, max: u64, now: f64) -> Result<()> {
        while !self.lower_max(max, now)? {}
        Ok(())
    }

    /// Goes on with that for a slice. True when the limit has changed.
    pub fn lower_max(&self, max: u64, now: f64) -> Result<bool> {
        self.with_slice(|held| {
            Options { max, ..held.limits() }.validate()?;
            held.tidy(now)?;
            held.set_max(max, &mut Slice::begin())
        })
    }

    pub fn ttl(&self) -> Result<f64> {
        self.with_rarely(|held| Ok(held.ns.limits.ttl.get_f64()))
    }

    /// For what is set from now on.
    pub fn set_ttl(&self, ttl: f64) -> Result<()> {
        check_ttl(ttl)?;
        self.with_rarely(|held| {
            Options { ttl, ..held.limits() }.validate()?;
            held.ns.limits.ttl.put_f64(ttl);
            if ttl != 0.0 {
                held.ns.ttl_tracked.put(1);
            }
            Ok(())
        })
    }

    pub fn allow_stale(&self) -> Result<bool> {
        self.with_rarely(|held| Ok(held.limits().allow_stale))
    }

    pub fn set_allow_stale(&self, on: bool) -> Result<()> {
        self.with_rarely(|held| {
            Options {
                allow_stale: on,
                ..held.limits()
            }
            .write_to(&held.ns.limits);
            Ok(())
        })
    }

    /// For a namespace that purges by itself: there is nothing to do before this time.
    pub fn next_expiry(&self) -> Result<Option<f64>> {
        self.with_rarely(|held| Ok(held.purge_due()))
    }

    pub fn stats(&self) -> Result<Stats> {
        self.with_rarely(|held| Ok(held.stats()))
    }

    pub fn usage(&self) -> Result<Usage> {
        self.with_rarely(|held| {
            let (bytes, header) = (held.ns.bytes.get(), held.segment.header());
            Ok(Usage {
                entries: u64::from(held.ns.count.get()),
                bytes,
                overhead_bytes: (u64::from(held.record.owned.get()) * BLOCK).saturating_sub(bytes),
                segment_bytes: header.committed_bytes.get(),
                memory_evictions: held.ns.memory_evictions.get(),
                recoveries: header.recoveries.get(),
            })
        })
    }

    /// Whether the namespace can be had: makes it if it is gone, and takes its lock.
    pub fn health(&self) -> Result<()> {
        self.with_rarely(|_| Ok(()))
    }

    pub fn destroy(&self) -> Result<bool> {
        self.shared.store.destroy(&self.shared.name)
    }

    pub fn validate(&self) -> std::result::Result<(), String> {
        self.shared.store.validate()
    }
}

impl Whole<'_> {
    #[inline(always)]
    pub(in crate::store) fn count_lookup(&self, stripe: usize, hit: bool) {
        let stripe = &self.ns.stripes[stripe];
        if hit {
            stripe.hits.add(1)
        } else {
            stripe.misses.add(1)
        };
    }

    pub(in crate::store) fn stats(&self) -> Stats {
        let ns = self.ns;
        Stats {
            hits: ns
                .stripes
                .iter()
                .map(|stripe| stripe.hits.get())
                .fold(self.near_hits(), u64::wrapping_add),
            misses: ns
                .stripes
                .iter()
                .map(|stripe| stripe.misses.get())
                .fold(0, u64::wrapping_add),
            sets: ns.sets.get(),
            deletes: ns.deletes.get(),
            evictions: ns.evictions.get(),
            size: u64::from(ns.count.get()),
        }
    }
}

fn pack(place: Place) -> u64 {
    (u64::from(place.slot) << 32) | u64::from(place.generation)
}

fn unpack(word: u64) -> Place {
    Place {
        slot: ((word >> 32) as u32).min(MAX_NAMESPACES),
        generation: word as u32,
    }
}

fn too_long(len: usize) -> Error {
    Error::new(
        Code::KeyTooLarge,
        format!("a key may have {MAX_KEY_BYTES} bytes, this one has {len}"),
    )
}

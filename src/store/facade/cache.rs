//! A handle on one namespace: what bindings hold for each cache object.
//!
//! A handle remembers its name and the options it was made with, so that it can make the namespace again after
//! someone destroyed it. It may be used from every thread; nothing in it is locked while an operation runs.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::shm::layout::MAX_NAMESPACES;
use crate::store::entries::glance::Looker;
use crate::store::entries::unheld::Unmoved;
use crate::store::facade::Whole;
use crate::store::facade::store::Store;
use crate::store::ground::directory::Place;
use crate::store::ground::options::{LeftOut, Options};
use crate::store::ground::refusals::{busy, unrecoverable};
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Key, MAX_KEY_BYTES};
use crate::store::table::entry::Sought;

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

    pub(in crate::store) fn lock_declared(&self) -> MutexGuard<'_, Options> {
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
    pub(in crate::store) fn with_slice<R>(
        &self,
        mut operation: impl FnMut(&mut Whole) -> Step<R>,
    ) -> Result<R> {
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

//! Single flight: one process computes a value, the others wait for it.
//!
//! A lease lies in the hash table beside the entry of its key and names its leader. A leader that finishes leaves its
//! outcome in the lease for those who follow; the last of them takes the lease away.
//!
//! Invariants: of the leases of a key that run, the latest is the one that others follow; the others are of those whom
//! a forced claim has passed, and whatever is stored voids those before it (`voiding.rs`). One that is void or over
//! stays for as long as its leader or followers need it. Only the holder of its token can finish a lease, and taking
//! it over gives it a new token, so what a replaced leader brings is not stored. A leader that dies is noticed by the
//! lock it held (`processes.rs`), one that hangs by its deadline. Every change is one transaction; a death in the middle
//! leaves a lease whose leader is dead, or none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::{Code, Result};
use crate::lru::{Slot, push_front, unlink};
use crate::shm::layout::{Entry, Lease as LeaseBlock, NIL};
use crate::store::copies::Memo;
use crate::store::entries::far::Far;
use crate::store::facade::cache::Cache;
use crate::store::facade::store::Store;
use crate::store::flights::processes::Registration;
use crate::store::ground::held::Held;
use crate::store::ground::options::{ClaimOptions, SetOptions};
use crate::store::ground::repair::hold;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Key, Value};
use crate::store::table::chain::{Chain, Cursor, First};
use crate::store::table::entry::{Found, Sought};
use crate::store::table::extras::check_tag;
use crate::sys::clock::monotonic_ms;

pub(in crate::store) const RUNNING: u32 = 1;
const DONE: u32 = 2;
const FAILED: u32 = 3;
/// The key was changed: what the leader brings is for those who follow, and is not stored.
pub(in crate::store) const VOID: u32 = 4;

/// What a dead process left is looked for again after so long where a lock was in the way, and so often. What is left
/// then is found by the next exit of a process.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
const MOST_TRIES: u32 = 1200;

/// Of one key, so that a change can void them all in its one transaction. One more, and the oldest is void.
const MOST_RUNNING: usize = 8;

/// How long an outcome waits for followers that do not come.
const KEEP_OUTCOME_MS: f64 = 5000.0;

/// One claim on a key.
#[derive(Clone, Debug)]
pub struct Lease {
    key: Arc<[u8]>,
    tag: u8,
    token: u64,
    flight: u64,
}

impl Lease {
    pub(in crate::store) fn key(&self) -> Key<'_> {
        Key {
            tag: self.tag,
            bytes: &self.key,
        }
    }

    pub(in crate::store) fn token(&self) -> u64 {
        self.token
    }

    pub(in crate::store) fn name(&self) -> (u8, Arc<[u8]>, u64) {
        (self.tag, Arc::clone(&self.key), self.flight)
    }
}

#[derive(Clone, Debug)]
pub enum Claim {
    /// The value was there; this is its tag.
    Hit(u8),
    /// It is known that there is nothing.
    Nothing,
    /// Someone else computes the value, and the caller did not want to wait.
    Busy,
    /// The caller computes the value, then calls `finish`, `fail` or `release`.
    Leader(Lease),
    /// Someone else does; `follow` tells when.
    Follower(Lease),
}

/// What a follower is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Value {
        tag: u8,
        bytes: Vec<u8>,
    },
    Failed(Vec<u8>),
    /// There is no leader any more: claim again.
    Lost,
}

/// Why a leader's value will not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The key was changed, or all of the namespace.
    Void,
    /// Another leads in its place.
    Replaced,
    /// Its lease has run out. Where nothing newer is there in the end, its value may still be stored.
    Late,
}

/// What a look at a followed lease shows.
#[derive(Debug)]
pub(in crate::store) enum Sight {
    Over(Outcome),
    /// The leader died; others who follow its leases may not know yet.
    LeaderDied,
    Running {
        leader: Registration,
        deadline: f64,
    },
}

impl Cache {
    /// With `NOW` for the time, the clock is always read: leases run on it.
    pub fn claim(&self, key: Key, now: f64, options: &ClaimOptions, out: &mut Vec<u8>) -> Result<Claim> {
        let mut far = Far::default();
        let claimed = self.claim_noting(key, now, options, out, &mut Memo::default(), &mut far)?;
        match claimed {
            Claim::Hit(tag) if far.is_some() => {
                let read = self.read_far(key, tag, &far, out)?;
                read.map_or_else(|| self.claim(key, now, options, out), |tag| Ok(Claim::Hit(tag)))
            }
            claimed => Ok(claimed),
        }
    }

    /// The same, with what the caller needs to keep a copy of a value that was there; a long one is only seen, and `far`
    /// says where.
    pub fn claim_noting(
        &self,
        key: Key,
        now: f64,
        options: &ClaimOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
        far: &mut Far,
    ) -> Result<Claim> {
        let sought = self.sought(key)?;
        let store = self.store();
        let me = store.watcher.registration(store);
        let now = clock(now);
        let stripe = store.stripe();
        let taken = self.with(|held| {
            if options.look && !options.force {
                let now = held.tidy(now)?;
                let got = held.get(&sought, now, &options.get, out, memo, Some(&mut *far))?;
                held.count_lookup(stripe, got.is_some());
                if let Some(tag) = got {
                    return Ok(Taken::Hit(tag));
                }
                if held.says_nothing(&sought, now)? {
                    return Ok(Taken::Nothing);
                }
            }
            held.claim(store, &sought, now, options, me)
        })?;
        let lease = |Named { token, flight }| Lease {
            key: key.bytes.into(),
            tag: key.tag,
            token,
            flight,
        };
        Ok(match taken {
            Taken::Hit(tag) => Claim::Hit(tag),
            Taken::Nothing => Claim::Nothing,
            Taken::Busy => Claim::Busy,
            Taken::Leader(named) => Claim::Leader(lease(named)),
            Taken::Follower(named) => Claim::Follower(lease(named)),
        })
    }

    /// Stores the value, unless the flight is void or was taken over, and tells the followers. True if it was stored.
    /// After the lease ran out the value is stored only where there is none. An error leaves the lease as it was.
    pub fn finish(&self, lease: &Lease, value: Value, now: f64, options: &SetOptions) -> Result<bool> {
        let sought = self.sought(lease.key())?;
        let now = clock(now);
        let (stored, waiters) = self.with(|held| {
            let Some(found) = held.own_lease(&sought, lease.token)? else {
                return Ok((false, 0));
            };
            let own = held.lease_block(found.id)?;
            held.voids_below = lease.token;
            let tags = options.extras.map_or(&[][..], |extras| extras.tags);
            // Of a tag that it was not begun with, nobody knows whether it was invalidated meanwhile.
            let unforeseen = held.bits_of(tags) & !own.tags.get() != 0;
            let stored = if !held.runs(own) || unforeseen {
                false
            } else if now > own.deadline.get_f64() {
                held.set_if_absent(&sought, value, now, options)?
            } else {
                held.set(&sought, value, now, options)?
            };
            let nothing = options.extras.is_some_and(|extras| extras.negative);
            let told = if nothing { Value::NOTHING } else { value };
            Ok((stored, held.settle(&sought, lease.token, DONE, told, now)?))
        })?;
        self.store().wake(waiters);
        Ok(stored)
    }

    /// Says which tags what the leader brings will bear, so that the invalidation of others does not void its flight.
    pub fn bear(&self, lease: &Lease, tags: &[String]) -> Result<()> {
        tags.iter().try_for_each(|tag| check_tag(tag))?;
        let sought = self.sought(lease.key())?;
        self.with(|held| {
            if let Some(found) = held.own_lease(&sought, lease.token)? {
                held.lease_block(found.id)?.tags.put(held.bits_of(tags));
            }
            Ok(())
        })
    }

    /// Tells the followers that there will be no value, and why.
    pub fn fail(&self, lease: &Lease, error: &[u8], now: f64) -> Result<()> {
        let sought = self.sought(lease.key())?;
        let now = clock(now);
        let value = Value { tag: 0, bytes: error };
        let waiters = self.with(|held| held.settle(&sought, lease.token, FAILED, value, now))?;
        self.store().wake(waiters);
        Ok(())
    }

    /// Gives the lease up: whoever follows may lead.
    pub fn release(&self, lease: &Lease) -> Result<()> {
        let sought = self.sought(lease.key())?;
        let waiters = self.with(|held| {
            let Some(found) = held.own_lease(&sought, lease.token)? else {
                return Ok(0);
            };
            let waiters = held.lease_block(found.id)?.waiters.get();
            held.remove_lease(&found)?;
            held.trim()?;
            Ok(waiters)
        })?;
        self.store().wake(waiters);
        Ok(())
    }

    /// Has `done` called once, on the store's own thread, when the lease is over.
    pub fn follow(&self, lease: &Lease, done: Box<dyn FnOnce(Outcome) + Send>) -> Result<()> {
        let store = self.store();
        store.watcher.add(store, self, lease, done);
        Ok(())
    }

    /// Has `done` called once, on the store's own thread, when what the leader brings will not be stored any more.
    pub fn watch(&self, lease: &Lease, done: Box<dyn FnOnce(Revoked) + Send>) {
        let store = self.store();
        store.watcher.watch(store, self, lease, done);
    }

    /// The leader has said how its flight ends: nobody is told of anything.
    pub fn unwatch(&self, lease: &Lease) {
        self.store().watcher.unwatch(lease);
    }

    /// What has become of a lease that this process leads: how it was revoked, or until when it may run.
    pub(in crate::store) fn look_at_own(
        &self,
        lease: &Lease,
        now: f64,
    ) -> Result<std::result::Result<f64, Revoked>> {
        let sought = self.sought(lease.key())?;
        let place = self.place();
        let segment = self.store().segment();
        let held = hold(segment, place.slot, segment.patience())?;
        // One that was destroyed is not made again for this.
        if held.ns.generation.get() != place.generation {
            return Ok(Err(Revoked::Void));
        }
        let found = held.lease_where(&sought, |block| block.flight.get() == lease.flight);
        let Ok(Some(found)) = found else {
            return Ok(Err(Revoked::Void));
        };
        let Ok(block) = held.lease_block(found.id) else {
            return Ok(Err(Revoked::Void));
        };
        let deadline = block.deadline.get_f64();
        Ok(if block.token.get() != lease.token {
            Err(Revoked::Replaced)
        } else if !held.runs(block) {
            Err(Revoked::Void)
        } else if now > deadline {
            Err(Revoked::Late)
        } else {
            Ok(deadline)
        })
    }

    /// What has become of a lease that this process follows.
    pub(in crate::store) fn look(&self, key: Key, flight: u64, now: f64, me: Registration) -> Result<Sight> {
        let sought = self.sought(key)?;
        let store = self.store();
        self.with(|held| held.look(store, &sought, flight, now, me))
    }
}

#[derive(Debug)]
enum Taken {
    Hit(u8),
    Nothing,
    Busy,
    Leader(Named),
    Follower(Named),
}

/// What a lease is known by: to its leader by the token, to its followers by the flight.
#[derive(Debug)]
struct Named {
    token: u64,
    flight: u64,
}

impl Held<'_> {
    pub(in crate::store) fn lease_block(&self, id: u32) -> Step<&'static LeaseBlock> {
        self.segment.block(id).ok_or(Stop::Damaged)
    }

    /// The first lease of a key that is as wanted.
    fn lease_where(
        &self,
        sought: &Sought,
        mut wanted: impl FnMut(&'static LeaseBlock) -> bool,
    ) -> Step<Option<Found>> {
        let sought = sought.lease();
        let mut next = self.find(&sought)?;
        for _ in 0..=self.ns.lease_count.get() {
            let Some(found) = next else { return Ok(None) };
            if wanted(self.lease_block(found.id)?) {
                return Ok(Some(found));
            }
            next = self.find_from(&found.entry.chain, &sought)?;
        }
        // More leases of one key than there are leases: the chain runs in a circle.
        Err(Stop::Damaged)
    }

    /// The latest of a key's leases that run: new ones come first in the chain.
    fn running_lease(&self, sought: &Sought) -> Step<Option<Found>> {
        self.lease_where(sought, |lease| self.runs(lease))
    }

    fn claim(
        &mut self,
        store: &Store,
        sought: &Sought,
        now: f64,
        o: &ClaimOptions,
        me: Registration,
    ) -> Step<Taken> {
        self.sweep_leases(store, now)?;
        self.retire_leases(sought, now)?;
        let Some(found) = self.running_lease(sought)? else {
            return self.new_lease(sought, now, o, me);
        };
        let lease = self.lease_block(found.id)?;
        if store.lives(leader_of(lease)) && now <= lease.deadline.get_f64() {
            if o.force {
                return self.new_lease(sought, now, o, me);
            }
            if !o.join {
                return Ok(Taken::Busy);
            }
            lease.waiters.put(lease.waiters.get() | (1 << me.bit()));
            return Ok(Taken::Follower(named(lease)));
        }
        self.wakes |= 1 << leader_of(lease).bit();
        let token = self.segment.header().lease_tokens.add(1);
        let mut change = self.begin();
        change.set64(&lease.token, token);
        change.set64(&lease.deadline, (now + o.lease_ms).to_bits());
        change.set32(&lease.owner, me.slot);
        change.set32(&lease.owner_generation, me.generation);
        change.set32(&lease.tags, tags_of(o));
        change.commit()?;
        Ok(Taken::Leader(named(lease)))
    }

    fn new_lease(&mut self, sought: &Sought, now: f64, o: &ClaimOptions, me: Registration) -> Step<Taken> {
        self.ensure_table()?;
        self.check_fits(First::Lease, sought.key.bytes.len())?;
        self.reserve(First::Lease, sought.key.bytes.len())?;
        let token = self.segment.header().lease_tokens.add(1);
        let passed = self.one_too_many(sought)?;
        let chain = self.write_chain(First::Lease, [sought.key.bytes, &[], &[]])?;
        let id = chain.first;
        let lease = self.lease_block(id)?;
        let link = self.bucket(sought.hash)?.ok_or(Stop::Damaged)?;
        lease.chain.put(link.get());
        lease.last.put(chain.last);
        lease.hash.put(sought.hash);
        lease
            .key
            .put(Entry::key_word(sought.lease().key.tag, sought.key.bytes.len()));
        lease.state.put(RUNNING);
        lease.deadline.put_f64(now + o.lease_ms);
        lease.token.put(token);
        lease.flight.put(token);
        lease.waiters.put(0);
        lease.tags.put(tags_of(o));
        lease.owner.put(me.slot);
        lease.owner_generation.put(me.generation);
        lease.outcome_first.put(NIL);
        lease.outcome_last.put(NIL);
        lease.outcome.put(0);
        let mut change = self.begin();
        let mut stock = self.stock();
        if let Some(passed) = passed {
            self.void_lease(&mut change, passed);
        }
        change.set32(link, id);
        self.use_up(&mut change, &chain, &mut stock)?;
        self.store_stock(&mut change, &stock);
        push_front(&mut self.leases(&mut change), Slot::new(id).ok_or(Stop::Damaged)?)?;
        change.set32(&self.ns.lease_count, self.ns.lease_count.get().wrapping_add(1));
        change.commit()?;
        self.grow()?;
        Ok(Taken::Leader(named(lease)))
    }

    /// The oldest of a key's leases that run, if there are as many as there may be.
    fn one_too_many(&self, sought: &Sought) -> Step<Option<&'static LeaseBlock>> {
        let (mut running, mut oldest) = (0, None);
        self.lease_where(sought, |lease| {
            running += usize::from(self.runs(lease));
            if running == MOST_RUNNING {
                oldest = Some(lease);
            }
            false
        })?;
        Ok(oldest)
    }

    /// The lease of a key that its leader knows by this token, also if it is void.
    fn own_lease(&self, sought: &Sought, token: u64) -> Step<Option<Found>> {
        self.lease_where(sought, |lease| lease.token.get() == token && is_led(lease))
    }

    /// Ends a lease. With followers, the outcome stays for them; what has no room is left out, and they claim again.
    /// Gives the bits of those to wake.
    fn settle(&mut self, sought: &Sought, token: u64, state: u32, value: Value, now: f64) -> Step<u64> {
        let Some(found) = self.own_lease(sought, token)? else {
            return Ok(0);
        };
        let waiters = self.lease_block(found.id)?.waiters.get();
        let len = value.bytes.len();
        if waiters == 0
            || self.check_fits(First::Plain, len).is_err()
            || self.reserve(First::Plain, len).is_err()
        {
            let found = self.locate(found.id)?;
            self.remove_lease(&found)?;
            self.trim()?;
            return Ok(waiters);
        }
        let lease = self.lease_block(found.id)?;
        let chain = self.write_chain(First::Plain, [value.bytes, &[], &[]])?;
        let mut change = self.begin();
        let mut stock = self.stock();
        self.use_up(&mut change, &chain, &mut stock)?;
        self.store_stock(&mut change, &stock);
        change.set32(&lease.outcome_first, chain.first);
        change.set32(&lease.outcome_last, chain.last);
        change.set64(&lease.outcome, ((len as u64) << 8) | u64::from(value.tag));
        change.set64(&lease.deadline, (now + KEEP_OUTCOME_MS).to_bits());
        change.set32(&lease.state, state);
        change.commit()?;
        Ok(waiters)
    }

    fn look(
        &mut self,
        store: &Store,
        sought: &Sought,
        flight: u64,
        now: f64,
        me: Registration,
    ) -> Step<Sight> {
        let Some(found) = self.lease_where(sought, |lease| lease.flight.get() == flight)? else {
            return Ok(Sight::Over(Outcome::Lost));
        };
        let lease = self.lease_block(found.id)?;
        if is_led(lease) {
            let (leader, deadline) = (leader_of(lease), lease.deadline.get_f64());
            if !store.lives(leader) {
                return Ok(Sight::LeaderDied);
            }
            let runs = now <= deadline;
            return Ok(if runs {
                Sight::Running { leader, deadline }
            } else {
                Sight::Over(Outcome::Lost)
            });
        }
        let word = lease.outcome.get();
        let mut bytes = Vec::new();
        let len = (word >> 8) as usize;
        Cursor::at_start(self.segment, lease.outcome_first.get(), First::Plain, len)?
            .append_to(len, &mut bytes)?;
        let failed = lease.state.get() == FAILED;
        let left = lease.waiters.get() & !(1 << me.bit());
        lease.waiters.put(left);
        if left == 0 {
            self.remove_lease(&found)?;
            self.trim()?;
        }
        Ok(Sight::Over(if failed {
            Outcome::Failed(bytes)
        } else {
            Outcome::Value {
                tag: word as u8,
                bytes,
            }
        }))
    }

    fn remove_lease(&mut self, found: &Found) -> Step<()> {
        let (ns, lease) = (self.ns, self.lease_block(found.id)?);
        let mut change = self.begin();
        let mut stock = self.stock();
        if let Some(outcome) = outcome_of(lease) {
            self.give_up(&mut change, &outcome, &mut stock)?;
        }
        self.give_up(&mut change, &chain_of(found, lease), &mut stock)?;
        self.store_stock(&mut change, &stock);
        change.set32(found.link, lease.chain.get());
        unlink(
            &mut self.leases(&mut change),
            Slot::new(found.id).ok_or(Stop::Damaged)?,
        )?;
        change.set32(&ns.lease_count, ns.lease_count.get().wrapping_sub(1));
        Ok(change.commit()?)
    }

    /// Takes away the oldest leases that nobody will: outcomes nobody came for, leaders that died.
    fn sweep_leases(&mut self, store: &Store, now: f64) -> Step<()> {
        for _ in 0..2 {
            let id = self.ns.lease_tail.get();
            if id == NIL {
                return Ok(());
            }
            let lease = self.lease_block(id)?;
            let late = now > lease.deadline.get_f64();
            let over = (is_led(lease) && !store.lives(leader_of(lease))) || (late && !self.runs(lease));
            if !over {
                return Ok(());
            }
            let found = self.locate(id)?;
            self.remove_lease(&found)?;
        }
        Ok(())
    }

    /// Takes away leases of a key whose leaders hang and whom nobody waits for any more: void ones, and such as a
    /// forced claim has passed. At most two, which is more than a claim adds.
    fn retire_leases(&mut self, sought: &Sought, now: f64) -> Step<()> {
        for _ in 0..2 {
            let mut latest = true;
            let found = self.lease_where(sought, |lease| {
                let passed = !self.runs(lease) || !std::mem::take(&mut latest);
                passed && is_led(lease) && now > lease.deadline.get_f64()
            })?;
            let Some(found) = found else { return Ok(()) };
            self.wakes |= 1 << leader_of(self.lease_block(found.id)?).bit();
            self.remove_lease(&found)?;
        }
        Ok(())
    }

    /// Takes away every lease whose leader died. True if there was one.
    fn drop_dead_leases(&mut self, store: &Store) -> Step<bool> {
        let mut id = self.ns.lease_head.get();
        let mut any = false;
        for _ in 0..self.ns.lease_count.get() {
            let lease = self.lease_block(id)?;
            let next = lease.after.get();
            if is_led(lease) && !store.lives(leader_of(lease)) {
                let found = self.locate(id)?;
                self.remove_lease(&found)?;
                any = true;
            }
            id = next;
        }
        self.trim()?;
        Ok(any)
    }

    pub(in crate::store) fn drop_leases(&mut self) -> Step<()> {
        while self.ns.lease_tail.get() != NIL {
            let found = self.locate(self.ns.lease_tail.get())?;
            self.remove_lease(&found)?;
            self.trim()?;
        }
        Ok(())
    }
}

/// The bits of the tags that a flight may bring, before its leader says which.
fn tags_of(o: &ClaimOptions) -> u32 {
    if o.tagged { u32::MAX } else { 0 }
}

fn clock(now: f64) -> f64 {
    if now.is_nan() { monotonic_ms() } else { now }
}

fn named(lease: &LeaseBlock) -> Named {
    Named {
        token: lease.token.get(),
        flight: lease.flight.get(),
    }
}

/// Whether its leader has yet to say how it ends.
fn is_led(lease: &LeaseBlock) -> bool {
    matches!(lease.state.get(), RUNNING | VOID)
}

/// The chain of a lease and its key.
fn chain_of(found: &Found, lease: &LeaseBlock) -> Chain {
    Chain {
        kind: First::Lease,
        len: found.entry.key_len(),
        first: found.id,
        last: lease.last.get(),
    }
}

/// The chain of what the leader left, if it did.
pub(in crate::store) fn outcome_of(lease: &LeaseBlock) -> Option<Chain> {
    let first = lease.outcome_first.get();
    (first != NIL).then(|| Chain {
        kind: First::Plain,
        len: (lease.outcome.get() >> 8) as usize,
        first,
        last: lease.outcome_last.get(),
    })
}

pub(in crate::store) fn leader_of(lease: &LeaseBlock) -> Registration {
    Registration {
        slot: lease.owner.get(),
        generation: lease.owner_generation.get(),
    }
}

impl Store {
    /// Some process is known to have ended: frees what the dead led and wakes those who followed. Waits for nobody:
    /// false where a lock was not to be had, and this is to be done once more.
    pub fn process_exited(&self) -> Result<bool> {
        let (mut any, mut all) = (false, true);
        for (slot, _) in self.live_slots() {
            let leads = self
                .segment()
                .namespace(slot)
                .is_some_and(|ns| ns.lease_count.get() > 0);
            if !leads {
                continue;
            }
            let mut held = match hold(self.segment(), slot, Duration::ZERO) {
                Err(error) if error.code == Code::LockHeld => {
                    all = false;
                    continue;
                }
                held => held?,
            };
            match held.drop_dead_leases(self) {
                Ok(dropped) => any |= dropped,
                Err(Stop::Busy(_)) => all = false,
                Err(_) => held.condemn()?,
            }
        }
        if any {
            self.wake_everyone();
        }
        Ok(self.take_back_rings()? && all)
    }

    /// The same, and once more by a thread for as long as a lock is in the way.
    pub fn process_exited_for_sure(self: &Arc<Self>) -> Result<()> {
        if self.process_exited()? || self.watcher.tidying.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let store = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("flotilla-exits".into());
        let tidy = move || {
            for _ in 0..MOST_TRIES {
                std::thread::sleep(BETWEEN_TRIES);
                let Some(store) = store.upgrade() else { return };
                if store.process_exited().unwrap_or(true) {
                    break;
                }
            }
            if let Some(store) = store.upgrade() {
                store.watcher.tidying.store(false, Ordering::Release);
            }
        };
        if thread.spawn(tidy).is_err() {
            self.watcher.tidying.store(false, Ordering::Release);
        }
        Ok(())
    }
}

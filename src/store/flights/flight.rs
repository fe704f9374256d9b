//! Single flight: one process computes a value, the others wait for it.
//!
//! A flight lies in the hash table beside the entry of its key and names its leader. A leader that finishes leaves its
//! outcome in the flight for those who follow; the last of them takes the flight away.
//!
//! Invariants: of the flights of a key that run, the latest is the one that others follow; the others are of those whom
//! a forced claim has passed, and whatever is stored voids those before it (`voiding.rs`). One that is void or over
//! stays for as long as its leader or followers need it. Only the holder of its token can finish a flight, and taking
//! it over gives it a new token, so what a replaced leader brings is not stored. A leader that dies is noticed by the
//! lock it held (`processes.rs`), one that hangs by its deadline. Every change is one transaction; a death in the middle
//! leaves a flight whose leader is dead, or none.

use std::sync::Arc;

use crate::lru::{Slot, push_front, unlink};
use crate::shm::layout::{Entry, Flight as FlightBlock, NIL};
use crate::store::flights::Flights;
use crate::store::ground::base::Ground;
use crate::store::ground::options::ClaimOptions;
use crate::store::ground::registration::Registration;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{Key, Value};
use crate::store::table::chain::{First, append_part};
use crate::store::table::entry::{Found, Sought};
use crate::store::table::flight::{FAILED, RUNNING, chain_of, is_led, leader_of, outcome_of};

/// Of one key, so that a change can void them all in its one transaction. One more, and the oldest is void.
const MOST_RUNNING: usize = 8;

/// How long an outcome waits for followers that do not come.
const KEEP_OUTCOME_MS: f64 = 5000.0;

/// One claim on a key.
#[derive(Clone, Debug)]
pub struct Flight {
    pub(in crate::store) key: Arc<[u8]>,
    pub(in crate::store) tag: u8,
    pub(in crate::store) token: u64,
    pub(in crate::store) number: u64,
}

impl Flight {
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
        (self.tag, Arc::clone(&self.key), self.number)
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
    Leader(Flight),
    /// Someone else does; `follow` tells when.
    Follower(Flight),
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

/// What a look at a followed flight shows.
#[derive(Debug)]
pub(in crate::store) enum Sight {
    Over(Outcome),
    /// The leader died; others who follow its flights may not know yet.
    LeaderDied,
    Running {
        leader: Registration,
        deadline: f64,
    },
}

#[derive(Debug)]
pub(in crate::store) enum Taken {
    Hit(u8),
    Nothing,
    Busy,
    Leader(Named),
    Follower(Named),
}

/// What a flight is known by: to its leader by the token, to its followers by the flight.
#[derive(Debug)]
pub(in crate::store) struct Named {
    pub(in crate::store) token: u64,
    pub(in crate::store) number: u64,
}

impl Flights<'_> {
    /// The latest of a key's flights that run: new ones come first in the chain.
    fn running_flight(&self, sought: &Sought) -> Step<Option<Found>> {
        self.flight_where(sought, |flight| self.runs(flight))
    }

    pub(in crate::store) fn claim(
        &mut self,
        ground: &Ground,
        sought: &Sought,
        now: f64,
        o: &ClaimOptions,
        me: Registration,
    ) -> Step<Taken> {
        self.sweep_flights(ground, now)?;
        self.retire_flights(sought, now)?;
        let Some(found) = self.running_flight(sought)? else {
            return self.new_flight(sought, now, o, me);
        };
        let flight = self.flight_block(found.id)?;
        if ground.lives(leader_of(flight)) && now <= flight.deadline.get_f64() {
            if o.force {
                return self.new_flight(sought, now, o, me);
            }
            if !o.join {
                return Ok(Taken::Busy);
            }
            flight.waiters.put(flight.waiters.get() | (1 << me.bit()));
            return Ok(Taken::Follower(named(flight)));
        }
        self.wakes |= 1 << leader_of(flight).bit();
        let token = self.segment.header().flight_tokens.add(1);
        self.note_leader(tags_of(o), me.bit());
        let mut change = self.begin();
        change.set64(&flight.token, token);
        change.set64(&flight.deadline, (now + o.lease_ms).to_bits());
        change.set32(&flight.owner, me.slot);
        change.set32(&flight.owner_generation, me.generation);
        change.set32(&flight.tags, tags_of(o));
        change.commit_rarely(false)?;
        Ok(Taken::Leader(named(flight)))
    }

    fn new_flight(&mut self, sought: &Sought, now: f64, o: &ClaimOptions, me: Registration) -> Step<Taken> {
        self.ensure_table()?;
        self.check_fits(First::Flight, sought.key.bytes.len())?;
        self.reserve(First::Flight, sought.key.bytes.len())?;
        let token = self.segment.header().flight_tokens.add(1);
        let passed = self.one_too_many(sought)?;
        let chain = self.write_chain(First::Flight, [sought.key.bytes, &[], &[]])?;
        let id = chain.first;
        let flight = self.flight_block(id)?;
        let link = self.bucket(sought.hash)?.ok_or(Stop::Damaged)?;
        flight.chain.put(link.get());
        flight.last.put(chain.last);
        flight.hash.put(sought.hash);
        flight
            .key
            .put(Entry::key_word(sought.flight().key.tag, sought.key.bytes.len()));
        flight.state.put(RUNNING);
        flight.deadline.put_f64(now + o.lease_ms);
        flight.token.put(token);
        flight.number.put(token);
        flight.waiters.put(0);
        flight.tags.put(tags_of(o));
        self.note_leader(tags_of(o), me.bit());
        flight.owner.put(me.slot);
        flight.owner_generation.put(me.generation);
        flight.outcome_first.put(NIL);
        flight.outcome_last.put(NIL);
        flight.outcome.put(0);
        let mut change = self.begin();
        let mut stock = self.stock();
        if let Some(passed) = passed {
            self.void_flight(&mut change, passed);
        }
        change.set32(link, id);
        self.use_up(&mut change, &chain, &mut stock)?;
        self.store_stock(&mut change, &stock);
        push_front(
            &mut self.flights(&mut change),
            Slot::new(id).ok_or(Stop::Damaged)?,
        )?;
        change.set32(&self.ns.flight_count, self.ns.flight_count.get().wrapping_add(1));
        change.commit_rarely(false)?;
        self.grow()?;
        Ok(Taken::Leader(named(flight)))
    }

    /// The oldest of a key's flights that run, if there are as many as there may be.
    fn one_too_many(&self, sought: &Sought) -> Step<Option<&'static FlightBlock>> {
        let (mut running, mut oldest) = (0, None);
        self.flight_where(sought, |flight| {
            running += usize::from(self.runs(flight));
            if running == MOST_RUNNING {
                oldest = Some(flight);
            }
            false
        })?;
        Ok(oldest)
    }

    /// The flight of a key that its leader knows by this token, also if it is void.
    pub(in crate::store) fn own_flight(&self, sought: &Sought, token: u64) -> Step<Option<Found>> {
        self.flight_where(sought, |flight| flight.token.get() == token && is_led(flight))
    }

    /// Ends a flight. With followers, the outcome stays for them; what has no room is left out, and they claim again.
    /// Gives the bits of those to wake.
    pub(in crate::store) fn settle(
        &mut self,
        sought: &Sought,
        token: u64,
        state: u32,
        value: Value,
        now: f64,
    ) -> Step<u64> {
        let Some(found) = self.own_flight(sought, token)? else {
            return Ok(0);
        };
        let waiters = self.flight_block(found.id)?.waiters.get();
        let len = value.bytes.len();
        if waiters == 0
            || self.check_fits(First::Plain, len).is_err()
            || self.reserve(First::Plain, len).is_err()
        {
            let found = self.locate(found.id)?;
            self.remove_flight(&found)?;
            self.trim()?;
            return Ok(waiters);
        }
        let flight = self.flight_block(found.id)?;
        let chain = self.write_chain(First::Plain, [value.bytes, &[], &[]])?;
        let mut change = self.begin();
        let mut stock = self.stock();
        self.use_up(&mut change, &chain, &mut stock)?;
        self.store_stock(&mut change, &stock);
        change.set32(&flight.outcome_first, chain.first);
        change.set32(&flight.outcome_last, chain.last);
        change.set64(&flight.outcome, ((len as u64) << 8) | u64::from(value.tag));
        change.set64(&flight.deadline, (now + KEEP_OUTCOME_MS).to_bits());
        change.set32(&flight.state, state);
        change.commit_rarely(false)?;
        Ok(waiters)
    }

    pub(in crate::store) fn look(
        &mut self,
        ground: &Ground,
        sought: &Sought,
        number: u64,
        now: f64,
        me: Registration,
    ) -> Step<Sight> {
        let Some(found) = self.flight_where(sought, |flight| flight.number.get() == number)? else {
            return Ok(Sight::Over(Outcome::Lost));
        };
        let flight = self.flight_block(found.id)?;
        if is_led(flight) {
            let (leader, deadline) = (leader_of(flight), flight.deadline.get_f64());
            if !ground.lives(leader) {
                return Ok(Sight::LeaderDied);
            }
            let runs = now <= deadline;
            return Ok(if runs {
                Sight::Running { leader, deadline }
            } else {
                Sight::Over(Outcome::Lost)
            });
        }
        let word = flight.outcome.get();
        let mut bytes = Vec::new();
        let len = (word >> 8) as usize;
        append_part(
            self.segment,
            flight.outcome_first.get(),
            First::Plain,
            len,
            len,
            &mut bytes,
        )?;
        let failed = flight.state.get() == FAILED;
        let left = flight.waiters.get() & !(1 << me.bit());
        flight.waiters.put(left);
        if left == 0 {
            self.remove_flight(&found)?;
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

    pub(in crate::store) fn remove_flight(&mut self, found: &Found) -> Step<()> {
        let (ns, flight) = (self.ns, self.flight_block(found.id)?);
        let mut change = self.begin();
        let mut stock = self.stock();
        if let Some(outcome) = outcome_of(flight) {
            self.give_up(&mut change, &outcome, &mut stock)?;
        }
        self.give_up(&mut change, &chain_of(found, flight), &mut stock)?;
        self.store_stock(&mut change, &stock);
        change.set32(found.link, flight.chain.get());
        unlink(
            &mut self.flights(&mut change),
            Slot::new(found.id).ok_or(Stop::Damaged)?,
        )?;
        change.set32(&ns.flight_count, ns.flight_count.get().wrapping_sub(1));
        Ok(change.commit_rarely(false)?)
    }

    /// Takes away the oldest flights that nobody will: outcomes nobody came for, leaders that died.
    fn sweep_flights(&mut self, ground: &Ground, now: f64) -> Step<()> {
        for _ in 0..2 {
            let id = self.ns.flight_tail.get();
            if id == NIL {
                return Ok(());
            }
            let flight = self.flight_block(id)?;
            let late = now > flight.deadline.get_f64();
            let over = (is_led(flight) && !ground.lives(leader_of(flight))) || (late && !self.runs(flight));
            if !over {
                return Ok(());
            }
            let found = self.locate(id)?;
            self.remove_flight(&found)?;
        }
        Ok(())
    }

    /// Takes away flights of a key whose leaders hang and whom nobody waits for any more: void ones, and such as a
    /// forced claim has passed. At most two, which is more than a claim adds.
    fn retire_flights(&mut self, sought: &Sought, now: f64) -> Step<()> {
        for _ in 0..2 {
            let mut latest = true;
            let found = self.flight_where(sought, |flight| {
                let passed = !self.runs(flight) || !std::mem::take(&mut latest);
                passed && is_led(flight) && now > flight.deadline.get_f64()
            })?;
            let Some(found) = found else { return Ok(()) };
            self.wakes |= 1 << leader_of(self.flight_block(found.id)?).bit();
            self.remove_flight(&found)?;
        }
        Ok(())
    }

    /// Takes away every flight whose leader died. True if there was one.
    pub(in crate::store) fn drop_dead_flights(&mut self, ground: &Ground) -> Step<bool> {
        let mut id = self.ns.flight_head.get();
        let mut any = false;
        for _ in 0..self.ns.flight_count.get() {
            let flight = self.flight_block(id)?;
            let next = flight.after.get();
            if is_led(flight) && !ground.lives(leader_of(flight)) {
                let found = self.locate(id)?;
                self.remove_flight(&found)?;
                any = true;
            }
            id = next;
        }
        self.trim()?;
        Ok(any)
    }

    pub(in crate::store) fn drop_flights(&mut self) -> Step<()> {
        while self.ns.flight_tail.get() != NIL {
            let found = self.locate(self.ns.flight_tail.get())?;
            self.remove_flight(&found)?;
            self.trim()?;
        }
        Ok(())
    }
}

/// The bits of the tags that a flight may bring, before its leader says which.
fn tags_of(o: &ClaimOptions) -> u32 {
    if o.tagged { u32::MAX } else { 0 }
}

fn named(flight: &FlightBlock) -> Named {
    Named {
        token: flight.token.get(),
        number: flight.number.get(),
    }
}

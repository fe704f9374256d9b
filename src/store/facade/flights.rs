//! Flights as the rest of the crate sees them: joining one, ending one, and being told of its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::{Code, Result};
use crate::store::entries::far::Far;
use crate::store::facade::cache::Cache;
use crate::store::facade::store::Store;
use crate::store::flights::Flights;
use crate::store::flights::flight::{Claim, Flight, Named, Outcome, Revoked, Sight, Taken};
use crate::store::flights::watcher::{Outlook, Watched, Watcher};
use crate::store::ground::base::Ground;
use crate::store::ground::extras::check_tag;
use crate::store::ground::options::{ClaimOptions, SetOptions};
use crate::store::ground::registration::Registration;
use crate::store::ground::stop::Stop;
use crate::store::ground::values::{Key, Value};
use crate::store::table::flight::{DONE, FAILED};
use crate::store::table::marks::Memo;
use crate::sys::clock::given_or_now;

/// What a dead process left is looked for again after so long where a lock was in the way, and so often. What is left
/// then is found by the next exit of a process.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

const MOST_TRIES: u32 = 1200;

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
        let looks = options.look && !options.force;
        if looks
            && let Some(tag) = self
                .looker()
                .glance_get(&sought, now, &options.get, out, memo, far)
        {
            return Ok(Claim::Hit(tag));
        }
        *far = Far::default();
        let store = self.store();
        let me = store.watcher.registration(store);
        let now = given_or_now(now);
        let stripe = store.stripe();
        let taken = self.with(|held| {
            if looks {
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
        let flight = |Named { token, number }| Flight {
            key: key.bytes.into(),
            tag: key.tag,
            token,
            number,
        };
        Ok(match taken {
            Taken::Hit(tag) => Claim::Hit(tag),
            Taken::Nothing => Claim::Nothing,
            Taken::Busy => Claim::Busy,
            Taken::Leader(named) => {
                self.count_flight(true);
                Claim::Leader(flight(named))
            }
            Taken::Follower(named) => {
                self.count_flight(false);
                Claim::Follower(flight(named))
            }
        })
    }

    #[cold]
    fn count_flight(&self, leads: bool) {
        let store = self.store();
        if let Some(ns) = store.segment().namespace(self.place().slot) {
            let stripe = &ns.stripes[store.stripe()];
            if leads {
                stripe.flights_led.add(1)
            } else {
                stripe.flights_followed.add(1)
            };
        }
    }

    /// Stores the value, unless the flight is void or was taken over, and tells the followers. True if it was stored.
    /// After the lease ran out the value is stored only where there is none. An error leaves the flight as it was.
    pub fn finish(&self, flight: &Flight, value: Value, now: f64, options: &SetOptions) -> Result<bool> {
        let sought = self.sought(flight.key())?;
        let now = given_or_now(now);
        let (stored, waiters) = self.with(|held| {
            let Some(found) = held.own_flight(&sought, flight.token)? else {
                return Ok((false, 0));
            };
            let own = held.flight_block(found.id)?;
            held.voids_below = flight.token;
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
            Ok((stored, held.settle(&sought, flight.token, DONE, told, now)?))
        })?;
        self.store().wake(waiters);
        Ok(stored)
    }

    /// Says which tags what the leader brings will bear, so that the invalidation of others does not void its flight.
    pub fn bear(&self, flight: &Flight, tags: &[String]) -> Result<()> {
        tags.iter().try_for_each(|tag| check_tag(tag))?;
        let sought = self.sought(flight.key())?;
        self.with(|held| {
            if let Some(found) = held.own_flight(&sought, flight.token)? {
                held.flight_block(found.id)?.tags.put(held.bits_of(tags));
            }
            Ok(())
        })
    }

    /// Tells the followers that there will be no value, and why.
    pub fn fail(&self, flight: &Flight, error: &[u8], now: f64) -> Result<()> {
        let sought = self.sought(flight.key())?;
        let now = given_or_now(now);
        let value = Value { tag: 0, bytes: error };
        let waiters = self.with(|held| held.settle(&sought, flight.token, FAILED, value, now))?;
        self.store().wake(waiters);
        Ok(())
    }

    /// Gives the flight up: whoever follows may lead.
    pub fn release(&self, flight: &Flight) -> Result<()> {
        let sought = self.sought(flight.key())?;
        let waiters = self.with(|held| {
            let Some(found) = held.own_flight(&sought, flight.token)? else {
                return Ok(0);
            };
            let waiters = held.flight_block(found.id)?.waiters.get();
            held.remove_flight(&found)?;
            held.trim()?;
            Ok(waiters)
        })?;
        self.store().wake(waiters);
        Ok(())
    }

    /// Has `done` called once, on the store's own thread, when the flight is over.
    pub fn follow(&self, flight: &Flight, done: Box<dyn FnOnce(Outcome) + Send>) -> Result<()> {
        let store = self.store();
        store.watcher.add(store, self, flight, done);
        Ok(())
    }

    /// Has `done` called once, on the store's own thread, when what the leader brings will not be stored any more.
    pub fn watch(&self, flight: &Flight, done: Box<dyn FnOnce(Revoked) + Send>) {
        let store = self.store();
        store.watcher.watch(store, self, flight, done);
    }

    /// The leader has said how its flight ends: nobody is told of anything.
    pub fn unwatch(&self, flight: &Flight) {
        self.store().watcher.unwatch(flight);
    }
}

impl Outlook for Cache {
    fn name(&self) -> &str {
        self.name()
    }

    /// What has become of a flight that this process leads: how it was revoked, or until when it may run.
    fn look_at_own(&self, flight: &Flight, now: f64) -> Result<std::result::Result<f64, Revoked>> {
        let sought = self.sought(flight.key())?;
        let place = self.place();
        let store = self.store();
        let held: Flights = store.hold(place.slot, store.segment().patience())?;
        // One that was destroyed is not made again for this.
        if held.ns.generation.get() != place.generation {
            return Ok(Err(Revoked::Void));
        }
        let found = held.flight_where(&sought, |block| block.number.get() == flight.number);
        let Ok(Some(found)) = found else {
            return Ok(Err(Revoked::Void));
        };
        let Ok(block) = held.flight_block(found.id) else {
            return Ok(Err(Revoked::Void));
        };
        let deadline = block.deadline.get_f64();
        Ok(if block.token.get() != flight.token {
            Err(Revoked::Replaced)
        } else if !held.runs(block) {
            Err(Revoked::Void)
        } else if now > deadline {
            Err(Revoked::Late)
        } else {
            Ok(deadline)
        })
    }

    /// What has become of a flight that this process follows.
    fn look(&self, key: Key, number: u64, now: f64, me: Registration) -> Result<Sight> {
        let sought = self.sought(key)?;
        let store = self.store();
        self.with(|held| held.look(store, &sought, number, now, me))
    }
}

impl Watched for Store {
    type Outlook = Cache;

    fn ground(&self) -> &Ground {
        self
    }

    fn watcher(&self) -> &Watcher<Cache> {
        &self.watcher
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
                .is_some_and(|ns| ns.flight_count.get() > 0);
            if !leads {
                continue;
            }
            let mut held: Flights = match self.hold(slot, Duration::ZERO) {
                Err(error) if error.code == Code::LockHeld => {
                    all = false;
                    continue;
                }
                held => held?,
            };
            match held.drop_dead_flights(self) {
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
        if self.process_exited()? || self.tidying.swap(true, Ordering::AcqRel) {
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
                store.tidying.store(false, Ordering::Release);
            }
        };
        if thread.spawn(tidy).is_err() {
            self.tidying.store(false, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Cache, Claim, ClaimOptions, Key, Options, SegmentOptions, Store};

    const KEY: Key = Key { tag: 0, bytes: b"a" };

    #[test]
    fn an_invalidated_tag_wakes_who_leads_a_flight_of_it_once_and_nobody_else() {
        let store = Store::create(&SegmentOptions { capacity: 1 << 20 }).unwrap();
        let options = Options {
            max: 100,
            ..Options::default()
        };
        let cache = store.open("users", &options).unwrap();
        let tags = ["news".to_string()];
        let untagged = ClaimOptions {
            tagged: false,
            ..ClaimOptions::default()
        };
        let claim = |options: &ClaimOptions| match cache.claim(KEY, Cache::NOW, options, &mut Vec::new()) {
            Ok(Claim::Leader(flight)) => flight,
            other => panic!("{other:?}"),
        };
        // How often each word of the processes was raised: the flight's leader is this process, whose thread does not raise its own.
        let woken = || {
            store
                .segment()
                .header()
                .wake
                .each_ref()
                .map(|word| u64::from(word.get()))
        };
        let by_invalidating = || {
            let before = woken();
            cache.invalidate_tags(&tags).unwrap();
            let after = woken();
            std::array::from_fn::<u64, 64, _>(|bit| after[bit] - before[bit])
        };
        let nobody = [0; 64];

        let other = claim(&untagged);
        assert_eq!(by_invalidating(), nobody, "its flight bears no tag");
        cache.release(&other).unwrap();
        for _ in 0..2 {
            let flight = claim(&ClaimOptions::default());
            cache.bear(&flight, &tags).unwrap();
            let told = by_invalidating();
            assert_eq!(told.iter().sum::<u64>(), 1, "{told:?}");
            assert_eq!(by_invalidating(), nobody, "it knows");
            cache.release(&flight).unwrap();
        }
    }
}

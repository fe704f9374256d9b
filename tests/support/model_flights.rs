//! Flights, and what voids them, once more as plainly as can be: the part of the model that `claim`, `finish`, `fail` and
//! `release` are judged by. All flights are led by this process, and their times are those of the test's clock.

use flotilla::store::{Claim, ClaimOptions, Flight, LoadEntry, SetOptions};

use super::{
    Bytes, GetOptions, Model, Pair, Refusal, borrow, lend, read_key, read_set_options, read_value, refusal,
};

pub(super) type Name = (u8, Vec<u8>);

/// More of one key do not run at once.
const MOST_RUNNING: usize = 8;

/// A flight whose leader has yet to say how it ends. The latest of a key comes first.
struct Running {
    flight: Flight,
    key: Name,
    /// Grows with every claim that leads; a flight that was taken over has its new leader's.
    order: u64,
    runs: bool,
    deadline: f64,
    tagged: bool,
}

/// All flights of the namespace.
#[derive(Default)]
pub(super) struct Flights {
    flights: Vec<Running>,
    last: u64,
    /// Leaders in whose place others lead, or whose flights nobody waited for.
    replaced: Vec<Flight>,
    /// While a flight is being finished: it voids those before it alone.
    below: Option<u64>,
}

impl Flights {
    /// A key was changed on purpose.
    pub(super) fn void(&mut self, key: &Name) {
        let below = self.below.unwrap_or(u64::MAX);
        for flight in &mut self.flights {
            flight.runs &= flight.key != *key || flight.order >= below;
        }
    }

    pub(super) fn void_all(&mut self) {
        self.flights.iter_mut().for_each(|flight| flight.runs = false);
    }

    /// Every flight of this test that may bear a tag may bear all of them.
    pub(super) fn void_tagged(&mut self) {
        for flight in &mut self.flights {
            flight.runs &= !flight.tagged;
        }
    }

    /// The latest of a key's flights that run.
    fn running(&self, key: &Name) -> Option<usize> {
        self.flights
            .iter()
            .position(|flight| flight.runs && flight.key == *key)
    }

    /// A claim takes away late flights of its key that nobody waits for any more, two at most.
    fn retire(&mut self, key: &Name, now: f64) {
        for _ in 0..2 {
            let mut latest = true;
            let passed = self.flights.iter().position(|flight| {
                flight.key == *key && (!flight.runs || !std::mem::take(&mut latest)) && now > flight.deadline
            });
            let Some(passed) = passed else { return };
            self.replaced.push(self.flights.remove(passed).flight);
        }
    }

    /// Where there are as many as there may be, the oldest stores nothing any more.
    fn pass_oldest(&mut self, key: &Name) {
        let mut running = self
            .flights
            .iter_mut()
            .filter(|flight| flight.runs && flight.key == *key);
        if let Some(oldest) = running.nth(MOST_RUNNING - 1) {
            oldest.runs = false;
        }
    }
}

/// What a claim is to come to.
#[derive(Debug, PartialEq)]
enum Expected {
    Hit(u8, Vec<u8>),
    Nothing,
    Busy,
    Leader,
    Follower,
}

impl Model {
    /// What the lookup of a claim finds.
    fn look_for(&mut self, key: &Name, now: f64) -> Option<Expected> {
        self.tidy(now);
        if let Some((tag, bytes)) = self.get(key, now, &GetOptions::default()) {
            return Some(Expected::Hit(tag, bytes));
        }
        let item = self.position(key).map(|at| &self.items[at]);
        let nothing = item.is_some_and(|item| item.extras.negative && !item.gone && !item.is_stale(now));
        nothing.then_some(Expected::Nothing)
    }
}

impl Pair {
    pub(super) fn claim(&mut self, bytes: &mut Bytes) -> Option<()> {
        // One key more often than others, so that many flights of it run at once.
        let key = if bytes.flag()? {
            (2, Vec::new())
        } else {
            read_key(bytes)?
        };
        let o = ClaimOptions {
            force: bytes.below(4)? == 0,
            look: bytes.below(3)? != 0,
            join: bytes.flag()?,
            lease_ms: [1.0, 6.0, 100.0][usize::from(bytes.below(3)?)],
            tagged: bytes.flag()?,
            ..ClaimOptions::default()
        };
        let claimed = self
            .cache
            .claim(borrow(&key), self.now, &o, &mut self.out)
            .unwrap();
        let found = if o.look && !o.force {
            self.model.look_for(&key, self.now)
        } else {
            None
        };
        if let Some(found) = found {
            let claimed = match claimed {
                Claim::Hit(tag) => Expected::Hit(tag, self.out.clone()),
                Claim::Nothing => Expected::Nothing,
                other => panic!("{other:?} instead of {found:?}"),
            };
            assert_eq!(claimed, found);
            return Some(());
        }
        let expected = self.expect_flight(&key, &o);
        match (claimed, expected) {
            (Claim::Leader(flight), Expected::Leader) => self.lead(flight, key, &o),
            (Claim::Busy, Expected::Busy) | (Claim::Follower(_), Expected::Follower) => {}
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
        Some(())
    }

    /// What is to come of a claim that found nothing, or did not look.
    fn expect_flight(&mut self, key: &Name, o: &ClaimOptions) -> Expected {
        let flights = &mut self.model.flights;
        flights.retire(key, self.now);
        let Some(at) = flights.running(key) else {
            return Expected::Leader;
        };
        if self.now > flights.flights[at].deadline {
            // The new leader's takes this one's place.
            let late = flights.flights[at].flight.clone();
            flights.replaced.push(late);
            return Expected::Leader;
        }
        match (o.force, o.join) {
            (true, _) => {
                flights.pass_oldest(key);
                Expected::Leader
            }
            (false, true) => Expected::Follower,
            (false, false) => Expected::Busy,
        }
    }

    fn lead(&mut self, flight: Flight, key: Name, o: &ClaimOptions) {
        let flights = &mut self.model.flights;
        flights.last += 1;
        let flight = Running {
            flight,
            order: flights.last,
            runs: true,
            deadline: self.now + o.lease_ms,
            tagged: o.tagged,
            key,
        };
        match flights.running(&flight.key) {
            Some(at) if self.now > flights.flights[at].deadline => flights.flights[at] = flight,
            _ => flights.flights.insert(0, flight),
        }
    }

    pub(super) fn finish(&mut self, bytes: &mut Bytes) -> Option<()> {
        let value = read_value(bytes)?;
        let o = read_set_options(bytes, self.model.counts_sizes())?;
        let which = usize::from(bytes.next()?);
        if which % 8 == 7 {
            return self.finish_in_vain(which / 8, &value, &o);
        }
        let Some(at) = which.checked_rem(self.model.flights.flights.len()) else {
            return Some(());
        };
        let (cache, now, flights) = (&self.cache, self.now, &mut self.model.flights);
        let flight = &flights.flights[at];
        let (key, runs, late) = (flight.key.clone(), flight.runs, now > flight.deadline);
        let foreseen = flight.tagged || o.extras.is_none_or(|extras| extras.tags.is_empty());
        let got = cache.finish(&flight.flight, lend(&value), now, &o);
        flights.below = Some(flight.order);
        let there = self
            .model
            .position(&key)
            .is_some_and(|at| self.model.items[at].lives(now));
        let should = match self.model.size(o.size) {
            _ if !runs || !foreseen => Ok(false),
            Err(refusal) => Err(refusal),
            Ok(_) if late && there => Ok(false),
            Ok(_) => self.model.set(key, value, now, &o),
        };
        self.model.flights.below = None;
        // What cannot be stored leaves the flight as it was.
        if should.is_ok() {
            self.model.flights.flights.remove(at);
        }
        assert_eq!(got.map_err(refusal), should);
        Some(())
    }

    /// Another leads in the place of this one, or its flight is gone.
    fn finish_in_vain(&mut self, which: usize, value: &(u8, Vec<u8>), o: &SetOptions) -> Option<()> {
        let replaced = &self.model.flights.replaced;
        if let Some(at) = which.checked_rem(replaced.len()) {
            assert!(
                !self
                    .cache
                    .finish(&replaced[at], lend(value), self.now, o)
                    .unwrap()
            );
        }
        Some(())
    }

    /// A fetcher that fails, or gives up.
    pub(super) fn give_up(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (which, fails) = (usize::from(bytes.next()?), bytes.flag()?);
        let flights = &mut self.model.flights.flights;
        let Some(at) = which.checked_rem(flights.len()) else {
            return Some(());
        };
        let flight = flights.remove(at).flight;
        if fails {
            self.cache.fail(&flight, b"no luck", self.now).unwrap();
        } else {
            self.cache.release(&flight).unwrap();
        }
        self.model.flights.replaced.push(flight);
        Some(())
    }

    /// What is there goes, and some entries take its place; or nothing is changed, where one of them cannot be stored.
    pub(super) fn load(&mut self, bytes: &mut Bytes) -> Option<()> {
        let mut given = Vec::new();
        for _ in 0..bytes.below(4)? {
            let (key, value) = (read_key(bytes)?, read_value(bytes)?);
            let o = read_set_options(bytes, self.model.counts_sizes())?;
            given.push((
                key,
                value,
                SetOptions {
                    no_update_ttl: false,
                    ..o
                },
            ));
        }
        let entries: Vec<_> = given
            .iter()
            .map(|(key, value, options)| LoadEntry {
                key: borrow(key),
                value: lend(value),
                options: *options,
            })
            .collect();
        let got = self.cache.load(self.now, &entries).map_err(refusal);
        let fits = given
            .iter()
            .try_for_each(|(_, _, o)| self.model.size(o.size).map(drop));
        assert_eq!(got, fits);
        if fits.is_ok() {
            self.model.items.clear();
            self.model.flights.void_all();
            for (key, value, o) in given {
                let stored: Result<bool, Refusal> = self.model.set(key, value, self.now, &o);
                assert!(stored.is_ok());
            }
        }
        Some(())
    }
}

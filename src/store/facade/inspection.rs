//! Which flights there are: for people who look into a server that hangs. Where a lock is in the way, the error names the process
//! that keeps it.

use crate::error::Result;
use crate::shm::layout::NIL;
use crate::store::facade::Whole;
use crate::store::facade::cache::Cache;
use crate::store::ground::registration::Registration;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::chain::{First, append_part};
use crate::store::table::entry::FLIGHT_TAG;
use crate::store::table::flight::{is_led, leader_of};
use crate::sys::clock::monotonic_ms;

/// Keys are for a look: more than so many bytes of one are left out.
const SEEN_KEY: usize = 128;

/// A flight that is led.
#[derive(Clone, Debug)]
pub struct FlightSeen {
    pub key_tag: u8,
    /// Where its beginning ends among the keys; it begins where that of the one before ends.
    pub key_end: usize,
    /// The process that leads it; 0 for one that is not known, or has gone.
    pub leader: u32,
    pub left_ms: f64,
    /// Processes that wait for it, 64 at most.
    pub followers: u32,
}

impl Cache {
    /// The flights of the namespace, the latest first. Their keys go to `keys`, one behind the other.
    pub fn flights(&self, keys: &mut Vec<u8>) -> Result<Vec<FlightSeen>> {
        let mut seen = Vec::new();
        self.with_any(&mut |held| {
            keys.clear();
            seen.clear();
            held.see_flights(keys, &mut seen)
        })?;
        Ok(seen)
    }
}

impl Whole<'_> {
    fn see_flights(&self, keys: &mut Vec<u8>, seen: &mut Vec<FlightSeen>) -> Step<()> {
        let now = monotonic_ms();
        let mut id = self.ns.flight_head.get();
        for _ in 0..=self.ns.flight_count.get() {
            if id == NIL {
                return Ok(());
            }
            let (flight, entry) = (self.flight_block(id)?, self.entry(id)?);
            if is_led(flight) {
                let len = entry.key_len();
                append_part(self.segment, id, First::Flight, len, len.min(SEEN_KEY), keys)?;
                seen.push(FlightSeen {
                    key_tag: entry.key_tag() & !FLIGHT_TAG,
                    key_end: keys.len(),
                    leader: self.process_of(leader_of(flight)),
                    left_ms: flight.deadline.get_f64() - now,
                    followers: flight.waiters.get().count_ones(),
                });
            }
            id = flight.after.get();
        }
        Err(Stop::Damaged)
    }

    fn process_of(&self, leader: Registration) -> u32 {
        let slot = self.segment.process(leader.slot);
        slot.filter(|slot| slot.generation.get() == leader.generation)
            .map_or(0, |slot| slot.pid.get())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Cache, ClaimOptions, Key, Options, SegmentOptions, Store};

    fn claim(cache: &Cache, bytes: &[u8]) {
        let key = Key { tag: 1, bytes };
        cache
            .claim(key, Cache::NOW, &ClaimOptions::default(), &mut Vec::new())
            .unwrap();
    }

    #[test]
    fn flights_are_seen_with_their_leader_and_who_follows() {
        let store = Store::create(&SegmentOptions { capacity: 1 << 20 }).unwrap();
        let options = Options {
            max: 100,
            ..Options::default()
        };
        let cache = store.open("users", &options).unwrap();
        let mut keys = Vec::new();
        assert!(cache.flights(&mut keys).unwrap().is_empty());
        let long = [b'x'; 1000];
        claim(&cache, b"a");
        claim(&cache, &long);
        claim(&cache, &long);
        let [second, first] = &cache.flights(&mut keys).unwrap()[..] else {
            panic!("two flights")
        };
        assert_eq!(keys, [&long[..128], &b"a"[..]].concat());
        assert_eq!((first.key_tag, first.key_end, first.followers), (1, 129, 0));
        assert_eq!((second.key_end, second.followers), (128, 1));
        assert_eq!(
            (first.leader, second.leader),
            (std::process::id(), std::process::id())
        );
        assert!(first.left_ms > 0.0 && first.left_ms <= ClaimOptions::default().lease_ms);
    }
}

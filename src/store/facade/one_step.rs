//! Operations that look and change in one step, and what a loader asks of an entry.

use crate::error::Result;
use crate::store::facade::cache::Cache;
use crate::store::ground::options::SetOptions;
use crate::store::ground::values::{Key, Value};
use crate::sys::clock::given_or_now;

impl Cache {
    /// What `get` would give; and the key is gone.
    pub fn take(&self, key: Key, now: f64, out: &mut Vec<u8>) -> Result<Option<u8>> {
        let sought = self.sought(key)?;
        let stripe = self.store().stripe();
        self.with(|held| {
            let now = held.tidy(now)?;
            let taken = held.take(&sought, now, out)?;
            held.count_lookup(stripe, taken.is_some());
            Ok(taken)
        })
    }

    /// The value's tag and the version of an entry that is not stale.
    pub fn get_with_version(&self, key: Key, now: f64, out: &mut Vec<u8>) -> Result<Option<(u8, u64)>> {
        let sought = self.sought(key)?;
        let stripe = self.store().stripe();
        self.with(|held| {
            let now = held.tidy(now)?;
            let got = held.get_with_version(&sought, now, out)?;
            held.count_lookup(stripe, got.is_some());
            Ok(got)
        })
    }

    /// Stores the value if the version still stands; without one, if there is nothing. True if it was stored.
    pub fn set_if_version(
        &self,
        key: Key,
        value: Value,
        version: Option<u64>,
        now: f64,
        options: &SetOptions,
    ) -> Result<bool> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            held.set_if_version(&sought, value, version, now, options)
        })
    }

    /// As `incr`, with what is left of the counter's TTL.
    pub fn incr_with_ttl(&self, key: Key, amount: f64, now: f64, options: &SetOptions) -> Result<(f64, f64)> {
        let sought = self.sought(key)?;
        self.with(|held| {
            let now = held.tidy(now)?;
            let (sum, found) = held.incr(&sought, amount, now, options)?;
            let now = held.time(now);
            let left = match found {
                Some(found) => found.remaining_ttl(now),
                None => held.remaining_ttl(&sought, now)?,
            };
            Ok((sum, left))
        })
    }
}

impl Cache {
    /// Whether to refresh a value early, by chance: the likelier the longer it took to compute and the nearer its end is
    /// (XFetch). `random` is from 0 to 1, `beta` how early.
    pub fn is_refresh_due(&self, key: Key, now: f64, beta: f64, random: f64) -> Result<bool> {
        let sought = self.sought(key)?;
        let now = given_or_now(now);
        self.with_rarely(|held| held.is_refresh_due(&sought, now, beta, random))
    }
}

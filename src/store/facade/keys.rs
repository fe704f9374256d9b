//! Operations on one key.

use crate::error::Result;
use crate::store::entries::far::Far;
use crate::store::facade::cache::Cache;
use crate::store::ground::extras::{MAX_TAGS, check_tag};
use crate::store::ground::options::{GetOptions, HasOptions, PeekOptions, SetOptions};
use crate::store::ground::values::{Info, Key, Value};
use crate::store::table::marks::Memo;

impl Cache {
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
        let stripe = self.store().stripe();
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

    pub fn remaining_ttl(&self, key: Key, now: f64) -> Result<f64> {
        let sought = self.sought(key)?;
        self.with_rarely(|held| {
            let now = held.tidy(now)?;
            held.remaining_ttl(&sought, now)
        })
    }
}

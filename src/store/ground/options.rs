//! What a namespace is made with, and what each operation may be given.

use crate::error::{Code, Error, Result};
use crate::shm::layout::Limits;
use crate::store::ground::extras::Extras;

pub(in crate::store) const ALLOW_STALE: u32 = 1;
pub(in crate::store) const UPDATE_AGE_ON_GET: u32 = 2;
pub(in crate::store) const UPDATE_AGE_ON_HAS: u32 = 4;
pub(in crate::store) const NO_DELETE_ON_STALE_GET: u32 = 8;
pub(in crate::store) const TTL_AUTOPURGE: u32 = 16;

/// Which options a caller has left out, a bit each: the limits, then the flags above. None of them conflicts with anything.
pub type LeftOut = u32;

const MAX: LeftOut = 1;
const MAX_SIZE: LeftOut = 2;
const MAX_ENTRY_SIZE: LeftOut = 4;
const TTL: LeftOut = 8;
/// How far the flags are moved, past the limits.
const FLAGS: u32 = 4;
pub(in crate::store) const ALL_LEFT_OUT: LeftOut = LeftOut::MAX;

/// The options of lru-cache that a namespace knows. Zero and false mean what leaving them out means there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    pub max: u64,
    pub max_size: u64,
    pub max_entry_size: u64,
    pub ttl: f64,
    pub allow_stale: bool,
    pub update_age_on_get: bool,
    pub update_age_on_has: bool,
    pub no_delete_on_stale_get: bool,
    pub ttl_autopurge: bool,
}

/// The largest number that JavaScript can tell from its neighbours.
const LARGEST: u64 = (1 << 53) - 1;

impl Options {
    /// The bit of each flag.
    pub const FLAGS: &[(&str, i32)] = &[
        ("allowStale", ALLOW_STALE as i32),
        ("updateAgeOnGet", UPDATE_AGE_ON_GET as i32),
        ("updateAgeOnHas", UPDATE_AGE_ON_HAS as i32),
        ("noDeleteOnStaleGet", NO_DELETE_ON_STALE_GET as i32),
        ("ttlAutopurge", TTL_AUTOPURGE as i32),
    ];

    /// The bit that says of each option that it was left out.
    pub const LEFT_OUT: &[(&str, i32)] = &[
        ("max", MAX as i32),
        ("maxSize", MAX_SIZE as i32),
        ("maxEntrySize", MAX_ENTRY_SIZE as i32),
        ("ttl", TTL as i32),
        ("allowStale", (ALLOW_STALE << FLAGS) as i32),
        ("updateAgeOnGet", (UPDATE_AGE_ON_GET << FLAGS) as i32),
        ("updateAgeOnHas", (UPDATE_AGE_ON_HAS << FLAGS) as i32),
        ("noDeleteOnStaleGet", (NO_DELETE_ON_STALE_GET << FLAGS) as i32),
        ("ttlAutopurge", (TTL_AUTOPURGE << FLAGS) as i32),
    ];

    pub fn validate(&self) -> Result<()> {
        for (name, value) in [
            ("max", self.max),
            ("maxSize", self.max_size),
            ("maxEntrySize", self.max_entry_size),
        ] {
            if value > LARGEST {
                return Err(invalid(format!("{name} must be a safe integer, not {value}")));
            }
        }
        check_ttl(self.ttl)?;
        if self.max == 0 && self.max_size == 0 && self.ttl == 0.0 {
            return Err(invalid(
                "a cache needs at least one of max, maxSize and ttl to be bounded by".into(),
            ));
        }
        Ok(())
    }

    /// The largest entry that fits: lru-cache takes maxSize where maxEntrySize is not given.
    pub(in crate::store) fn largest_entry(&self) -> u64 {
        match (self.max_entry_size, self.max_size) {
            (0, size) | (size, 0) => size,
            (entry, size) => entry.min(size),
        }
    }

    /// The same options with these flags.
    pub fn with_flags(self, flags: u32) -> Self {
        Self {
            allow_stale: flags & ALLOW_STALE != 0,
            update_age_on_get: flags & UPDATE_AGE_ON_GET != 0,
            update_age_on_has: flags & UPDATE_AGE_ON_HAS != 0,
            no_delete_on_stale_get: flags & NO_DELETE_ON_STALE_GET != 0,
            ttl_autopurge: flags & TTL_AUTOPURGE != 0,
            ..self
        }
    }

    pub fn flags(&self) -> u32 {
        let bit = |on: bool, flag: u32| if on { flag } else { 0 };
        bit(self.allow_stale, ALLOW_STALE)
            | bit(self.update_age_on_get, UPDATE_AGE_ON_GET)
            | bit(self.update_age_on_has, UPDATE_AGE_ON_HAS)
            | bit(self.no_delete_on_stale_get, NO_DELETE_ON_STALE_GET)
            | bit(self.ttl_autopurge, TTL_AUTOPURGE)
    }

    pub(in crate::store) fn write_to(&self, limits: &Limits) {
        limits.max.put(self.max);
        limits.max_size.put(self.max_size);
        limits.max_entry_size.put(self.max_entry_size);
        limits.ttl.put_f64(self.ttl);
        limits.flags.put(self.flags());
    }

    pub(in crate::store) fn read_from(limits: &Limits) -> Self {
        let options = Self {
            max: limits.max.get(),
            max_size: limits.max_size.get(),
            max_entry_size: limits.max_entry_size.get(),
            ttl: limits.ttl.get_f64(),
            ..Self::default()
        };
        options.with_flags(limits.flags.get())
    }

    /// Refuses to join a namespace that was made differently from what was said, naming every difference.
    pub(in crate::store) fn check_against(
        &self,
        existing: &Self,
        left_out: LeftOut,
        name: &str,
    ) -> Result<()> {
        let number = |value: u64| {
            if value == 0 {
                "undefined".to_string()
            } else {
                value.to_string()
            }
        };
        let limits = |options: &Self| {
            [
                ("max", MAX, number(options.max)),
                ("maxSize", MAX_SIZE, number(options.max_size)),
                ("maxEntrySize", MAX_ENTRY_SIZE, number(options.max_entry_size)),
                ("ttl", TTL, number(options.ttl as u64)),
            ]
        };
        let flags = |options: &Self| {
            let on = options.flags();
            [
                ("allowStale", ALLOW_STALE),
                ("updateAgeOnGet", UPDATE_AGE_ON_GET),
                ("updateAgeOnHas", UPDATE_AGE_ON_HAS),
                ("noDeleteOnStaleGet", NO_DELETE_ON_STALE_GET),
                ("ttlAutopurge", TTL_AUTOPURGE),
            ]
            .map(|(option, flag)| (option, flag << FLAGS, (on & flag != 0).to_string()))
        };
        let all = |options: &Self| limits(options).into_iter().chain(flags(options));
        let differences: Vec<String> = all(existing)
            .zip(all(self))
            .filter(|((_, bit, old), (_, _, new))| left_out & bit == 0 && old != new)
            .map(|((option, _, old), (_, _, new))| format!("{option}={old} (existing) != {new} (incoming)"))
            .collect();
        if differences.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Conflicting options for namespace '{name}': {}",
            differences.join(", ")
        );
        Err(Error::new(Code::ConflictingOptions, message))
    }
}

pub(in crate::store) fn check_ttl(ttl: f64) -> Result<()> {
    let fits = ttl == 0.0 || (ttl > 0.0 && ttl.fract() == 0.0 && ttl.is_finite());
    if fits {
        Ok(())
    } else {
        Err(invalid(format!(
            "ttl must be a positive integer of milliseconds, not {ttl}"
        )))
    }
}

pub(in crate::store) fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}

#[derive(Clone, Copy, Debug, Default)]
pub struct GetOptions {
    pub allow_stale: Option<bool>,
    pub update_age_on_get: Option<bool>,
    pub no_delete_on_stale_get: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct PeekOptions {
    pub allow_stale: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct HasOptions {
    pub update_age_on_has: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SetOptions<'a> {
    /// `None`: the namespace's. Kept as it is: a negative one is stale at once, NaN never is.
    pub ttl: Option<f64>,
    pub start: Option<f64>,
    pub size: Option<f64>,
    pub no_update_ttl: bool,
    /// The value is a primitive: if the one that is there is the same, its size stays, as lru-cache has it for `===`.
    pub primitive: bool,
    /// What the entry bears beside its value, in the place of what it bore before.
    pub extras: Option<&'a Extras<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub struct ClaimOptions {
    /// Begins a flight beside one that runs, and does not look for a value first.
    pub force: bool,
    /// Looks for a value first.
    pub look: bool,
    /// Follows a flight that runs; else the caller is only told that there is one.
    pub join: bool,
    /// How long a leader may take before another may lead.
    pub lease_ms: f64,
    /// Whether what the leader brings may bear tags: any, until `Cache::bear` says which.
    pub tagged: bool,
    /// For the lookup that comes first.
    pub get: GetOptions,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        Self {
            force: false,
            look: true,
            join: true,
            lease_ms: 30_000.0,
            tagged: true,
            get: GetOptions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_every_difference_in_the_documented_words() {
        let existing = Options {
            max: 10,
            ..Options::default()
        };
        let incoming = Options {
            max: 20,
            ttl: 5.0,
            allow_stale: true,
            ..Options::default()
        };
        assert_eq!(
            incoming.check_against(&existing, 0, "n").unwrap_err().message,
            "Conflicting options for namespace 'n': max=10 (existing) != 20 (incoming), \
             ttl=undefined (existing) != 5 (incoming), allowStale=false (existing) != true (incoming)"
        );
        assert!(existing.check_against(&existing.clone(), 0, "n").is_ok());
        assert_eq!(
            incoming
                .check_against(&existing, MAX | TTL, "n")
                .unwrap_err()
                .message,
            "Conflicting options for namespace 'n': allowStale=false (existing) != true (incoming)"
        );
        let stale = ALLOW_STALE << FLAGS;
        assert!(incoming.check_against(&existing, MAX | TTL | stale, "n").is_ok());
        assert!(incoming.check_against(&existing, ALL_LEFT_OUT, "n").is_ok());
    }

    #[test]
    fn an_unbounded_cache_and_a_fractional_ttl_are_refused() {
        assert!(Options::default().validate().is_err());
        assert!(
            Options {
                max: 1,
                ..Options::default()
            }
            .validate()
            .is_ok()
        );
        for ttl in [0.5, -1.0, f64::NAN, f64::INFINITY] {
            assert!(
                Options {
                    max: 1,
                    ttl,
                    ..Options::default()
                }
                .validate()
                .is_err(),
                "{ttl}"
            );
        }
    }
}

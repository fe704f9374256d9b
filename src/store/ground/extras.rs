//! What an entry may bear beside its key and its value: for how long past its TTL it may still be given, how long it
//! took to compute, that it says "there is nothing", its version, and its tags.
//!
//! All of it is one record between key and value, and a bit of the value's tag says that it is there: an entry
//! without one pays nothing for it. `docs/shared-memory.md` has its bytes. Whoever stores a value stores its record with it,
//! in the same transaction, so that the two never part.

use crate::error::Result;
use crate::store::ground::options::invalid;

/// How many tags an entry may bear.
pub const MAX_TAGS: usize = 128;
/// How long a tag may be, in UTF-16 units, as JavaScript counts.
pub const MAX_TAG_LENGTH: usize = 1024;

/// What is stored with a value. All zero is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extras<'a> {
    /// For how many milliseconds past its TTL the value may be given to those who ask for a stale one. It is not removed
    /// before that.
    pub grace: f64,
    /// How many milliseconds it took to compute.
    pub delta: f64,
    /// There is nothing to be had under this key, which is known for as long as the entry lives.
    pub negative: bool,
    /// What `getWithVersion` said of it; 0 for none.
    pub version: u64,
    pub tags: &'a [String],
}

impl Extras<'_> {
    /// That it can be stored.
    pub fn check(&self) -> Result<()> {
        if self.tags.len() > MAX_TAGS {
            let message = format!(
                "tags must be at most {MAX_TAGS} for one entry, not {}",
                self.tags.len()
            );
            return Err(invalid(message));
        }
        self.tags.iter().try_for_each(|tag| check_tag(tag))
    }
}

pub(in crate::store) fn check_tag(tag: &str) -> Result<()> {
    let fits =
        !tag.is_empty() && tag.len() <= 3 * MAX_TAG_LENGTH && tag.encode_utf16().count() <= MAX_TAG_LENGTH;
    if fits {
        Ok(())
    } else {
        Err(invalid(format!(
            "a tag must have 1 to {MAX_TAG_LENGTH} characters, not {}",
            tag.encode_utf16().count()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_neither_empty_nor_long() {
        for (tag, fits) in [
            (String::new(), false),
            ("a".into(), true),
            ("x".repeat(MAX_TAG_LENGTH), true),
            ("€".repeat(MAX_TAG_LENGTH), true),
            ("x".repeat(MAX_TAG_LENGTH + 1), false),
            ("😀".repeat(MAX_TAG_LENGTH / 2 + 1), false),
        ] {
            assert_eq!(check_tag(&tag).is_ok(), fits, "{}", tag.len());
        }
    }
}

//! Copying a long value with nobody kept away meanwhile (`entries/far.rs`).

use crate::error::Result;
use crate::store::entries::far::Far;
use crate::store::facade::cache::Cache;
use crate::store::ground::values::Key;
use crate::store::table::entry::Sought;
use std::mem::MaybeUninit;
use std::sync::atomic::{Ordering, fence};

impl Cache {
    /// Copies a value that a look at its key has found to be far. False if it is not the same any more: what was
    /// copied is nothing then.
    pub fn copy_far(&self, key: Key, far: &Far, to: &mut [MaybeUninit<u8>]) -> Result<bool> {
        let copied = far
            .start(self.store().segment())
            .and_then(|mut at| at.copy_unguarded(to));
        Ok(copied.is_ok() && self.confirm(key, far)?)
    }

    /// The value that is now under a key that was found to be far, in `out`: the same, or another, or none.
    pub fn read_far(&self, key: Key, found: u8, far: &Far, out: &mut Vec<u8>) -> Result<Option<u8>> {
        out.clear();
        let read = far
            .start(self.store().segment())
            .and_then(|mut at| at.append_unguarded(far.len(), out));
        if read.is_ok() && self.confirm(key, far)? {
            return Ok(Some(found));
        }
        self.read_again(key, out)
    }

    /// The value that is now under a key, stale or not, copied under the lock.
    pub fn read_again(&self, key: Key, out: &mut Vec<u8>) -> Result<Option<u8>> {
        let sought = self.sought(key)?;
        self.with_rarely(|held| {
            let found = held.find(&sought)?;
            found.map(|found| held.read_value(&found, out)).transpose()
        })
    }

    /// Whether a key still leads where it led when its value was seen.
    fn confirm(&self, key: Key, far: &Far) -> Result<bool> {
        // What was copied was read before what is looked at now.
        fence(Ordering::Acquire);
        let sought: Sought = self.sought(key)?;
        if let Some(same) = self.looker().glance_far(&sought, far) {
            return Ok(same);
        }
        self.with_rarely(|held| {
            let found = held.find(&sought)?;
            Ok(found.is_some_and(|found| far.is_at(held.segment, found.id)))
        })
    }
}

//! Reading a long value without holding the lock while it is copied.
//!
//! Whoever looks a long value up is told where it lies. The copy is made then, with nobody kept away, and afterwards the
//! key is looked up once more: if it still leads to the same block with the same stamp, the entry was in the
//! namespace all the time, so its blocks were nobody else's. A stamp is the number of the change that made the entry, and
//! no two entries of a namespace have the same. Else the copy is thrown away, and another is made under the lock.
//!
//! A process that dies here held nothing.

use std::mem::MaybeUninit;
use std::sync::atomic::{Ordering, fence};

use crate::error::Result;
use crate::shm::layout::{Entry, NIL};
use crate::shm::segment::Segment;
use crate::store::facade::cache::Cache;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::Key;
use crate::store::table::chain::{Cursor, First, check_possible, tail_of};
use crate::store::table::entry::Sought;

/// Where a long value was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Far {
    id: u32,
    stamp: u64,
    /// What lies before the value: the key, and the record of extras.
    before: usize,
    len: usize,
}

impl Far {
    /// `record`: how long the record before the value is.
    pub(in crate::store) fn of(segment: &Segment, id: u32, entry: &Entry, record: usize) -> Step<Self> {
        let len = (entry.value_len.get() as usize)
            .checked_sub(record)
            .ok_or(Stop::Damaged)?;
        check_possible(segment, len)?;
        Ok(Self {
            id,
            stamp: tail_of(segment, id)?.stamp.get(),
            before: entry.key_len() + record,
            len,
        })
    }

    /// False if the value was short, and came at once.
    pub fn is_some(&self) -> bool {
        self.id != NIL
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the entry in a block is the one that was seen.
    pub(in crate::store) fn is_at(&self, segment: &Segment, id: u32) -> bool {
        id == self.id && tail_of(segment, id).is_ok_and(|tail| tail.stamp.get() == self.stamp)
    }

    /// At the value, as far as it is still there.
    fn start<'s>(&self, segment: &'s Segment) -> Step<Cursor<'s>> {
        let mut at = Cursor::at_start(segment, self.id, First::Entry, self.before + self.len)?;
        at.skip(self.before)?;
        Ok(at)
    }
}

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
            .and_then(|mut at| at.append_unguarded(far.len, out));
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
        if let Some(same) = self.glance_far(&sought, far) {
            return Ok(same);
        }
        self.with_rarely(|held| {
            let found = held.find(&sought)?;
            Ok(found.is_some_and(|found| far.is_at(held.segment, found.id)))
        })
    }
}

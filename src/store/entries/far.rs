//! Reading a long value without holding the lock while it is copied.
//!
//! Whoever looks a long value up is told where it lies. The copy is made then, with nobody kept away, and afterwards the
//! key is looked up once more: if it still leads to the same block with the same stamp, the entry was in the
//! namespace all the time, so its blocks were nobody else's. A stamp is the number of the change that made the entry, and
//! no two entries of a namespace have the same. Else the copy is thrown away, and another is made under the lock.
//!
//! A process that dies here held nothing.

use crate::shm::layout::{Entry, NIL};
use crate::shm::segment::Segment;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::chain::{Cursor, First, check_possible, tail_of};

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
    pub(in crate::store) fn start<'s>(&self, segment: &'s Segment) -> Step<Cursor<'s>> {
        let mut at = Cursor::at_start(segment, self.id, First::Entry, self.before + self.len)?;
        at.skip(self.before)?;
        Ok(at)
    }
}

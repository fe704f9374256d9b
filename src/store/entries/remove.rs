//! Taking entries out: delete, eviction, pop, a lower `max`. Removing one is one transaction.

use crate::shm::layout::NIL;
use crate::store::entries::Entries;
use crate::store::ground::slice::Slice;
use crate::store::ground::stop::Step;
use crate::store::table::entry::{Found, Sought};

impl Entries<'_> {
    /// Takes out what is under a key, because somebody wants it gone: flights on it are void, also where there is
    /// nothing. True if there was something that no tag had made gone.
    #[inline(always)]
    pub(in crate::store) fn discard(&mut self, sought: &Sought) -> Step<bool> {
        let found = self.find(sought)?;
        let Some(there) = self.was_there(found.as_ref())? else {
            return Ok(false);
        };
        let mut change = self.begin();
        self.void_flights(&mut change, sought)?;
        if let Some(found) = &found {
            self.write_removal(&mut change, found)?;
        }
        change.commit()?;
        self.trim()?;
        Ok(there)
    }

    /// Whether something is there for those who ask; `None` where there is nothing to change either.
    #[inline(always)]
    fn was_there(&self, found: Option<&Found>) -> Step<Option<bool>> {
        match found {
            None if self.ns.flight_count.get() == 0 => Ok(None),
            None => Ok(Some(false)),
            Some(found) => Ok(Some(!self.is_felled(found)?)),
        }
    }

    /// Whether a tag has made it gone.
    #[inline(always)]
    fn is_felled(&self, found: &Found) -> Step<bool> {
        let felled = self.record_of(found.id, found.entry, |record| self.tags().have_felled(&record))?;
        felled.unwrap_or(Ok(false))
    }

    pub(in crate::store) fn delete(&mut self, sought: &Sought) -> Step<bool> {
        if !self.discard(sought)? {
            return Ok(false);
        }
        self.ns.deletes.put(self.ns.deletes.get().wrapping_add(1));
        Ok(true)
    }

    pub(in crate::store) fn pop(&mut self, out: &mut Vec<u8>) -> Step<Option<u8>> {
        let id = self.ns.tail.get();
        if id == NIL {
            return Ok(None);
        }
        let found = self.locate(id)?;
        let tag = self.read_value(&found, out)?;
        self.evict()?;
        self.trim()?;
        Ok(Some(tag))
    }

    /// Lets the least recent entries go until there are no more than `max`, which is the limit then. False where the
    /// slice was over before.
    pub(in crate::store) fn set_max(&mut self, max: u64, slice: &mut Slice) -> Step<bool> {
        while max != 0 && u64::from(self.ns.count.get()) > max {
            if slice.is_over() {
                return Ok(false);
            }
            self.evict()?;
            self.trim()?;
        }
        self.ns.limits.max.put(max);
        self.shrink()?;
        Ok(true)
    }
}

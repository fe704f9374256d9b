//! Taking entries out: delete, eviction, clear, pop.
//!
//! Removing one is one transaction. Clearing is as many as there are entries, so it leaves a note (`pending`) first:
//! the next to take the lock of a process that died in it goes on clearing.

use crate::shm::layout::NIL;
use crate::store::ground::held::{Held, PENDING_CLEAR, PENDING_NOTHING};
use crate::store::ground::stop::Step;
use crate::store::table::entry::{Found, Sought};

impl Held<'_> {
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
            None if self.ns.lease_count.get() == 0 => Ok(None),
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

    /// Removes every entry, and voids every flight: its leader goes on, for those who wait for it.
    pub(in crate::store) fn clear(&mut self) -> Step<()> {
        let mut change = self.begin();
        self.void_all_flights(&mut change);
        change.set32(&self.ns.pending, PENDING_CLEAR);
        change.commit()?;
        self.finish_clear()
    }

    pub(in crate::store) fn finish_clear(&mut self) -> Step<()> {
        while self.ns.tail.get() != NIL {
            let found = self.locate(self.ns.tail.get())?;
            self.remove(&found)?;
            self.trim()?;
        }
        self.ns.next_expiry.put_f64(f64::INFINITY);
        if self.ns.lease_count.get() == 0 {
            self.fell()?;
            self.fell_tags()?;
        }
        self.trim()?;
        self.ns.pending.put(PENDING_NOTHING);
        Ok(())
    }

    pub(in crate::store) fn set_max(&mut self, max: u64) -> Step<()> {
        while max != 0 && u64::from(self.ns.count.get()) > max {
            self.evict()?;
            self.trim()?;
        }
        self.ns.limits.max.put(max);
        Ok(())
    }
}

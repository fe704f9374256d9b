//! Rings of copies, for the threads that ask for one.

use crate::error::{Code, Result};
use crate::store::copies::rings::RingPlace;
use crate::store::facade::cache::Cache;
use crate::store::facade::store::Store;
use crate::store::ground::held::Held;

/// How often a ring is asked for while others have the namespace's lock.
const MOST_CLAIMS: u32 = 100;

impl Cache {
    /// A ring for a thread of this process that reads this cache by way of copies, if there is one to be had and the
    /// cache's options allow it.
    pub fn claim_ring(&self) -> Result<Option<RingPlace>> {
        match self.claim_any_ring() {
            Err(error) if error.code == Code::LockHeld => Ok(None),
            claimed => claimed,
        }
    }

    fn claim_any_ring(&self) -> Result<Option<RingPlace>> {
        let store = self.store();
        if !store.lay_out_near()? {
            return Ok(None);
        }
        if let Some(place) = self.claim_unless_locked()? {
            return Ok(Some(place));
        }
        store.take_back_rings()?;
        self.claim_unless_locked()
    }

    /// The namespace's lock is waited for with the directory's let go, so that nobody waits for both.
    fn claim_unless_locked(&self) -> Result<Option<RingPlace>> {
        let store = self.store();
        for _ in 0..MOST_CLAIMS {
            match store.claim_ring(self.place()) {
                Err(error) if error.code == Code::LockHeld => {}
                claimed => return claimed,
            }
            if store
                .hold::<Held>(self.place().slot, store.segment().patience())
                .is_err()
            {
                break;
            }
        }
        Ok(None)
    }
}

impl Store {
    /// Gives a ring back. One that cannot be given back now is when the next is.
    pub fn release_ring(&self, number: u32) -> Result<()> {
        self.rings.release(self, number)
    }
}

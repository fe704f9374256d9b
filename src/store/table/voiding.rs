//! Voiding: a change of a key makes old what the flights on it will bring.
//!
//! Whatever changes a key on purpose writes the end of its flights down in its own transaction, so that neither is there
//! without the other. A lease that is void stays for its leader and for those who follow: they get what it brings,
//! and nothing of it is stored. Eviction, expiry and `touch` change nothing that a leader could have read.
//!
//! `clear` voids the flights of a whole namespace by one store: leases with a smaller token than `void_before` are
//! void, whatever their state says.

use crate::shm::journal::Transaction;
use crate::shm::layout::Lease;
use crate::store::flights::flight::{RUNNING, VOID, leader_of};
use crate::store::ground::held::Held;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::entry::Sought;

impl Held<'_> {
    /// Whether what the leader brings may be stored.
    pub(in crate::store) fn runs(&self, lease: &Lease) -> bool {
        lease.state.get() == RUNNING && lease.token.get() >= self.ns.void_before.get()
    }

    /// Voids the flights on a key, as part of the change that makes them old.
    #[inline(always)]
    pub(in crate::store) fn void_flights(&mut self, change: &mut Transaction, sought: &Sought) -> Step<()> {
        if self.ns.lease_count.get() == 0 {
            Ok(())
        } else {
            self.void_leases(change, sought)
        }
    }

    #[cold]
    fn void_leases(&mut self, change: &mut Transaction, sought: &Sought) -> Step<()> {
        let sought = sought.lease();
        let mut next = self.find(&sought)?;
        for _ in 0..=self.ns.lease_count.get() {
            let Some(found) = next else { return Ok(()) };
            let lease = self.lease_block(found.id)?;
            if self.runs(lease) && lease.token.get() < self.voids_below {
                self.void_lease(change, lease);
            }
            next = self.find_from(&found.entry.chain, &sought)?;
        }
        Err(Stop::Damaged)
    }

    pub(in crate::store) fn void_lease(&mut self, change: &mut Transaction, lease: &'static Lease) {
        change.set32(&lease.state, VOID);
        self.wakes |= 1 << leader_of(lease).bit();
    }

    /// Voids every flight of the namespace, however many there are.
    pub(in crate::store) fn void_all_flights(&mut self, change: &mut Transaction) {
        if self.ns.lease_count.get() == 0 {
            return;
        }
        change.set64(&self.ns.void_before, self.segment.header().lease_tokens.add(1));
        self.wakes = u64::MAX;
    }
}

//! Taking an entry out of the table, which is one transaction, and letting the least recent one go.

use crate::lru::{Slot, unlink};
use crate::shm::journal::Transaction;
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;
use crate::store::table::entry::Found;

impl Table<'_> {
    /// Takes an entry out; its blocks go to the stash, its runs to those that are spent. Flights on its key go on.
    #[inline(always)]
    pub(in crate::store) fn remove(&mut self, found: &Found) -> Step<()> {
        let mut change = self.begin();
        self.write_removal(&mut change, found)?;
        Ok(change.commit()?)
    }

    /// The same for what happens but seldom.
    #[inline(never)]
    pub(in crate::store) fn remove_rarely(&mut self, found: &Found) -> Step<()> {
        self.remove(found)?;
        self.trim()
    }

    #[inline(always)]
    pub(in crate::store) fn write_removal(&mut self, change: &mut Transaction, found: &Found) -> Step<()> {
        let (ns, entry) = (self.ns, found.entry);
        let mut stock = self.stock();
        self.count_change(change, entry.hash.get());
        change.set32(found.link, entry.chain.get());
        unlink(
            &mut self.recency(change),
            Slot::new(found.id).ok_or(Stop::Damaged)?,
        )?;
        self.give_up(change, &entry.chain_from(found.id), &mut stock)?;
        self.store_stock(change, &stock);
        change.set32(&ns.count, ns.count.get().wrapping_sub(1));
        change.set64(
            &ns.calculated_size,
            ns.calculated_size.get().wrapping_sub(entry.counted_size()),
        );
        change.set64(&ns.bytes, ns.bytes.get().wrapping_sub(entry.payload_len() as u64));
        Ok(())
    }

    /// Lets the least recent entry go.
    pub(in crate::store) fn evict(&mut self) -> Step<()> {
        let found = self.locate(self.ns.tail.get())?;
        self.remove(&found)?;
        self.ns.evictions.put(self.ns.evictions.get().wrapping_add(1));
        Ok(())
    }
}

//! Making, joining, listing and destroying namespaces.
//!
//! A process that dies in here leaves a slot in between, and the next to take the directory's lock empties that slot.

use crate::error::{Code, Error, Result};
use crate::shm::layout::{MAX_NAMESPACES, NIL, Namespace, NamespaceRecord};
use crate::shm::lock;
use crate::shm::region::Offset;
use crate::shm::segment::Segment;
use crate::store::facade::Whole;
use crate::store::ground::base::Ground;
use crate::store::ground::directory::{BUILDING, DYING, FREE, LIVE, LOST, Listing, Place};
use crate::store::ground::held::PENDING_NOTHING;
use crate::store::ground::options::{LeftOut, Options};
use crate::store::ground::refusals::{busy, unrecoverable};
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::chain::{Chain, First, append_part};
use std::time::Duration;

/// How long a namespace's lock is waited for with the directory's lock held.
const BRIEFLY: Duration = Duration::from_millis(4);

pub(in crate::store) fn finish_interrupted_slots(ground: &Ground) -> Result<()> {
    let segment = ground.segment();
    for slot in 0..segment.directory().slots_used.get() {
        let record = segment.record(slot).ok_or_else(unrecoverable)?;
        if matches!(record.state.get(), BUILDING | DYING) {
            vacate_if_unlocked(ground, slot, record)?;
        }
    }
    segment.header().repairs.add(1);
    Ok(())
}

/// Sets a slot free that a dead process left in between. One whose lock cannot be had stays as it is.
fn vacate_if_unlocked(ground: &Ground, slot: u32, record: &'static NamespaceRecord) -> Result<()> {
    match ground.hold(slot, BRIEFLY) {
        Ok(held) => vacate(held, record),
        Err(error) if error.code == Code::LockHeld => Ok(()),
        Err(error) => Err(error),
    }
}

/// Empties a slot and sets it free.
fn vacate(mut held: Whole, record: &'static NamespaceRecord) -> Result<()> {
    let generation = record.generation.get().wrapping_add(1).max(1);
    held.ns.generation.put(generation);
    if held.empty().is_err() {
        held.condemn()?;
    }
    record.generation.put(generation);
    record.state.put(FREE);
    Ok(())
}

impl Listing<'_> {
    /// Gives up a namespace whose lock cannot be had any more, so that it is made again elsewhere.
    pub(in crate::store) fn abandon(&self, place: Place) -> Result<()> {
        let segment = self.ground.segment();
        let (Some(ns), Some(record)) = (segment.namespace(place.slot), segment.record(place.slot)) else {
            return Err(unrecoverable());
        };
        if record.state.get() == LIVE && record.generation.get() == place.generation {
            record.state.put(LOST);
            // Whoever looks without the lock sees by this that the namespace is gone.
            let generation = place.generation.wrapping_add(1).max(1);
            ns.generation.put(generation);
            record.generation.put(generation);
            segment.header().recoveries.add(1);
        }
        Ok(())
    }

    /// Joins a namespace that exists, or makes it: its place, and the options that it has.
    pub(in crate::store) fn open(
        &self,
        name: &str,
        options: &Options,
        left_out: LeftOut,
    ) -> Result<(Place, Options)> {
        let hash = self.ground.name_hash(name);
        if let Some((slot, record)) = self.find(hash) {
            let existing = self.declared(slot)?;
            options.check_against(&existing, left_out, name)?;
            let generation = record.generation.get();
            return Ok((Place { slot, generation }, existing));
        }
        let (slot, record) = self.vacant()?;
        record.name[0].put(hash[0]);
        record.name[1].put(hash[1]);
        record.state.put(BUILDING);
        let built = self.build(slot, record, name, options);
        if built.is_err() {
            vacate_if_unlocked(self.ground, slot, record)?;
        }
        Ok((built?, options.clone()))
    }

    /// What a namespace was made with. It changes only where a namespace is made, with the directory's lock held.
    fn declared(&self, slot: u32) -> Result<Options> {
        let ns = self.ground.segment().namespace(slot).ok_or_else(unrecoverable)?;
        Ok(Options::read_from(&ns.declared))
    }

    /// The place and the declared options of a namespace that exists.
    pub(in crate::store) fn lookup(&self, name: &str) -> Result<Option<(Place, Options)>> {
        let Some((slot, record)) = self.find(self.ground.name_hash(name)) else {
            return Ok(None);
        };
        let place = Place {
            slot,
            generation: record.generation.get(),
        };
        Ok(Some((place, self.declared(slot)?)))
    }

    /// A slot to build in: one that was used before, else the next one.
    fn vacant(&self) -> Result<(u32, &'static NamespaceRecord)> {
        let segment = self.ground.segment();
        let used = segment.directory().slots_used.get();
        let free = (0..used).filter_map(|slot| Some((slot, segment.record(slot)?)));
        if let Some(found) = free.into_iter().find(|(_, record)| record.state.get() == FREE) {
            return Ok(found);
        }
        let (Some(ns), Some(record)) = (segment.namespace(used), segment.record(used)) else {
            return Err(Error::new(
                Code::TooManyNamespaces,
                format!("{MAX_NAMESPACES} namespaces exist already; destroy() those that are no longer used"),
            ));
        };
        self.pay_for(ns, record)?;
        lock::prepare(&ns.lock);
        segment.directory().slots_used.publish(used + 1);
        Ok((used, record))
    }

    fn pay_for(&self, ns: &'static Namespace, record: &'static NamespaceRecord) -> Result<()> {
        let segment = self.ground.segment();
        let region = segment.region();
        let ranges: [(Offset, usize); 2] = [
            (region.offset_of(ns), size_of::<Namespace>()),
            (region.offset_of(record), size_of::<NamespaceRecord>()),
        ];
        for (at, len) in ranges {
            segment.commit(at.0, len as u64).map_err(|cause| {
                Error::new(
                    Code::OutOfMemory,
                    format!("the system gave no memory for a namespace ({cause})"),
                )
            })?;
            segment.header().committed_bytes.add(len as u64);
        }
        Ok(())
    }

    fn build(
        &self,
        slot: u32,
        record: &'static NamespaceRecord,
        name: &str,
        options: &Options,
    ) -> Result<Place> {
        loop {
            let mut held: Whole = self.ground.hold(slot, BRIEFLY)?;
            match held.furnish(name, options) {
                Ok(()) => {
                    let generation = record.generation.get().wrapping_add(1).max(1);
                    record.generation.put(generation);
                    held.ns.generation.put(generation);
                    record.state.put(LIVE);
                    return Ok(Place { slot, generation });
                }
                Err(Stop::NoRoom(blocks)) => {
                    drop(held);
                    self.ground.make_room(blocks, slot)?;
                }
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Busy(holder)) => return Err(busy(holder)),
                Err(Stop::Damaged) => held.condemn()?,
            }
        }
    }

    /// The slot that it had, if it was there. Its flights go, too, and whoever follows one is told. Its lock is not waited
    /// for here, and what many entries leave stays in the slot, to be taken apart later.
    pub(in crate::store) fn destroy(&self, name: &str) -> Result<Option<u32>> {
        let Some((slot, record)) = self.find(self.ground.name_hash(name)) else {
            return Ok(None);
        };
        let held: Whole = self.ground.hold(slot, Duration::ZERO)?;
        record.state.put(DYING);
        vacate(held, record)?;
        self.ground.wake_everyone();
        Ok(Some(slot))
    }

    pub(in crate::store) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for (slot, record) in self.ground.live_slots() {
            let ns = self.ground.segment().namespace(slot).ok_or_else(unrecoverable)?;
            names.extend(sure_name(self.ground, ns, record));
        }
        Ok(names)
    }
}

impl Whole<'_> {
    /// Everything a new namespace starts with.
    fn furnish(&mut self, name: &str, options: &Options) -> Step<()> {
        let ns = self.ns;
        options.write_to(&ns.limits);
        options.write_to(&ns.declared);
        for word in [
            &ns.sets,
            &ns.deletes,
            &ns.evictions,
            &ns.memory_evictions,
            &ns.purge_after,
            &ns.void_before,
        ] {
            word.put(0);
        }
        for stripe in &ns.stripes {
            for word in stripe.counts() {
                word.put(0);
            }
        }
        ns.next_expiry.put_f64(f64::INFINITY);
        ns.ttl_tracked.put(u32::from(options.ttl != 0.0));
        ns.pending.put(PENDING_NOTHING);
        self.keep_name(name.as_bytes())
    }

    fn keep_name(&mut self, name: &[u8]) -> Step<()> {
        if self.ns.name_first.get() != NIL {
            return Ok(());
        }
        self.check_fits(First::Plain, name.len())?;
        self.reserve(First::Plain, name.len())?;
        let chain = self.write_chain(First::Plain, [name, &[], &[]])?;
        let mut change = self.begin();
        let mut stock = self.stock();
        self.use_up(&mut change, &chain, &mut stock)?;
        self.store_stock(&mut change, &stock);
        change.set32(&self.ns.name_first, chain.first);
        change.set32(&self.ns.name_last, chain.last);
        change.set32(&self.ns.name_len, name.len() as u32);
        Ok(change.commit_rarely(false)?)
    }

    /// The chain that holds the name.
    pub(in crate::store) fn name_chain(&self) -> Option<Chain> {
        name_chain(self.ns)
    }

    /// Gives every block back, or makes it one of the remains.
    fn empty(&mut self) -> Step<()> {
        self.drop_flights()?;
        self.clear()?;
        if let Some(chain) = self.name_chain() {
            let mut change = self.begin();
            let mut stock = self.stock();
            self.give_up(&mut change, &chain, &mut stock)?;
            self.store_stock(&mut change, &stock);
            change.set32(&self.ns.name_first, NIL);
            change.set32(&self.ns.name_last, NIL);
            change.set32(&self.ns.name_len, 0);
            change.commit_rarely(false)?;
        }
        self.return_runs()?;
        self.give_surplus(0)
    }
}

/// The name, without the namespace's lock: nothing but a repair changes a name that is there, and that is seen.
pub(in crate::store) fn sure_name(
    ground: &Ground,
    ns: &'static Namespace,
    record: &NamespaceRecord,
) -> Option<String> {
    let name = name_of(ground.segment(), ns).ok()??;
    (ground.name_hash(&name) == [record.name[0].get(), record.name[1].get()]).then_some(name)
}

/// The name it was made with; `None` for one that had to be cleared since.
fn name_of(segment: &Segment, ns: &'static Namespace) -> Step<Option<String>> {
    let Some(chain) = name_chain(ns) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    append_part(segment, chain.first, chain.kind, chain.len, chain.len, &mut bytes)?;
    String::from_utf8(bytes).map(Some).map_err(|_| Stop::Damaged)
}

fn name_chain(ns: &'static Namespace) -> Option<Chain> {
    let first = ns.name_first.get();
    (first != NIL).then(|| Chain {
        kind: First::Plain,
        len: ns.name_len.get() as usize,
        first,
        last: ns.name_last.get(),
    })
}

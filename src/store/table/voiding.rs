//! Voiding: a change of a key makes old what the flights on it will bring.
//!
//! Whatever changes a key on purpose writes the end of its flights down in its own transaction, so that neither is there
//! without the other. A flight that is void stays for its leader and for those who follow: they get what it brings,
//! and nothing of it is stored. Eviction, expiry and `touch` change nothing that a leader could have read.
//!
//! An invalidated tag voids the flights that may bring what bears it. A flight knows its tags by a bit each: none where it
//! was begun without tags, all of them where its tags are known only when its value is. Two tags with the same bit are
//! taken for one, which voids a flight for nothing now and then, and never misses one. `void_tags` has a word for each
//! bit, so that voiding is one store, and
//! `void_tagged` the latest of them. `tag_leaders` has the processes that are to be woken for it, by the same bits: each hears once
//! of what it leads, and who leads nothing that may bear the tag sleeps on.
//!
//! `clear` voids the flights of a whole namespace by one store: flights with a smaller token than `void_before` are
//! void, whatever their state says.

use crate::shm::journal::Transaction;
use crate::shm::layout::{Flight, TAG_BITS};
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;
use crate::store::table::entry::Sought;
use crate::store::table::flight::{RUNNING, VOID, leader_of};
use crate::store::table::life::tag_hash;

impl Table<'_> {
    /// Whether what the leader brings may be stored.
    pub(in crate::store) fn runs(&self, flight: &Flight) -> bool {
        let token = flight.token.get();
        flight.state.get() == RUNNING
            && token >= self.ns.void_before.get()
            && (token >= self.ns.void_tagged.get() || !self.is_void_by_tag(flight, token))
    }

    #[cold]
    fn is_void_by_tag(&self, flight: &Flight, token: u64) -> bool {
        let tags = flight.tags.get();
        let mut bits = self.ns.void_tags.iter().enumerate();
        bits.any(|(bit, before)| tags & (1 << bit) != 0 && token < before.get())
    }

    /// Voids the flights on a key, as part of the change that makes them old.
    #[inline(always)]
    pub(in crate::store) fn void_flights(&mut self, change: &mut Transaction, sought: &Sought) -> Step<()> {
        if self.ns.flight_count.get() == 0 {
            Ok(())
        } else {
            self.void_those_there(change, sought)
        }
    }

    #[cold]
    fn void_those_there(&mut self, change: &mut Transaction, sought: &Sought) -> Step<()> {
        let sought = sought.flight();
        let mut next = self.find(&sought)?;
        for _ in 0..=self.ns.flight_count.get() {
            let Some(found) = next else { return Ok(()) };
            let flight = self.flight_block(found.id)?;
            if self.runs(flight) && flight.token.get() < self.voids_below {
                self.void_flight(change, flight);
            }
            next = self.find_from(&found.entry.chain, &sought)?;
        }
        Err(Stop::Damaged)
    }

    pub(in crate::store) fn void_flight(&mut self, change: &mut Transaction, flight: &'static Flight) {
        change.set32(&flight.state, VOID);
        self.wakes |= 1 << leader_of(flight).bit();
    }

    /// Voids the flights that may bring what bears a tag.
    pub(in crate::store) fn void_flights_with(&mut self, change: &mut Transaction, tag: u64) {
        if self.ns.flight_count.get() == 0 {
            return;
        }
        let word = &self.ns.void_tags[tag_bit(tag) as usize];
        let token = self.segment.header().flight_tokens.add(1);
        change.set64(word, token);
        change.set64(&self.ns.void_tagged, token);
        self.wakes |= self.ns.tag_leaders[tag_bit(tag) as usize].get();
    }

    /// Who leads a flight with these bits of tags is to hear when one of them is invalidated. A process that is noted for nothing is
    /// woken for nothing, so none of this is part of a change.
    pub(in crate::store) fn note_leader(&self, tags: u32, leader: usize) {
        for (bit, leaders) in self.ns.tag_leaders.iter().enumerate() {
            if tags & (1 << bit) != 0 {
                leaders.put(leaders.get() | (1 << leader));
            }
        }
    }

    /// Those who lead flights of these tags are about to be woken, and need not be again for a flight that is void. The last
    /// step of an operation: what is done once more would wake nobody.
    pub(in crate::store) fn leaders_hear(&self, tags: &[String]) {
        for tag in tags {
            self.ns.tag_leaders[tag_bit(tag_hash(self.segment, tag)) as usize].put(0);
        }
    }

    /// The bits of tags, as a flight knows them.
    pub(in crate::store) fn bits_of(&self, tags: &[String]) -> u32 {
        let bit = |tag: &String| 1 << tag_bit(tag_hash(self.segment, tag));
        tags.iter().map(bit).fold(0, |all, bit: u32| all | bit)
    }

    /// Voids every flight of the namespace, however many there are.
    pub(in crate::store) fn void_all_flights(&mut self, change: &mut Transaction) {
        if self.ns.flight_count.get() == 0 {
            return;
        }
        change.set64(&self.ns.void_before, self.segment.header().flight_tokens.add(1));
        self.wakes = u64::MAX;
    }
}

/// The bit that stands for a tag: of its hash's high end, as the low one leads through the table of tags.
fn tag_bit(hash: u64) -> u32 {
    const { assert!(TAG_BITS == 1 << 5 && TAG_BITS == u32::BITS as usize) };
    (hash >> (u64::BITS - 5)) as u32
}

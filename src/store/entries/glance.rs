//! Looking without taking the lock, so that any number of processes read one hot key at once.
//!
//! Invariants: a glance writes nothing to the namespace but its own hit counter. What it saw is true only if the
//! journal's sequence number was even before and has not moved since; every link is checked before it is followed and
//! every walk is bounded, because until then anything may have been reused under it. Whatever would change something
//! (recency, age, a stale entry, an automatic purge) or is not sure is left to the locked path. A process that dies
//! here held nothing.

use crate::shm::layout::{
    Area, BLOCK_PAYLOAD, CHAIN_PAYLOAD_AT, ENTRY_PAYLOAD, ENTRY_PAYLOAD_AT, Entry, LONG_TAIL, NIL, Namespace,
};
use crate::shm::region::Offset;
use crate::shm::segment::Segment;
use crate::store::entries::far::Far;
use crate::store::ground::base::Ground;
use crate::store::ground::directory::Place;
use crate::store::ground::options::{
    ALLOW_STALE, GetOptions, HasOptions, PeekOptions, TTL_AUTOPURGE, UPDATE_AGE_ON_GET, UPDATE_AGE_ON_HAS,
};
use crate::store::table::buckets::{bucket_of, descend};
use crate::store::table::chain::{Cursor, First, LONGEST_CHAIN, is_long};
use crate::store::table::entry::Sought;
use crate::store::table::life::{Life, life_of};
use crate::store::table::marks::Memo;
use crate::store::table::record::Opening;
use crate::store::table::tags::Tags;
use crate::sys::clock::given_or_now;

/// Entries of one bucket that are looked at; a longer chain is the locked path's.
const MOST_STEPS: usize = 32;
/// Blocks of one value that are copied: no more than one has that is not in runs.
const MOST_BLOCKS: usize = LONGEST_CHAIN.div_ceil(BLOCK_PAYLOAD);

/// A namespace nobody keeps others away from. `None` from its methods means: not sure.
struct Glimpse<'s> {
    segment: &'s Segment,
    ns: &'static Namespace,
    slot: u32,
    flags: u32,
}

/// An entry that has the key, as far as can be seen.
struct Seen {
    id: u32,
    entry: &'static Entry,
    at: Offset,
    life: Life,
    /// How long the record before its value is.
    record: usize,
}

/// Where to look without the lock.
#[derive(Debug)]
pub(in crate::store) struct Looker<'s> {
    pub(in crate::store) ground: &'s Ground,
    pub(in crate::store) place: Place,
}

impl Looker<'_> {
    #[inline(always)]
    fn glance<R>(&self, look: impl FnOnce(&Glimpse) -> Option<R>) -> Option<R> {
        self.glance_unless(TTL_AUTOPURGE, look)
    }

    /// Not where the namespace has one of the flags that are `barred`.
    #[inline(always)]
    fn glance_unless<R>(&self, barred: u32, look: impl FnOnce(&Glimpse) -> Option<R>) -> Option<R> {
        let place = self.place;
        let segment = self.ground.segment();
        let ns = segment.namespace(place.slot)?;
        let before = ns.journal.sequence();
        let flags = ns.limits.flags.get();
        let settled = before & 1 == 0 && ns.generation.get() == place.generation && ns.pending.get() == 0;
        if !settled || flags & barred != 0 {
            return None;
        }
        let answer = look(&Glimpse {
            segment,
            ns,
            slot: place.slot,
            flags,
        })?;
        ns.journal.unmoved(before).then_some(answer)
    }

    /// A hit on the most recent entry, whose recency need not move; its value's tag.
    #[inline(always)]
    pub(in crate::store) fn glance_get(
        &self,
        sought: &Sought,
        now: f64,
        o: &GetOptions,
        out: &mut Vec<u8>,
        memo: &mut Memo,
        far: &mut Far,
    ) -> Option<u8> {
        let seen = self.glance(|glimpse| {
            if glimpse.has_touches() {
                return None;
            }
            let seen = glimpse.most_recent(sought, now)?;
            let renews = o
                .update_age_on_get
                .unwrap_or(glimpse.flags & UPDATE_AGE_ON_GET != 0);
            if seen.life != Life::Fresh || renews {
                None
            } else {
                memo.look_at(glimpse.segment, glimpse.ns, glimpse.slot, seen.id, seen.entry);
                let tag = if is_long(seen.entry.payload_len()) {
                    *far = Far::of(glimpse.segment, seen.id, seen.entry, seen.record).ok()?;
                    seen.entry.value_tag()
                } else {
                    glimpse.read(&seen, out)?
                };
                Some((tag, glimpse.ns))
            }
        });
        let Some((tag, ns)) = seen else {
            if memo.entry != NIL {
                *memo = Memo::default();
            }
            return None;
        };
        ns.stripes[self.ground.stripe()].hits.add(1);
        Some(tag)
    }

    pub(in crate::store) fn glance_peek(
        &self,
        sought: &Sought,
        now: f64,
        o: &PeekOptions,
        out: &mut Vec<u8>,
    ) -> Option<Option<u8>> {
        self.glance(|glimpse| {
            let Some(seen) = glimpse.find(sought, now)? else {
                return Some(None);
            };
            if glimpse.shows(&seen, o.allow_stale) {
                glimpse.read(&seen, out).map(Some)
            } else {
                Some(None)
            }
        })
    }

    /// For who cannot have the lock: an entry's value, wherever it stands in the order.
    pub(in crate::store) fn glance_anywhere(
        &self,
        sought: &Sought,
        now: f64,
        allow_stale: Option<bool>,
        out: &mut Vec<u8>,
        far: &mut Far,
    ) -> Option<Option<u8>> {
        self.glance_unless(0, |glimpse| {
            let Some(seen) = glimpse.find(sought, now)? else {
                return Some(None);
            };
            if !glimpse.shows(&seen, allow_stale) {
                return Some(None);
            }
            let tag = if is_long(seen.entry.payload_len()) {
                *far = Far::of(glimpse.segment, seen.id, seen.entry, seen.record).ok()?;
                seen.entry.value_tag()
            } else {
                glimpse.read(&seen, out)?
            };
            Some(Some(tag))
        })
    }

    pub(in crate::store) fn count_unheld(&self, hit: bool) {
        let Some(ns) = self.ground.segment().namespace(self.place.slot) else {
            return;
        };
        let stripe = &ns.stripes[self.ground.stripe()];
        if hit {
            stripe.hits.add(1)
        } else {
            stripe.misses.add(1)
        };
    }

    /// Whether a long value is still the one that was seen.
    pub(in crate::store) fn glance_far(&self, sought: &Sought, far: &Far) -> Option<bool> {
        self.glance_unless(0, |glimpse| {
            let seen = glimpse.find(sought, f64::INFINITY)?;
            Some(seen.is_some_and(|seen| far.is_at(glimpse.segment, seen.id)))
        })
    }

    #[inline(always)]
    pub(in crate::store) fn glance_has(&self, sought: &Sought, now: f64, o: &HasOptions) -> Option<bool> {
        self.glance_has_unless(TTL_AUTOPURGE, sought, now, o)
    }

    pub(in crate::store) fn glance_has_anywhere(
        &self,
        sought: &Sought,
        now: f64,
        o: &HasOptions,
    ) -> Option<bool> {
        self.glance_has_unless(0, sought, now, o)
    }

    #[inline(always)]
    fn glance_has_unless(&self, barred: u32, sought: &Sought, now: f64, o: &HasOptions) -> Option<bool> {
        self.glance_unless(barred, |glimpse| match glimpse.find(sought, now)? {
            Some(seen) if seen.life == Life::Fresh => {
                let renews = o
                    .update_age_on_has
                    .unwrap_or(glimpse.flags & UPDATE_AGE_ON_HAS != 0);
                (!renews).then_some(true)
            }
            _ => Some(false),
        })
    }
}

impl Glimpse<'_> {
    #[inline(always)]
    fn find(&self, sought: &Sought, now: f64) -> Option<Option<Seen>> {
        let root = self.ns.table_root.get();
        if root == NIL {
            return Some(None);
        }
        let index = bucket_of(sought.hash, self.ns.buckets.get());
        let mut id = descend(self.segment, root, self.ns.table_depth.get(), index)?.get();
        let word = Entry::key_word(sought.key.tag, sought.key.bytes.len());
        for _ in 0..MOST_STEPS {
            if id == NIL {
                return Some(None);
            }
            let entry: &'static Entry = self.segment.block(id)?;
            if entry.hash.get() == sought.hash
                && entry.key.get() == word
                && let Some(seen) = self.compare(id, entry, sought, now)?
            {
                return Some(Some(seen));
            }
            id = entry.chain.get();
        }
        None
    }

    /// Whether an entry's value is given to who asks, as they take stale ones or not.
    #[inline(always)]
    fn shows(&self, seen: &Seen, allow_stale: Option<bool>) -> bool {
        match seen.life {
            Life::Fresh => true,
            Life::Graced | Life::Expired => allow_stale.unwrap_or(self.flags & ALLOW_STALE != 0),
            Life::Negative | Life::Gone => false,
        }
    }

    /// Whether copies were read since the recency list was last right.
    #[inline(always)]
    fn has_touches(&self) -> bool {
        let area = self
            .ns
            .copy_area
            .get()
            .checked_sub(1)
            .and_then(|at| self.segment.area(at));
        area.is_some_and(Area::has_touches)
    }

    /// The most recent entry, if it is the one that is looked for: found without the table.
    #[inline(always)]
    fn most_recent(&self, sought: &Sought, now: f64) -> Option<Seen> {
        let id = self.ns.head.get();
        let entry: &'static Entry = self.segment.block(id)?;
        let word = Entry::key_word(sought.key.tag, sought.key.bytes.len());
        if entry.hash.get() != sought.hash || entry.key.get() != word {
            return None;
        }
        self.compare(id, entry, sought, now)?
    }

    /// Whether an entry with the right hash has the right key, too.
    #[inline(always)]
    fn compare(&self, id: u32, entry: &'static Entry, sought: &Sought, now: f64) -> Option<Option<Seen>> {
        let len = sought.key.bytes.len();
        if len > ENTRY_PAYLOAD || (len > ENTRY_PAYLOAD - LONG_TAIL && is_long(entry.payload_len())) {
            return None;
        }
        let at = self.segment.geometry().block(id)?;
        if !self
            .segment
            .region()
            .equals(Offset(at.0 + ENTRY_PAYLOAD_AT), sought.key.bytes)?
        {
            return Some(None);
        }
        let (life, record) = if entry.has_extras() {
            self.look_at_record(id, entry, now)?
        } else if entry.ttl.get() != 0 && entry.is_stale(given_or_now(now)) {
            (Life::Expired, 0)
        } else {
            (Life::Fresh, 0)
        };
        Some(Some(Seen {
            id,
            entry,
            at,
            life,
            record,
        }))
    }

    /// What an entry's record says of it, and how long it is, if its first block tells.
    #[inline(never)]
    fn look_at_record(&self, id: u32, entry: &Entry, now: f64) -> Option<(Life, usize)> {
        let opening = Opening::of(self.segment, id, entry)?;
        let (record, len) = (opening.record(entry)?, opening.record_len(entry)?);
        if Tags::of(self.segment, self.ns).have_felled(&record).ok()? {
            return Some((Life::Gone, len));
        }
        let now = if entry.ttl.get() == 0 {
            0.0
        } else {
            given_or_now(now)
        };
        Some((life_of(&record, entry, now), len))
    }

    #[inline(always)]
    fn read(&self, seen: &Seen, out: &mut Vec<u8>) -> Option<u8> {
        if is_long(seen.entry.payload_len()) {
            return None;
        }
        if seen.record != 0 {
            return self.read_after_record(seen, out);
        }
        let (key, len) = (seen.entry.key_len(), seen.entry.value_len.get() as usize);
        let here = len.min(ENTRY_PAYLOAD.checked_sub(key)?);
        out.clear();
        let at = Offset(seen.at.0 + ENTRY_PAYLOAD_AT + key as u64);
        self.segment.region().append_unguarded(at, here, out)?;
        if here < len {
            self.read_on(seen.entry.next.get(), len, out)?;
        }
        Some(seen.entry.value_tag())
    }

    fn read_after_record(&self, seen: &Seen, out: &mut Vec<u8>) -> Option<u8> {
        let entry = seen.entry;
        let len = (entry.value_len.get() as usize).checked_sub(seen.record)?;
        let mut at = Cursor::at_start(self.segment, seen.id, First::Entry, entry.payload_len()).ok()?;
        out.clear();
        at.skip(entry.key_len() + seen.record).ok()?;
        at.append_unguarded(len, out).ok()?;
        Some(entry.value_tag())
    }

    /// A value that goes on in further blocks.
    fn read_on(&self, first: u32, len: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut id = first;
        for _ in 0..MOST_BLOCKS {
            let at = Offset(self.segment.geometry().block(id)?.0 + CHAIN_PAYLOAD_AT);
            let piece = (len - out.len()).min(BLOCK_PAYLOAD);
            self.segment.region().append_unguarded(at, piece, out)?;
            if out.len() == len {
                return Some(());
            }
            id = self.segment.link(id).ok()?.get();
        }
        None
    }
}

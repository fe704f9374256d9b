//! Storing: set, setIfAbsent, incr; and a new lifetime for what is stored.
//!
//! A new value is written into free blocks while they still lie in the stash, where nobody can see them; then one
//! transaction takes them out of the stash, puts them into bucket and recency list, and the old value's blocks into
//! the stash. A value that fits where the old one was goes there, word by word of the same kind of transaction. A process
//! that dies before the transaction has stored nothing; after it, everything.

use crate::error::{Code, Error};
use crate::lru::{Slot, move_to_front, push_front, replace_at_front};
use crate::shm::journal::Transaction;
use crate::shm::layout::{ENTRY_PAYLOAD, Entry, EntryWords, NIL};
use crate::store::entries::Entries;
use crate::store::ground::extras::Extras;
use crate::store::ground::options::SetOptions;
use crate::store::ground::stop::{Step, Stop};
use crate::store::ground::values::{LoadEntry, Value};
use crate::store::table::chain::{Chain, First};
use crate::store::table::entry::{EXTRAS_TAG, Found, Sought};
use crate::sys::clock::given_or_now;

/// More than any cache's `maxSize`, and less than an entry's size field holds.
const HUGE: u64 = 1 << 55;

/// An entry to be stored, all questions answered.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Draft<'a> {
    pub(in crate::store) sought: Sought<'a>,
    pub(in crate::store) value: Value<'a>,
    /// The record that lies before the value; empty for none.
    pub(in crate::store) record: &'a [u8],
    pub(in crate::store) start: f64,
    pub(in crate::store) ttl: f64,
    pub(in crate::store) size: u64,
}

impl Draft<'_> {
    fn payload_len(&self) -> usize {
        self.sought.key.bytes.len() + self.body_len()
    }

    /// What comes after the key.
    #[inline(always)]
    fn body_len(&self) -> usize {
        self.record.len() + self.value.bytes.len()
    }

    fn size_word(&self) -> u64 {
        let mark = if self.record.is_empty() { 0 } else { EXTRAS_TAG };
        Entry::size_word(self.value.tag | mark, self.size)
    }

    #[inline(always)]
    fn is_one_block(&self) -> bool {
        self.payload_len() <= ENTRY_PAYLOAD
    }
}

impl Entries<'_> {
    pub(in crate::store) fn counts_sizes(&self) -> bool {
        self.ns.limits.max_size.get() != 0 || self.ns.limits.max_entry_size.get() != 0
    }

    /// lru-cache's rule: a size where sizes are counted, and none where they are not.
    #[inline(always)]
    fn check_size(&self, size: Option<f64>) -> Step<u64> {
        if size.is_none() && !self.counts_sizes() {
            Ok(0)
        } else {
            self.check_given_size(size)
        }
    }

    #[inline(never)]
    fn check_given_size(&self, size: Option<f64>) -> Step<u64> {
        let given = size.filter(|size| *size != 0.0 && !size.is_nan());
        match (self.counts_sizes(), given) {
            (false, None) => Ok(0),
            (true, Some(size)) if size > 0.0 && size.fract() == 0.0 && size.is_finite() => {
                Ok((size as u64).min(HUGE))
            }
            (true, _) => Err(refused(
                "this cache counts sizes (maxSize or maxEntrySize is set): every write needs `size`, a positive integer",
            )),
            (false, Some(_)) => Err(refused(
                "`size` was given, but this cache counts no sizes: set maxSize or maxEntrySize, or leave it out",
            )),
        }
    }

    /// What `load` would refuse.
    pub(in crate::store) fn check_loadable(&self, entry: &LoadEntry) -> Step<()> {
        self.check_size(entry.options.size)?;
        let record = self.record_for(&entry.options)?;
        let len = entry.key.bytes.len() + record.len() + entry.value.bytes.len();
        self.check_fits(First::Entry, len)
    }

    /// False when the entry is larger than any entry may be; an old one is gone then.
    #[inline(always)]
    pub(in crate::store) fn set(
        &mut self,
        sought: &Sought,
        value: Value,
        now: f64,
        o: &SetOptions,
    ) -> Step<bool> {
        let record = self.record_for(o)?;
        self.set_with(sought, value, &record, now, o)
    }

    /// The record for what is to be stored; nothing where it bears no extras.
    #[inline(always)]
    fn record_for(&self, o: &SetOptions) -> Step<Vec<u8>> {
        match o.extras {
            None => Ok(Vec::new()),
            Some(extras) => self.inscribe(extras),
        }
    }

    #[inline(always)]
    fn set_with(
        &mut self,
        sought: &Sought,
        value: Value,
        record: &[u8],
        now: f64,
        o: &SetOptions,
    ) -> Step<bool> {
        let size = self.check_size(o.size)?;
        if self.is_too_large(size) {
            self.discard(sought)?;
            return Ok(false);
        }
        let ttl = o.ttl.unwrap_or_else(|| self.ns.limits.ttl.get_f64());
        let start = if ttl == 0.0 {
            0.0
        } else {
            o.start.unwrap_or_else(|| given_or_now(now))
        };
        let mut draft = Draft {
            sought: *sought,
            value,
            record,
            start,
            ttl,
            size,
        };
        self.make_room(&draft)?;
        match self.find(sought)? {
            None => self.insert(&draft)?,
            Some(found) => {
                if o.no_update_ttl {
                    // lru-cache tells of TTLs from the first that it is given on, also where the entry keeps its own.
                    self.track_ttl(draft.ttl);
                    (draft.start, draft.ttl) = (found.entry.start.get_f64(), found.entry.ttl.get_f64());
                }
                self.update(&draft, found, o.primitive)?;
            }
        }
        self.count_set();
        self.trim()?;
        Ok(true)
    }

    /// What `set` would refuse, or not store.
    pub(in crate::store) fn check_storable(&self, o: &SetOptions) -> Step<()> {
        if self.is_too_large(self.check_size(o.size)?) {
            return Err(refused(
                "the `size` is larger than that of any entry of this cache may be",
            ));
        }
        Ok(o.extras.map_or(Ok(()), Extras::check)?)
    }

    #[inline(always)]
    fn is_too_large(&self, size: u64) -> bool {
        size != 0 && size > self.limits().largest_entry()
    }

    /// Stores an entry that is there once more, with another record. Its value is given, for it may have to move.
    pub(in crate::store) fn replace_record(
        &mut self,
        sought: &Sought,
        record: &[u8],
        value: Value,
    ) -> Step<()> {
        let draft_of = |found: &Found| Draft {
            sought: *sought,
            value,
            record,
            start: found.entry.start.get_f64(),
            ttl: found.entry.ttl.get_f64(),
            size: found.entry.counted_size(),
        };
        let found = self.find(sought)?.ok_or(Stop::Damaged)?;
        self.make_room(&draft_of(&found))?;
        // Making room may have let it go, if it is the last one there is.
        let found = self.find(sought)?.ok_or(Stop::NoRoom(1))?;
        self.update(&draft_of(&found), found, false)?;
        self.trim()
    }

    pub(in crate::store) fn set_if_absent(
        &mut self,
        sought: &Sought,
        value: Value,
        now: f64,
        o: &SetOptions,
    ) -> Step<bool> {
        self.check_size(o.size)?;
        if let Some(found) = self.find(sought)?
            && self.lives(&found, now)?
        {
            return Ok(false);
        }
        self.set(sought, value, now, o)
    }

    /// Adds to a number: the sum, and its entry where that could stay as it was. A counter that is there keeps its TTL, its
    /// extras and, unless one is given, its size.
    pub(in crate::store) fn incr(
        &mut self,
        sought: &Sought,
        amount: f64,
        now: f64,
        o: &SetOptions,
    ) -> Step<(f64, Option<Found>)> {
        let Some(found) = self.find_living(sought, now)? else {
            let record = self.record_for(o)?;
            return self.store_number(sought, amount, &record, now, o);
        };
        let Some(number) = self.read_number(&found)? else {
            let message = "incr and decr need a number, and the value of this key is none";
            return Err(Stop::Refused(Error::new(Code::NotANumber, message)));
        };
        if self.is_bare_number(&found) && self.check_size(o.size)? == 0 {
            self.overwrite_number(sought, number + amount, found, o)?;
            return Ok((number + amount, Some(found)));
        }
        let kept = Some(found.entry.counted_size() as f64).filter(|_| self.counts_sizes());
        let o = SetOptions {
            size: o.size.or(kept),
            no_update_ttl: true,
            ..*o
        };
        let record = self.record_without_version(&found)?;
        self.store_number(sought, number + amount, &record, now, &o)
    }

    fn store_number(
        &mut self,
        sought: &Sought,
        number: f64,
        record: &[u8],
        now: f64,
        o: &SetOptions,
    ) -> Step<(f64, Option<Found>)> {
        let value = Value {
            tag: Value::NUMBER,
            bytes: &number.to_le_bytes(),
        };
        self.set_with(sought, value, record, now, o)?;
        Ok((number, None))
    }

    /// Whether another number fits in its place with nothing else to be seen to: it has no extras and no size.
    #[inline(always)]
    fn is_bare_number(&self, Found { entry, .. }: &Found) -> bool {
        entry.is_one_block() && !entry.has_extras() && entry.counted_size() == 0 && !self.counts_sizes()
    }

    #[inline(always)]
    fn overwrite_number(&mut self, sought: &Sought, number: f64, found: Found, o: &SetOptions) -> Step<()> {
        self.track_ttl(o.ttl.unwrap_or_else(|| self.ns.limits.ttl.get_f64()));
        let draft = Draft {
            sought: *sought,
            value: Value {
                tag: Value::NUMBER,
                bytes: &number.to_le_bytes(),
            },
            record: &[],
            start: found.entry.start.get_f64(),
            ttl: found.entry.ttl.get_f64(),
            size: 0,
        };
        self.overwrite(&draft, found)?;
        self.count_set();
        self.trim()
    }

    #[inline(always)]
    fn count_set(&self) {
        self.ns.sets.put(self.ns.sets.get().wrapping_add(1));
    }

    /// Sees to the blocks an entry needs, before anything is looked up: entries may have to go for it.
    #[inline(always)]
    fn make_room(&mut self, draft: &Draft) -> Step<()> {
        self.ensure_table()?;
        if !draft.is_one_block() {
            self.check_fits(First::Entry, draft.payload_len())?;
        }
        self.reserve(First::Entry, draft.payload_len())
    }

    pub(in crate::store) fn check_fits(&self, kind: First, len: usize) -> Step<()> {
        // What cannot be evicted (tables, names, flights) is less than this, and parts the rest into no more runs.
        let capacity = self.segment.geometry().block_capacity;
        let kept = capacity / 16;
        let blocks = kind.blocks_in(len, kept);
        if blocks <= capacity - kept {
            return Ok(());
        }
        let message = format!(
            "the entry may take {blocks} blocks of 128 bytes, and the whole cache has {capacity}; raise `memory` in bootstrap()"
        );
        Err(Stop::Refused(Error::new(Code::ValueTooLarge, message)))
    }

    fn insert(&mut self, draft: &Draft) -> Step<()> {
        let max = self.ns.limits.max.get();
        while max != 0 && u64::from(self.ns.count.get()) >= max {
            self.evict()?;
        }
        self.evict_for_size(draft.size, 0, NIL)?;
        let link = self.bucket(draft.sought.hash)?.ok_or(Stop::Damaged)?;
        self.put(draft, link, None)?;
        self.grow()
    }

    fn update(&mut self, draft: &Draft, found: Found, primitive: bool) -> Step<()> {
        let old_size = found.entry.counted_size();
        if primitive && self.counts_sizes() && draft.record.is_empty() && self.holds(&found, &draft.value)? {
            // lru-cache sees the same value and leaves its size alone; the number already there keeps its sign.
            self.touch(found.id)?;
            self.note_ttl(draft.start, draft.ttl);
            return self.retime(&found, draft);
        }
        if draft.size == old_size && found.entry.is_one_block() && draft.is_one_block() {
            return self.overwrite(draft, found);
        }
        if draft.size != 0 {
            self.touch(found.id)?;
            self.evict_for_size(draft.size, old_size, found.id)?;
        }
        // Evicting may have changed the link that leads here.
        let found = if draft.size != 0 {
            self.locate(found.id)?
        } else {
            found
        };
        self.put(draft, found.link, Some(found))
    }

    /// Puts a value of the same size in the place of another where both fit into the entry's own block: its payload is
    /// part of what the journal writes down, so no block has to change hands.
    #[inline(always)]
    fn overwrite(&mut self, draft: &Draft, Found { id, entry, .. }: Found) -> Step<()> {
        self.note_ttl(draft.start, draft.ttl);
        let ns = self.ns;
        let mut change = self.begin();
        self.count_change(&mut change, draft.sought.hash);
        self.void_flights(&mut change, &draft.sought)?;
        self.write_value(&mut change, id, draft)?;
        let (old, new) = (entry.value_len.get(), draft.body_len() as u32);
        if old != new {
            let bytes = ns.bytes.get().wrapping_sub(u64::from(old));
            change.set64(&ns.bytes, bytes.wrapping_add(u64::from(new)));
            change.set32(&entry.value_len, new);
        }
        change.adjust64(&entry.start, draft.start.to_bits());
        change.adjust64(&entry.ttl, draft.ttl.to_bits());
        change.adjust64(&entry.size, draft.size_word());
        let slot = Slot::new(id).ok_or(Stop::Damaged)?;
        move_to_front(&mut self.recency(&mut change), slot)?;
        Ok(change.commit()?)
    }

    /// Writes down the words that hold record and value in an entry's own block. What else they hold stays.
    #[inline(always)]
    fn write_value(&self, change: &mut Transaction, id: u32, draft: &Draft) -> Step<()> {
        let (from, value) = (draft.sought.key.bytes.len(), draft.value.bytes);
        let block = self.segment.block::<EntryWords>(id).ok_or(Stop::Damaged)?;
        let words = block.payload.get(from / 8..draft.payload_len().div_ceil(8));
        let words = words.ok_or(Stop::Damaged)?;
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return Ok(());
        };
        let mut image = [[0; 8]; ENTRY_PAYLOAD / 8];
        image[0] = first.get().to_ne_bytes();
        image[words.len() - 1] = last.get().to_ne_bytes();
        let (record, rest) = image.as_flattened_mut()[from % 8..].split_at_mut(draft.record.len());
        record.copy_from_slice(draft.record);
        rest[..value.len()].copy_from_slice(value);
        for (word, bytes) in words.iter().zip(image) {
            change.set64(word, u64::from_ne_bytes(bytes));
        }
        Ok(())
    }

    fn retime(&mut self, found: &Found, draft: &Draft) -> Step<()> {
        let mut change = self.begin();
        self.count_change(&mut change, draft.sought.hash);
        self.void_flights(&mut change, &draft.sought)?;
        change.set64(&found.entry.start, draft.start.to_bits());
        change.set64(&found.entry.ttl, draft.ttl.to_bits());
        Ok(change.commit()?)
    }

    /// Begins an entry's lifetime again, with another TTL where one is given, and leaves its value alone. False where
    /// there is none that lives.
    pub(in crate::store) fn extend(&mut self, sought: &Sought, now: f64, ttl: Option<f64>) -> Step<bool> {
        let Some(found) = self.find_living(sought, now)? else {
            return Ok(false);
        };
        let ttl = ttl.unwrap_or_else(|| found.entry.ttl.get_f64());
        let start = if ttl == 0.0 { 0.0 } else { given_or_now(now) };
        self.note_ttl(start, ttl);
        let mut change = self.begin();
        self.count_change(&mut change, sought.hash);
        if self.ns.head.get() != found.id {
            let slot = Slot::new(found.id).ok_or(Stop::Damaged)?;
            move_to_front(&mut self.recency(&mut change), slot)?;
        }
        change.set64(&found.entry.start, start.to_bits());
        change.set64(&found.entry.ttl, ttl.to_bits());
        change.commit()?;
        Ok(true)
    }

    /// Lets the least recent entries go until `size` fits in the place of `old`; never the entry `spared`.
    #[inline(always)]
    fn evict_for_size(&mut self, size: u64, old: u64, spared: u32) -> Step<()> {
        let most = self.ns.limits.max_size.get();
        if most == 0 {
            return Ok(());
        }
        while self
            .ns
            .calculated_size
            .get()
            .wrapping_sub(old)
            .saturating_add(size)
            > most
        {
            let last = self.ns.tail.get();
            if last == NIL || last == spared {
                return Ok(());
            }
            self.evict()?;
        }
        Ok(())
    }

    /// Remembers that there are TTLs, and when the first may end.
    #[inline(always)]
    fn note_ttl(&self, start: f64, ttl: f64) {
        self.track_ttl(ttl);
        if ttl == 0.0 {
            return;
        }
        let end = start + ttl;
        if self.autopurges() && end < self.ns.next_expiry.get_f64() {
            self.ns.next_expiry.put_f64(end);
        }
    }

    #[inline(always)]
    fn track_ttl(&self, ttl: f64) {
        if ttl != 0.0 && self.ns.ttl_tracked.get() == 0 {
            self.ns.ttl_tracked.put(1);
        }
    }

    /// Writes the draft into free blocks and puts them where `link` leads, in the place of `old`.
    #[inline(always)]
    fn put(
        &mut self,
        draft: &Draft,
        link: &'static crate::shm::word::Word32,
        old: Option<Found>,
    ) -> Step<()> {
        let chain = self.write_draft(draft)?;
        let id = chain.first;
        let entry = self.entry(id)?;
        entry
            .chain
            .put(old.map_or(link.get(), |old| old.entry.chain.get()));
        self.note_ttl(draft.start, draft.ttl);
        let ns = self.ns;
        let slot = Slot::new(id).ok_or(Stop::Damaged)?;
        let bytes = draft.payload_len() as u64;
        let mut change = self.begin();
        self.void_flights(&mut change, &draft.sought)?;
        let mut stock = self.stock();
        change.set32(link, id);
        self.use_up(&mut change, &chain, &mut stock)?;
        let (size, total) = (ns.calculated_size.get(), ns.bytes.get());
        if let Some(old) = old {
            self.count_change(&mut change, draft.sought.hash);
            replace_at_front(
                &mut self.recency(&mut change),
                Slot::new(old.id).ok_or(Stop::Damaged)?,
                slot,
            )?;
            self.give_up(&mut change, &old.entry.chain_from(old.id), &mut stock)?;
            change.set64(
                &ns.calculated_size,
                size.wrapping_sub(old.entry.counted_size())
                    .wrapping_add(draft.size),
            );
            change.set64(
                &ns.bytes,
                total
                    .wrapping_sub(old.entry.payload_len() as u64)
                    .wrapping_add(bytes),
            );
        } else {
            push_front(&mut self.recency(&mut change), slot)?;
            change.set32(&ns.count, ns.count.get().wrapping_add(1));
            change.set64(&ns.calculated_size, size.wrapping_add(draft.size));
            change.set64(&ns.bytes, total.wrapping_add(bytes));
        }
        self.store_stock(&mut change, &stock);
        Ok(change.commit()?)
    }

    /// Writes the entry into blocks that nobody can see yet.
    #[inline(always)]
    fn write_draft(&mut self, draft: &Draft) -> Step<Chain> {
        let key = draft.sought.key;
        let chain = self.write_chain(First::Entry, [key.bytes, draft.record, draft.value.bytes])?;
        let entry = self.entry(chain.first)?;
        entry.last.put(chain.last);
        entry.hash.put(draft.sought.hash);
        entry.key.put(Entry::key_word(key.tag, key.bytes.len()));
        entry.value_len.put(draft.body_len() as u32);
        entry.start.put_f64(draft.start);
        entry.ttl.put_f64(draft.ttl);
        entry.size.put(draft.size_word());
        Ok(chain)
    }
}

fn refused(message: &str) -> Stop {
    Stop::Refused(Error::new(Code::InvalidSize, message))
}

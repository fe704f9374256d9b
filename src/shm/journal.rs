//! Changing several words as one.
//!
//! A transaction first writes down every store it will make (where, how wide, what), then marks the journal by making
//! its sequence number odd, then makes the stores, then makes the number even again. The stores are plain values, so
//! making them twice is the same as making them once: whoever finds an odd number under a dead owner's lock makes
//! them all again, and is done.
//!
//! The sequence number serves readers without the lock, too: what they saw is true if it was even and has not moved.
//!
//! If the process dies before the mark, nothing was changed; after it, everything will have been.

use std::mem::MaybeUninit;
use std::sync::atomic::compiler_fence;

use super::atomics::{Ordering, fence};
use super::layout::{MARKS, NEAR_AT};
use super::region::{Offset, Region, Shared};
use super::word::{Word32, Word64};

/// The most stores that one transaction can make.
pub const CAPACITY: usize = 40;

#[derive(Debug, Default)]
#[repr(C)]
pub struct Record {
    /// The offset, shifted left by one; the low bit says that the store is 64 bits wide.
    place: Word64,
    value: Word64,
}

#[derive(Debug)]
#[repr(C)]
pub struct Journal {
    sequence: Word64,
    len: Word32,
    /// Where the word lies that counts this change, if one does. The low bit says that all marks do.
    mark: Word32,
    records: [Record; CAPACITY],
}

// SAFETY: `#[repr(C)]`, made of words.
unsafe impl Shared for Journal {}

/// The journal holds what no transaction writes: the memory was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// As it is in new memory.
impl Default for Journal {
    fn default() -> Self {
        Self {
            sequence: Word64::default(),
            len: Word32::default(),
            mark: Word32::default(),
            records: std::array::from_fn(|_| Record::default()),
        }
    }
}

impl Journal {
    /// Even when nothing is in progress.
    #[inline(always)]
    pub fn sequence(&self) -> u64 {
        self.sequence.observe()
    }

    /// Whether everything read since `sequence()` gave `before` was left alone meanwhile.
    #[inline(always)]
    pub fn unmoved(&self, before: u64) -> bool {
        fence(Ordering::Acquire);
        before & 1 == 0 && self.sequence.get() == before
    }

    /// Starts a transaction. The caller holds the lock that guards this journal.
    #[inline(always)]
    pub fn begin(&'static self, region: Region) -> Transaction {
        Transaction {
            journal: self,
            region,
            len: 0,
            mark: None,
            narrow: Pending::new(),
            wide: Pending::new(),
        }
    }

    /// Finishes what a dead owner had marked. True if there was something.
    pub fn replay(&self, region: Region) -> Result<bool, Malformed> {
        let sequence = self.sequence.observe();
        if sequence & 1 == 0 {
            return Ok(false);
        }
        let len = self.len.get() as usize;
        let records = self.records.get(..len).ok_or(Malformed)?;
        if !records.iter().all(|record| record.is_possible(region)) {
            return Err(Malformed);
        }
        // Perhaps counted already; once more does no harm.
        let mark = self.mark.get();
        if mark == ALL_MARKS {
            count_all(region);
        } else if mark != 0 {
            let word = region.at::<Word32>(Offset(u64::from(mark))).ok_or(Malformed)?;
            word.add(1);
        }
        for record in records {
            record.apply(region);
        }
        self.sequence.publish(sequence.wrapping_add(1));
        Ok(true)
    }

    /// Forgets whatever was in progress; for a structure that is rebuilt from nothing.
    pub fn abandon(&self) {
        let sequence = self.sequence.get();
        self.sequence.publish((sequence | 1).wrapping_add(1));
    }
}

/// In the place of a mark: all of them are counted.
const ALL_MARKS: u32 = 1;

/// Counts all marks up.
fn count_all(region: Region) {
    let marks = (0..u64::from(MARKS)).map(|index| Offset(NEAR_AT + index * size_of::<Word32>() as u64));
    for mark in marks.filter_map(|at| region.at::<Word32>(at)) {
        mark.add(1);
    }
}

impl Record {
    fn is_possible(&self, region: Region) -> bool {
        let place = self.place.get();
        let offset = Offset(place >> 1);
        if place & 1 == 1 {
            region.at::<Word64>(offset).is_some()
        } else {
            region.at::<Word32>(offset).is_some()
        }
    }

    #[inline(always)]
    fn apply(&self, region: Region) {
        let place = self.place.get();
        let offset = Offset(place >> 1);
        if place & 1 == 1 {
            if let Some(word) = region.at::<Word64>(offset) {
                word.put(self.value.get());
            }
        } else if let Some(word) = region.at::<Word32>(offset) {
            word.put(self.value.get() as u32);
        }
    }
}

/// Stores of one width that are written down. They are made from here: what others may have scribbled into the journal
/// meanwhile is not believed.
#[derive(Debug)]
struct Pending<W: 'static, V> {
    stores: [MaybeUninit<(&'static W, V)>; CAPACITY],
    len: usize,
}

impl<W, V: Copy> Pending<W, V> {
    #[inline(always)]
    fn new() -> Self {
        Self {
            stores: [const { MaybeUninit::uninit() }; CAPACITY],
            len: 0,
        }
    }

    /// Nothing beyond the capacity of a journal, which `commit` refuses.
    #[inline(always)]
    fn add(&mut self, word: &'static W, value: V) {
        if let Some(store) = self.stores.get_mut(self.len) {
            store.write((word, value));
            self.len += 1;
        }
    }

    /// What a word will hold, if it was among the stores.
    fn last(&self, word: &W) -> Option<V> {
        let stores = self.stores.get(..self.len)?;
        stores.iter().rev().find_map(|store| {
            // SAFETY: `add` alone counts `len` up, after it has written the store there.
            let (of, value) = unsafe { store.assume_init() };
            std::ptr::eq(of, word).then_some(value)
        })
    }

    #[inline(always)]
    fn each(&self, mut make: impl FnMut(&'static W, V)) {
        for store in &self.stores[..self.len] {
            // SAFETY: `add` alone counts `len` up, after it has written the store there.
            let (word, value) = unsafe { store.assume_init() };
            make(word, value);
        }
    }
}

/// A change being written down. Dropping it instead of committing leaves everything as it was.
#[derive(Debug)]
#[must_use = "nothing is changed before commit"]
pub struct Transaction {
    journal: &'static Journal,
    region: Region,
    len: usize,
    mark: Option<&'static Word32>,
    narrow: Pending<Word32, u32>,
    wide: Pending<Word64, u64>,
}

impl Transaction {
    /// Has a word counted up while the sequence number is odd, before the first store: who has seen the old count
    /// and no other has seen nothing of the change. Words below 4 GiB only.
    #[inline(always)]
    pub fn count(&mut self, word: &'static Word32) {
        self.mark = Some(word);
    }

    #[inline(always)]
    pub fn set32(&mut self, word: &'static Word32, value: u32) {
        self.write_down(self.region.offset_of(word).0 << 1, u64::from(value));
        self.narrow.add(word, value);
    }

    /// What a word will hold after this change, as far as it is written down.
    pub fn see32(&self, word: &'static Word32) -> u32 {
        self.narrow.last(word).unwrap_or_else(|| word.get())
    }

    #[inline(always)]
    pub fn set64(&mut self, word: &'static Word64, value: u64) {
        self.write_down((self.region.offset_of(word).0 << 1) | 1, value);
        self.wide.add(word, value);
    }

    /// Nothing where the word holds that value already. For words that this change stores to but once.
    #[inline(always)]
    pub fn adjust32(&mut self, word: &'static Word32, value: u32) {
        if word.get() != value {
            self.set32(word, value);
        }
    }

    /// The same for a wide word.
    #[inline(always)]
    pub fn adjust64(&mut self, word: &'static Word64, value: u64) {
        if word.get() != value {
            self.set64(word, value);
        }
    }

    #[inline(always)]
    fn write_down(&mut self, place: u64, value: u64) {
        if let Some(record) = self.journal.records.get(self.len) {
            record.place.put(place);
            record.value.put(value);
        }
        self.len += 1;
    }

    /// Makes the stores. `Malformed`, and nothing changed, if there were more than a journal holds. By reference, as a
    /// transaction is large: nothing is to be done with it after that.
    #[inline(always)]
    pub fn commit(&mut self) -> Result<(), Malformed> {
        let mark = self.mark.map_or(0, |word| self.region.offset_of(word).0);
        let mark = u32::try_from(mark).map_err(|_| Malformed)?;
        let count = |change: &Self| {
            if let Some(word) = change.mark {
                word.add(1);
            }
        };
        self.commit_counting(mark, count, || {})
    }

    /// The same, and does something after the stores before anyone may believe what is seen of them without the lock.
    pub fn commit_then<E: From<Malformed>>(&mut self, then: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut ended = Ok(());
        self.commit_counting(0, |_| {}, || ended = then())?;
        ended
    }

    /// The same where it is done but seldom, and the code is to be small. `all`: all marks are counted, in the place of one,
    /// for what changes entries without going through them.
    #[inline(never)]
    pub fn commit_rarely(&mut self, all: bool) -> Result<(), Malformed> {
        if all {
            self.commit_counting(ALL_MARKS, |change| count_all(change.region), || {})
        } else {
            self.commit()
        }
    }

    #[inline(always)]
    fn commit_counting(
        &mut self,
        mark: u32,
        count: impl FnOnce(&Self),
        then: impl FnOnce(),
    ) -> Result<(), Malformed> {
        let journal = self.journal;
        if self.len > CAPACITY {
            return Err(Malformed);
        }
        let sequence = journal.sequence.get();
        journal.len.put(self.len as u32);
        journal.mark.put(mark);
        // The mark comes after all that it vouches for. A dying process's stores are seen in program order by who
        // takes its lock, so it is the compiler that must not reorder; readers without the lock need the real fence.
        compiler_fence(Ordering::SeqCst);
        journal.sequence.publish(sequence | 1);
        fence(Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        count(self);
        self.narrow.each(|word, value| word.put(value));
        self.wide.each(|word, value| word.put(value));
        then();
        compiler_fence(Ordering::SeqCst);
        journal.sequence.publish((sequence | 1).wrapping_add(1));
        Ok(())
    }
}

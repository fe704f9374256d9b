//! A reader of copies in Rust: the same protocol as `lib/cache/copies.js` has it in JavaScript, word for word. Tests of the
//! store, of several processes and of kills read through it, so that what JavaScript does to the shared memory is
//! tried under the failpoint and under random kills, too.
//!
//! A process that dies here leaves a touch or none, and a ring that is taken back.

use std::collections::HashMap;

use crate::error::Result;
use crate::shm::layout::{Area, RING_TOUCHES, Ring};
use crate::store::copies::rings::RingPlace;
use crate::store::facade::cache::Cache;
use crate::store::ground::options::GetOptions;
use crate::store::ground::values::Key;
use crate::store::table::marks::Memo;

struct Copy {
    memo: Memo,
    tag: u8,
    bytes: Vec<u8>,
}

/// One thread's copies of one cache. Its ring is given back when it is dropped.
pub struct NearReader {
    cache: Cache,
    place: RingPlace,
    ring: &'static Ring,
    area: &'static Area,
    copies: HashMap<(u8, Vec<u8>), Copy>,
}

impl std::fmt::Debug for NearReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NearReader")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl NearReader {
    /// None where the cache cannot be read by way of copies.
    pub fn open(cache: &Cache) -> Result<Option<Self>> {
        let Some(place) = cache.claim_ring()? else {
            return Ok(None);
        };
        let segment = cache.store().segment();
        let Some(ring) = segment.ring(place.ring) else {
            return Ok(None);
        };
        let Some(area) = ring.area.get().checked_sub(1).and_then(|at| segment.area(at)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            cache: cache.clone(),
            place,
            ring,
            area,
            copies: HashMap::new(),
        }))
    }

    /// As `Cache::get` without options. The second part of the answer says whether a copy was read.
    pub fn get(&mut self, key: Key, now: f64, out: &mut Vec<u8>) -> Result<(Option<u8>, bool)> {
        let name = (key.tag, key.bytes.to_vec());
        if let Some(copy) = self.copies.get(&name)
            && self.is_true(&copy.memo, now)
            && self.touch(&copy.memo)
        {
            out.clear();
            out.extend_from_slice(&copy.bytes);
            self.ring.hits.put_f64(self.ring.hits.get_f64() + 1.0);
            return Ok((Some(copy.tag), true));
        }
        let mut memo = Memo::default();
        let tag = self
            .cache
            .get_noting(key, now, &GetOptions::default(), out, &mut memo)?;
        if memo.entry != 0 && (memo.slot, memo.generation) != (self.place.slot, self.place.generation) {
            return Ok((tag, self.begin_anew()?));
        }
        if let Some(tag) = tag.filter(|_| memo.entry != 0) {
            let bytes = out.clone();
            self.copies.insert(name, Copy { memo, tag, bytes });
        }
        Ok((tag, false))
    }

    /// The namespace was destroyed and made again.
    fn begin_anew(&mut self) -> Result<bool> {
        if let Some(next) = Self::open(&self.cache)? {
            *self = next;
        }
        Ok(false)
    }

    fn is_true(&self, memo: &Memo, now: f64) -> bool {
        let segment = self.cache.store().segment();
        let mark = segment.mark(memo.mark_at).map(|word| word.observe());
        let tagged_true = !memo.has_tags || self.area.tag_epoch.observe() == memo.tag_epoch;
        mark == Some(memo.mark) && tagged_true && (memo.expires == f64::INFINITY || now < memo.expires)
    }

    fn touch(&self, memo: &Memo) -> bool {
        let clock = self.area.clock();
        if self.area.newest().entry.get() == memo.entry {
            return true;
        }
        let Some(mine) = self.area.readers.get(self.place.reader as usize) else {
            return false;
        };
        let head = mine.head.get();
        let tail = &self.area.tails[self.place.reader as usize];
        if head.wrapping_sub(tail.observe()) >= RING_TOUCHES {
            return false;
        }
        let (touch, stamp) = (&self.ring.touches[(head % RING_TOUCHES) as usize], clock + 1.0);
        touch.stamp.put_f64(stamp);
        touch.entry.put(memo.entry);
        touch.hash.put(memo.hash);
        touch.mark.put(memo.mark);
        mine.head.publish(head.wrapping_add(1));
        mine.show(memo.entry, stamp);
        true
    }
}

impl Drop for NearReader {
    fn drop(&mut self) {
        // An error would mean that the segment is damaged, which others say.
        let _ = self.cache.store().release_ring(self.place.ring);
    }
}

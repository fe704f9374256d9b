//! Reading while another process keeps the lock: it may have been stopped, and nobody knows for how long.
//!
//! Such a read looks without the lock, as a glance does, and removes nothing. The recency of what it found is moved by
//! the next operation of this process that gets the lock.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::store::entries::Entries;
use crate::store::ground::stop::Step;
use crate::store::ground::values::Key;
use crate::store::table::entry::Sought;

/// How many entries a process remembers to move: the order of more is lost.
const MOST_UNMOVED: usize = 1024;

#[derive(Debug)]
struct OwnedKey {
    tag: u8,
    bytes: Box<[u8]>,
    hash: u32,
}

/// The keys of entries that were read without the lock, in the order of the reads.
#[derive(Debug, Default)]
pub(in crate::store) struct Unmoved {
    any: AtomicBool,
    keys: Mutex<Vec<OwnedKey>>,
}

impl Unmoved {
    pub(in crate::store) fn add(&self, sought: &Sought) {
        let mut keys = self.keys.lock();
        if keys.len() < MOST_UNMOVED {
            keys.push(OwnedKey {
                tag: sought.key.tag,
                bytes: sought.key.bytes.into(),
                hash: sought.hash,
            });
            self.any.store(true, Ordering::Release);
        }
    }

    /// Makes them the most recent, those that are still there.
    #[inline(always)]
    pub(in crate::store) fn move_in(&self, held: &mut Entries) -> Step<()> {
        if self.any.load(Ordering::Relaxed) {
            self.move_all(held)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn move_all(&self, held: &mut Entries) -> Step<()> {
        self.any.store(false, Ordering::Release);
        let keys = std::mem::take(&mut *self.keys.lock());
        for OwnedKey { tag, bytes, hash } in keys {
            let key = Key { tag, bytes: &bytes };
            if let Some(found) = held.find(&Sought { key, hash })? {
                held.touch(found.id)?;
            }
        }
        Ok(())
    }
}

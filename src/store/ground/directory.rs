//! The directory: which slot holds a namespace, and its lock.
//!
//! Invariants: a slot is `FREE`, or `LIVE` under one name, or in between (`BUILDING`, `DYING`) while the process that
//! holds the directory's lock works on it. The slot's generation changes when its namespace is destroyed, so a handle
//! that remembers another one knows that its namespace is gone. A slot's lock is prepared once and never again. The
//! directory's lock is taken before any namespace's.

use crate::error::Result;
use crate::shm::layout::{MAX_NAMESPACES, NamespaceRecord};
use crate::shm::lock::{self, Guard, Locked};
use crate::store::ground::base::Ground;
use crate::store::ground::refusals::refused;
use std::time::Duration;

pub(in crate::store) const FREE: u32 = 0;
pub(in crate::store) const BUILDING: u32 = 1;
pub(in crate::store) const LIVE: u32 = 2;
pub(in crate::store) const DYING: u32 = 3;
/// Its lock cannot be had any more; nothing uses the slot again, and its blocks are lost until the segment ends.
pub(in crate::store) const LOST: u32 = 4;

/// The directory's lock is held.
#[derive(Debug)]
pub(in crate::store) struct Listing<'s> {
    pub(in crate::store) ground: &'s Ground,
    _guard: Guard,
}

/// Which namespace, and which of those that had its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Place {
    pub(in crate::store) slot: u32,
    pub(in crate::store) generation: u32,
}

impl Ground {
    pub(in crate::store) fn listing(&self) -> Result<Listing<'_>> {
        self.listing_within(self.segment().patience())
    }

    pub(in crate::store) fn listing_within(&self, patience: Duration) -> Result<Listing<'_>> {
        match lock::lock(&self.segment().directory().lock, patience).map_err(refused)? {
            Locked::Sound(guard) => Ok(Listing {
                ground: self,
                _guard: guard,
            }),
            Locked::OwnerDied(dead) => {
                (self.mending.directory)(self)?;
                Ok(Listing {
                    ground: self,
                    _guard: dead.after_repair(),
                })
            }
        }
    }

    /// Whether a slot was given up with its lock.
    pub(in crate::store) fn is_lost(&self, slot: u32) -> bool {
        let record = self.segment().record(slot);
        record.is_some_and(|record| record.state.get() == LOST)
    }

    /// The slots that hold a namespace, without a lock: what is read may be out of date.
    pub(in crate::store) fn live_slots(&self) -> impl Iterator<Item = (u32, &'static NamespaceRecord)> + '_ {
        self.used_slots().filter(|(_, record)| record.state.get() == LIVE)
    }

    /// The slots that a namespace ever had.
    pub(in crate::store) fn used_slots(&self) -> impl Iterator<Item = (u32, &'static NamespaceRecord)> + '_ {
        let used = self
            .segment()
            .directory()
            .slots_used
            .observe()
            .min(MAX_NAMESPACES);
        (0..used).filter_map(|slot| Some((slot, self.segment().record(slot)?)))
    }
}

impl Listing<'_> {
    pub(in crate::store) fn find(&self, name: [u64; 2]) -> Option<(u32, &'static NamespaceRecord)> {
        self.ground
            .live_slots()
            .find(|(_, record)| record.name[0].get() == name[0] && record.name[1].get() == name[1])
    }
}

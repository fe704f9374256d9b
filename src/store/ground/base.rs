//! A segment, and what of it every layer needs: its hashes, taking locks, and what is done when the owner of a lock has died.
//!
//! The ground calls nothing above it. How a namespace or the directory is mended, only the upper layers know: they hand that
//! over as functions when the segment is opened.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline, rapidhash_v3_seeded};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::Result;
use crate::shm::layout::STRIPES;
use crate::shm::lock::{self, DeadGuard, Guard, Locked};
use crate::shm::segment::Segment;
use crate::store::ground::held::Held;
use crate::store::ground::refusals::{refused, unrecoverable};
use crate::store::ground::values::Key;

thread_local! {
    /// Which of a namespace's counters this thread adds to, so that readers do not write to one cache line.
    static STRIPE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        (std::process::id() as usize).wrapping_add(THREADS.fetch_add(1, Ordering::Relaxed)) % STRIPES
    };
}

/// What is done with a lock whose owner has died, before it counts as sound.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Mending {
    /// Of a namespace. It is given what the dead owner's lock still guards.
    pub(in crate::store) namespace: fn(Held) -> Result<()>,
    /// Of the directory.
    pub(in crate::store) directory: fn(&Ground) -> Result<()>,
}

#[derive(Debug)]
pub struct Ground {
    segment: Segment,
    secrets: RapidSecrets,
    pub(in crate::store) mending: Mending,
}

impl Ground {
    pub(in crate::store) fn of(segment: Segment, mending: Mending) -> Self {
        let secrets = RapidSecrets::seed(segment.header().hash_seed.get());
        Self {
            segment,
            secrets,
            mending,
        }
    }

    #[inline(always)]
    pub(in crate::store) fn segment(&self) -> &Segment {
        &self.segment
    }

    #[inline(always)]
    pub(in crate::store) fn stripe(&self) -> usize {
        STRIPE.with(|stripe| *stripe)
    }

    #[inline(always)]
    pub(in crate::store) fn key_hash(&self, key: &Key) -> u32 {
        let hash = rapidhash_v3_nano_inline::<false, false>(key.bytes, &self.secrets);
        let mixed = (hash ^ u64::from(key.tag)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32
    }

    pub(in crate::store) fn name_hash(&self, name: &str) -> [u64; 2] {
        let second = RapidSecrets::seed(!self.segment.header().hash_seed.get());
        [
            rapidhash_v3_seeded(name.as_bytes(), &self.secrets),
            rapidhash_v3_seeded(name.as_bytes(), &second),
        ]
    }

    /// Takes the lock of a namespace slot that was prepared before, if it is to be had within `patience`, for a layer's work.
    #[inline(always)]
    pub(in crate::store) fn hold<'s, Layer: From<Held<'s>>>(
        &'s self,
        slot: u32,
        patience: Duration,
    ) -> Result<Layer> {
        let segment = &self.segment;
        let (Some(ns), Some(record)) = (segment.namespace(slot), segment.record(slot)) else {
            return Err(unrecoverable());
        };
        let waits = &ns.stripes[self.stripe()].lock_waits;
        let guard = match lock::lock_counting(&ns.lock, patience, waits) {
            Ok(Locked::Sound(guard)) => guard,
            Ok(Locked::OwnerDied(dead)) => self.mended(Held::new(segment, slot, ns, record, None), dead)?,
            Err(why) => return Err(refused(why)),
        };
        Ok(Held::new(segment, slot, ns, record, Some(guard)).into())
    }

    /// Mends what a dead owner left. The data is reached before the lock is declared sound: should this process die now, the
    /// next taker must still learn that the owner died.
    #[cold]
    #[inline(never)]
    fn mended(&self, held: Held, dead: DeadGuard) -> Result<Guard> {
        (self.mending.namespace)(held)?;
        self.segment.header().repairs.add(1);
        Ok(dead.after_repair())
    }
}

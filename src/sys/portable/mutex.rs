//! A lock for one process: a word that spins, then yields. Its holder cannot die without everyone else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    Sound,
    OwnerDied,
    Busy,
    Lost,
}

#[derive(Debug)]
#[repr(C, align(64))]
pub struct SharedMutex {
    held: AtomicU32,
}

const _: () = assert!(size_of::<SharedMutex>() == 64);
const SPINS: u32 = 100;

impl SharedMutex {
    pub const KIND: u32 = 2 << 24;

    /// # Safety
    ///
    /// Nobody may hold or be waiting for it.
    pub unsafe fn init(&self) -> bool {
        self.held.store(0, Ordering::Release);
        true
    }

    pub fn lock(&self, patience: Duration) -> Acquired {
        for _ in 0..SPINS {
            if self.try_lock() == Acquired::Sound {
                return Acquired::Sound;
            }
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        while self.try_lock() == Acquired::Busy {
            if begun.elapsed() >= patience {
                return Acquired::Busy;
            }
            std::thread::yield_now();
        }
        Acquired::Sound
    }

    pub fn try_lock(&self) -> Acquired {
        match self
            .held
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Acquired::Sound,
            Err(_) => Acquired::Busy,
        }
    }

    /// # Safety
    ///
    /// The calling thread holds the lock.
    pub unsafe fn repaired(&self) {}

    /// # Safety
    ///
    /// The calling thread holds the lock.
    pub unsafe fn unlock(&self) {
        self.held.store(0, Ordering::Release);
    }

    pub fn claim(&self) -> Option<u32> {
        None
    }

    pub fn give_way(&self, _claim: Option<u32>) {}

    /// Who waits tries without a pause.
    pub fn let_pass(&self) {}

    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire) != 0
    }

    pub fn is_orphaned(&self) -> bool {
        false
    }

    /// All holders are threads of this process, and go on by themselves.
    pub fn holder(&self) -> u32 {
        0
    }

    /// A holder lives as long as this process: there is no death to watch for.
    pub fn death_watch(&self) -> Option<(&AtomicU32, u32)> {
        self.is_held().then_some((&self.held, 1))
    }
}

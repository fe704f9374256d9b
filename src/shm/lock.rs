//! Taking a lock that a dead process may have left behind.
//!
//! Invariant: whoever gets `OwnerDied` has no way to the guarded data but through `DeadGuard::after_repair`. If the
//! repairing process dies in turn, the next taker gets `OwnerDied` again; repairs are therefore written so that they
//! can be begun again from the start.

use std::marker::PhantomData;
use std::time::Duration;

use super::region::Shared;
use super::word::Word64;
use crate::sys::mutex::{Acquired, SharedMutex};

// SAFETY: the C library and the kernel touch it with atomic operations only, and any bytes can be stored there.
unsafe impl Shared for SharedMutex {}

/// The lock is held until this is dropped.
#[derive(Debug)]
#[must_use = "the lock is let go when the guard is dropped"]
pub struct Guard {
    mutex: &'static SharedMutex,
    this_thread: ThisThread,
}

/// A lock is let go by the thread that took it.
type ThisThread = PhantomData<*const ()>;

/// The lock is held, and what it guards may be half-changed.
#[derive(Debug)]
#[must_use = "a lock that is let go before repair can never be taken again"]
pub struct DeadGuard {
    mutex: &'static SharedMutex,
    this_thread: ThisThread,
}

#[derive(Debug)]
pub enum Locked {
    Sound(Guard),
    OwnerDied(DeadGuard),
}

/// Why a lock was not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be had any more: someone let it go unrepaired, or wrote nonsense there.
    Unrecoverable,
    /// A thread of this number has held it for as long as the taker would wait.
    Busy(u32),
}

/// Waits for a lock as long as `patience` lasts.
#[inline]
pub fn lock(mutex: &'static SharedMutex, patience: Duration) -> Result<Locked, Refused> {
    locked(mutex, mutex.lock(patience))
}

/// The same, and counts where it is not to be had at once.
#[inline]
pub fn lock_counting(
    mutex: &'static SharedMutex,
    patience: Duration,
    waits: &Word64,
) -> Result<Locked, Refused> {
    mutex.let_pass();
    match mutex.try_lock() {
        Acquired::Busy => lock_after_waiting(mutex, patience, waits),
        other => locked(mutex, other),
    }
}

#[cold]
#[inline(never)]
fn lock_after_waiting(
    mutex: &'static SharedMutex,
    patience: Duration,
    waits: &Word64,
) -> Result<Locked, Refused> {
    waits.add(1);
    lock(mutex, patience)
}

/// Takes a lock that is free.
pub fn try_lock(mutex: &'static SharedMutex) -> Result<Locked, Refused> {
    locked(mutex, mutex.try_lock())
}

#[inline(always)]
fn locked(mutex: &'static SharedMutex, acquired: Acquired) -> Result<Locked, Refused> {
    match acquired {
        Acquired::Sound => Ok(Locked::Sound(Guard {
            mutex,
            this_thread: PhantomData,
        })),
        Acquired::OwnerDied => Ok(Locked::OwnerDied(DeadGuard {
            mutex,
            this_thread: PhantomData,
        })),
        Acquired::Busy => Err(busy(mutex)),
        Acquired::Lost => Err(Refused::Unrecoverable),
    }
}

#[cold]
#[inline(never)]
fn busy(mutex: &SharedMutex) -> Refused {
    if mutex.is_orphaned() {
        Refused::Unrecoverable
    } else {
        Refused::Busy(mutex.holder())
    }
}

/// Makes zeroed memory a lock. The caller has made sure that no process can know of it yet.
pub fn prepare(mutex: &'static SharedMutex) -> bool {
    // SAFETY: every caller holds the lock that guards the making of the structure this lock belongs to, and has not
    // published that structure; nobody else can hold or wait for it.
    unsafe { mutex.init() }
}

impl DeadGuard {
    /// Says that everything this lock guards is sound again.
    pub fn after_repair(self) -> Guard {
        let mutex = self.mutex;
        std::mem::forget(self);
        // SAFETY: a `DeadGuard` exists only where this thread holds the lock after `OwnerDied`.
        unsafe { mutex.repaired() };
        Guard {
            mutex,
            this_thread: PhantomData,
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a `Guard` exists only where this thread holds the lock, and is dropped once.
        unsafe { self.mutex.unlock() };
    }
}

impl Drop for DeadGuard {
    fn drop(&mut self) {
        // SAFETY: a `DeadGuard` exists only where this thread holds the lock. Let go without `repaired`, the lock
        // becomes unrecoverable, which is the truth.
        unsafe { self.mutex.unlock() };
    }
}

//! Dying at the Nth store to shared memory, for the tests that try every N.
//!
//! Without the feature `failpoint` (and outside of tests) there is nothing here but an empty function.

#[cfg(any(test, feature = "failpoint"))]
mod armed {
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::sys::process;

    static LEFT: AtomicU64 = AtomicU64::new(0);
    static SEEN: AtomicU64 = AtomicU64::new(0);

    /// Lets the process die at the `n`th store from now, counting from one; zero disarms.
    pub fn arm(n: u64) {
        LEFT.store(n, Ordering::SeqCst);
    }

    /// How many stores this process made since it was last asked.
    pub fn take_count() -> u64 {
        SEEN.swap(0, Ordering::SeqCst)
    }

    #[inline]
    pub(in crate::shm) fn hit() {
        SEEN.fetch_add(1, Ordering::Relaxed);
        if LEFT.load(Ordering::Relaxed) != 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
            process::die();
        }
    }
}

#[cfg(any(test, feature = "failpoint"))]
pub(in crate::shm) use armed::hit;
#[cfg(any(test, feature = "failpoint"))]
pub use armed::{arm, take_count};

#[cfg(not(any(test, feature = "failpoint")))]
#[inline(always)]
pub(in crate::shm) fn hit() {}

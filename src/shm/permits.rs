//! Leave for a sleeping or waking worker to accept connections itself: one thread permits, another uses it.
//!
//! Invariant: a permit is seen by its worker. Whoever permits raises the count and then looks whether the worker is awake;
//! the worker says that it sleeps and then looks at the count. Each of the four is sequentially consistent, so one of the
//! two sees the other. `loom/` tries all orders of this.

use super::atomics::Ordering::SeqCst;
use super::word::Word64;

/// The two words of a worker's row that are about it.
#[derive(Clone, Copy, Debug)]
pub struct Permits<'r> {
    pub count: &'r Word64,
    /// Zero while the worker's event loop waits.
    pub awake_since: &'r Word64,
}

impl Permits<'_> {
    /// One more. Says whether the worker has to be told: one that is awake looks before it sleeps.
    pub fn add(&self) -> bool {
        let before = self.count.atomic().fetch_add(1, SeqCst);
        before == 0 && self.awake_since.atomic().load(SeqCst) == 0
    }

    pub fn left(&self) -> u64 {
        self.count.atomic().load(SeqCst)
    }

    /// Takes one, if there is one.
    pub fn take(&self) -> bool {
        let one_less = |permits: u64| permits.checked_sub(1);
        let taken = self.count.atomic().fetch_update(SeqCst, SeqCst, one_less);
        taken.is_ok()
    }

    /// One of which no use could be made just now.
    pub fn put_back(&self) {
        self.count.atomic().fetch_add(1, SeqCst);
    }

    /// Takes all of them from the worker. Gives how many there were.
    pub fn revoke(&self) -> u64 {
        self.count.atomic().swap(0, SeqCst)
    }

    /// The worker's loop begins to wait. Says whether it has permits, and must not.
    pub fn sleeps(&self) -> bool {
        self.awake_since.atomic().store(0, SeqCst);
        self.left() > 0
    }
}

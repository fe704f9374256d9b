//! What a worker says of the connections that the primary holds as well: how much of each it has read.
//!
//! A word for each place, which the worker writes whenever a connection falls between two messages, and which the
//! primary reads when the worker is dead, and compares with what the kernel says. A worker that dies leaves what it
//! last wrote, and each word stands for itself: so there is nothing to repair. A worker that writes nonsense harms
//! its own connections. The layout is documented in `docs/shared-memory.md`.

use super::region::Shared;
use super::word::Word64;

/// As many connections of one worker as can be held.
pub const PLACES: usize = 1 << 13;

/// What stands where nothing is known.
pub const UNKNOWN: f64 = -1.0;

/// The words of one worker.
#[repr(C)]
#[derive(Debug)]
pub struct Ledger {
    marks: [Word64; PLACES],
}

// SAFETY: `repr(C)`, made of words, without padding.
unsafe impl Shared for Ledger {}

impl Ledger {
    /// Forgets what was said by a process that sat here before.
    pub fn reset(&self) {
        for mark in &self.marks {
            mark.put_f64(UNKNOWN);
        }
    }

    /// How many bytes of that connection were read when it last fell between two messages, if that is known.
    pub fn mark(&self, place: usize) -> Option<u64> {
        let said = self.marks.get(place)?.get_f64();
        // A number that is none, negative or broken counts nothing.
        (said >= 0.0 && said.fract() == 0.0).then_some(said as u64)
    }

    /// The words, which are numbers of JavaScript, by their address.
    pub fn marks(&self) -> std::ptr::NonNull<u8> {
        std::ptr::NonNull::from(&self.marks).cast()
    }
}

#[cfg(test)]
mod tests {
    use crate::shm::rows::Rows;

    use super::*;

    #[test]
    fn what_was_not_said_or_is_nonsense_is_not_known() {
        let rows = Rows::create().unwrap();
        rows.provide_ledger(3).unwrap();
        let (ledger, other) = (rows.ledger(3).unwrap(), rows.ledger(4).unwrap());
        assert_eq!(ledger.mark(7), None);
        for nonsense in [-3.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            ledger.marks[7].put_f64(nonsense);
            assert_eq!(ledger.mark(7), None);
        }
        assert_eq!(ledger.mark(PLACES), None);
        ledger.marks[7].put_f64(1234.0);
        other.marks[7].put_f64(99.0);
        assert_eq!(ledger.mark(7), Some(1234));
        rows.provide_ledger(3).unwrap();
        assert_eq!((ledger.mark(7), other.mark(7)), (None, Some(99)));
        assert!(rows.provide_ledger(1024).is_err());
    }
}

//! For how long a connection that moves may stay idle, which its next worker has to know: what Node has begun to count
//! in the last one would begin anew there.
//!
//! It travels with the connection as the time when that is over, by the clock that all processes share. What a worker
//! says of it counts for its own connection alone.

use crate::sys::clock::monotonic_ms;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle(u64);

impl Idle {
    /// It comes from its client, and has not moved.
    pub(super) const NEW: Self = Self(0);
    /// It has moved, and nobody knows since when it has been idle.
    pub(super) const UNKNOWN: Self = Self(1);
    const FOR_EVER: Self = Self(u64::MAX);

    pub(super) fn of(word: u64) -> Self {
        Self(word)
    }

    /// What a worker has said of one that it gives back.
    pub(super) fn moved(word: u64) -> Self {
        Self(word.max(Self::UNKNOWN.0))
    }

    /// From now on for so many milliseconds, which may be infinitely many.
    pub fn lasting(left_ms: f64) -> Self {
        if left_ms == f64::INFINITY {
            return Self::FOR_EVER;
        }
        let over = monotonic_ms() + left_ms.max(0.0);
        // One that is no number becomes zero.
        Self::moved(over as u64)
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    pub fn has_moved(self) -> bool {
        self != Self::NEW
    }

    /// For how many milliseconds it may stay as it is; nothing where that is not known.
    pub fn left_ms(self) -> Option<f64> {
        match self {
            Self::NEW | Self::UNKNOWN => None,
            Self::FOR_EVER => Some(f64::INFINITY),
            Self(over) => Some((over as f64 - monotonic_ms()).max(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_travels() {
        let left = Idle::of(Idle::lasting(5000.0).word()).left_ms().unwrap();
        assert!((4000.0..=5000.0).contains(&left), "{left}");
        assert_eq!(Idle::lasting(f64::INFINITY).left_ms(), Some(f64::INFINITY));
        assert_eq!(Idle::lasting(-5.0).left_ms(), Some(0.0));
    }

    #[test]
    fn what_has_moved_is_never_taken_for_new() {
        for nonsense in [f64::NAN, f64::NEG_INFINITY, -1e300, 1e300] {
            assert!(Idle::lasting(nonsense).has_moved());
        }
        assert_eq!((Idle::moved(0), Idle::UNKNOWN.left_ms()), (Idle::UNKNOWN, None));
        assert!(!Idle::NEW.has_moved());
    }
}

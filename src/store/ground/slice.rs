//! How long an operation that goes through many entries may keep a lock before it lets others have it.

use crate::sys::clock::monotonic_ms;

/// A third of what others may have to wait at most: the last step may take long, and who has not yet gone to sleep for the lock
/// when a slice ends may be overlooked once.
const LENGTH_MS: f64 = 0.3;
/// Steps between two looks at the clock.
const STEPS: u32 = 32;

#[derive(Debug)]
pub(in crate::store) struct Slice {
    end: f64,
    steps: u32,
}

impl Slice {
    pub(in crate::store) fn begin() -> Self {
        Self {
            end: monotonic_ms() + LENGTH_MS,
            steps: 0,
        }
    }

    /// For what is small, or is to be done in one piece.
    pub(in crate::store) fn endless() -> Self {
        Self {
            end: f64::INFINITY,
            steps: 0,
        }
    }

    /// Counts a step: whether it is time to let the lock go.
    pub(in crate::store) fn is_over(&mut self) -> bool {
        self.weigh(1)
    }

    /// The same for a step that is worth several.
    pub(in crate::store) fn weigh(&mut self, steps: u32) -> bool {
        self.steps += steps;
        if self.steps < STEPS {
            return false;
        }
        self.steps = 0;
        monotonic_ms() >= self.end
    }
}

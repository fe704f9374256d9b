//! The name of a process that leads or follows flights.

use crate::shm::layout::WAKE_WORDS;

/// One process for ever; `slot` is `NO_SLOT` for one that found none free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Registration {
    pub(in crate::store) slot: u32,
    pub(in crate::store) generation: u32,
}

pub(in crate::store) const NO_SLOT: u32 = u32::MAX;

impl Registration {
    pub(in crate::store) const NONE: Self = Self {
        slot: NO_SLOT,
        generation: 0,
    };

    /// Which wake word this process sleeps on.
    pub(in crate::store) fn bit(self) -> usize {
        let number = if self.slot == NO_SLOT {
            std::process::id()
        } else {
            self.slot
        };
        number as usize % WAKE_WORDS
    }
}

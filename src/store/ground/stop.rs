//! Why an operation on a held namespace ended without an answer. Only `Refused` ever reaches a caller as it is.

use crate::error::Error;
use crate::shm::journal::Malformed;
use crate::shm::pool::Shortage;

#[derive(Debug)]
pub(in crate::store) enum Stop {
    /// The caller asked for something that cannot be; nothing was changed.
    Refused(Error),
    /// So many blocks more are needed, and the namespace has nothing left to give.
    NoRoom(u32),
    /// A thread of this number holds the pool's lock, and has for as long as this process waits; nothing was changed.
    Busy(u32),
    /// A link leads where none can lead: the namespace is to be cleared.
    Damaged,
}

pub(in crate::store) type Step<T> = Result<T, Stop>;

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Damaged
    }
}

impl From<Shortage> for Stop {
    fn from(shortage: Shortage) -> Self {
        match shortage {
            Shortage::Only(_) => Self::NoRoom(1),
            Shortage::Busy(holder) => Self::Busy(holder),
            Shortage::Damaged => Self::Damaged,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

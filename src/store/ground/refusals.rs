//! Why a lock was not to be had, as the error that a caller gets.

use crate::error::{Code, Error};
use crate::shm::lock::Refused;
use crate::sys::process;

pub(in crate::store) fn unrecoverable() -> Error {
    Error::new(
        Code::SegmentDamaged,
        "a lock of the segment cannot be had any more; restart the primary and its workers",
    )
}

/// Somebody has a lock, and has had it for as long as this process waits.
#[cold]
pub(in crate::store) fn busy(holder: u32) -> Error {
    let process = process::of_thread(holder);
    Error::new(
        Code::LockHeld,
        format!(
            "process {process} has kept a lock of the cache for as long as this one waits; it may be stopped, frozen or writing a core dump: try again, or end it"
        ),
    )
}

pub(in crate::store) fn refused(refused: Refused) -> Error {
    match refused {
        Refused::Busy(holder) => busy(holder),
        Refused::Unrecoverable => unrecoverable(),
    }
}

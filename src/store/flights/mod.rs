//! Single flight: one process computes a value, the others wait for it and are woken.

pub(in crate::store) mod flight;
pub(in crate::store) mod processes;
pub(in crate::store) mod watcher;

use crate::store::entries::Entries;
use crate::store::ground::layer::layer;

layer! {
    /// A held namespace: its flights.
    Flights over Entries
}

//! Operations on entries: reading them with and without the lock, writing, removing, and copying all of them out.

pub(in crate::store) mod clear;
pub(in crate::store) mod condemn;
pub(in crate::store) mod expiry;
pub(in crate::store) mod far;
pub(in crate::store) mod glance;
pub(in crate::store) mod known;
pub(in crate::store) mod one_step;
pub(in crate::store) mod read;
pub(in crate::store) mod refresh;
pub(in crate::store) mod remove;
pub(in crate::store) mod unheld;
pub(in crate::store) mod walk;
pub(in crate::store) mod write;

use crate::store::ground::layer::layer;
use crate::store::table::Table;

layer! {
    /// A held namespace: its entries.
    Entries over Table
}

//! What a namespace is made of: chains of blocks, the hash table with its entries and flights, what entries bear, the tags
//! that were invalidated, and the marks by which copies of values are known to be true.

pub(in crate::store) mod buckets;
pub(in crate::store) mod chain;
pub(in crate::store) mod entry;
pub(in crate::store) mod flight;
pub(in crate::store) mod life;
pub(in crate::store) mod marks;
pub(in crate::store) mod record;
pub(in crate::store) mod remains;
pub(in crate::store) mod removal;
pub(in crate::store) mod stock;
pub(in crate::store) mod tags;
pub(in crate::store) mod voiding;

use crate::store::ground::held::Held;
use crate::store::ground::layer::layer;

layer! {
    /// A held namespace: what it is made of.
    Table over Held
}

//! What a namespace is made of: chains of blocks, the hash table with its entries and flights, and the tags that were
//! invalidated.

pub(in crate::store) mod buckets;
pub(in crate::store) mod chain;
pub(in crate::store) mod entry;
pub(in crate::store) mod extras;
pub(in crate::store) mod record;
pub(in crate::store) mod stock;
pub(in crate::store) mod tags;
pub(in crate::store) mod voiding;

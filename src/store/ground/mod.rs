//! What everything else stands on: a segment, taking the lock of a namespace or of the directory, and the words for keys,
//! values and options.

pub(in crate::store) mod base;
pub(in crate::store) mod directory;
pub(in crate::store) mod extras;
pub(in crate::store) mod held;
pub(in crate::store) mod layer;
pub(in crate::store) mod options;
pub(in crate::store) mod refusals;
pub(in crate::store) mod registration;
pub(in crate::store) mod slice;
pub(in crate::store) mod stop;
pub(in crate::store) mod values;

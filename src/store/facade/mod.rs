//! What the rest of the crate sees: a segment as a `Store`, a namespace of it as a `Cache`.

pub(in crate::store) mod cache;
pub(in crate::store) mod pressure;
#[allow(clippy::module_inception, reason = "named for what it holds")]
pub(in crate::store) mod store;
pub(in crate::store) mod validate;

//! What the rest of the crate sees: a segment as a `Store`, a namespace of it as a `Cache`.

pub(in crate::store) mod cache;
pub(in crate::store) mod copy_reader;
pub(in crate::store) mod figures;
pub(in crate::store) mod flights;
pub(in crate::store) mod inspection;
pub(in crate::store) mod keys;
pub(in crate::store) mod long_values;
pub(in crate::store) mod mending;
pub(in crate::store) mod namespaces;
pub(in crate::store) mod one_step;
pub(in crate::store) mod pressure;
pub(in crate::store) mod reaping;
pub(in crate::store) mod rings;
#[allow(clippy::module_inception, reason = "named for what it holds")]
pub(in crate::store) mod store;
pub(in crate::store) mod unheld;
pub(in crate::store) mod validate;
pub(in crate::store) mod whole;

use crate::store::copies::Copies;
use crate::store::ground::layer::layer;

layer! {
    /// A held namespace, with all that can be done to it.
    Whole over Copies
}

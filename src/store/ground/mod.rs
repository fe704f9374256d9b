//! What everything else stands on: a namespace whose lock is held, repair after a death, the directory of namespaces,
//! and the words for keys, values and options.

pub(in crate::store) mod directory;
pub(in crate::store) mod held;
pub(in crate::store) mod options;
pub(in crate::store) mod repair;
pub(in crate::store) mod stop;
pub(in crate::store) mod values;

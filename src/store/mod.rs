//! The shared cache: namespaces of entries in a segment that every process of a server maps.
//!
//! What it guards: the surface of lru-cache 11 (limits, TTLs, recency, sizes), counters, claims and leases, with one
//! copy of the data for all processes. Every operation takes the lock of its namespace, does its work on the mapped
//! memory, and lets go; none calls back into its caller meanwhile. The clock is passed in.
//!
//! Invariants are numbered in `docs/shared-memory.md`; `validate` recounts them all. If a process dies anywhere in
//! here, the next one to need what it held finishes or undoes what it was doing (`repair`), and loses nothing else.

mod cache;
mod chain;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod damage;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod deaths;
mod directory;
mod entry;
mod extras;
mod far;
mod glance;
mod held;
mod lease;
mod near;
mod one_step;
mod options;
mod pressure;
mod process;
mod read;
mod refresh;
mod remove;
mod repair;
mod snapshot;
mod stock;
mod stop;
#[allow(clippy::module_inception, reason = "the room is named for what it holds")]
mod store;
mod table;
mod tags;
mod validate;
mod values;
mod voiding;
mod watcher;
mod write;

pub use cache::Cache;
pub use extras::{Extras, MAX_TAG_LENGTH, MAX_TAGS};
pub use far::Far;
pub use lease::{Claim, Lease, Outcome, Revoked};
pub use near::{Memo, NearReader, RingPlace};
pub use options::{ClaimOptions, GetOptions, HasOptions, LeftOut, Options, PeekOptions, SetOptions};
pub use store::{MIN_CAPACITY, SegmentOptions, Store};
pub use values::{
    Borne, Content, Info, Item, Key, LoadEntry, MAX_KEY_BYTES, SegmentUsage, Snapshot, SnapshotOptions,
    Stale, Stats, Usage, Value,
};

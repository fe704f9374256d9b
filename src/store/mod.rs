//! The shared cache: namespaces of entries in a segment that every process of a server maps.
//!
//! What it guards: the surface of lru-cache 11 (limits, TTLs, recency, sizes), counters, claims and flights, with one
//! copy of the data for all processes. Every operation takes the lock of its namespace, does its work on the mapped
//! memory, and lets go; none calls back into its caller meanwhile. The clock is passed in.
//!
//! Invariants are numbered in `docs/shared-memory.md`; `validate` recounts them all. If a process dies anywhere in
//! here, the next one to need what it held finishes or undoes what it was doing (`repair`), and loses nothing else.
//!
//! | layer | what it holds |
//! | --- | --- |
//! | `facade` | `Store` and `Cache`: what the rest of the crate sees; and how a lock is mended whose owner died |
//! | `copies` | what lets a process read from copies of its own |
//! | `flights` | single flight: who leads, who follows, which process lives |
//! | `entries` | reading, writing and removing entries |
//! | `table` | chains of blocks, the hash table, tags, marks |
//! | `ground` | the segment, taking locks, the directory, keys, values and options |
//!
//! A layer uses those below it alone, which `tests/walls.rs` holds for the paths that it names and for the methods that it
//! calls. What an upper layer knows and a lower one needs is handed down: the ground is given what mends a lock, and the
//! watcher of flights is given how to look at one.

#![forbid(unsafe_code)]

mod copies;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod damage;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod deaths;
mod entries;
mod facade;
mod flights;
mod ground;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod stopped;
mod table;

pub use copies::{COPY_PLACES, RingPlace};
pub use entries::far::Far;
pub use entries::walk::Walk;
pub use facade::cache::Cache;
pub use facade::copy_reader::NearReader;
pub use facade::figures::NamespaceFigures;
pub use facade::inspection::FlightSeen;
pub use facade::store::{MIN_CAPACITY, SegmentOptions, Store};
pub use flights::flight::{Claim, Flight, Outcome, Revoked};
pub use ground::extras::{Extras, MAX_TAG_LENGTH, MAX_TAGS};
pub use ground::options::{ClaimOptions, GetOptions, HasOptions, LeftOut, Options, PeekOptions, SetOptions};
pub use ground::values::{
    Borne, Content, Info, Item, Key, LoadEntry, MAX_KEY_BYTES, SegmentUsage, Snapshot, SnapshotOptions,
    Stale, Stats, Usage, Value,
};
pub use table::marks::Memo;

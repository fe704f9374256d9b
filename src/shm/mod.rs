//! Typed memory over `sys`: what lies in a segment, how it is reached, and how it is changed so that a death in the
//! middle never shows.
//!
//! Invariants of the room:
//! - only offsets and block numbers are stored, never addresses; each is checked before it is followed;
//! - a lock is taken as `Locked::Sound` or `Locked::OwnerDied`, and the latter gives no access before repair;
//! - a change of more than one word goes through a `Journal`: written down whole, then marked, then applied. A process
//!   that dies before the mark has changed nothing; after it, the next taker of the lock applies the rest.
//!
//! The layout is documented in `docs/shared-memory.md`; `layout.rs` asserts that the code agrees with it.

/// What words are made of. `loom/` puts its own here, and tries all orders in which threads can come.
use std::sync::atomic as atomics;

pub mod failpoint;
pub mod journal;
pub mod layout;
pub mod ledger;
pub mod lock;
pub mod meters;
pub mod permits;
pub mod pool;
pub mod region;
mod release;
pub mod rows;
pub mod runs;
pub mod segment;
pub mod ticket;
pub mod word;

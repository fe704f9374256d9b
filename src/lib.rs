//! The native half of Flotilla: a map of its rooms, and no logic.
//!
//! | room | what it is for | may use |
//! | --- | --- | --- |
//! | `error` | the errors this crate can raise, with their stable codes | nothing |
//! | `lru` | which entry was used last and which longest ago, wherever the entries live | nothing |
//! | `scope` | the manager of per-request scopes | `lru` |
//! | `bindings` | Node's side: translates, and does nothing else | every room |
//!
//! Two walls stand in every build. `libc` is named in `sys` alone, and `napi` in `bindings` alone, so every
//! other room can be tested, fuzzed and run under Miri without Node. `unsafe` is denied for the whole crate;
//! the few rooms that need it say so where they are declared here. The test `tests/walls.rs` reads the source
//! and fails when a wall is broken.
//!
//! `bindings` exists only with the feature `addon`, which `npm run build` turns on.

pub mod error;
pub mod lru;
pub mod scope;

#[cfg(feature = "addon")]
pub mod bindings;

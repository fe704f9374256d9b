//! The native half of Flotilla: a map of its rooms, and no logic.
//!
//! | room | what it is for | may use |
//! | --- | --- | --- |
//! | `error` | the errors this crate can raise, with their stable codes | nothing |
//! | `sys` | the operating system: memory, locks, sleeping, the clock, descriptors | `libc` |
//! | `shm` | typed shared memory: layout, offsets, blocks, journal, locks | `sys` |
//! | `lru` | which entry was used last and which longest ago, wherever the entries live | nothing |
//! | `store` | the shared cache: namespaces, operations, eviction, flights, repair | `shm`, `lru`, `sys` for the clock |
//! | `scope` | the manager of per-request scopes | `lru` |
//! | `balance` | the balancer: what a connection says first, which worker it goes to | `shm`, `sys` |
//! | `admin` | the thread that shows how servers do, from shared memory alone | `balance`, `store`, `shm`, `sys` |
//! | `bindings` | Node's side: translates, and does nothing else | every room |
//!
//! Two walls stand in every build. `libc` is named in `sys` alone, and `napi` in `bindings` alone, so every
//! other room can be tested, fuzzed and run under Miri without Node. The lint `unsafe_code` is denied for the whole crate;
//! the few rooms that need it say so where they are declared here. The test `tests/walls.rs` reads the source
//! and fails when a wall is broken.
//!
//! `bindings` exists only with the feature `addon`, which `npm run build` turns on.

pub mod admin;
pub mod balance;
pub mod error;
pub mod lru;
pub mod scope;
#[allow(unsafe_code, reason = "typed access to memory that other processes write")]
pub mod shm;
pub mod store;
#[allow(unsafe_code, reason = "the only room that calls the operating system")]
pub mod sys;

#[cfg(feature = "addon")]
pub mod bindings;

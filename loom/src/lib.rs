//! All orders in which threads and their memory can meet, tried by loom: `cargo test --manifest-path loom/Cargo.toml`.
//!
//! The files of `src/shm` are those that the addon is made of; only the atomics beneath them are loom's.

#![cfg(test)]
#![allow(dead_code, reason = "the files of the addon have more than is tried here")]
#![allow(unreachable_pub, reason = "as there")]

mod glances;
mod shm;
mod waking;

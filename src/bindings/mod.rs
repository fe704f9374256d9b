//! Node's side: turns JavaScript values into Rust's and back, and decides nothing.
//!
//! The functions here are what `lib/native/` loads. They are no entry point of the package: the JavaScript above
//! them checks arguments and words errors. No function may let a panic cross into Node, and none may hold a lock
//! while it calls Node-API.

#[allow(unsafe_code, reason = "lends words of shared memory to JavaScript")]
pub mod admin;
pub mod balance;
#[allow(unsafe_code, reason = "each operation of the cache is a raw call of Node-API")]
pub mod cache;
mod constants;
pub mod error;
pub mod front;
#[allow(unsafe_code, reason = "waits in Node's own event loop, by libuv's functions")]
pub mod handoff;
#[allow(unsafe_code, reason = "wraps raw Node-API, which takes pointers")]
mod js;
pub mod peer;
#[allow(unsafe_code, reason = "calls Node-API directly, where a request pays for it")]
pub mod scope;
pub mod supervisor;
mod tracing;
pub mod versions;

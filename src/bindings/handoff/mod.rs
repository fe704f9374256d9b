//! The worker's side of the hand-off as an object, which takes connections on the worker's own event loop.
//!
//! A connection crosses here as the number of its descriptor. JavaScript owns it from then on: what it does not make
//! a socket of, it has to close.

mod worker;

#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod watch;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "absent_watch.rs"]
mod watch;

pub use worker::{HELD, NativeHandoffWorker, TAKEN};

//! The hand-off as two objects: the primary's, which tells its thread what there is, and the worker's, which takes
//! connections on the worker's own event loop.
//!
//! A connection crosses here as the number of its descriptor. JavaScript owns it from then on: what it does not make
//! a socket of, it has to close.

mod primary;
mod worker;

#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod watch;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "absent_watch.rs"]
mod watch;

pub use primary::{HandoffOptions, NativeHandoff};
pub use worker::NativeHandoffWorker;

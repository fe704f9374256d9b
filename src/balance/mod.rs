//! The balancer: which worker a connection goes to, and how it gets there.
//!
//! `head` and `score` are pure: bytes in, a request out; figures in, a choice out. They hold nothing between two
//! calls, so a death in them loses nothing. `handoff` gives connections themselves to workers; `proxy` forwards
//! bytes to the port of a worker; both answer `probes` themselves where no worker does.

mod deadlines;
pub mod handoff;
pub mod head;
mod probes;
pub mod proxy;
pub mod score;

pub use probes::Probe;

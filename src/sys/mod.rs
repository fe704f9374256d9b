//! The operating system: the only room that names `libc`.
//!
//! Each module wraps one family of calls and knows nothing of caches, requests or Node. On Linux they are the
//! real thing; elsewhere `portable/` gives the same names for one process (memory that is not shared, a lock
//! without owner death), which is what the primary needs when workers reach it over cluster IPC. Building with
//! `RUSTFLAGS="--cfg flotilla_portable"` takes the portable half on Linux too, so that it can be tested there.
//!
//! If the process dies in here, the kernel keeps every promise these calls made to the others: a memfd stays
//! mapped where it is mapped, and a robust mutex wakes its next taker with the news.

pub mod clock;
pub mod spare;
pub mod trace;

#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod futex;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod handover;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod memory;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod mutex;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod passing;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod pipe;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod poll;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod process;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod rights;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod schedule;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod socket;
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
pub mod supervisor;

#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/futex.rs"]
pub mod futex;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/handover.rs"]
pub mod handover;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/memory.rs"]
pub mod memory;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/mutex.rs"]
pub mod mutex;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/passing.rs"]
pub mod passing;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/pipe.rs"]
pub mod pipe;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/poll.rs"]
pub mod poll;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/process.rs"]
pub mod process;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/schedule.rs"]
pub mod schedule;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/socket.rs"]
pub mod socket;
#[cfg(not(all(target_os = "linux", not(flotilla_portable))))]
#[path = "portable/supervisor.rs"]
pub mod supervisor;

//! What the native threads do, told on stderr to whoever asks for it.
//!
//! Where nothing is asked for, a call is a look at one word. A line that stderr does not take at once is left out, so that no
//! thread ever waits for a reader; the next line is told how many were. If the process dies here, a line is cut at worst.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// A thread that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    Handoff,
    Proxy,
    Admin,
    Flights,
}

/// The names by which threads are asked for, each at the place of its thread.
pub const NAMES: [&str; 4] = ["handoff", "proxy", "admin", "flights"];

/// Which are asked for, as bits.
static WANTED: AtomicUsize = AtomicUsize::new(0);
/// Lines that were left out since the last one.
static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// From now on these threads tell what they do, each by the bit of its place.
pub fn ask_for(threads: usize) {
    WANTED.store(threads, Ordering::Relaxed);
}

/// Tells what a thread does, and a number: of a seat, of connections, a status.
#[inline(never)]
pub fn trace(thread: Thread, what: &'static str, number: usize) {
    if WANTED.load(Ordering::Relaxed) >> thread as usize & 1 != 0 {
        tell(thread, what, number);
    }
}

#[cold]
fn tell(thread: Thread, what: &str, number: usize) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let (at, pid) = (now.map_or(0, |now| now.as_micros() as u64), std::process::id());
    let line = format!("{at} flotilla:{} {pid} {what} {number}\n", NAMES[thread as usize]);
    if !takes_a_line() {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    write(&line);
    match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => {}
        left_out => tell(
            thread,
            "was not heard; lines that are left out before this:",
            left_out,
        ),
    }
}

/// Whether stderr takes a line at once: a pipe that is writable has room for a page.
#[cfg(unix)]
fn takes_a_line() -> bool {
    let mut stderr = libc::pollfd {
        fd: libc::STDERR_FILENO,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `stderr` is one live, writable pollfd, and the call is told of one; it does not wait.
    let count = unsafe { libc::poll(&mut stderr, 1, 0) };
    count == 1 && stderr.revents & libc::POLLOUT != 0
}

#[cfg(unix)]
fn write(line: &str) {
    // SAFETY: the pointer and the length are those of `line`, which lives. What is not written is lost, and harms nobody.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

/// Where the threads that have most to tell do not run, nothing is told.
#[cfg(not(unix))]
fn takes_a_line() -> bool {
    false
}

#[cfg(not(unix))]
fn write(_line: &str) {}

//! Sleeping on a word of shared memory until someone says that it changed.
//!
//! A wait may end for no reason; callers look at the world again and decide. Nothing is held while asleep, so a
//! process that dies here leaves nothing behind.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::clock::monotonic_ms;

/// How many words one wait can watch.
pub const MOST_WORDS: usize = 128;

/// How often a kernel that cannot watch several words at once (before 5.16) looks whether an owner died.
const FALLBACK: Duration = Duration::from_millis(20);

static NO_WAITV: AtomicBool = AtomicBool::new(false);

/// Sleeps while every word has the value given with it, until woken or until the deadline (monotonic milliseconds).
pub fn wait_any(words: &[(&AtomicU32, u32)], deadline: f64) {
    let words = &words[..words.len().min(MOST_WORDS)];
    if words
        .iter()
        .any(|(word, value)| word.load(Ordering::Acquire) != *value)
    {
        return;
    }
    if words.len() > 1 && !NO_WAITV.load(Ordering::Relaxed) && wait_many(words, deadline) {
        return;
    }
    let mut left = Duration::from_secs_f64(((deadline - monotonic_ms()) / 1e3).clamp(0.0, 86_400.0));
    if words.len() > 1 {
        left = left.min(FALLBACK);
    }
    if let Some((word, value)) = words.first() {
        wait_one(word, *value, left);
    }
}

fn wait_one(word: &AtomicU32, value: u32, left: Duration) {
    let time = libc::timespec {
        tv_sec: left.as_secs() as _,
        tv_nsec: left.subsec_nanos() as _,
    };
    // SAFETY: `word` and `time` are live for the whole call; the kernel only reads them.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &time) };
}

/// False when the kernel does not know the call.
fn wait_many(words: &[(&AtomicU32, u32)], deadline: f64) -> bool {
    let mut waiters = [empty_waiter(); MOST_WORDS];
    for (waiter, (word, value)) in waiters.iter_mut().zip(words) {
        waiter.val = u64::from(*value);
        waiter.uaddr = word.as_ptr() as usize as u64;
        waiter.flags = libc::FUTEX2_SIZE_U32 as u32;
    }
    let deadline = deadline.clamp(0.0, 4e12);
    let time = libc::timespec {
        tv_sec: (deadline / 1e3) as _,
        tv_nsec: ((deadline % 1e3) * 1e6) as _,
    };
    let (at, count, until) = (waiters.as_ptr(), words.len() as libc::c_uint, &raw const time);
    // SAFETY: the first `count` waiters and the time are live for the whole call; the kernel only reads them.
    let done = unsafe { libc::syscall(libc::SYS_futex_waitv, at, count, 0, until, libc::CLOCK_MONOTONIC) };
    let refused = done < 0
        && matches!(
            std::io::Error::last_os_error().raw_os_error(),
            Some(libc::ENOSYS | libc::EPERM | libc::EINVAL)
        );
    if refused {
        NO_WAITV.store(true, Ordering::Relaxed);
    }
    !refused
}

const fn empty_waiter() -> libc::futex_waitv {
    // SAFETY: all zero is a valid value of this plain struct, and its reserved field must be zero.
    unsafe { std::mem::zeroed() }
}

/// Wakes everyone who sleeps on the word, in every process.
pub fn wake_all(word: &AtomicU32) {
    // SAFETY: the kernel uses the address as a name only.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

//! Sleeping until a word changes, for the threads of one process: one condition variable for all words.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::clock::monotonic_ms;

pub const MOST_WORDS: usize = 128;

static GATE: Mutex<()> = Mutex::new(());
static BELL: Condvar = Condvar::new();

pub fn wait_any(words: &[(&AtomicU32, u32)], deadline: f64) {
    let mut gate = GATE.lock();
    if words
        .iter()
        .any(|(word, value)| word.load(Ordering::Acquire) != *value)
    {
        return;
    }
    let left = Duration::from_secs_f64(((deadline - monotonic_ms()) / 1e3).clamp(0.0, 86_400.0));
    BELL.wait_for(&mut gate, left);
}

pub fn wake_all(_word: &AtomicU32) {
    let _gate = GATE.lock();
    BELL.notify_all();
}

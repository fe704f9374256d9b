//! The clock that lifetimes are reckoned with: the system's monotonic one, unless a test has stopped it.

use super::super::js::{Arguments, Js, Outcome, Value};
use crate::store::Cache;
use crate::sys::clock::monotonic_ms;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that a test has stopped, as the bits of its time; 0 is the real one.
static STOPPED_CLOCK: AtomicU64 = AtomicU64::new(0);

/// The time for an operation of the store, which reads the real clock itself and only where a lifetime needs it.
#[inline(always)]
pub(super) fn now() -> f64 {
    match STOPPED_CLOCK.load(Ordering::Relaxed) {
        0 => Cache::NOW,
        bits => f64::from_bits(bits),
    }
}

/// The time as a number to reckon with.
pub(super) fn instant() -> f64 {
    match STOPPED_CLOCK.load(Ordering::Relaxed) {
        0 => monotonic_ms(),
        bits => f64::from_bits(bits),
    }
}

/// `cacheSetClock(milliseconds)`: stops the clock of this process there; without a time it runs again.
pub(super) fn set<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let bits = js.number(arguments.at(0)).map_or(0, f64::to_bits);
    STOPPED_CLOCK.store(bits, Ordering::Relaxed);
    js.undefined()
}

/// `cacheClock()`: the time now.
pub(super) fn read<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    js.make_number(instant())
}

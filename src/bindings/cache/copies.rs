//! Copies of values that JavaScript keeps: the memory by which it sees whether they are still true, and the ring in
//! which it says that it read them (`store/copies`).
//!
//! One thread of a process gets them, the first that asks: marks and rings are lent to it as one `ArrayBuffer`, and
//! V8 is not to be given the same memory twice. JavaScript asks in the main thread alone, which lives as long as the
//! process. A ring is given back with `cacheGiveBack`; one that was not, because its process died, is taken back when
//! the primary learns of the death, or by the next who finds none free.

use super::super::js::{Arguments, Js, Outcome, Value};
use super::caches::with_cache;
use super::segment::store;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the memory that was lent begins; 0 before. A segment made in the place of an empty one is never lent.
static LENT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_MINE: Cell<bool> = const { Cell::new(false) };
}

/// `cacheCopyMemory()`: marks, areas and rings, for the first thread that asks; `undefined` for the others, and where
/// Node takes no memory that is not its own.
pub(super) fn memory<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let Some((start, len)) = store()?.near_memory() else {
        return js.undefined();
    };
    let free = LENT.compare_exchange(0, start.as_ptr().addr(), Ordering::Relaxed, Ordering::Relaxed);
    if free.is_err() {
        return js.undefined();
    }
    // SAFETY: the mapping is never undone. Its words are read and written by JavaScript's typed arrays, in which each
    // access is one load or store of a word, as they are atomics on this side.
    match unsafe { js.lend(start, len) } {
        Some(buffer) => {
            IS_MINE.set(true);
            Ok(buffer)
        }
        None => js.undefined(),
    }
}

/// `cacheClaimRing(id)`: `[ring, ringAt, areaAt, reader, slot, generation]`, the places in words, or `undefined`.
pub(super) fn claim<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let claimed = with_cache(js.index(arguments.at(0))?, |cache| {
        let memory = cache.store().near_memory();
        let lent = memory.is_some_and(|(start, _)| start.as_ptr().addr() == LENT.load(Ordering::Relaxed));
        if lent && IS_MINE.get() {
            cache.claim_ring()
        } else {
            Ok(None)
        }
    })?;
    match claimed {
        Some(place) => js.numbers(
            &[
                place.ring,
                place.ring_at,
                place.area_at,
                place.reader,
                place.slot,
                place.generation,
            ]
            .map(f64::from),
        ),
        None => js.undefined(),
    }
}

/// `cacheGiveBack(id, ring)`
pub(super) fn give_back<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let ring = js.index(arguments.at(1))?;
    with_cache(js.index(arguments.at(0))?, |cache| {
        cache.store().release_ring(ring)
    })?;
    js.undefined()
}

//! The segment that this process works on: one for all its threads, made or attached to once.
//!
//! Whether to make one or to attach is JavaScript's to say (`lib/cache/segment.js`); this module makes sure that two
//! threads that say so at once end up with the same one. A thread that ends leaves the segment as it is.

use super::super::js::{Arguments, Failure, Js, Outcome, Value, internal};
use super::caches::{add_cache, remove_cache, with_cache};
use crate::error::{Code, Error};
use crate::store::{Options, SegmentOptions, Store};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::Duration;

/// How long one call waits for a lock. The event loop stands still meanwhile, so waiting longer is JavaScript's, by
/// trying again.
const PATIENCE_MS: u32 = 3;

static SEGMENT: Mutex<Option<Arc<Store>>> = Mutex::new(None);

fn segment() -> MutexGuard<'static, Option<Arc<Store>>> {
    SEGMENT.lock()
}

/// That of this process, if it has one.
pub(in crate::bindings) fn present() -> Option<Arc<Store>> {
    segment().clone()
}

pub(super) fn store() -> Outcome<Arc<Store>> {
    segment()
        .clone()
        .ok_or_else(|| internal("The cache was used before it had a segment"))
}

fn waiting_briefly(store: Arc<Store>) -> Arc<Store> {
    store.wait_at_most(PATIENCE_MS);
    store
}

/// `segmentCreate(capacity, replace)`: makes this process's segment, unless it has one. `replace` makes it anew as
/// long as nothing is in the old one. Gives whether one was made.
pub(super) fn create<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let capacity = js.number(arguments.at(0)).unwrap_or(0.0) as u64;
    let replace = js.boolean(arguments.at(1)).unwrap_or(false);
    let made = {
        let mut current = segment();
        let wanted = match current.as_ref() {
            None => true,
            Some(store) => replace && store.namespaces()?.is_empty(),
        };
        if wanted {
            *current = Some(waiting_briefly(Store::create(&SegmentOptions { capacity })?));
        }
        wanted
    };
    js.make_boolean(made)
}

/// `machineMemory()`: the bytes that this machine has; 0 where Node has to be asked.
pub(super) fn machine_memory<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    js.make_number(crate::sys::process::machine_memory() as f64)
}

/// `segmentShare()`: the line of text with which a child attaches.
pub(super) fn share<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let line = store()?.share()?;
    js.make_text(&line)
}

/// `segmentAttach(line)`
pub(super) fn attach<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let line = js.text(arguments.at(0))?;
    {
        let mut current = segment();
        if current.is_none() {
            *current = Some(waiting_briefly(Store::attach(&line)?));
        }
    }
    js.undefined()
}

/// `segmentIsForThisProcess(line)`
pub(super) fn is_for_this_process<'call>(
    js: Js<'call>,
    arguments: &Arguments<'call, 1>,
) -> Outcome<Value<'call>> {
    let line = js.text(arguments.at(0))?;
    js.make_boolean(Store::is_for_this_process(&line))
}

/// `segmentExists()`: whether this process has one already.
pub(super) fn exists<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let exists = segment().is_some();
    js.make_boolean(exists)
}

/// `segmentUsage()`: `[namespaces, segmentBytes, capacity, freeBytes, memoryEvictions, recoveries]`
pub(super) fn usage<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let usage = store()?.usage()?;
    let figures = [
        usage.namespaces,
        usage.segment_bytes,
        usage.capacity,
        usage.free_bytes,
        usage.memory_evictions,
        usage.recoveries,
    ];
    js.numbers(&figures.map(|figure| figure as f64))
}

/// `segmentValidate(patience)`: what is wrong with the segment, or `undefined`. Throws where a lock is not to be had within so many
/// milliseconds; without a number, that is told like what is wrong, and long waited for.
pub(super) fn validate<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let store = store()?;
    let verdict = match js.number(arguments.at(0)) {
        Some(patience) => store.validate_within(Duration::from_millis(patience as u64))?,
        None => store.validate(),
    };
    match verdict {
        Ok(()) => js.undefined(),
        Err(wrong) => js.make_text(&wrong),
    }
}

pub(super) fn namespaces<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let names = store()?.namespaces()?;
    let array = js.make_array(names.len())?;
    for (at, name) in names.iter().enumerate() {
        js.set_element(array, at, js.make_text(name)?)?;
    }
    Ok(array)
}

/// `segmentDestroy(name)`
pub(super) fn destroy<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let name = js.text(arguments.at(0))?;
    let destroyed = store()?.destroy(&name)?;
    js.make_boolean(destroyed)
}

/// `segmentProcessExited()`: a worker has ended; what it led is free, and those who followed it are woken.
pub(super) fn process_exited<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    store()?.process_exited_for_sure()?;
    js.undefined()
}

/// `segmentReap()`: takes apart some of what this process has cleared. True if there is more.
pub(super) fn reap<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    js.make_boolean(store()?.reap()?)
}

/// `cacheOpen(name, max, maxSize, maxEntrySize, ttl, flags, leftOut)`: the number of the cache, which `cacheClose` gives back.
pub(super) fn open<'call>(js: Js<'call>, arguments: &Arguments<'call, 7>) -> Outcome<Value<'call>> {
    let name = js.text(arguments.at(0))?;
    let number = |at| {
        js.number(arguments.at(at))
            .ok_or_else(|| invalid("an option must be a number"))
    };
    let options = Options {
        // Whole and not negative: the JavaScript above has made sure.
        max: number(1)? as u64,
        max_size: number(2)? as u64,
        max_entry_size: number(3)? as u64,
        ttl: number(4)?,
        ..Options::default()
    };
    let options = options.with_flags(js.index(arguments.at(5))?);
    let cache = store()?.open_saying(&name, &options, js.index(arguments.at(6))?)?;
    js.make_number(f64::from(add_cache(cache)?))
}

fn invalid(message: &str) -> Failure {
    Failure::from(Error::new(Code::InvalidArgument, message))
}

/// `cacheLookup(name)`: as `cacheOpen`, for a namespace that exists; else `undefined`.
pub(super) fn lookup<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let name = js.text(arguments.at(0))?;
    match store()?.lookup(&name)? {
        Some(cache) => js.make_number(f64::from(add_cache(cache)?)),
        None => js.undefined(),
    }
}

/// `cacheDeclared(id)`: `[max, maxSize, maxEntrySize, ttl, flags]`, as the namespace was made.
pub(super) fn declared<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let options = with_cache(js.index(arguments.at(0))?, |cache| Ok(cache.declared()))?;
    js.numbers(&[
        options.max as f64,
        options.max_size as f64,
        options.max_entry_size as f64,
        options.ttl,
        f64::from(options.flags()),
    ])
}

/// `cacheClose(id)`
pub(super) fn close<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    remove_cache(js.index(arguments.at(0))?);
    js.undefined()
}

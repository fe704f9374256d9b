//! The operations on one cache. Each reads its arguments, calls the store once, and answers.

use super::super::js::{Arguments, Failure, Js, Outcome, Value};
use super::thread::{Buffers, instant, now, with_buffers, with_cache};
use super::{keys, values};
use crate::error::{Code, Error};
use crate::store::{GetOptions, HasOptions, PeekOptions, SetOptions};

/// `cacheGet(id, key, allowStale?, updateAgeOnGet?, noDeleteOnStaleGet?)`
pub(super) fn get<'call>(js: Js<'call>, arguments: &Arguments<'call, 5>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let flag = |at| arguments.given(at).and_then(|value| js.boolean(value));
    let options = GetOptions {
        allow_stale: flag(2),
        update_age_on_get: flag(3),
        no_delete_on_stale_get: flag(4),
    };
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers { key, found, .. } = buffers;
        let found_tag = with_cache(id, |cache| cache.get(keys::key(tag, key), now(), &options, found))?;
        values::answer(js, found_tag, found)
    })
}

/// `cachePeek(id, key, allowStale?)`
pub(super) fn peek<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let options = PeekOptions {
        allow_stale: arguments.given(2).and_then(|value| js.boolean(value)),
    };
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers { key, found, .. } = buffers;
        let found_tag = with_cache(id, |cache| {
            cache.peek(keys::key(tag, key), now(), &options, found)
        })?;
        values::answer(js, found_tag, found)
    })
}

/// `cacheHas(id, key, updateAgeOnHas?)`
pub(super) fn has<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let options = HasOptions {
        update_age_on_has: arguments.given(2).and_then(|value| js.boolean(value)),
    };
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let has = with_cache(id, |cache| {
            cache.has(keys::key(tag, &buffers.key), now(), &options)
        })?;
        js.make_boolean(has)
    })
}

/// `cacheInfo(id, key)`: nothing, or `[tag, payload, remainingTtl, size]`, with holes for what it has not.
pub(super) fn info<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers { key, found, .. } = buffers;
        let now = instant();
        let Some(info) = with_cache(id, |cache| cache.info(keys::key(tag, key), now, found))? else {
            return js.undefined();
        };
        let (payload, decode) = values::make(js, info.tag, found)?;
        let array = js.make_array(4)?;
        js.set_element(array, 0, js.make_number(f64::from(decode))?)?;
        js.set_element(array, 1, payload)?;
        if info.ttl_tracked && info.start != 0.0 && info.ttl != 0.0 && !info.ttl.is_nan() {
            js.set_element(array, 2, js.make_number(info.ttl - (now - info.start))?)?;
        }
        if info.size_tracked {
            js.set_element(array, 3, js.make_number(info.size as f64)?)?;
        }
        Ok(array)
    })
}

/// A number that may be left out.
pub(super) fn optional_number<'call>(
    js: Js<'call>,
    value: Option<Value<'call>>,
    name: &str,
) -> Outcome<Option<f64>> {
    let Some(value) = value else { return Ok(None) };
    if let Some(number) = js.number(value) {
        return Ok(Some(number));
    }
    if js.type_of(value)? == napi::sys::ValueType::napi_undefined {
        return Ok(None);
    }
    let message = format!("{name} must be a number, where it is given");
    Err(Failure::from(Error::new(Code::InvalidArgument, message)))
}

/// `cacheSet(id, key, value, tag?, ttl?, size?, age?, noUpdateTTL?)`: false for an entry that is too large. `age` is
/// how long ago the entry's lifetime began.
pub(super) fn set<'call>(js: Js<'call>, arguments: &Arguments<'call, 8>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let mut options = write_options(js, arguments.given(4), arguments.given(5))?;
    let mut now = now();
    if let Some(age) = optional_number(js, arguments.given(6), "start")? {
        now = instant();
        options.start = Some(now - age);
    }
    options.no_update_ttl = arguments
        .given(7)
        .and_then(|value| js.boolean(value))
        .unwrap_or(false);
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers {
            units, key, value, ..
        } = buffers;
        let read = values::read(js, arguments.at(2), arguments.given(3), units, value)?;
        options.primitive = read.is_primitive();
        let stored = with_cache(id, |cache| {
            cache.set(keys::key(tag, key), read.value(value), now, &options)
        })?;
        js.make_boolean(stored)
    })
}

pub(super) fn write_options<'call>(
    js: Js<'call>,
    ttl: Option<Value<'call>>,
    size: Option<Value<'call>>,
) -> Outcome<SetOptions> {
    let (ttl, size) = (
        optional_number(js, ttl, "ttl")?,
        optional_number(js, size, "size")?,
    );
    Ok(SetOptions {
        ttl,
        size,
        ..SetOptions::default()
    })
}

/// `cacheSetIfAbsent(id, key, value, tag?, ttl?, size?)`
pub(super) fn set_if_absent<'call>(js: Js<'call>, arguments: &Arguments<'call, 6>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let options = write_options(js, arguments.given(4), arguments.given(5))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers {
            units, key, value, ..
        } = buffers;
        let read = values::read(js, arguments.at(2), arguments.given(3), units, value)?;
        let stored = with_cache(id, |cache| {
            cache.set_if_absent(keys::key(tag, key), read.value(value), now(), &options)
        })?;
        js.make_boolean(stored)
    })
}

/// `cacheIncr(id, key, amount, ttl?, size?)`
pub(super) fn incr<'call>(js: Js<'call>, arguments: &Arguments<'call, 5>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let amount = js
        .number(arguments.at(2))
        .filter(|amount| amount.is_finite())
        .ok_or_else(|| {
            Failure::from(Error::new(
                Code::InvalidArgument,
                "amount must be a finite number",
            ))
        })?;
    let options = write_options(js, arguments.given(3), arguments.given(4))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let sum = with_cache(id, |cache| {
            cache.incr(keys::key(tag, &buffers.key), amount, now(), &options)
        })?;
        js.make_number(sum)
    })
}

/// `cacheTouch(id, key, ttl?)`
pub(super) fn touch<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let ttl = optional_number(js, arguments.given(2), "ttl")?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let touched = with_cache(id, |cache| cache.touch(keys::key(tag, &buffers.key), now(), ttl))?;
        js.make_boolean(touched)
    })
}

/// `cacheDelete(id, key)`
pub(super) fn delete<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let deleted = with_cache(id, |cache| cache.delete(keys::key(tag, &buffers.key), now()))?;
        js.make_boolean(deleted)
    })
}

/// `cacheRemainingTtl(id, key)`
pub(super) fn remaining_ttl<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let left = with_cache(id, |cache| {
            cache.remaining_ttl(keys::key(tag, &buffers.key), now())
        })?;
        js.make_number(left)
    })
}

pub(super) fn clear<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    with_cache(js.index(arguments.at(0))?, |cache| cache.clear())?;
    js.undefined()
}

pub(super) fn purge_stale<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let purged = with_cache(js.index(arguments.at(0))?, |cache| cache.purge_stale(now()))?;
    js.make_boolean(purged)
}

pub(super) fn size<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let size = with_cache(js.index(arguments.at(0))?, |cache| cache.size(now()))?;
    js.make_number(size as f64)
}

/// `cacheMax(id, value?)`: sets the limit where one is given, and gives it.
pub(super) fn max<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    if let Some(max) = optional_number(js, arguments.given(1), "max")? {
        // Whole and not negative: the JavaScript above has made sure.
        with_cache(id, |cache| cache.set_max(max as u64, now()))?;
    }
    js.make_number(with_cache(id, |cache| cache.max())? as f64)
}

/// `cacheTtl(id, value?)`
pub(super) fn ttl<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    if let Some(ttl) = optional_number(js, arguments.given(1), "ttl")? {
        with_cache(id, |cache| cache.set_ttl(ttl))?;
    }
    js.make_number(with_cache(id, |cache| cache.ttl())?)
}

/// `cacheAllowStale(id, value?)`
pub(super) fn allow_stale<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    if let Some(on) = arguments.given(1).and_then(|value| js.boolean(value)) {
        with_cache(id, |cache| cache.set_allow_stale(on))?;
    }
    js.make_boolean(with_cache(id, |cache| cache.allow_stale())?)
}

/// `cacheNextExpiry(id)`: in how many milliseconds something may expire, or nothing.
pub(super) fn next_expiry<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    match with_cache(js.index(arguments.at(0))?, |cache| cache.next_expiry())? {
        Some(at) => js.make_number(at - instant()),
        None => js.undefined(),
    }
}

/// `cacheStats(id)`: `[hits, misses, sets, deletes, evictions, size]`
pub(super) fn stats<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let stats = with_cache(js.index(arguments.at(0))?, |cache| cache.stats())?;
    let counts = [
        stats.hits,
        stats.misses,
        stats.sets,
        stats.deletes,
        stats.evictions,
        stats.size,
    ];
    js.numbers(&counts.map(|count| count as f64))
}

/// `cacheUsage(id)`: `[entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries]`
pub(super) fn usage<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let usage = with_cache(js.index(arguments.at(0))?, |cache| cache.usage())?;
    let figures = [
        usage.entries,
        usage.bytes,
        usage.overhead_bytes,
        usage.segment_bytes,
        usage.memory_evictions,
        usage.recoveries,
    ];
    js.numbers(&figures.map(|figure| figure as f64))
}

pub(super) fn health<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    with_cache(js.index(arguments.at(0))?, |cache| cache.health())?;
    js.undefined()
}

pub(super) fn destroy<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let destroyed = with_cache(js.index(arguments.at(0))?, |cache| cache.destroy())?;
    js.make_boolean(destroyed)
}

//! The operations on one cache. Each reads its arguments, calls the store once, and answers.

use super::super::js::{Arguments, Failure, Js, Outcome, Value};
use super::buffers::{Buffers, with_buffers};
use super::caches::with_cache;
use super::clock::{instant, now};
use super::reply::note;
use super::{keys, values};
use crate::error::{Code, Error};
use crate::store::{
    Borne, Cache, Extras, Far, GetOptions, HasOptions, Info, Key, Memo, PeekOptions, SetOptions,
    Value as Payload,
};

/// An option that is true or false, or left to the cache.
#[inline(always)]
fn flag<const N: usize>(js: Js<'_>, arguments: &Arguments<'_, N>, at: usize) -> Option<bool> {
    arguments.given(at).and_then(|value| js.boolean(value))
}

/// The shape of what is done with one key: the cache and the key are read from the first two arguments, the store is
/// called once, and what it answered, with the value it found, is made into JavaScript's.
#[inline(always)]
pub(super) fn with_key<'call, T, const N: usize>(
    js: Js<'call>,
    arguments: &Arguments<'call, N>,
    call: impl FnOnce(&Cache, Key<'_>, &mut Vec<u8>) -> crate::error::Result<T>,
    answer: impl FnOnce(T, &[u8]) -> Outcome<Value<'call>>,
) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers { key, found, .. } = buffers;
        let answered = with_cache(id, |cache| call(cache, keys::key(tag, key), found))?;
        answer(answered, found)
    })
}

/// `cacheGet(id, key, allowStale?, updateAgeOnGet?, noDeleteOnStaleGet?)`
pub(super) fn get<'call>(js: Js<'call>, arguments: &Arguments<'call, 5>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let options = GetOptions {
        allow_stale: flag(js, arguments, 2),
        update_age_on_get: flag(js, arguments, 3),
        no_delete_on_stale_get: flag(js, arguments, 4),
    };
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers { key, found, .. } = buffers;
        let (mut memo, mut far) = (Memo::default(), Far::default());
        let key = keys::key(tag, key);
        let found_tag = with_cache(id, |cache| {
            cache.get_or_see(key, now(), &options, found, &mut memo, &mut far)
        })?;
        note(memo)?;
        let Some(tag) = found_tag else {
            return js.undefined();
        };
        match values::answer_seen(js, (id, key), tag, &far, found)? {
            Some(value) => Ok(value),
            None => js.undefined(),
        }
    })
}

/// `cachePeek(id, key, allowStale?)`
pub(super) fn peek<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let options = PeekOptions {
        allow_stale: flag(js, arguments, 2),
    };
    with_key(
        js,
        arguments,
        |cache, key, found| cache.peek(key, now(), &options, found),
        |tag, found| values::answer(js, tag, found),
    )
}

/// `cacheHas(id, key, updateAgeOnHas?)`
pub(super) fn has<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let options = HasOptions {
        update_age_on_has: flag(js, arguments, 2),
    };
    with_key(
        js,
        arguments,
        |cache, key, _| cache.has(key, now(), &options),
        |has, _| js.make_boolean(has),
    )
}

/// `cacheInfo(id, key)`: nothing, or `[tag, payload, remainingTtl, size]`, with holes for what it has not.
pub(super) fn info<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let now = instant();
    with_key(
        js,
        arguments,
        |cache, key, found| cache.info(key, now, found),
        |info, found| match info {
            Some(info) => make_info(js, &info, found, now),
            None => js.undefined(),
        },
    )
}

fn make_info<'call>(js: Js<'call>, info: &Info, found: &[u8], now: f64) -> Outcome<Value<'call>> {
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
    Err(invalid(&format!("{name} must be a number, where it is given")))
}

/// `cachePut(id, key, value)`: stores a plain value as `cacheSet` does without options; nothing, or false for an entry that is
/// too large.
pub(super) fn put<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let stored = with_entry(
        js,
        arguments,
        &mut SetOptions::default(),
        |cache, key, value, options| cache.set(key, value, now(), options),
    )?;
    if stored {
        Ok(js.nothing())
    } else {
        js.make_boolean(false)
    }
}

/// `cacheSet(id, key, value, tag?, ttl?, size?, age?, noUpdateTTL?, tags?)`: false for an entry that is too large. `age` is
/// how long ago the entry's lifetime began.
pub(super) fn set<'call>(js: Js<'call>, arguments: &Arguments<'call, 9>) -> Outcome<Value<'call>> {
    let mut options = write_options(js, arguments.given(4), arguments.given(5))?;
    let borne = read_tags(js, arguments.given(8))?;
    let extras = borne.extras();
    options.extras = given_extras(&extras);
    let mut now = now();
    if let Some(age) = optional_number(js, arguments.given(6), "start")? {
        now = instant();
        options.start = Some(now - age);
    }
    options.no_update_ttl = flag(js, arguments, 7).unwrap_or(false);
    let stored = with_entry(js, arguments, &mut options, |cache, key, value, options| {
        cache.set(key, value, now, options)
    })?;
    js.make_boolean(stored)
}

/// The shape of storing one entry: the cache, its key and its value are read from the first four arguments.
#[inline(always)]
pub(super) fn with_entry<'call, const N: usize>(
    js: Js<'call>,
    arguments: &Arguments<'call, N>,
    options: &mut SetOptions,
    store: impl FnOnce(&Cache, Key<'_>, Payload<'_>, &SetOptions) -> crate::error::Result<bool>,
) -> Outcome<bool> {
    let id = js.index(arguments.at(0))?;
    with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        let Buffers {
            units, key, value, ..
        } = buffers;
        let read = values::read(js, arguments.at(2), arguments.given(3), units, value)?;
        options.primitive = read.is_primitive();
        with_cache(id, |cache| {
            store(cache, keys::key(tag, key), read.value(value), options)
        })
    })
}

pub(super) fn write_options<'call>(
    js: Js<'call>,
    ttl: Option<Value<'call>>,
    size: Option<Value<'call>>,
) -> Outcome<SetOptions<'static>> {
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

/// `cacheSetIfAbsent(id, key, value, tag?, ttl?, size?, tags?)`
pub(super) fn set_if_absent<'call>(js: Js<'call>, arguments: &Arguments<'call, 7>) -> Outcome<Value<'call>> {
    let mut options = write_options(js, arguments.given(4), arguments.given(5))?;
    let borne = read_tags(js, arguments.given(6))?;
    let extras = borne.extras();
    options.extras = given_extras(&extras);
    let stored = with_entry(js, arguments, &mut options, |cache, key, value, options| {
        cache.set_if_absent(key, value, now(), options)
    })?;
    js.make_boolean(stored)
}

/// `cacheIncr(id, key, amount, ttl?, size?, tags?)`
pub(super) fn incr<'call>(js: Js<'call>, arguments: &Arguments<'call, 6>) -> Outcome<Value<'call>> {
    counting(
        js,
        arguments,
        |cache, key, amount, options| cache.incr(key, amount, now(), options),
        |sum| js.make_number(sum),
    )
}

/// The shape of counting: by how much, and what a counter gets that is made.
#[inline(always)]
pub(super) fn counting<'call, T>(
    js: Js<'call>,
    arguments: &Arguments<'call, 6>,
    count: impl FnOnce(&Cache, Key<'_>, f64, &SetOptions) -> crate::error::Result<T>,
    answer: impl FnOnce(T) -> Outcome<Value<'call>>,
) -> Outcome<Value<'call>> {
    let amount = js
        .number(arguments.at(2))
        .filter(|amount| amount.is_finite())
        .ok_or_else(|| invalid("amount must be a finite number"))?;
    let mut options = write_options(js, arguments.given(3), arguments.given(4))?;
    let borne = read_tags(js, arguments.given(5))?;
    let extras = borne.extras();
    options.extras = given_extras(&extras);
    with_key(
        js,
        arguments,
        |cache, key, _| count(cache, key, amount, &options),
        |counted, _| answer(counted),
    )
}

fn invalid(message: &str) -> Failure {
    Failure::from(Error::new(Code::InvalidArgument, message))
}

/// The tags that an entry is to bear, as strings of JavaScript's in an array, where they are given.
#[inline(always)]
pub(super) fn read_tags<'call>(js: Js<'call>, tags: Option<Value<'call>>) -> Outcome<Borne> {
    match tags {
        None => Ok(Borne::default()),
        Some(tags) => Ok(Borne {
            tags: read_texts(js, tags)?,
            ..Borne::default()
        }),
    }
}

/// An array of strings; nothing where there is none.
pub(super) fn read_texts<'call>(js: Js<'call>, array: Value<'call>) -> Outcome<Vec<String>> {
    if js.is_nullish(array)? {
        return Ok(Vec::new());
    }
    let count = js.array_length(array)?;
    (0..count).map(|at| js.text(js.element(array, at)?)).collect()
}

#[inline(always)]
pub(super) fn given_extras<'a>(extras: &'a Extras<'a>) -> Option<&'a Extras<'a>> {
    (*extras != Extras::default()).then_some(extras)
}

/// `cacheTouch(id, key, ttl?)`
pub(super) fn touch<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let ttl = optional_number(js, arguments.given(2), "ttl")?;
    with_key(
        js,
        arguments,
        |cache, key, _| cache.touch(key, now(), ttl),
        |touched, _| js.make_boolean(touched),
    )
}

/// `cacheDelete(id, key)`
pub(super) fn delete<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    with_key(
        js,
        arguments,
        |cache, key, _| cache.delete(key, now()),
        |deleted, _| js.make_boolean(deleted),
    )
}

/// `cacheRemainingTtl(id, key)`
pub(super) fn remaining_ttl<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    with_key(
        js,
        arguments,
        |cache, key, _| cache.remaining_ttl(key, now()),
        |left, _| js.make_number(left),
    )
}

pub(super) fn clear<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    with_cache(js.index(arguments.at(0))?, |cache| cache.clear())?;
    js.undefined()
}

/// `cachePurgeStale(id, from)`: goes on from where the last call has ended, first from 0, for a slice. Gives where that is, or a
/// negative number at the end, and how many entries it has removed.
pub(super) fn purge_stale<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let from = js.index(arguments.at(1))?;
    let (next, removed) = with_cache(js.index(arguments.at(0))?, |cache| cache.purge_from(now(), from))?;
    js.numbers(&[next.map_or(-1.0, f64::from), f64::from(removed)])
}

/// `cachePurgeInTurn(id)`: does what is to be done now for a cache that purges by itself. Gives in how many milliseconds there
/// is more to do, and whether something was done; nothing where nothing expires.
pub(super) fn purge_in_turn<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let due = with_cache(js.index(arguments.at(0))?, |cache| cache.purge_in_turn(instant()))?;
    match due {
        Some(due) => js.numbers(&[due.at - instant(), f64::from(u8::from(due.worked))]),
        None => js.undefined(),
    }
}

pub(super) fn size<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let size = with_cache(js.index(arguments.at(0))?, |cache| cache.size(now()))?;
    js.make_number(size as f64)
}

/// `cacheMax(id, value?)`: sets the limit where one is given, and gives it; nothing where more entries have to go first than
/// do in a slice.
pub(super) fn max<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    if let Some(max) = optional_number(js, arguments.given(1), "max")? {
        // Whole and not negative: the JavaScript above has made sure.
        if !with_cache(id, |cache| cache.lower_max(max as u64, now()))? {
            return js.undefined();
        }
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

/// `cacheNextExpiry(id)`: in how many milliseconds there may be something to purge, or nothing.
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

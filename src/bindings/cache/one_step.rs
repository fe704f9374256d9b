//! Operations that look and change in one step, and the invalidation of tags.

use super::super::js::{Arguments, Failure, Js, Outcome, Value};
use super::caches::with_cache;
use super::clock::now;
use super::operations::{counting, given_extras, read_tags, read_texts, with_entry, with_key, write_options};
use super::reply::leave;
use super::values;
use crate::error::{Code, Error};

/// `cacheTake(id, key)`: the value, which is no longer there.
pub(super) fn take<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    with_key(
        js,
        arguments,
        |cache, key, found| cache.take(key, now(), found),
        |tag, found| values::answer(js, tag, found),
    )
}

/// `cacheGetWithVersion(id, key)`: `[tag, payload, version]`, or nothing.
pub(super) fn get_with_version<'call>(
    js: Js<'call>,
    arguments: &Arguments<'call, 2>,
) -> Outcome<Value<'call>> {
    with_key(
        js,
        arguments,
        |cache, key, found| cache.get_with_version(key, now(), found),
        |got, found| {
            let Some((tag, version)) = got else {
                return js.undefined();
            };
            let (payload, decode) = values::make(js, tag, found)?;
            let array = js.make_array(3)?;
            js.set_element(array, 0, js.make_number(f64::from(decode))?)?;
            js.set_element(array, 1, payload)?;
            js.set_element(array, 2, make_version(js, version)?)?;
            Ok(array)
        },
    )
}

/// A version as text, for JavaScript has no number that holds it.
pub(super) fn make_version(js: Js<'_>, version: u64) -> Outcome<Value<'_>> {
    js.make_text(&format!("{version:016x}"))
}

/// A version, where one is given.
pub(super) fn read_version<'call>(js: Js<'call>, version: Option<Value<'call>>) -> Outcome<Option<u64>> {
    let Some(text) = version else { return Ok(None) };
    if js.is_nullish(text)? {
        return Ok(None);
    }
    let version = u64::from_str_radix(&js.text(text)?, 16);
    let message = "version must be one that getWithVersion gave";
    version
        .map(Some)
        .map_err(|_| Failure::from(Error::new(Code::InvalidArgument, message)))
}

/// `cacheSetIfVersion(id, key, value, tag, version?, ttl?, size?, tags?)`
pub(super) fn set_if_version<'call>(js: Js<'call>, arguments: &Arguments<'call, 8>) -> Outcome<Value<'call>> {
    let version = read_version(js, arguments.given(4))?;
    let mut options = write_options(js, arguments.given(5), arguments.given(6))?;
    let borne = read_tags(js, arguments.given(7))?;
    let extras = borne.extras();
    options.extras = given_extras(&extras);
    let stored = with_entry(js, arguments, &mut options, |cache, key, value, options| {
        cache.set_if_version(key, value, version, now(), options)
    })?;
    js.make_boolean(stored)
}

/// `cacheIncrWithTtl(id, key, amount, ttl?, size?, tags?)`: the value; what is left of its lifetime stands in the reply
pub(super) fn incr_with_ttl<'call>(js: Js<'call>, arguments: &Arguments<'call, 6>) -> Outcome<Value<'call>> {
    counting(
        js,
        arguments,
        |cache, key, amount, options| cache.incr_with_ttl(key, amount, now(), options),
        |(value, left)| {
            leave(left)?;
            js.make_number(value)
        },
    )
}

/// `cacheInvalidateTags(id, tags)`
pub(super) fn invalidate_tags<'call>(
    js: Js<'call>,
    arguments: &Arguments<'call, 2>,
) -> Outcome<Value<'call>> {
    let tags = read_texts(js, arguments.at(1))?;
    with_cache(js.index(arguments.at(0))?, |cache| cache.invalidate_tags(&tags))?;
    js.undefined()
}

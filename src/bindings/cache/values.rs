//! Values: from JavaScript into a tag and bytes, and back.
//!
//! Strings, numbers, booleans, bigints and Buffers are read and made here. Whatever else there is comes encoded by
//! `lib/cache/codec.js` as text (JSON) or bytes, with a tag of its own, and goes back to it as it came: the reply
//! byte then holds that tag, and the codec makes the value from what it gets.

use super::super::constants::Numbers;
use super::super::js::{Failure, Js, Outcome, Value, internal};
use super::caches::with_cache;
use super::keys::{f64_from, make_bigint, pack, units, write_bigint};
use super::reply::reply;
use crate::error::{Code, Error};
use crate::store::{self, Far};

const NUMBER: u8 = store::Value::NUMBER;
const NARROW_STRING: u8 = 2;
const WIDE_STRING: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;
const BIGINT: u8 = 6;
const BUFFER: u8 = 7;
/// JSON, as text: what JavaScript calls one tag are two here.
const JSON: u8 = 8;
const WIDE_JSON: u8 = 9;
/// From here on the codec decides what a tag means; all of them carry bytes.
const FIRST_FREE: u8 = 10;

/// The tags that JavaScript shares.
pub(in super::super) const TAGS: Numbers = &[
    ("BUFFER", BUFFER as i32),
    ("JSON", JSON as i32),
    ("FIRST_FREE", FIRST_FREE as i32),
];

/// Bytes of a value to be stored: read into a buffer, or JavaScript's own, which hold until JavaScript runs again.
#[derive(Debug)]
pub(super) struct Read<'bytes> {
    pub(super) tag: u8,
    own: Option<&'bytes [u8]>,
    primitive: bool,
}

impl Read<'_> {
    /// Whether equal bytes are one value to `===`: not so for objects, nor for NaN.
    pub(super) fn is_primitive(&self) -> bool {
        self.primitive
    }

    pub(super) fn value<'a>(&'a self, buffer: &'a [u8]) -> store::Value<'a> {
        store::Value {
            tag: self.tag,
            bytes: self.own.unwrap_or(buffer),
        }
    }
}

/// Reads a value: by its type without `tag`, else as what the codec made under that tag.
pub(super) fn read<'call>(
    js: Js<'call>,
    value: Value<'call>,
    tag: Option<Value<'call>>,
    units: &mut Vec<u16>,
    buffer: &mut Vec<u8>,
) -> Outcome<Read<'call>> {
    let encoded = match tag {
        Some(tag) => js.number(tag),
        None => None,
    };
    let Some(tag) = encoded else {
        let tag = read_plain(js, value, units, buffer)?;
        let primitive = tag != NUMBER || !f64_from(buffer).is_nan();
        return Ok(Read {
            tag,
            own: None,
            primitive,
        });
    };
    if tag == f64::from(JSON) {
        let length = js
            .string(value, units)
            .ok_or_else(|| internal("JSON must be a string"))?;
        let tag = if pack(&units[..length], buffer) {
            JSON
        } else {
            WIDE_JSON
        };
        return Ok(Read {
            tag,
            own: None,
            primitive: false,
        });
    }
    // A tag is a small integer: the codec made it.
    Ok(Read {
        tag: tag as u8,
        own: Some(js.bytes(value)?),
        primitive: false,
    })
}

fn read_plain<'call>(
    js: Js<'call>,
    value: Value<'call>,
    units: &mut Vec<u16>,
    buffer: &mut Vec<u8>,
) -> Outcome<u8> {
    if let Some(length) = js.string(value, units) {
        return Ok(if pack(&units[..length], buffer) {
            NARROW_STRING
        } else {
            WIDE_STRING
        });
    }
    buffer.clear();
    if let Some(number) = js.number(value) {
        buffer.extend(number.to_le_bytes());
        return Ok(NUMBER);
    }
    if let Some(boolean) = js.boolean(value) {
        return Ok(if boolean { TRUE } else { FALSE });
    }
    if let Some((negative, words)) = js.bigint(value)? {
        write_bigint(negative, &words, buffer);
        return Ok(BIGINT);
    }
    let message = if js.is_nullish(value)? {
        "value must not be null or undefined: a cache could not tell it from a missing entry"
    } else {
        "value must be encoded before it is stored"
    };
    Err(Failure::from(Error::new(Code::InvalidArgument, message)))
}

/// The JavaScript value of what was found, or what the codec needs to make it, and the tag that says which it is.
pub(super) fn make<'call>(js: Js<'call>, tag: u8, bytes: &[u8]) -> Outcome<(Value<'call>, u8)> {
    let value = match tag {
        NARROW_STRING => js.make_narrow_string(bytes)?,
        NUMBER => js.make_number(f64_from(bytes))?,
        WIDE_STRING => js.make_wide_string(&units(bytes))?,
        FALSE | TRUE => js.make_boolean(tag == TRUE)?,
        BIGINT => make_bigint(js, bytes)?,
        BUFFER => js.make_buffer(bytes)?,
        JSON => return Ok((js.make_narrow_string(bytes)?, JSON)),
        WIDE_JSON => return Ok((js.make_wide_string(&units(bytes))?, JSON)),
        other => return Ok((js.make_array_buffer(bytes)?, other)),
    };
    Ok((value, 0))
}

/// The same for what may only have been seen, and is copied now: a Buffer's bytes go straight to where they stay. Nothing
/// if there is none under the key any more.
#[inline]
pub(super) fn answer_seen<'call>(
    js: Js<'call>,
    (id, key): (u32, store::Key<'_>),
    tag: u8,
    far: &Far,
    found: &mut Vec<u8>,
) -> Outcome<Option<Value<'call>>> {
    if far.is_some() {
        answer_far(js, (id, key), tag, far, found)
    } else {
        answer(js, Some(tag), found).map(Some)
    }
}

fn answer_far<'call>(
    js: Js<'call>,
    (id, key): (u32, store::Key<'_>),
    tag: u8,
    far: &Far,
    found: &mut Vec<u8>,
) -> Outcome<Option<Value<'call>>> {
    let tag = if tag == BUFFER {
        let copy = |to: &mut [_]| with_cache(id, |cache| cache.copy_far(key, far, to));
        if let Some(buffer) = js.make_buffer_with(far.len(), copy)? {
            return Ok(Some(buffer));
        }
        with_cache(id, |cache| cache.read_again(key, found))?
    } else {
        with_cache(id, |cache| cache.read_far(key, tag, far, found))?
    };
    tag.map(|tag| answer(js, Some(tag), found)).transpose()
}

/// The same as the answer of a call: `undefined` for nothing, and the reply byte set where there is need to decode.
#[inline]
pub(super) fn answer<'call>(js: Js<'call>, found: Option<u8>, bytes: &[u8]) -> Outcome<Value<'call>> {
    let Some(tag) = found else {
        return js.undefined();
    };
    let (value, decode) = make(js, tag, bytes)?;
    if decode != 0 {
        reply(decode)?;
    }
    Ok(value)
}

//! Keys: from JavaScript into bytes that are equal exactly when a `Map` takes the keys for one.
//!
//! A string becomes its code units, one byte each where all of them fit, so that lone surrogates stay themselves; a
//! number its eight bytes, with one NaN and one zero; a bigint its sign and words. The tag keeps the types apart.

use super::super::js::{Failure, Js, Outcome, Value};
use super::buffers::Buffers;
use crate::error::{Code, Error};
use crate::store::Key;
use napi::sys::ValueType;

const NARROW_STRING: u8 = 1;
const WIDE_STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOLEAN: u8 = 4;
const BIGINT: u8 = 5;

/// Reads a key into `buffers.key` and gives its tag.
pub(super) fn read<'call>(js: Js<'call>, key: Value<'call>, buffers: &mut Buffers) -> Outcome<u8> {
    let Buffers {
        units, key: bytes, ..
    } = buffers;
    if let Some(length) = js.string(key, units) {
        return Ok(if pack(&units[..length], bytes) {
            NARROW_STRING
        } else {
            WIDE_STRING
        });
    }
    bytes.clear();
    if let Some(number) = js.number(key) {
        bytes.extend(canonical(number).to_le_bytes());
        return Ok(NUMBER);
    }
    if let Some(boolean) = js.boolean(key) {
        bytes.push(u8::from(boolean));
        return Ok(BOOLEAN);
    }
    if let Some((negative, words)) = js.bigint(key)? {
        write_bigint(negative, &words, bytes);
        return Ok(BIGINT);
    }
    Err(refused(js, key))
}

/// Writes code units as bytes: one for each where all fit (true), else two, the lower first.
pub(super) fn pack(units: &[u16], bytes: &mut Vec<u8>) -> bool {
    if bytes.len() != units.len() {
        bytes.clear();
        bytes.resize(units.len(), 0);
    }
    let fits = narrow(units, bytes) < 256;
    if !fits {
        bytes.clear();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }
    fits
}

/// Writes the lower half of each unit, and gives the bits of all of them together. Most strings are short: what is no
/// whole row is not done one by one, but as a row some of which is done twice.
#[inline(always)]
fn narrow(units: &[u16], bytes: &mut [u8]) -> u16 {
    match units.len() {
        16.. => narrow_rows::<16>(units, bytes),
        8.. => narrow_rows::<8>(units, bytes),
        4.. => narrow_rows::<4>(units, bytes),
        _ => narrow_rows::<1>(units, bytes),
    }
}

#[inline(always)]
fn narrow_rows<const ROW: usize>(units: &[u16], bytes: &mut [u8]) -> u16 {
    let (mut all, mut at) = ([0; ROW], 0);
    let last = units.len().saturating_sub(ROW);
    while let Some((from, to)) = row::<ROW>(units, bytes, at) {
        for index in 0..ROW {
            [to[index], _] = from[index].to_le_bytes();
            all[index] |= from[index];
        }
        at = if at == last {
            units.len()
        } else {
            last.min(at + ROW)
        };
    }
    all.iter().fold(0, |bits, more| bits | more)
}

#[inline(always)]
fn row<'a, const ROW: usize>(
    units: &'a [u16],
    bytes: &'a mut [u8],
    at: usize,
) -> Option<(&'a [u16; ROW], &'a mut [u8; ROW])> {
    let from = units.get(at..)?.first_chunk()?;
    let to = bytes.get_mut(at..)?.first_chunk_mut()?;
    Some((from, to))
}

fn canonical(number: f64) -> f64 {
    if number.is_nan() {
        f64::NAN
    } else if number == 0.0 {
        0.0
    } else {
        number
    }
}

pub(super) fn write_bigint(negative: bool, words: &[u64], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(u8::from(negative));
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn refused<'call>(js: Js<'call>, key: Value<'call>) -> Failure {
    let why = match js.type_of(key) {
        Ok(ValueType::napi_undefined) => "undefined",
        Ok(ValueType::napi_null) => "null",
        Ok(ValueType::napi_symbol) => "a symbol, which no other process could name",
        Ok(ValueType::napi_function) => "a function, which no other process could name",
        _ => "an object, which no other process could name: use a string made from it",
    };
    let message = format!("key must be a string, a number, a boolean or a bigint; it is {why}");
    Failure::from(Error::new(Code::InvalidArgument, message))
}

/// The JavaScript value of a stored key.
pub(super) fn make<'call>(js: Js<'call>, tag: u8, bytes: &[u8]) -> Outcome<Value<'call>> {
    match tag {
        NARROW_STRING => js.make_narrow_string(bytes),
        WIDE_STRING => js.make_wide_string(&units(bytes)),
        NUMBER => js.make_number(f64_from(bytes)),
        BOOLEAN => js.make_boolean(bytes.first() == Some(&1)),
        _ => make_bigint(js, bytes),
    }
}

pub(super) fn units(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

pub(super) fn f64_from(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
}

pub(super) fn make_bigint<'call>(js: Js<'call>, bytes: &[u8]) -> Outcome<Value<'call>> {
    let (sign, magnitude) = bytes.split_first().unwrap_or((&0, &[]));
    let words: Vec<u64> = magnitude
        .chunks_exact(8)
        .map(|word| word.try_into().map_or(0, u64::from_le_bytes))
        .collect();
    js.make_bigint(*sign == 1, &words)
}

/// The key that `read` has put into the buffers.
pub(super) fn key(tag: u8, bytes: &[u8]) -> Key<'_> {
    Key { tag, bytes }
}

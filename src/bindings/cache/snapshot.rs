//! Whole caches at once: what `keys`, `values`, `entries` and `dump` copy out under one lock, and `load` puts in.
//!
//! They cross as one flat array, the fields of one item after those of another: the JavaScript above makes pairs of
//! them. The most recently used comes first.

use super::super::js::{Arguments, Js, Outcome, Value};
use super::buffers::with_buffers;
use super::caches::with_cache;
use super::clock::instant;
use super::one_step::{make_version, read_version};
use super::operations::{given_extras, read_tags, write_options};
use super::{keys as keys_of, values as values_of};
use crate::store::{Borne, Content, Item, LoadEntry, SetOptions, Snapshot, SnapshotOptions, Stale};

/// Puts a field of one item into its place.
type Put<'put, 'call> = dyn FnMut(usize, Value<'call>) -> Outcome<()> + 'put;

/// What is put of an item behind its content: so many fields, by that function.
struct More {
    fields: usize,
    put: for<'call> fn(Js<'call>, &Snapshot, &Item, &mut Put<'_, 'call>, f64) -> Outcome<()>,
}

const NOTHING_MORE: More = More {
    fields: 0,
    put: |_, _, _, _, _| Ok(()),
};

const fn width(content: Content) -> usize {
    match content {
        Content::Keys => 1,
        Content::Values => 2,
        Content::Entries => 3,
    }
}

fn copy_out<'call>(
    js: Js<'call>,
    id: Value<'call>,
    want: &SnapshotOptions,
    more: &More,
) -> Outcome<Value<'call>> {
    let (id, now) = (js.index(id)?, instant());
    let snapshot = with_cache(id, |cache| cache.snapshot(now, want))?;
    let width = width(want.content) + more.fields;
    let array = js.make_array(snapshot.items.len() * width)?;
    for (place, item) in snapshot.items.iter().enumerate() {
        js.scoped(|js| {
            let mut put = |field: usize, value| js.set_element(array, place * width + field, value);
            match want.content {
                Content::Keys => put_key(js, &snapshot, item, &mut put)?,
                Content::Values => put_value(js, &snapshot, item, &mut put, 0)?,
                Content::Entries => {
                    put_key(js, &snapshot, item, &mut put)?;
                    put_value(js, &snapshot, item, &mut put, 1)?;
                }
            }
            (more.put)(js, &snapshot, item, &mut put, now)
        })?;
    }
    Ok(array)
}

/// What is there, as `allowStale` of the cache has it.
fn list<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>, content: Content) -> Outcome<Value<'call>> {
    let want = SnapshotOptions {
        content,
        stale: Stale::AsConfigured,
    };
    copy_out(js, arguments.at(0), &want, &NOTHING_MORE)
}

fn put_key<'call>(js: Js<'call>, snapshot: &Snapshot, item: &Item, put: &mut Put<'_, 'call>) -> Outcome<()> {
    put(
        0,
        keys_of::make(
            js,
            item.key_tag,
            snapshot.bytes.get(item.key.clone()).unwrap_or_default(),
        )?,
    )
}

fn put_value<'call>(
    js: Js<'call>,
    snapshot: &Snapshot,
    item: &Item,
    put: &mut Put<'_, 'call>,
    at: usize,
) -> Outcome<()> {
    let bytes = snapshot.bytes.get(item.value.clone()).unwrap_or_default();
    let (payload, decode) = values_of::make(js, item.value_tag, bytes)?;
    put(at, js.make_number(f64::from(decode))?)?;
    put(at + 1, payload)
}

/// `cacheKeys(id)`: `[key, ...]`
pub(super) fn keys<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    list(js, arguments, Content::Keys)
}

/// `cacheValues(id)`: `[tag, payload, ...]`
pub(super) fn values<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    list(js, arguments, Content::Values)
}

/// `cacheEntries(id)`: `[key, tag, payload, ...]`
pub(super) fn entries<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    list(js, arguments, Content::Entries)
}

/// `cacheDump(id)`: `[key, tag, payload, ttl, age, size, tags, version, grace, delta, ...]`, with holes for what is not tracked, and
/// where there is none. The age is `undefined` for an entry without a lifetime.
pub(super) fn dump<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let want = SnapshotOptions {
        content: Content::Entries,
        stale: Stale::Include,
    };
    let lifetime_and_size = More {
        fields: 7,
        put: |js, snapshot, item, put, now| {
            if snapshot.ttl_tracked {
                put(3, js.make_number(item.ttl)?)?;
                put(4, js.make_number(now - item.start)?)?;
            }
            if snapshot.size_tracked {
                put(5, js.make_number(item.size as f64)?)?;
            }
            item.borne
                .as_deref()
                .map_or(Ok(()), |borne| put_borne(js, borne, put))
        },
    };
    copy_out(js, arguments.at(0), &want, &lifetime_and_size)
}

fn put_borne<'call>(js: Js<'call>, borne: &Borne, put: &mut Put<'_, 'call>) -> Outcome<()> {
    if !borne.tags.is_empty() {
        let tags = js.make_array(borne.tags.len())?;
        for (at, tag) in borne.tags.iter().enumerate() {
            js.set_element(tags, at, js.make_text(tag)?)?;
        }
        put(6, tags)?;
    }
    if borne.version != 0 {
        put(7, make_version(js, borne.version)?)?;
    }
    for (field, time) in [(8, borne.grace), (9, borne.delta)] {
        if time != 0.0 {
            put(field, js.make_number(time)?)?;
        }
    }
    Ok(())
}

/// An entry to be loaded, in memory of its own.
struct Owned {
    key: (u8, Vec<u8>),
    value: (u8, Vec<u8>),
    options: SetOptions<'static>,
    borne: Borne,
}

/// `cacheLoad(id, [key, payload, tag, ttl, age, size, tags, version, grace, delta, ...])`: all of it is read before anything is changed.
pub(super) fn load<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    const WIDTH: u32 = 10;
    let (id, array, now) = (js.index(arguments.at(0))?, arguments.at(1), instant());
    let count = js.array_length(array)? / WIDTH;
    let mut entries = Vec::with_capacity(count as usize);
    for entry in 0..count {
        entries.push(js.scoped(|js| read_entry(js, array, entry * WIDTH, now))?);
    }
    let extras: Vec<_> = entries.iter().map(|entry| entry.borne.extras()).collect();
    let borrowed: Vec<_> = entries
        .iter()
        .zip(&extras)
        .map(
            |(
                Owned {
                    key, value, options, ..
                },
                extras,
            )| LoadEntry {
                key: keys_of::key(key.0, &key.1),
                value: crate::store::Value {
                    tag: value.0,
                    bytes: &value.1,
                },
                options: SetOptions {
                    extras: given_extras(extras),
                    ..*options
                },
            },
        )
        .collect();
    with_cache(id, |cache| cache.load(now, &borrowed))?;
    js.undefined()
}

fn read_entry<'call>(js: Js<'call>, array: Value<'call>, at: u32, now: f64) -> Outcome<Owned> {
    let field = |field| js.element(array, at + field);
    let mut options = write_options(js, Some(field(3)?), Some(field(5)?))?;
    options.start = js.number(field(4)?).map(|age| now - age);
    let borne = Borne {
        version: read_version(js, Some(field(7)?))?.unwrap_or(0),
        grace: js.number(field(8)?).unwrap_or(0.0),
        delta: js.number(field(9)?).unwrap_or(0.0),
        ..read_tags(js, Some(field(6)?))?
    };
    with_buffers(|buffers| {
        let tag = keys_of::read(js, field(0)?, buffers)?;
        let key = (tag, buffers.key.clone());
        let read = values_of::read(
            js,
            field(1)?,
            Some(field(2)?),
            &mut buffers.units,
            &mut buffers.value,
        )?;
        options.primitive = read.is_primitive();
        let value = (read.tag, read.value(&buffers.value).bytes.to_vec());
        Ok(Owned {
            key,
            value,
            options,
            borne,
        })
    })
}

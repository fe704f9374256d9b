//! Whole caches: what `keys`, `values`, `entries` and `dump` copy out, and `load` puts in.
//!
//! They cross as flat arrays, the fields of one item after those of another: the JavaScript above makes pairs of
//! them. The most recently used comes first. A walk copies for a slice of time at each call, so that JavaScript can do other
//! things in between, and gives its items out as many at a time as JavaScript wants to make of them.

use super::super::js::{Arguments, Js, Outcome, Value, internal};
use super::buffers::with_buffers;
use super::caches::with_cache;
use super::clock::instant;
use super::one_step::{make_version, read_version};
use super::operations::{given_extras, read_tags, write_options};
use super::{keys as keys_of, values as values_of};
use crate::store::{
    Borne, Content, Extras, Item, LoadEntry, SetOptions, Snapshot, SnapshotOptions, Stale, Walk,
};
use std::cell::RefCell;

/// Puts a field of one item into its place.
type Put<'put, 'call> = dyn FnMut(usize, Value<'call>) -> Outcome<()> + 'put;

/// What is put of an item behind its content: so many fields, by that function.
struct More {
    fields: usize,
    put: for<'call> fn(Js<'call>, &Snapshot, &Item, &mut Put<'_, 'call>, f64) -> Outcome<()>,
}

static NOTHING_MORE: More = More {
    fields: 0,
    put: |_, _, _, _, _| Ok(()),
};

/// Of an entry without a lifetime the age is left out.
static LIFETIME_AND_SIZE: More = More {
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

const fn width(content: Content) -> usize {
    match content {
        Content::Keys => 1,
        Content::Values => 2,
        Content::Entries => 3,
    }
}

/// How many items become values of JavaScript's in one call.
const ITEMS_AT_ONCE: usize = 256;

/// A walk over a cache that this thread has begun.
struct Copying {
    cache: u32,
    more: &'static More,
    walk: Walk,
    ended: bool,
    /// How many of its items were given out.
    given: usize,
}

thread_local! {
    static WALKS: RefCell<Vec<Option<Copying>>> = const { RefCell::new(Vec::new()) };
}

/// Works on a walk that JavaScript knows by its number. Nothing is borrowed meanwhile.
fn with_walk<T>(number: u32, work: impl FnOnce(&mut Copying) -> Outcome<T>) -> Outcome<T> {
    let place = number as usize;
    let taken = WALKS.with_borrow_mut(|walks| walks.get_mut(place).and_then(Option::take));
    let mut copying = taken.ok_or_else(|| internal("A walk was used after its end"))?;
    let worked = work(&mut copying);
    WALKS.with_borrow_mut(|walks| {
        if let Some(walk) = walks.get_mut(place) {
            *walk = Some(copying);
        }
    });
    worked
}

/// `cacheWalk(id, what)`: begins to copy out keys, values, entries (0 to 2), as `allowStale` of the cache has it, or a
/// dump (3). Gives the number of the walk.
pub(super) fn walk<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let (content, stale, more) = match js.index(arguments.at(1))? {
        0 => (Content::Keys, Stale::AsConfigured, &NOTHING_MORE),
        1 => (Content::Values, Stale::AsConfigured, &NOTHING_MORE),
        2 => (Content::Entries, Stale::AsConfigured, &NOTHING_MORE),
        _ => (Content::Entries, Stale::Include, &LIFETIME_AND_SIZE),
    };
    let copying = Copying {
        cache: js.index(arguments.at(0))?,
        more,
        walk: Walk::begin(instant(), SnapshotOptions { content, stale }),
        ended: false,
        given: 0,
    };
    let number = WALKS.with_borrow_mut(|walks| {
        let place = walks.iter().position(Option::is_none).unwrap_or(walks.len());
        if place == walks.len() {
            walks.push(None);
        }
        walks[place] = Some(copying);
        place
    });
    js.make_number(number as f64)
}

/// `cacheWalkOn(walk)`: copies for a slice; nothing where there is more to copy. After that it gives the items, some at a
/// time, the fields of one after those of another: `[key, ...]`, `[tag, payload, ...]`, `[key, tag, payload, ...]`; of a dump
/// `[key, tag, payload, ttl, age, size, tags, version, grace, delta, ...]`, with holes for what is not tracked, and where there
/// is none. An empty array comes after the last.
pub(super) fn walk_on<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    with_walk(js.index(arguments.at(0))?, |copying| {
        if !copying.ended {
            copying.ended = with_cache(copying.cache, |cache| cache.walk(&mut copying.walk))?;
            if !copying.ended {
                return js.undefined();
            }
        }
        let from = copying.given;
        copying.given = copying.walk.gathered().items.len().min(from + ITEMS_AT_ONCE);
        make_items(js, copying, from)
    })
}

/// `cacheWalkEnd(walk)`
pub(super) fn walk_end<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let place = js.index(arguments.at(0))? as usize;
    WALKS.with_borrow_mut(|walks| walks.get_mut(place).map(Option::take));
    js.undefined()
}

fn make_items<'call>(js: Js<'call>, copying: &Copying, from: usize) -> Outcome<Value<'call>> {
    let Copying {
        more, walk, given, ..
    } = copying;
    let (snapshot, content) = (walk.gathered(), walk.want().content);
    let width = width(content) + more.fields;
    let items = snapshot.items.get(from..*given).unwrap_or_default();
    let array = js.make_array(items.len() * width)?;
    for (place, item) in items.iter().enumerate() {
        js.scoped(|js| {
            let mut put = |field: usize, value| js.set_element(array, place * width + field, value);
            match content {
                Content::Keys => put_key(js, snapshot, item, &mut put)?,
                Content::Values => put_value(js, snapshot, item, &mut put, 0)?,
                Content::Entries => {
                    put_key(js, snapshot, item, &mut put)?;
                    put_value(js, snapshot, item, &mut put, 1)?;
                }
            }
            (more.put)(js, snapshot, item, &mut put, walk.now())
        })?;
    }
    Ok(array)
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

/// `cacheLoad(id, [key, payload, tag, ttl, age, size, tags, version, grace, delta, ...], checkOnly)`: stores entries in
/// their order, or only finds out whether all of them can be. All are read before the first is stored.
pub(super) fn load<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    const WIDTH: u32 = 10;
    let (id, array, now) = (js.index(arguments.at(0))?, arguments.at(1), instant());
    let check_only = js.boolean(arguments.at(2)).unwrap_or(false);
    let count = js.array_length(array)? / WIDTH;
    let mut entries = Vec::with_capacity(count as usize);
    for entry in 0..count {
        entries.push(js.scoped(|js| read_entry(js, array, entry * WIDTH, now))?);
    }
    let extras: Vec<_> = entries.iter().map(|entry| entry.borne.extras()).collect();
    let lend = |(owned, extras)| lend(owned, extras);
    let borrowed: Vec<_> = entries.iter().zip(&extras).map(lend).collect();
    with_cache(id, |cache| {
        if check_only {
            cache.check_loadable(&borrowed)
        } else {
            cache.load_more(now, &borrowed)
        }
    })?;
    js.undefined()
}

fn lend<'a>(owned: &'a Owned, extras: &'a Extras<'a>) -> LoadEntry<'a> {
    LoadEntry {
        key: keys_of::key(owned.key.0, &owned.key.1),
        value: crate::store::Value {
            tag: owned.value.0,
            bytes: &owned.value.1,
        },
        options: SetOptions {
            extras: given_extras(extras),
            ..owned.options
        },
    }
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

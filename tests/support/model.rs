//! The store's semantics once more, as plainly as they can be written, and a driver that runs both on the same actions.
//!
//! Shared by the property test (`tests/model.rs`) and the fuzz target (`fuzz/fuzz_targets/store.rs`): both feed bytes,
//! from which options and actions are read.

#[path = "model_flights.rs"]
mod flights;

use std::sync::{Arc, LazyLock};

use flotilla::error::Code;
use flotilla::store::{
    Borne, Cache, Content, Extras, GetOptions, HasOptions, Key, NearReader, Options, PeekOptions, SetOptions,
    SnapshotOptions, Stale, Store, Value,
};

pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
}

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn below(&mut self, limit: u8) -> Option<u8> {
        Some(self.next()? % limit)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.next()? & 1 == 1)
    }

    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.below(3)? == 0 {
            Some(Some(read(self)?))
        } else {
            Some(None)
        }
    }
}

#[derive(Clone, Debug)]
struct Item {
    key: (u8, Vec<u8>),
    value: (u8, Vec<u8>),
    start: f64,
    ttl: f64,
    size: u64,
    extras: Extras<'static>,
    /// One of its tags was invalidated.
    gone: bool,
    /// Whether it has a version, and which, if that was told.
    versioned: bool,
    version: Option<u64>,
}

impl Item {
    fn is_stale(&self, now: f64) -> bool {
        self.ttl != 0.0 && self.start != 0.0 && now - self.start > self.ttl
    }

    /// Whether a plain read finds it.
    fn lives(&self, now: f64) -> bool {
        !self.is_stale(now) && self.is_shown()
    }

    /// Whether it may be given at all, if only as a stale one.
    fn is_shown(&self) -> bool {
        !self.extras.negative && !self.gone
    }

    /// Whether it is to be removed by whoever comes upon it.
    fn is_over(&self, now: f64) -> bool {
        let grace = if self.extras.negative {
            0.0
        } else {
            self.extras.grace
        };
        self.gone || self.is_stale(now) && now - self.start > self.ttl + grace
    }
}

static TAGS: LazyLock<[String; 3]> =
    LazyLock::new(|| ["a", "a tag of more than one block", "b"].map(String::from));

/// What entries bear in this test.
static EXTRAS: LazyLock<Vec<Extras<'static>>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for tags in [&TAGS[..0], &TAGS[..1], &TAGS[1..2], &TAGS[..]] {
        for (grace, negative) in [
            (0.0, false),
            (4.0, false),
            (100.0, false),
            (0.0, true),
            (4.0, true),
        ] {
            all.push(Extras {
                grace,
                negative,
                delta: grace / 2.0,
                tags,
                ..Extras::default()
            });
        }
    }
    all
});

/// The least recent first.
struct Model {
    options: Options,
    items: Vec<Item>,
    hits: u64,
    misses: u64,
    sets: u64,
    deletes: u64,
    evictions: u64,
    flights: flights::Flights,
}

#[derive(Debug, PartialEq)]
enum Refusal {
    Size,
    NotANumber,
    Options,
}

impl Model {
    fn new(options: Options) -> Self {
        Self {
            options,
            items: Vec::new(),
            hits: 0,
            misses: 0,
            sets: 0,
            deletes: 0,
            evictions: 0,
            flights: flights::Flights::default(),
        }
    }

    fn counts_sizes(&self) -> bool {
        self.options.max_size != 0 || self.options.max_entry_size != 0
    }

    fn total(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }

    fn position(&self, key: &(u8, Vec<u8>)) -> Option<usize> {
        self.items.iter().position(|item| item.key == *key)
    }

    fn freshen(&mut self, at: usize) {
        let item = self.items.remove(at);
        self.items.push(item);
    }

    fn evict(&mut self) {
        self.items.remove(0);
        self.evictions += 1;
    }

    fn tidy(&mut self, now: f64) {
        if self.options.ttl_autopurge {
            self.items.retain(|item| !item.is_over(now));
        }
    }

    fn size(&self, given: Option<f64>) -> Result<u64, Refusal> {
        let given = given.filter(|size| *size != 0.0 && !size.is_nan());
        match (self.counts_sizes(), given) {
            (false, None) => Ok(0),
            (true, Some(size)) if size > 0.0 && size.fract() == 0.0 => Ok(size as u64),
            _ => Err(Refusal::Size),
        }
    }

    fn largest(&self) -> u64 {
        let (entry, all) = (self.options.max_entry_size, self.options.max_size);
        if entry == 0 {
            all
        } else if all == 0 {
            entry
        } else {
            entry.min(all)
        }
    }

    fn set(
        &mut self,
        key: (u8, Vec<u8>),
        value: (u8, Vec<u8>),
        now: f64,
        o: &SetOptions,
    ) -> Result<bool, Refusal> {
        let size = self.size(o.size)?;
        self.flights.void(&key);
        if size > self.largest() {
            if let Some(at) = self.position(&key) {
                self.items.remove(at);
            }
            return Ok(false);
        }
        let ttl = o.ttl.unwrap_or(self.options.ttl);
        let start = if ttl == 0.0 { 0.0 } else { o.start.unwrap_or(now) };
        self.sets += 1;
        let Some(at) = self.position(&key) else {
            while self.options.max != 0 && self.items.len() as u64 >= self.options.max {
                self.evict();
            }
            while self.options.max_size != 0 && self.total() + size > self.options.max_size {
                self.evict();
            }
            self.items.push(Item {
                key,
                value,
                start,
                ttl,
                size,
                extras: extras_of(o),
                gone: false,
                versioned: false,
                version: None,
            });
            return Ok(true);
        };
        self.freshen(at);
        let last = self.items.len() - 1;
        self.items[last].version = None;
        let versioned = std::mem::take(&mut self.items[last].versioned);
        let plain = o.extras.is_none_or(|extras| *extras == Extras::default());
        let plain = plain && self.items[last].extras == Extras::default();
        let same = plain
            && !versioned
            && o.primitive
            && self.counts_sizes()
            && same(&self.items[last].value, &value);
        if !same {
            self.items[last].size = 0;
            while self.options.max_size != 0 && self.total() + size > self.options.max_size {
                self.evict();
            }
            let item = self.items.last_mut().unwrap();
            (item.value, item.size, item.extras, item.gone) = (value, size, extras_of(o), false);
        }
        if !o.no_update_ttl {
            let item = self.items.last_mut().unwrap();
            (item.start, item.ttl) = (start, ttl);
        }
        Ok(true)
    }

    fn get(&mut self, key: &(u8, Vec<u8>), now: f64, o: &GetOptions) -> Option<(u8, Vec<u8>)> {
        let got = self.look(key, now, o);
        if got.is_some() {
            self.hits += 1
        } else {
            self.misses += 1
        };
        got
    }

    fn look(&mut self, key: &(u8, Vec<u8>), now: f64, o: &GetOptions) -> Option<(u8, Vec<u8>)> {
        let at = self.position(key)?;
        let value = self.items[at].value.clone();
        if !self.items[at].lives(now) {
            let item = &self.items[at];
            let (over, shown) = (item.is_over(now), item.is_shown());
            let kept = shown
                && o.no_delete_on_stale_get
                    .unwrap_or(self.options.no_delete_on_stale_get);
            if over && !kept {
                self.items.remove(at);
            }
            return Some(value).filter(|_| shown && o.allow_stale.unwrap_or(self.options.allow_stale));
        }
        self.freshen(at);
        if o.update_age_on_get.unwrap_or(self.options.update_age_on_get) {
            let item = self.items.last_mut().unwrap();
            item.start = if item.ttl == 0.0 { 0.0 } else { now };
        }
        Some(value)
    }

    fn peek(&self, key: &(u8, Vec<u8>), now: f64, o: &PeekOptions) -> Option<(u8, Vec<u8>)> {
        let item = &self.items[self.position(key)?];
        let shown = item.lives(now) || o.allow_stale.unwrap_or(self.options.allow_stale);
        (shown && item.is_shown()).then(|| item.value.clone())
    }

    fn has(&mut self, key: &(u8, Vec<u8>), now: f64, o: &HasOptions) -> bool {
        let Some(at) = self.position(key) else {
            return false;
        };
        if !self.items[at].lives(now) {
            return false;
        }
        if o.update_age_on_has.unwrap_or(self.options.update_age_on_has) {
            let item = &mut self.items[at];
            item.start = if item.ttl == 0.0 { 0.0 } else { now };
        }
        true
    }

    fn incr(&mut self, key: (u8, Vec<u8>), amount: f64, now: f64, o: &SetOptions) -> Result<f64, Refusal> {
        let found = self
            .position(&key)
            .map(|at| self.items[at].clone())
            .filter(|item| item.lives(now));
        let Some(item) = found else {
            return self.set(key, number(amount), now, o).map(|_| amount);
        };
        if item.value.0 != Value::NUMBER {
            return Err(Refusal::NotANumber);
        }
        let sum = f64::from_le_bytes(item.value.1.clone().try_into().unwrap()) + amount;
        let kept = Some(item.size as f64).filter(|_| self.counts_sizes());
        let o = SetOptions {
            size: o.size.or(kept),
            no_update_ttl: true,
            extras: Some(&item.extras),
            ..*o
        };
        self.set(key, number(sum), now, &o).map(|_| sum)
    }

    fn touch(&mut self, key: &(u8, Vec<u8>), now: f64, ttl: Option<f64>) -> bool {
        let Some(at) = self.position(key).filter(|at| self.items[*at].lives(now)) else {
            return false;
        };
        self.freshen(at);
        let item = self.items.last_mut().unwrap();
        item.ttl = ttl.unwrap_or(item.ttl);
        item.start = if item.ttl == 0.0 { 0.0 } else { now };
        true
    }

    fn remaining(&self, key: &(u8, Vec<u8>), now: f64) -> f64 {
        let Some(at) = self.position(key).filter(|at| self.items[*at].is_shown()) else {
            return 0.0;
        };
        let item = &self.items[at];
        if item.ttl == 0.0 || item.start == 0.0 {
            f64::INFINITY
        } else {
            item.ttl - (now - item.start)
        }
    }
}

fn borne(extras: Extras) -> (f64, f64, Vec<String>) {
    (extras.grace, extras.delta, extras.tags.to_vec())
}

fn extras_of(o: &SetOptions) -> Extras<'static> {
    let wanted = o.extras.copied().unwrap_or_default();
    let known = EXTRAS.iter().find(|extras| **extras == wanted);
    *known.unwrap()
}

fn same(old: &(u8, Vec<u8>), new: &(u8, Vec<u8>)) -> bool {
    old == new
}

fn number(value: f64) -> (u8, Vec<u8>) {
    (Value::NUMBER, value.to_le_bytes().to_vec())
}

fn read_options(bytes: &mut Bytes) -> Option<Options> {
    let mut options = Options {
        max: u64::from(bytes.below(3)?) * u64::from(bytes.below(8)?),
        max_size: if bytes.below(3)? == 0 {
            1 + u64::from(bytes.below(40)?)
        } else {
            0
        },
        max_entry_size: if bytes.below(4)? == 0 {
            1 + u64::from(bytes.below(20)?)
        } else {
            0
        },
        ttl: f64::from(bytes.below(3)?) * f64::from(bytes.below(10)?),
        allow_stale: bytes.flag()?,
        update_age_on_get: bytes.flag()?,
        update_age_on_has: bytes.flag()?,
        no_delete_on_stale_get: bytes.flag()?,
        ttl_autopurge: bytes.below(4)? == 0,
    };
    if options.validate().is_err() {
        options.max = 5;
    }
    Some(options)
}

fn read_key(bytes: &mut Bytes) -> Option<(u8, Vec<u8>)> {
    let which = bytes.below(12)?;
    // Some keys run through several blocks, and differ only at their end.
    let len = [0, 1, 8, 71, 72, 73, 196, 197, 300][which as usize % 9];
    let mut key = vec![b'k'; len];
    if let Some(last) = key.last_mut() {
        *last = which;
    }
    Some((2 + which % 2, key))
}

fn read_value(bytes: &mut Bytes) -> Option<(u8, Vec<u8>)> {
    let which = bytes.next()?;
    if which % 4 == 0 {
        return Some(number(f64::from(which / 4)));
    }
    // Around 2,048 bytes of key and value lies the border between chains and runs.
    let len = [
        0usize, 5, 28, 64, 72, 124, 125, 500, 1970, 2048, 3000, 9000, 70_000,
    ][(which / 4) as usize % 13];
    Some((
        3,
        (0..len).map(|index| (index as u8).wrapping_mul(which)).collect(),
    ))
}

fn read_set_options(bytes: &mut Bytes, counts: bool) -> Option<SetOptions<'static>> {
    let size = match bytes.below(12)? {
        0 => None,
        1 => Some([f64::NAN, 0.0, 1.5, -3.0, f64::INFINITY][bytes.below(5)? as usize]),
        _ => counts.then_some(f64::from(1 + bytes.below(25)?)),
    };
    Some(SetOptions {
        ttl: bytes.maybe(|bytes| Some([0.0, 1.0, 5.0, 12.0, 0.5, -4.0, 1e9][bytes.below(7)? as usize]))?,
        start: None,
        size,
        no_update_ttl: bytes.below(6)? == 0,
        primitive: bytes.flag()?,
        extras: bytes.maybe(|bytes| EXTRAS.get(usize::from(bytes.next()?) % EXTRAS.len()))?,
    })
}

/// One namespace of the store beside its model.
struct Pair {
    /// Two who read by way of copies, where the options allow it.
    readers: Vec<NearReader>,
    cache: Cache,
    model: Model,
    now: f64,
    out: Vec<u8>,
    /// Every version that was told, and of which key.
    versions: Vec<((u8, Vec<u8>), u64)>,
}

impl Pair {
    /// Does the next thing on both sides. `None` at the end of the bytes.
    fn step(&mut self, bytes: &mut Bytes) -> Option<()> {
        match bytes.below(40)? {
            0..=6 => self.set(bytes)?,
            7..=10 => self.get(bytes)?,
            11 => self.peek(bytes)?,
            12 => self.has(bytes)?,
            13 => self.delete(bytes)?,
            14 | 15 => self.incr(bytes)?,
            16 => self.now += f64::from(bytes.below(8)?),
            17 => self.retune(bytes)?,
            18 => self.set_if_absent(bytes)?,
            19 => {
                self.model.items.retain(|item| !item.is_over(self.now));
                self.cache.purge_stale(self.now).unwrap();
            }
            20 => {
                let key = read_key(bytes)?;
                self.model.tidy(self.now);
                let remaining = self.cache.remaining_ttl(borrow(&key), self.now).unwrap();
                assert_eq!(remaining, self.model.remaining(&key, self.now));
            }
            21 if bytes.below(4)? == 0 => {
                self.model.items.clear();
                self.model.flights.void_all();
                self.cache.clear().unwrap();
            }
            22 => self.pop(),
            23 => self.touch(bytes)?,
            24 | 25 => self.invalidate(bytes)?,
            26 => self.take(bytes)?,
            27 | 28 => self.get_with_version(bytes)?,
            29 | 30 => self.set_if_version(bytes)?,
            31..=34 => self.claim(bytes)?,
            35 | 36 => self.finish(bytes)?,
            37 => self.give_up(bytes)?,
            38 => self.load(bytes)?,
            _ => self.compare(),
        }
        Some(())
    }

    fn set(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (key, value) = (read_key(bytes)?, read_value(bytes)?);
        let o = read_set_options(bytes, self.model.counts_sizes())?;
        self.model.tidy(self.now);
        let got = self.cache.set(borrow(&key), lend(&value), self.now, &o);
        let should = self.model.set(key, value, self.now, &o);
        assert_eq!(got.map_err(refusal), should);
        Some(())
    }

    fn touch(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        let ttl =
            bytes.maybe(|bytes| Some([0.0, 1.0, 5.0, 12.0, 0.5, -4.0, 1e9][bytes.below(7)? as usize]))?;
        self.model.tidy(self.now);
        let got = self.cache.touch(borrow(&key), self.now, ttl).unwrap();
        assert_eq!(got, self.model.touch(&key, self.now, ttl));
        Some(())
    }

    fn take(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        self.model.tidy(self.now);
        let tag = self.cache.take(borrow(&key), self.now, &mut self.out).unwrap();
        let should = self.model.get(&key, self.now, &GetOptions::default());
        self.model.deletes += u64::from(should.is_some());
        self.model.items.retain(|item| item.key != key);
        self.model.flights.void(&key);
        assert_eq!(tag.map(|tag| (tag, self.out.clone())), should);
        Some(())
    }

    fn get_with_version(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        self.model.tidy(self.now);
        let got = self
            .cache
            .get_with_version(borrow(&key), self.now, &mut self.out)
            .unwrap();
        let fresh = GetOptions {
            allow_stale: Some(false),
            ..GetOptions::default()
        };
        let should = self.model.get(&key, self.now, &fresh);
        assert_eq!(got.map(|(tag, _)| (tag, self.out.clone())), should);
        let Some((_, version)) = got else { return Some(()) };
        let item = self.model.items.last_mut().unwrap();
        item.versioned = true;
        if let Some(known) = item.version.replace(version) {
            assert_eq!(known, version);
        } else {
            assert!(self.versions.iter().all(|(_, told)| *told != version));
            self.versions.push((key, version));
        }
        Some(())
    }

    fn set_if_version(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (mut key, value) = (read_key(bytes)?, read_value(bytes)?);
        let o = read_set_options(bytes, self.model.counts_sizes())?;
        let which = usize::from(bytes.next()?);
        let mut version = None;
        if let Some((of, told)) = self.versions.get(which) {
            version = Some(*told);
            if bytes.below(8)? != 0 {
                key.clone_from(of);
            }
        }
        self.model.tidy(self.now);
        let got = self
            .cache
            .set_if_version(borrow(&key), lend(&value), version, self.now, &o);
        let there = self.model.position(&key).map(|at| &self.model.items[at]);
        let there = there.filter(|item| item.lives(self.now));
        let stands = match version {
            None => there.is_none(),
            Some(_) => there.is_some_and(|item| item.version == version),
        };
        let should = match self.model.size(o.size) {
            Err(refusal) => Err(refusal),
            Ok(size) if size > self.model.largest() => Err(Refusal::Size),
            Ok(_) if !stands => Ok(false),
            Ok(_) => self.model.set(key, value, self.now, &o),
        };
        if should == Ok(true) {
            self.model.items.last_mut().unwrap().versioned = true;
        }
        assert_eq!(got.map_err(refusal), should);
        Some(())
    }

    fn invalidate(&mut self, bytes: &mut Bytes) -> Option<()> {
        let from = usize::from(bytes.below(3)?);
        let some = &TAGS[from..=from + usize::from(bytes.below(3 - from as u8)?)];
        if self.model.options.ttl_autopurge {
            // When such a namespace looks for what it may remove is its own affair.
            return Some(());
        }
        self.cache.invalidate_tags(some).unwrap();
        self.model.flights.void_tagged();
        for item in &mut self.model.items {
            item.gone |= item.extras.tags.iter().any(|tag| some.contains(tag));
        }
        Some(())
    }

    fn set_if_absent(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (key, value) = (read_key(bytes)?, read_value(bytes)?);
        let o = read_set_options(bytes, self.model.counts_sizes())?;
        self.model.tidy(self.now);
        let got = self.cache.set_if_absent(borrow(&key), lend(&value), self.now, &o);
        let there = self
            .model
            .position(&key)
            .is_some_and(|at| self.model.items[at].lives(self.now));
        let should = match self.model.size(o.size) {
            Err(refusal) => Err(refusal),
            Ok(_) if there => Ok(false),
            Ok(_) => self.model.set(key, value, self.now, &o),
        };
        assert_eq!(got.map_err(refusal), should);
        Some(())
    }

    fn get(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        let o = GetOptions {
            allow_stale: bytes.maybe(Bytes::flag)?,
            update_age_on_get: bytes.maybe(Bytes::flag)?,
            no_delete_on_stale_get: bytes.maybe(Bytes::flag)?,
        };
        self.model.tidy(self.now);
        let plain = o
            .allow_stale
            .or(o.update_age_on_get)
            .or(o.no_delete_on_stale_get)
            .is_none();
        let who = usize::from(bytes.below(3)?);
        let tag = match self.readers.get_mut(who).filter(|_| plain) {
            Some(reader) => reader.get(borrow(&key), self.now, &mut self.out).unwrap().0,
            None => self.cache.get(borrow(&key), self.now, &o, &mut self.out).unwrap(),
        };
        assert_eq!(
            tag.map(|tag| (tag, self.out.clone())),
            self.model.get(&key, self.now, &o)
        );
        Some(())
    }

    fn peek(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        let o = PeekOptions {
            allow_stale: bytes.maybe(Bytes::flag)?,
        };
        self.model.tidy(self.now);
        let tag = self
            .cache
            .peek(borrow(&key), self.now, &o, &mut self.out)
            .unwrap();
        assert_eq!(
            tag.map(|tag| (tag, self.out.clone())),
            self.model.peek(&key, self.now, &o)
        );
        Some(())
    }

    fn has(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        let o = HasOptions {
            update_age_on_has: bytes.maybe(Bytes::flag)?,
        };
        self.model.tidy(self.now);
        assert_eq!(
            self.cache.has(borrow(&key), self.now, &o).unwrap(),
            self.model.has(&key, self.now, &o)
        );
        Some(())
    }

    fn delete(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        self.model.tidy(self.now);
        let at = self.model.position(&key);
        let there = at.is_some_and(|at| !self.model.items.remove(at).gone);
        self.model.flights.void(&key);
        self.model.deletes += u64::from(there);
        assert_eq!(self.cache.delete(borrow(&key), self.now).unwrap(), there);
        Some(())
    }

    fn incr(&mut self, bytes: &mut Bytes) -> Option<()> {
        let key = read_key(bytes)?;
        let amount = f64::from(bytes.next()?) - 100.0;
        let o = SetOptions {
            no_update_ttl: false,
            ..read_set_options(bytes, self.model.counts_sizes())?
        };
        self.model.tidy(self.now);
        let got = self
            .cache
            .incr(borrow(&key), amount, self.now, &o)
            .map_err(refusal);
        assert_eq!(got, self.model.incr(key, amount, self.now, &o));
        Some(())
    }

    fn pop(&mut self) {
        self.model.tidy(self.now);
        let should = (!self.model.items.is_empty()).then(|| self.model.items[0].value.clone());
        if should.is_some() {
            self.model.evict();
        }
        let tag = self.cache.pop(self.now, &mut self.out).unwrap();
        assert_eq!(tag.map(|tag| (tag, self.out.clone())), should);
    }

    fn retune(&mut self, bytes: &mut Bytes) -> Option<()> {
        let number = bytes.below(7)?;
        self.model.tidy(self.now);
        let mut options = self.model.options.clone();
        let got = match bytes.below(3)? {
            0 => {
                options.max = u64::from(number);
                self.cache.set_max(options.max, self.now)
            }
            1 => {
                options.ttl = f64::from(number);
                self.cache.set_ttl(options.ttl)
            }
            _ => {
                options.allow_stale = number & 1 == 1;
                self.cache.set_allow_stale(options.allow_stale)
            }
        };
        let valid = options.validate().is_ok();
        assert_eq!(
            got.map_err(refusal),
            if valid { Ok(()) } else { Err(Refusal::Options) }
        );
        if valid {
            self.model.options = options;
            while self.model.options.max != 0 && self.model.items.len() as u64 > self.model.options.max {
                self.model.evict();
            }
        }
        Some(())
    }

    /// Everything there is to see.
    fn compare(&mut self) {
        self.model.tidy(self.now);
        let want = SnapshotOptions {
            content: Content::Entries,
            stale: Stale::Include,
        };
        let snapshot = self.cache.snapshot(self.now, &want).unwrap();
        let is: Vec<_> = snapshot
            .items
            .iter()
            .map(|item| {
                let key = (item.key_tag, snapshot.key(item).to_vec());
                (
                    key,
                    (item.value_tag, snapshot.value(item).to_vec()),
                    item.start,
                    item.ttl,
                    item.size,
                    borne(item.borne.as_deref().map(Borne::extras).unwrap_or_default()),
                )
            })
            .collect();
        let should: Vec<_> = self
            .model
            .items
            .iter()
            .rev()
            .filter(|item| item.is_shown())
            .map(|item| {
                (
                    item.key.clone(),
                    item.value.clone(),
                    item.start,
                    item.ttl,
                    item.size,
                    borne(item.extras),
                )
            })
            .collect();
        assert_eq!(is, should);
        assert_eq!(self.cache.calculated_size().unwrap(), self.model.total());
        let fresh = SnapshotOptions {
            content: Content::Keys,
            stale: Stale::AsConfigured,
        };
        let shown = self
            .model
            .items
            .iter()
            .filter(|item| item.is_shown() && (self.model.options.allow_stale || item.lives(self.now)));
        assert_eq!(
            self.cache.snapshot(self.now, &fresh).unwrap().items.len(),
            shown.count()
        );
        let stats = self.cache.stats().unwrap();
        let is = [
            stats.hits,
            stats.misses,
            stats.sets,
            stats.deletes,
            stats.evictions,
            stats.size,
        ];
        let model = &self.model;
        let size = model.items.len() as u64;
        assert_eq!(
            is,
            [
                model.hits,
                model.misses,
                model.sets,
                model.deletes,
                model.evictions,
                size
            ]
        );
    }
}

fn borrow(key: &(u8, Vec<u8>)) -> Key<'_> {
    Key {
        tag: key.0,
        bytes: &key.1,
    }
}

fn lend(value: &(u8, Vec<u8>)) -> Value<'_> {
    Value {
        tag: value.0,
        bytes: &value.1,
    }
}

fn refusal(error: flotilla::error::Error) -> Refusal {
    match error.code {
        Code::InvalidSize => Refusal::Size,
        Code::NotANumber => Refusal::NotANumber,
        Code::InvalidArgument => Refusal::Options,
        other => panic!("{other:?} is no refusal the model knows: {error}"),
    }
}

/// Runs what the bytes say on a namespace of the store and on the model, and expects no difference.
pub(crate) fn run(store: &Arc<Store>, bytes: &[u8]) {
    let mut bytes = Bytes { rest: bytes };
    let Some(options) = read_options(&mut bytes) else {
        return;
    };
    // What a run that failed left behind, so that a smaller failure can be looked for.
    store.destroy("model").unwrap();
    let cache = store.open("model", &options).unwrap();
    let mut pair = Pair {
        readers: (0..2).filter_map(|_| NearReader::open(&cache).unwrap()).collect(),
        cache,
        model: Model::new(options),
        now: 1000.0,
        out: Vec::new(),
        versions: Vec::new(),
    };
    while pair.step(&mut bytes).is_some() {}
    pair.compare();
    store.validate().unwrap();
    assert!(pair.cache.destroy().unwrap());
    store.validate().unwrap();
}

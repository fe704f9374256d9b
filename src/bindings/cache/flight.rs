//! Single flight: who leads, who follows, and how a follower learns of the end.
//!
//! The store's watcher thread tells the end of a flight to a `Bell`, which passes it on to the thread of JavaScript
//! that follows. A bell outlives its thread: once Node has torn that thread's environment down it is silent, and what
//! it is told is dropped. While a flight is followed the bell keeps the process alive; otherwise it does not. A leader
//! that asks for it is told by the same bell when its flight is void.
//!
//! If the thread ends, its flights are released as its table is dropped; if the process dies, the store frees them.

use super::super::constants::Numbers;
use super::super::js::{Arguments, Failure, Js, Outcome, Value, called_back, internal};
use super::buffers::{Buffers, with_buffers};
use super::caches::with_cache;
use super::clock::now;
use super::operations::{read_tags, read_texts, write_options};
use super::reply::{current, note, outcome_taker, reply};
use super::{keys, values};
use crate::error::{Code, Error};
use crate::store::{self, Cache, Claim, ClaimOptions, Extras, Far, Flight, Memo, SetOptions};
use napi::sys;
use parking_lot::{Mutex, MutexGuard};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// What the reply byte says of the number that `cacheClaim` returns. No value has one of these tags.
const NOTHING: u8 = 252;
const BUSY: u8 = 253;
const LEADER: u8 = 254;
const FOLLOWER: u8 = 255;

/// How `cacheClaim` is to go about it; anything else is to look, and to join a flight under way.
const FORCE: f64 = 1.0;
const WITHOUT_WAITING: f64 = 2.0;
const REFRESH: f64 = 3.0;

const LOST: f64 = 0.0;
const VALUE: f64 = 1.0;
const FAILED: f64 = 2.0;
const VOID: f64 = 3.0;
const REPLACED: f64 = 4.0;
const LATE: f64 = 5.0;

/// What the reply says of what was claimed, for JavaScript.
pub(in super::super) const ANSWERS: Numbers = &[
    ("NOTHING", NOTHING as i32),
    ("BUSY", BUSY as i32),
    ("LEADER", LEADER as i32),
    ("FOLLOWER", FOLLOWER as i32),
];
pub(in super::super) const MODES: Numbers = &[
    ("PLAIN", 0),
    ("FORCE", FORCE as i32),
    ("WITHOUT_WAITING", WITHOUT_WAITING as i32),
    ("REFRESH", REFRESH as i32),
];
/// How a flight ended for who followed it, or why it was revoked.
pub(in super::super) const ENDS: Numbers = &[
    ("LOST", LOST as i32),
    ("VALUE", VALUE as i32),
    ("FAILED", FAILED as i32),
    ("VOID", VOID as i32),
    ("REPLACED", REPLACED as i32),
    ("LATE", LATE as i32),
];

/// What a thread has to do with a flight.
#[derive(Debug)]
struct Part {
    cache: Cache,
    flight: Flight,
    leading: bool,
    watched: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.watched {
            self.cache.unwatch(&self.flight);
        }
        if self.leading {
            // An error would mean that the namespace is gone, and the flight with it.
            let _ = self.cache.release(&self.flight);
        }
    }
}

/// The flights that a thread takes part in, each by a number.
#[derive(Debug)]
struct Flights {
    open: RefCell<BTreeMap<u32, Part>>,
    last: Cell<u32>,
    bell: RefCell<Option<Arc<Bell>>>,
    followed: Cell<u32>,
}

thread_local! {
    static FLIGHTS: Flights = const {
        Flights {
            open: RefCell::new(BTreeMap::new()),
            last: Cell::new(0),
            bell: RefCell::new(None),
            followed: Cell::new(0),
        }
    };
}

fn with_flights<T>(operation: impl FnOnce(&Flights) -> T) -> T {
    FLIGHTS.with(operation)
}

impl Flights {
    fn add(&self, part: Part) -> u32 {
        let mut open = self.open.borrow_mut();
        let mut number = self.last.get().wrapping_add(1);
        while open.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        self.last.set(number);
        open.insert(number, part);
        number
    }

    fn take(&self, number: u32) -> Option<Part> {
        self.open.borrow_mut().remove(&number)
    }
}

/// `cacheClaim(id, key, mode, lease, tagged)`: the value, or the number of a flight; the reply byte says which.
pub(super) fn claim<'call>(js: Js<'call>, arguments: &Arguments<'call, 5>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let mode = js.number(arguments.at(2)).unwrap_or_default();
    let options = ClaimOptions {
        force: mode == FORCE,
        look: mode != REFRESH,
        join: mode != WITHOUT_WAITING && mode != REFRESH,
        lease_ms: js
            .number(arguments.at(3))
            .ok_or_else(|| internal("A lease must be a number"))?,
        tagged: js.boolean(arguments.at(4)).unwrap_or(true),
        ..ClaimOptions::default()
    };
    loop {
        // A long value that went while it was copied is claimed once more.
        if let Some(claimed) = try_claim(js, id, arguments.at(1), &options)? {
            return Ok(claimed);
        }
    }
}

fn try_claim<'call>(
    js: Js<'call>,
    id: u32,
    key: Value<'call>,
    options: &ClaimOptions,
) -> Outcome<Option<Value<'call>>> {
    with_buffers(|buffers| {
        let tag = keys::read(js, key, buffers)?;
        let (key, found) = (keys::key(tag, &buffers.key), &mut buffers.found);
        let (mut memo, mut far) = (Memo::default(), Far::default());
        let (cache, claim) = with_cache(id, |cache| {
            let claim = cache.claim_noting(key, now(), options, found, &mut memo, &mut far)?;
            Ok((cache.clone(), claim))
        })?;
        note(memo)?;
        let (flight, leading) = match claim {
            Claim::Hit(tag) => return values::answer_seen(js, (id, key), tag, &far, found),
            Claim::Nothing => {
                reply(NOTHING)?;
                return js.undefined().map(Some);
            }
            Claim::Busy => {
                reply(BUSY)?;
                return js.undefined().map(Some);
            }
            Claim::Leader(flight) => (flight, true),
            Claim::Follower(flight) => (flight, false),
        };
        let number = with_flights(|flights| {
            flights.add(Part {
                cache,
                flight,
                leading,
                watched: false,
            })
        });
        let number = js.make_number(f64::from(number))?;
        reply(if leading { LEADER } else { FOLLOWER })?;
        Ok(Some(number))
    })
}

fn ended() -> Failure {
    internal("A flight ended twice")
}

/// Takes a flight whose end the caller tells.
fn led<'call>(js: Js<'call>, number: Value<'call>) -> Outcome<Part> {
    let number = js.index(number)?;
    let mut part = with_flights(|flights| flights.take(number)).ok_or_else(ended)?;
    part.leading = false;
    Ok(part)
}

/// Tells the end of a flight, which goes on only where a lock is in the way of telling it.
fn end<'call>(
    js: Js<'call>,
    number: Value<'call>,
    tell: impl FnOnce(&Part) -> Result<(), Error>,
) -> Outcome<()> {
    let index = js.index(number)?;
    let told = with_flights(|flights| {
        let open = flights.open.borrow();
        open.get(&index).map(tell).ok_or_else(ended)
    })?;
    if !matches!(&told, Err(error) if error.code == Code::LockHeld) {
        drop(led(js, number)?);
    }
    Ok(told?)
}

/// `cacheRefreshDue(id, key, beta, random)`: whether a value is worth computing again before it expires.
pub(super) fn refresh_due<'call>(js: Js<'call>, arguments: &Arguments<'call, 4>) -> Outcome<Value<'call>> {
    let id = js.index(arguments.at(0))?;
    let (beta, random) = (
        js.number(arguments.at(2)).unwrap_or_default(),
        js.number(arguments.at(3)).unwrap_or(1.0),
    );
    let due = with_buffers(|buffers| {
        let tag = keys::read(js, arguments.at(1), buffers)?;
        with_cache(id, |cache| {
            cache.is_refresh_due(keys::key(tag, &buffers.key), now(), beta, random)
        })
    })?;
    js.make_boolean(due)
}

/// `cacheFinish(flight, value, tag?, ttl?, size?, grace?, delta?, nothing?, tags?)`: stores the value, unless the flight is void
/// or was replaced, and gives it to the followers. Where it cannot be stored the flight goes on, for `cacheFail` to end it.
pub(super) fn finish<'call>(js: Js<'call>, arguments: &Arguments<'call, 9>) -> Outcome<Value<'call>> {
    let number = js.index(arguments.at(0))?;
    let borne = read_tags(js, arguments.given(8))?;
    let extras = Extras {
        grace: js.number(arguments.at(5)).unwrap_or_default(),
        delta: js.number(arguments.at(6)).unwrap_or_default(),
        negative: js.boolean(arguments.at(7)).unwrap_or(false),
        tags: &borne.tags,
        ..Extras::default()
    };
    let options = SetOptions {
        extras: Some(&extras).filter(|extras| **extras != Extras::default()),
        ..write_options(js, arguments.given(3), arguments.given(4))?
    };
    with_buffers(|buffers| {
        let Buffers { units, value, .. } = buffers;
        let read = values::read(js, arguments.at(1), arguments.given(2), units, value)?;
        let stored = with_flights(|flights| {
            let open = flights.open.borrow();
            let part = open.get(&number).ok_or_else(ended)?;
            part.cache
                .finish(&part.flight, read.value(value), now(), &options)
                .map_err(Failure::from)
        })?;
        drop(led(js, arguments.at(0))?);
        js.make_boolean(stored)
    })
}

/// `cacheBear(flight, tags)`: which tags what its leader brings will bear.
pub(super) fn bear<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let number = js.index(arguments.at(0))?;
    let tags = read_texts(js, arguments.at(1))?;
    with_flights(|flights| {
        let open = flights.open.borrow();
        let part = open.get(&number).ok_or_else(ended)?;
        part.cache.bear(&part.flight, &tags).map_err(Failure::from)
    })?;
    js.undefined()
}

/// `cacheFail(flight, error)`: the followers get the error's text.
pub(super) fn fail<'call>(js: Js<'call>, arguments: &Arguments<'call, 2>) -> Outcome<Value<'call>> {
    let error = js.text(arguments.at(1))?;
    end(js, arguments.at(0), |part| {
        part.cache.fail(&part.flight, error.as_bytes(), now())
    })?;
    js.undefined()
}

/// `cacheRelease(flight)`: gives the flight up; one of the followers may lead.
pub(super) fn release<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    end(js, arguments.at(0), |part| part.cache.release(&part.flight))?;
    js.undefined()
}

/// `cacheFollow(flight)`: its end will be given to the function that `cacheConnect` got, with the flight's number.
pub(super) fn follow<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let number = js.index(arguments.at(0))?;
    let bell = bell(js)?;
    let part = with_flights(|flights| flights.take(number))
        .ok_or_else(|| internal("A flight was followed after its end"))?;
    bell.hold(js)?;
    let ring = {
        let (bell, connection) = (Arc::clone(&bell), current());
        Box::new(move |outcome| {
            let told = Told::End(outcome);
            bell.ring(Box::new(Message {
                connection,
                number,
                told,
            }));
        })
    };
    if let Err(error) = part.cache.follow(&part.flight, ring) {
        let_go(js, &bell)?;
        return Err(error.into());
    }
    js.undefined()
}

/// `cacheWatch(flight)`: when the value of a flight that the caller leads will not be stored any more, the function that
/// `cacheConnect` got is told, with the flight's number.
pub(super) fn watch<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let number = js.index(arguments.at(0))?;
    let (bell, connection) = (bell(js)?, current());
    with_flights(|flights| {
        if let Some(part) = flights.open.borrow_mut().get_mut(&number)
            && !part.watched
        {
            part.watched = true;
            let ring = move |how| {
                let told = Told::Revoked(how);
                bell.ring(Box::new(Message {
                    connection,
                    number,
                    told,
                }));
            };
            part.cache.watch(&part.flight, Box::new(ring));
        }
    });
    js.undefined()
}

#[derive(Debug)]
enum Told {
    End(store::Outcome),
    Revoked(store::Revoked),
}

#[derive(Debug)]
struct Message {
    connection: usize,
    number: u32,
    told: Told,
}

/// Node's queue into one thread.
#[derive(Debug)]
struct Line(sys::napi_threadsafe_function);

// SAFETY: Node lets every thread put into such a queue; `Bell` makes sure that it still exists.
unsafe impl Send for Line {}

/// The way from the watcher's thread into a thread of JavaScript, for as long as that has an environment.
#[derive(Debug)]
struct Bell(Mutex<Option<Line>>);

impl Bell {
    fn line(&self) -> MutexGuard<'_, Option<Line>> {
        self.0.lock()
    }

    /// Passes a message on. The lock is held meanwhile, so that Node cannot take the queue down: putting something
    /// into it runs no JavaScript.
    fn ring(&self, message: Box<Message>) {
        let mut line = self.line();
        let Some(Line(queue)) = *line else { return };
        let message = Box::into_raw(message);
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        // SAFETY: the queue exists: `hang_up` takes the line away before Node frees it, under the lock held here.
        let status = unsafe { sys::napi_call_threadsafe_function(queue, message.cast(), mode) };
        if status != sys::Status::napi_ok {
            // Node is closing the queue: it must not be touched again.
            *line = None;
            // SAFETY: Node did not take the message, which came from `into_raw` above.
            drop(unsafe { Box::from_raw(message) });
        }
    }

    /// One more flight is followed: the process has something to wait for.
    fn hold(&self, js: Js<'_>) -> Outcome<()> {
        let followed = with_flights(|flights| flights.followed.replace(flights.followed.get() + 1));
        if followed == 0
            && let Some(Line(queue)) = *self.line()
        {
            // SAFETY: the queue exists, and this is the thread it leads into.
            unsafe { sys::napi_ref_threadsafe_function(js.env(), queue) };
        }
        Ok(())
    }
}

/// One flight fewer is followed.
fn let_go(js: Js<'_>, bell: &Bell) -> Outcome<()> {
    let left = with_flights(|flights| {
        let left = flights.followed.get().saturating_sub(1);
        flights.followed.set(left);
        left
    });
    if left == 0
        && let Some(Line(queue)) = *bell.line()
    {
        // SAFETY: the queue exists, and this is the thread it leads into.
        unsafe { sys::napi_unref_threadsafe_function(js.env(), queue) };
    }
    Ok(())
}

/// This thread's bell, hung up at the first use.
fn bell(js: Js<'_>) -> Outcome<Arc<Bell>> {
    if let Some(bell) = with_flights(|flights| flights.bell.borrow().clone()) {
        return Ok(bell);
    }
    let bell = Arc::new(Bell(Mutex::new(None)));
    let queue = make_queue(js, Arc::clone(&bell))?;
    *bell.line() = Some(Line(queue));
    with_flights(|flights| flights.bell.replace(Some(Arc::clone(&bell))));
    Ok(bell)
}

fn make_queue(js: Js<'_>, bell: Arc<Bell>) -> Outcome<sys::napi_threadsafe_function> {
    let name = js.make_text("flotilla:cache")?.raw();
    let mine: *mut c_void = Arc::into_raw(bell).cast_mut().cast();
    let (nothing, mut queue) = (ptr::null_mut(), ptr::null_mut());
    let (finalize, deliver) = (Some(hang_up as _), Some(deliver as _));
    // SAFETY: `mine` comes from an Arc, which `hang_up` takes back; `deliver` gets what `ring` puts in.
    let status = unsafe {
        sys::napi_create_threadsafe_function(
            js.env(),
            nothing,
            nothing,
            name,
            0,
            1,
            mine,
            finalize,
            ptr::null_mut(),
            deliver,
            &mut queue,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(internal("Node could not make a queue for the ends of flights"));
    }
    // SAFETY: the queue was made just now, on this thread.
    unsafe { sys::napi_unref_threadsafe_function(js.env(), queue) };
    Ok(queue)
}

/// Node is about to free the queue.
unsafe extern "C" fn hang_up(_: sys::napi_env, bell: *mut c_void, _: *mut c_void) {
    // SAFETY: `make_queue` made this pointer from an Arc, and Node calls this once.
    let bell = unsafe { Arc::from_raw(bell.cast::<Bell>().cast_const()) };
    *bell.line() = None;
}

/// Brings one message to JavaScript, on its thread; without an environment, to nobody.
unsafe extern "C" fn deliver(env: sys::napi_env, _: sys::napi_value, _: *mut c_void, message: *mut c_void) {
    // SAFETY: `ring` put in a pointer from a Box, and Node hands each one over once.
    let message = unsafe { Box::from_raw(message.cast::<Message>()) };
    if !env.is_null() {
        called_back(env, |js| tell(js, &message));
    }
}

fn tell(js: Js<'_>, message: &Message) -> Outcome<()> {
    let Message {
        connection,
        number,
        told,
    } = message;
    let (kind, payload, decode) = match told {
        Told::End(outcome) => {
            let_go(js, &*bell(js)?)?;
            shown(js, outcome)?
        }
        Told::Revoked(store::Revoked::Void) => (VOID, js.undefined()?, 0),
        Told::Revoked(store::Revoked::Replaced) => (REPLACED, js.undefined()?, 0),
        Told::Revoked(store::Revoked::Late) => (LATE, js.undefined()?, 0),
    };
    let numbers = [f64::from(*number), kind, f64::from(decode)];
    let [number, kind, decode] = numbers.map(|number| js.make_number(number));
    js.call(
        outcome_taker(js, *connection)?,
        &[number?, kind?, decode?, payload],
    )?;
    Ok(())
}

fn shown<'call>(js: Js<'call>, outcome: &store::Outcome) -> Outcome<(f64, Value<'call>, u8)> {
    Ok(match outcome {
        store::Outcome::Lost => (LOST, js.undefined()?, 0),
        store::Outcome::Failed(error) => (FAILED, js.make_text(&String::from_utf8_lossy(error))?, 0),
        store::Outcome::Value { tag, .. } if *tag == store::Value::NOTHING.tag => (VALUE, js.undefined()?, 0),
        store::Outcome::Value { tag, bytes } => {
            let (payload, decode) = values::make(js, *tag, bytes)?;
            (VALUE, payload, decode)
        }
    })
}

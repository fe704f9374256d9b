//! What one thread of JavaScript keeps: its table of caches, its buffers, and what connects it with `lib/cache/`.
//!
//! Everything here is the thread's own, so nothing is locked. Nothing is borrowed while JavaScript could run: a
//! buffer is taken out for a call and put back after it, and the table is borrowed around calls of the store alone.

use super::super::js::{Arguments, Failure, Js, Kept, Outcome, Value, internal};
use super::flight::Flights;
use crate::error::{Code, Error};
use crate::store::{Cache, Memo};
use crate::sys::clock::monotonic_ms;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Above this, a buffer goes after the call that needed it, so that one large value does not stay for ever.
const KEPT_BYTES: usize = 1 << 20;

/// The buffers of one operation. `units` has a length and no meaning: it is where Node writes strings to.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) units: Vec<u16>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) found: Vec<u8>,
}

impl Buffers {
    fn new() -> Box<Self> {
        Box::new(Self {
            units: vec![0; 512],
            key: Vec::new(),
            value: Vec::new(),
            found: Vec::new(),
        })
    }

    fn is_small(&self) -> bool {
        let bytes =
            2 * self.units.len() + self.key.capacity() + self.value.capacity() + self.found.capacity();
        bytes <= KEPT_BYTES
    }
}

/// How native code reaches the JavaScript of this thread.
#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Called with a code and a message, returns the error to throw.
    error_maker: Kept,
    /// Called with the end of a flight that this thread follows.
    outcome_taker: Kept,
    /// An ArrayBuffer of JavaScript's that calls leave words in.
    reply: NonNull<Reply>,
}

/// What a call says beside the value that it returns.
#[repr(C)]
struct Reply {
    /// The tag of the value just returned, where JavaScript has to decode it.
    tag: u64,
    /// What the last `cacheGet` found, so that a copy of it may be kept; all zero where not.
    expires: f64,
    memo: [u32; 8],
}

struct Thread {
    caches: RefCell<Vec<Option<Cache>>>,
    /// Slots of the table that are free again.
    vacant: RefCell<Vec<u32>>,
    flights: Flights,
    buffers: Cell<Option<Box<Buffers>>>,
    connection: Cell<Option<Connection>>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            caches: RefCell::new(Vec::new()),
            vacant: RefCell::new(Vec::new()),
            flights: Flights::new(),
            buffers: Cell::new(None),
            connection: Cell::new(None),
        }
    };
}

/// A clock that a test has stopped, as the bits of its time; 0 is the real one.
static STOPPED_CLOCK: AtomicU64 = AtomicU64::new(0);

/// The time for an operation of the store, which reads the real clock itself and only where a lifetime needs it.
pub(super) fn now() -> f64 {
    match STOPPED_CLOCK.load(Ordering::Relaxed) {
        0 => Cache::NOW,
        bits => f64::from_bits(bits),
    }
}

/// The time as a number to reckon with.
pub(super) fn instant() -> f64 {
    match STOPPED_CLOCK.load(Ordering::Relaxed) {
        0 => monotonic_ms(),
        bits => f64::from_bits(bits),
    }
}

/// `cacheSetClock(milliseconds)`: stops the clock of this process there; without a time it runs again.
pub(super) fn set_clock<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let bits = js.number(arguments.at(0)).map_or(0, f64::to_bits);
    STOPPED_CLOCK.store(bits, Ordering::Relaxed);
    js.undefined()
}

/// `cacheClock()`: the time that TTLs are reckoned with.
pub(super) fn clock<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    js.make_number(instant())
}

/// `cacheConnect(makeError, takeOutcome, reply)`: `reply` is a `Uint8Array` over all of a `Reply`, which nobody else may
/// write to.
pub(super) fn connect<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let bytes = js.bytes(arguments.at(2))?;
    let start = NonNull::from(bytes).cast::<Reply>();
    if bytes.len() != size_of::<Reply>() || !start.is_aligned() {
        return Err(internal("The reply has another size here than there"));
    }
    let connection = Connection {
        error_maker: js.keep(arguments.at(0))?,
        outcome_taker: js.keep(arguments.at(1))?,
        reply: start,
    };
    // Kept, so that the memory behind `reply` stays for as long as this thread's Node does.
    js.keep(arguments.at(2))?;
    THREAD.with(|thread| thread.connection.set(Some(connection)));
    js.undefined()
}

fn connection() -> Outcome<Connection> {
    THREAD
        .with(|thread| thread.connection.get())
        .ok_or_else(|| internal("The cache is not connected"))
}

/// Tells JavaScript how to read the value that this call returns. Said last, just before returning.
pub(super) fn reply(tag: u8) -> Outcome<()> {
    let connection = connection()?;
    // SAFETY: the bytes belong to an ArrayBuffer that `connect` keeps and that no one detaches: `lib/cache/` gives
    // it to nobody. Only this thread's JavaScript reads it, and it waits for this call.
    unsafe { connection.reply.cast::<u64>().write(u64::from(tag)) };
    Ok(())
}

/// Tells JavaScript what it needs to keep a copy of the value that this call returns.
pub(super) fn note(memo: Memo) -> Outcome<()> {
    let connection = connection()?;
    let whole = Reply {
        tag: 0,
        expires: memo.expires,
        memo: [
            memo.entry,
            memo.hash,
            memo.mark,
            memo.mark_at,
            memo.slot,
            memo.generation,
            u32::from(memo.has_tags),
            memo.tag_epoch,
        ],
    };
    // SAFETY: as in `reply`.
    unsafe { connection.reply.write(whole) };
    Ok(())
}

pub(super) fn outcome_taker<'call>(js: Js<'call>) -> Outcome<Value<'call>> {
    js.kept(connection()?.outcome_taker)
}

/// Throws an error of this crate as `lib/errors.js` has it. Where even that fails, JavaScript's own failure stays
/// pending, which is an exception, too.
pub(super) fn raise(js: Js<'_>, error: &Error) {
    let _: Outcome<()> = (|| {
        let error_maker = js.kept(connection()?.error_maker)?;
        let (code, message) = (js.make_text(error.code.name())?, js.make_text(&error.message)?);
        js.throw(js.call(error_maker, &[code, message])?)
    })();
}

/// Runs an operation with this thread's buffers.
pub(super) fn with_buffers<T>(operation: impl FnOnce(&mut Buffers) -> Outcome<T>) -> Outcome<T> {
    THREAD.with(|thread| {
        let mut buffers = thread.buffers.take().unwrap_or_else(Buffers::new);
        let result = operation(&mut buffers);
        if buffers.is_small() {
            thread.buffers.set(Some(buffers));
        }
        result
    })
}

/// Calls the store with a cache of this thread's table. No Node-API may be called in `operation`.
pub(super) fn with_cache<T>(
    id: u32,
    operation: impl FnOnce(&Cache) -> crate::error::Result<T>,
) -> Outcome<T> {
    THREAD.with(|thread| {
        let caches = thread.caches.borrow();
        let cache = caches
            .get(id as usize)
            .and_then(Option::as_ref)
            .ok_or_else(closed)?;
        operation(cache).map_err(Failure::from)
    })
}

fn closed() -> Failure {
    Failure::from(Error::new(Code::Internal, "A cache was used after it was closed"))
}

pub(super) fn add_cache(cache: Cache) -> Outcome<u32> {
    THREAD.with(|thread| {
        let mut caches = thread.caches.borrow_mut();
        if let Some(id) = thread.vacant.borrow_mut().pop() {
            caches[id as usize] = Some(cache);
            return Ok(id);
        }
        let id = u32::try_from(caches.len()).map_err(|_| internal("Too many caches are open"))?;
        caches.push(Some(cache));
        Ok(id)
    })
}

pub(super) fn remove_cache(id: u32) {
    THREAD.with(|thread| {
        let removed = thread
            .caches
            .borrow_mut()
            .get_mut(id as usize)
            .and_then(Option::take);
        if removed.is_some() {
            thread.vacant.borrow_mut().push(id);
        }
    });
}

pub(super) fn with_flights<T>(operation: impl FnOnce(&Flights) -> T) -> T {
    THREAD.with(|thread| operation(&thread.flights))
}

//! How native code reaches the JavaScript of a thread: `lib/cache/native.js` connects them, once for each instance of the library.

use super::super::constants::Numbers;
use super::super::js::{Arguments, Js, Kept, Outcome, Value, internal};
use crate::error::Error;
use crate::store::Memo;
use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::ptr::NonNull;

/// What a call says beside the value that it returns.
#[repr(C)]
struct Reply {
    /// The tag of the value just returned, where JavaScript has to decode it.
    tag: u64,
    /// What the last `cacheGet` found, so that a copy of it may be kept; all zero where not.
    expires: f64,
    memo: [u32; MEMO_WORDS],
    /// What is left of the lifetime of the counter whose value was just returned, in milliseconds.
    left: f64,
}

const MEMO_WORDS: usize = 8;

/// Where its parts stand, in bytes, for JavaScript.
pub(in super::super) const PLACES: Numbers = &[
    ("BYTES", size_of::<Reply>() as i32),
    ("EXPIRES_AT", offset_of!(Reply, expires) as i32),
    ("MEMO_AT", offset_of!(Reply, memo) as i32),
    ("MEMO_WORDS", MEMO_WORDS as i32),
    ("LEFT_AT", offset_of!(Reply, left) as i32),
];

/// One instance of the library in this thread, such as each file of tests has that runs in a context of its own. The
/// instance itself keeps both functions.
#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Called with a code and a message, returns the error to throw.
    error_maker: Kept,
    /// Called with the end of a flight that this thread follows.
    outcome_taker: Kept,
}

thread_local! {
    static CONNECTIONS: RefCell<Vec<Connection>> = const { RefCell::new(Vec::new()) };
    /// The connection that the function belongs to that was called last.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
    /// The words that calls leave for all connections: no instance runs between the end of a call and its caller.
    static REPLY: Cell<Option<(NonNull<Reply>, Kept)>> = const { Cell::new(None) };
}

/// `cacheConnect(makeError, takeOutcome, reply)`: `reply` is a `Uint8Array` over all of a `Reply`, which nobody else may
/// write to. Gives the one that is used, which is the first of this thread, and the functions of this connection: nothing for
/// the first, whose are those that the addon exports.
pub(super) fn connect<'call>(js: Js<'call>, arguments: &Arguments<'call, 3>) -> Outcome<Value<'call>> {
    let connection = Connection {
        error_maker: js.keep_weakly(arguments.at(0))?,
        outcome_taker: js.keep_weakly(arguments.at(1))?,
    };
    let reply = match REPLY.get() {
        Some((_, kept)) => js.kept(kept)?,
        None => {
            let bytes = js.bytes(arguments.at(2))?;
            let start = NonNull::from(bytes).cast::<Reply>();
            if bytes.len() != size_of::<Reply>() || !start.is_aligned() {
                return Err(internal("The reply has another size here than there"));
            }
            // Kept, so that the memory behind it stays for as long as this thread's Node does.
            let kept = js.keep(arguments.at(2))?;
            REPLY.set(Some((start, kept)));
            arguments.at(2)
        }
    };
    let number = CONNECTIONS.with_borrow_mut(|all| {
        all.push(connection);
        all.len() - 1
    });
    let answer = js.make_array(2)?;
    js.set_element(answer, 0, reply)?;
    if number > 0 {
        let functions = js.make_object()?;
        super::add_functions(js, functions, number)?;
        js.set_element(answer, 1, functions)?;
    }
    Ok(answer)
}

/// Notes whose function is called.
#[inline(always)]
pub(super) fn speak_to<const N: usize>(arguments: &Arguments<'_, N>) {
    CURRENT.set(arguments.number());
}

/// Whose function was called last.
pub(super) fn current() -> usize {
    CURRENT.get()
}

fn connection(number: usize) -> Outcome<Connection> {
    let found = CONNECTIONS.with_borrow(|all| all.get(number).copied());
    found.ok_or_else(|| internal("The cache is not connected"))
}

#[inline(always)]
fn place() -> Outcome<NonNull<Reply>> {
    REPLY
        .get()
        .map(|(start, _)| start)
        .ok_or_else(|| internal("The cache is not connected"))
}

/// Tells JavaScript how to read the value that this call returns. Said last, just before returning.
pub(super) fn reply(tag: u8) -> Outcome<()> {
    let place = place()?;
    // SAFETY: the bytes belong to an ArrayBuffer that `connect` keeps and that no one detaches: `lib/cache/` gives
    // it to nobody. Only this thread's JavaScript reads it, and it waits for this call.
    unsafe { place.cast::<u64>().write(u64::from(tag)) };
    Ok(())
}

/// Tells JavaScript what it needs to keep a copy of the value that this call returns.
pub(super) fn note(memo: Memo) -> Outcome<()> {
    let place = place()?;
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
        left: 0.0,
    };
    // SAFETY: as in `reply`.
    unsafe { place.write(whole) };
    Ok(())
}

/// Tells JavaScript what is left of a lifetime, beside the value that this call returns.
pub(super) fn leave(left: f64) -> Outcome<()> {
    let place = place()?;
    // SAFETY: it is a part of the reply, whose memory is there as `reply` says.
    let part = unsafe { &raw mut (*place.as_ptr()).left };
    // SAFETY: as in `reply`.
    unsafe { part.write(left) };
    Ok(())
}

pub(super) fn outcome_taker<'call>(js: Js<'call>, number: usize) -> Outcome<Value<'call>> {
    js.kept(connection(number)?.outcome_taker)
}

/// Throws an error of this crate as `lib/errors.js` has it. Where even that fails, JavaScript's own failure stays
/// pending, which is an exception, too.
pub(super) fn raise(js: Js<'_>, error: &Error) {
    let _: Outcome<()> = (|| {
        let error_maker = js.kept(connection(current())?.error_maker)?;
        let (code, message) = (js.make_text(error.code.name())?, js.make_text(&error.message)?);
        js.throw(js.call(error_maker, &[code, message])?)
    })();
}

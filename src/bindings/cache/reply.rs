//! How native code reaches the JavaScript of a thread: `lib/cache/native.js` connects them, once a thread.

use super::super::constants::Numbers;
use super::super::js::{Arguments, Js, Kept, Outcome, Value, internal};
use crate::error::Error;
use crate::store::Memo;
use std::cell::Cell;
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
}

const MEMO_WORDS: usize = 8;

/// Where its parts stand, in bytes, for JavaScript.
pub(in super::super) const PLACES: Numbers = &[
    ("BYTES", size_of::<Reply>() as i32),
    ("EXPIRES_AT", offset_of!(Reply, expires) as i32),
    ("MEMO_AT", offset_of!(Reply, memo) as i32),
    ("MEMO_WORDS", MEMO_WORDS as i32),
];

#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Called with a code and a message, returns the error to throw.
    error_maker: Kept,
    /// Called with the end of a flight that this thread follows.
    outcome_taker: Kept,
    /// An ArrayBuffer of JavaScript's that calls leave words in.
    reply: NonNull<Reply>,
}

thread_local! {
    static CONNECTION: Cell<Option<Connection>> = const { Cell::new(None) };
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
    CONNECTION.set(Some(connection));
    js.undefined()
}

#[inline(always)]
fn connection() -> Outcome<Connection> {
    CONNECTION
        .get()
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

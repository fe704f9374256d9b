//! The scope manager as an object of bare Node-API functions.
//!
//! A request costs two calls in here, so they take numbers, return one small number and go straight to Node-API:
//! a class made by `napi-derive` would cost as much again for unwrapping `this`. Each function carries a share
//! of the manager as its data, so it works for as long as anything holds it, with or without the object.
//!
//! None of these functions calls into JavaScript, so the manager is never borrowed twice. A panic in here stops
//! at the boundary and is thrown as an error.

use crate::error::{Code, Error};
use crate::scope::Manager;
use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue, Unknown};
use napi::{Env, check_status, sys};
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

/// A manager, and what JavaScript's clock said when it was made.
struct Shared {
    manager: RefCell<Manager>,
    clock: Clock,
}

/// The monotonic clock, counting from the same moment as JavaScript's, so that either may be read.
#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
    offset: u64,
}

impl Clock {
    fn now(self) -> u64 {
        self.offset + self.start.elapsed().as_nanos() as u64
    }
}

type Method = fn(&mut Manager, &Arguments) -> Answer;

/// What a method was called with.
struct Arguments {
    first: Option<f64>,
    second: Option<f64>,
    clock: Clock,
}

/// What a method gives back to JavaScript.
enum Answer {
    Number(i32),
    Slots(Vec<u32>),
}

const NANOSECONDS: f64 = 1e6;
/// Stands for "no such scope".
const ABSENT: i32 = -1;

/// Makes a manager. `capacity` is a positive whole number and `ttl` a positive number of milliseconds; the
/// JavaScript above has checked both.
///
/// `now` is in milliseconds, and given by tests that have a clock of their own; otherwise the monotonic clock is
/// read here, at half of what it costs to read it in JavaScript and pass it in.
///
/// - `fork(now?)`: the slot of a new scope, or, if `evicted()` has slots to tell, `-1 - slot`
/// - `touch(number, now?)`: the slot of a living scope, or -1
/// - `remove(number)`: the slot that a living scope had, or -1
/// - `evicted()`: the slots emptied since the last call
/// - `clear()`: empties all slots and returns them
/// - `size()`
#[napi(catch_unwind)]
pub fn create_scope_manager(env: &Env, capacity: f64, ttl: f64, now: f64) -> napi::Result<Object<'_>> {
    // A cast from `f64` is exact where it can be and otherwise ends at the limits of the type.
    let manager = Manager::new(capacity as usize, whole(ttl * NANOSECONDS));
    let clock = Clock {
        start: Instant::now(),
        offset: whole(now * NANOSECONDS),
    };
    let shared = Rc::new(Shared {
        manager: RefCell::new(manager),
        clock,
    });
    let mut object = Object::new(env)?;
    for (name, callback) in METHODS {
        define(env, &mut object, name, *callback, Rc::clone(&shared))?;
    }
    Ok(object)
}

const METHODS: &[(&CStr, sys::napi_callback)] = &[
    (c"fork", Some(call::<Fork>)),
    (c"touch", Some(call::<Touch>)),
    (c"remove", Some(call::<Remove>)),
    (c"evicted", Some(call::<Evicted>)),
    (c"clear", Some(call::<Clear>)),
    (c"size", Some(call::<Size>)),
];

/// A method as a type, so that each gets a callback of its own and no table is looked up at a call.
trait Operation {
    const RUN: Method;
}

macro_rules! operations {
    ($($name:ident => $run:expr;)+) => {
        $(
            struct $name;
            impl Operation for $name {
                const RUN: Method = $run;
            }
        )+
    };
}

operations! {
    Fork => |manager, arguments| {
        let slot = manager.fork(time(arguments.first, arguments)) as i32;
        Answer::Number(if manager.has_evicted() { -1 - slot } else { slot })
    };
    Touch => |manager, arguments| {
        let now = time(arguments.second, arguments);
        found(identity(arguments.first).and_then(|number| manager.touch(number, now)))
    };
    Remove => |manager, arguments| found(identity(arguments.first).and_then(|number| manager.remove(number)));
    Evicted => |manager, _| Answer::Slots(manager.take_evicted());
    Clear => |manager, _| {
        manager.clear();
        Answer::Slots(manager.take_evicted())
    };
    Size => |manager, _| Answer::Number(manager.len() as i32);
}

fn found(slot: Option<u32>) -> Answer {
    Answer::Number(slot.map_or(ABSENT, |slot| slot as i32))
}

fn time(given: Option<f64>, arguments: &Arguments) -> u64 {
    match given {
        Some(milliseconds) => whole(milliseconds * NANOSECONDS),
        None => arguments.clock.now(),
    }
}

/// A number that names a scope: none is negative or broken, and the cast would round such a one to a neighbour.
fn identity(number: Option<f64>) -> Option<u64> {
    number
        .filter(|number| *number >= 0.0 && whole(*number) as f64 == *number)
        .map(whole)
}

/// By way of `i64`, which is one instruction where `u64` is many.
fn whole(number: f64) -> u64 {
    (number as i64).cast_unsigned()
}

/// Makes one function of the object, which holds a share of the manager until it is collected.
fn define(
    env: &Env,
    object: &mut Object<'_>,
    name: &CStr,
    callback: sys::napi_callback,
    shared: Rc<Shared>,
) -> napi::Result<()> {
    let share = Rc::into_raw(shared).cast_mut().cast::<c_void>();
    let length = name.to_bytes().len() as isize;
    let mut function = ptr::null_mut();
    // SAFETY: `env` is the environment of the running call; `name` has `length` bytes.
    let made = unsafe {
        sys::napi_create_function(env.raw(), name.as_ptr(), length, callback, share, &mut function)
    };
    check_status!(made).inspect_err(|_| drop_share(share))?;
    // SAFETY: `function` was made just now; `release` takes back the share exactly once, when it is collected.
    let finalized = unsafe {
        sys::napi_add_finalizer(
            env.raw(),
            function,
            share,
            Some(release),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    check_status!(finalized).inspect_err(|_| drop_share(share))?;
    // SAFETY: `function` is a value of this environment and of the open handle scope.
    let function = unsafe { Unknown::from_raw_unchecked(env.raw(), function) };
    object.set_named_property(&name.to_string_lossy(), function)
}

fn drop_share(share: *mut c_void) {
    // SAFETY: `share` came from `Rc::into_raw` in `define`, and each caller gives back its one share.
    drop(unsafe { Rc::from_raw(share.cast_const().cast::<Shared>()) });
}

unsafe extern "C" fn release(_env: sys::napi_env, share: *mut c_void, _hint: *mut c_void) {
    drop_share(share);
}

/// What Node calls: reads up to two numbers, runs the operation, and returns its answer.
unsafe extern "C" fn call<O: Operation>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let answer = catch_unwind(AssertUnwindSafe(|| run::<O>(env, info)));
    let answer = answer.unwrap_or(Err("a scope manager panicked"));
    match answer.and_then(|answer| returned(env, answer)) {
        Ok(value) => value,
        Err(what) => {
            throw(env, &Error::new(Code::Internal, what));
            ptr::null_mut()
        }
    }
}

fn run<O: Operation>(env: sys::napi_env, info: sys::napi_callback_info) -> Result<Answer, &'static str> {
    let mut count = 2;
    let mut arguments = [ptr::null_mut(); 2];
    let mut share = ptr::null_mut();
    // SAFETY: Node gave `env` and `info` to this call; `arguments` has room for the `count` values asked for.
    let read = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut share,
        )
    };
    if read != sys::Status::napi_ok || share.is_null() {
        return Err("a scope manager was called without its state");
    }
    let first = if count > 0 {
        number(env, arguments[0])
    } else {
        None
    };
    let second = if count > 1 {
        number(env, arguments[1])
    } else {
        None
    };
    // SAFETY: `share` is the function's own, which `release` gives back only after the function is collected.
    let shared = unsafe { &*share.cast_const().cast::<Shared>() };
    let mut manager = shared
        .manager
        .try_borrow_mut()
        .map_err(|_| "a scope manager was entered twice")?;
    Ok(O::RUN(
        &mut manager,
        &Arguments {
            first,
            second,
            clock: shared.clock,
        },
    ))
}

fn number(env: sys::napi_env, value: sys::napi_value) -> Option<f64> {
    let mut number = 0.0;
    // SAFETY: `value` is an argument of the running call; what is no number is answered with a status.
    let read = unsafe { sys::napi_get_value_double(env, value, &mut number) };
    (read == sys::Status::napi_ok).then_some(number)
}

fn returned(env: sys::napi_env, answer: Answer) -> Result<sys::napi_value, &'static str> {
    let mut value = ptr::null_mut();
    let made = match answer {
        // SAFETY: `env` is the environment of the running call.
        Answer::Number(number) => unsafe { sys::napi_create_int32(env, number, &mut value) },
        Answer::Slots(slots) => {
            // SAFETY: `env` is the environment of the running call, and no exception is pending in it.
            return unsafe { Vec::to_napi_value(env, slots) }.map_err(|_| "the list of slots cannot be made");
        }
    };
    if made == sys::Status::napi_ok {
        Ok(value)
    } else {
        Err("a number cannot be made")
    }
}

fn throw(env: sys::napi_env, error: &Error) {
    let napi_error = napi::Error::from(error.clone());
    // SAFETY: `env` is the environment of the running call, which returns to Node right after.
    unsafe { napi::JsError::from(napi_error).throw_into(env) };
}

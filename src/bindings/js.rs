//! One call from JavaScript, seen through raw Node-API: what the cache's hot path needs and nothing more.
//!
//! The typed layer of napi allocates for each string it reads; these functions read into buffers that are kept.
//! `Js<'call>` stands for a call in progress and `Value<'call>` for a value that lives in its handle scope. Both
//! are made only by `enter` and by the functions here, and neither can be stored beyond the call. Every function
//! checks Node's status: a status that is not `ok` becomes a `Failure`, and an exception that JavaScript has
//! pending stays pending. A panic is caught in `enter` and thrown as `FLOTILLA_ERR_INTERNAL`.

use crate::error::{Code, Error};
use napi::sys;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

/// Why a call gives JavaScript no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// JavaScript threw meanwhile, and the exception waits in its engine.
    Pending,
    /// Boxed, so that an outcome fits into registers.
    Error(Box<Error>),
}

impl From<Error> for Failure {
    #[cold]
    fn from(error: Error) -> Self {
        Self::Error(Box::new(error))
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

#[cold]
pub(super) fn internal(what: &str) -> Failure {
    Error::new(Code::Internal, what).into()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'call> {
    raw: sys::napi_value,
    call: PhantomData<&'call ()>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Js<'call> {
    env: sys::napi_env,
    call: PhantomData<&'call ()>,
}

/// What a call was given: at most `N` arguments, the rest of which is not there.
#[derive(Debug)]
pub(super) struct Arguments<'call, const N: usize> {
    values: [Value<'call>; N],
    given: usize,
    number: usize,
}

impl<'call, const N: usize> Arguments<'call, N> {
    /// The number that the called function was made with.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The value of an argument; `undefined` for one that was left out.
    pub(super) fn at(&self, index: usize) -> Value<'call> {
        self.values[index]
    }

    /// The same, or nothing for one that was left out.
    pub(super) fn given(&self, index: usize) -> Option<Value<'call>> {
        (index < self.given).then(|| self.values[index])
    }
}

#[inline(always)]
fn check(status: sys::napi_status) -> Outcome<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(failure(status))
    }
}

#[cold]
fn failure(status: sys::napi_status) -> Failure {
    match status {
        sys::Status::napi_pending_exception | sys::Status::napi_cannot_run_js => Failure::Pending,
        other => internal(&format!("Node-API answered with status {other}")),
    }
}

/// Runs one operation as the body of a native function: `None` where JavaScript is to see an exception.
pub(super) fn enter<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    operation: impl for<'call> FnOnce(Js<'call>, &Arguments<'call, N>) -> Outcome<Value<'call>>,
    raise: fn(Js<'_>, &Error),
) -> sys::napi_value {
    let js = Js {
        env,
        call: PhantomData,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let arguments = js.arguments::<N>(info)?;
        operation(js, &arguments).map(|value| value.raw)
    }));
    let failure = match ended {
        Ok(Ok(raw)) => return raw,
        Ok(Err(failure)) => failure,
        Err(_) => internal("A native operation panicked"),
    };
    if let Failure::Error(error) = failure {
        // A panic while an error is worded would cross into Node as well.
        let _ = catch_unwind(AssertUnwindSafe(|| raise(js, &error)));
    }
    ptr::null_mut()
}

/// The same for a call that does not come from JavaScript, such as one from a queue.
pub(super) fn called_back(env: sys::napi_env, work: impl for<'call> FnOnce(Js<'call>) -> Outcome<()>) {
    let js = Js {
        env,
        call: PhantomData,
    };
    // Whoever failed here has no caller to tell; a pending exception is Node's to report.
    let _ = catch_unwind(AssertUnwindSafe(|| work(js)));
}

impl<'call> Js<'call> {
    /// For a function that runs while the addon is loaded, which no operation of ours has called.
    pub(super) fn at_load(env: sys::napi_env) -> Self {
        Self {
            env,
            call: PhantomData,
        }
    }

    pub(super) fn env(self) -> sys::napi_env {
        self.env
    }

    fn value(self, raw: sys::napi_value) -> Value<'call> {
        Value {
            raw,
            call: PhantomData,
        }
    }

    /// A value that Node handed to a callback of this call.
    pub(super) fn received(self, raw: sys::napi_value) -> Value<'call> {
        self.value(raw)
    }

    fn arguments<const N: usize>(self, info: sys::napi_callback_info) -> Outcome<Arguments<'call, N>> {
        let mut raw = [ptr::null_mut(); N];
        let mut given = N;
        let (this, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `info` belongs to the call in progress; `raw` has room for the `given` values it is told of.
        let status =
            unsafe { sys::napi_get_cb_info(self.env, info, &mut given, raw.as_mut_ptr(), this, &mut data) };
        check(status)?;
        Ok(Arguments {
            values: raw.map(|raw| self.value(raw)),
            given,
            number: data.addr(),
        })
    }

    /// What `typeof` gives, as one of `sys::ValueType`.
    pub(super) fn type_of(self, value: Value<'call>) -> Outcome<sys::napi_valuetype> {
        let mut kind = 0;
        // SAFETY: the value lives in this call's scope.
        check(unsafe { sys::napi_typeof(self.env, value.raw, &mut kind) })?;
        Ok(kind)
    }

    pub(super) fn is_nullish(self, value: Value<'call>) -> Outcome<bool> {
        let kind = self.type_of(value)?;
        Ok(kind == sys::ValueType::napi_undefined || kind == sys::ValueType::napi_null)
    }

    /// The number, or nothing where the value is not one.
    pub(super) fn number(self, value: Value<'call>) -> Option<f64> {
        let mut number = 0.0;
        // SAFETY: the value lives in this call's scope.
        let status = unsafe { sys::napi_get_value_double(self.env, value.raw, &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    pub(super) fn boolean(self, value: Value<'call>) -> Option<bool> {
        let mut boolean = false;
        // SAFETY: the value lives in this call's scope.
        let status = unsafe { sys::napi_get_value_bool(self.env, value.raw, &mut boolean) };
        (status == sys::Status::napi_ok).then_some(boolean)
    }

    pub(super) fn index(self, value: Value<'call>) -> Outcome<u32> {
        let mut index = 0;
        // SAFETY: the value lives in this call's scope.
        check(unsafe { sys::napi_get_value_uint32(self.env, value.raw, &mut index) })?;
        Ok(index)
    }

    /// Reads a string's code units into `units` and gives their number, or nothing where the value is no string.
    /// `units` keeps its length, which only grows: it is a buffer that is used again.
    pub(super) fn string(self, value: Value<'call>, units: &mut Vec<u16>) -> Option<usize> {
        let length = self.copy_string(value, units)?;
        // Node ends what it copies with a zero, so a full buffer may not have been large enough.
        if length + 1 < units.len() {
            return Some(length);
        }
        let whole = self.string_length(value)?;
        units.resize(whole + 2, 0);
        self.copy_string(value, units)
    }

    fn copy_string(self, value: Value<'call>, units: &mut [u16]) -> Option<usize> {
        let (buffer, size) = (units.as_mut_ptr(), units.len());
        let mut length = 0;
        // SAFETY: `buffer` has room for `size` units, which is all that Node writes.
        let status =
            unsafe { sys::napi_get_value_string_utf16(self.env, value.raw, buffer, size, &mut length) };
        (status == sys::Status::napi_ok).then_some(length)
    }

    fn string_length(self, value: Value<'call>) -> Option<usize> {
        let mut length = 0;
        // SAFETY: without a buffer Node writes nothing but the length.
        let status =
            unsafe { sys::napi_get_value_string_utf16(self.env, value.raw, ptr::null_mut(), 0, &mut length) };
        (status == sys::Status::napi_ok).then_some(length)
    }

    /// A string argument as Rust's; the JavaScript above passes only well-formed ones.
    pub(super) fn text(self, value: Value<'call>) -> Outcome<String> {
        let mut units = vec![0; 256];
        let length = self
            .string(value, &mut units)
            .ok_or_else(|| internal("A string was expected"))?;
        Ok(String::from_utf16_lossy(&units[..length]))
    }

    /// The sign and the words of a bigint, the lowest first, or nothing where the value is not one.
    pub(super) fn bigint(self, value: Value<'call>) -> Outcome<Option<(bool, Vec<u64>)>> {
        if self.type_of(value)? != sys::ValueType::napi_bigint {
            return Ok(None);
        }
        let (mut sign, mut count) = (0, 0);
        let (no_sign, no_words) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: without sign and words Node writes nothing but their count.
        let status =
            unsafe { sys::napi_get_value_bigint_words(self.env, value.raw, no_sign, &mut count, no_words) };
        check(status)?;
        let mut words = vec![0; count];
        let into = words.as_mut_ptr();
        // SAFETY: `words` has room for `count` words, which is all that Node writes.
        check(unsafe { sys::napi_get_value_bigint_words(self.env, value.raw, &mut sign, &mut count, into) })?;
        words.truncate(count);
        Ok(Some((sign != 0, words)))
    }

    /// The bytes of a `Uint8Array`. They are JavaScript's: no call into it may happen while they are looked at.
    pub(super) fn bytes<'bytes>(self, value: Value<'call>) -> Outcome<&'bytes [u8]>
    where
        'call: 'bytes,
    {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the value lives in this call's scope, and Node refuses one that is no view of a buffer.
        check(unsafe { sys::napi_get_buffer_info(self.env, value.raw, &mut data, &mut length) })?;
        if length == 0 || data.is_null() {
            return Ok(&[]);
        }
        // SAFETY: Node gave `length` bytes at `data`, which stay while the value does and no JavaScript runs. The
        // JavaScript above copies what lies in shared memory first, so no thread writes to them.
        Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) })
    }

    /// The answer of a call that has none: JavaScript sees `undefined`, and Node need not be asked for it.
    pub(super) fn nothing(self) -> Value<'call> {
        self.value(ptr::null_mut())
    }

    pub(super) fn undefined(self) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        check(unsafe { sys::napi_get_undefined(self.env, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn make_boolean(self, boolean: bool) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        check(unsafe { sys::napi_get_boolean(self.env, boolean, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn make_number(self, number: f64) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        check(unsafe { sys::napi_create_double(self.env, number, &mut raw) })?;
        Ok(self.value(raw))
    }

    /// A string of one byte a character.
    pub(super) fn make_narrow_string(self, characters: &[u8]) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        let (start, length) = (characters.as_ptr().cast(), characters.len().cast_signed());
        // SAFETY: `start` has `length` readable bytes.
        check(unsafe { sys::napi_create_string_latin1(self.env, start, length, &mut raw) })?;
        Ok(self.value(raw))
    }

    /// A string of two bytes a character.
    pub(super) fn make_wide_string(self, units: &[u16]) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        let (start, length) = (units.as_ptr(), units.len().cast_signed());
        // SAFETY: `start` has `length` readable units.
        check(unsafe { sys::napi_create_string_utf16(self.env, start, length, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn make_text(self, text: &str) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        let (start, length) = (text.as_ptr().cast(), text.len().cast_signed());
        // SAFETY: `start` has `length` readable bytes of UTF-8.
        check(unsafe { sys::napi_create_string_utf8(self.env, start, length, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn make_bigint(self, negative: bool, words: &[u64]) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        let (sign, count, start) = (i32::from(negative), words.len(), words.as_ptr());
        // SAFETY: `start` has `count` readable words.
        check(unsafe { sys::napi_create_bigint_words(self.env, sign, count, start, &mut raw) })?;
        Ok(self.value(raw))
    }

    /// A `Buffer` with a copy of the bytes.
    pub(super) fn make_buffer(self, bytes: &[u8]) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        let (start, length) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: `start` has `length` readable bytes, which Node copies.
        check(unsafe { sys::napi_create_buffer_copy(self.env, length, start, ptr::null_mut(), &mut raw) })?;
        Ok(self.value(raw))
    }

    /// A `Buffer` of so many bytes, which `fill` writes; nothing if it says that it did not. No call into JavaScript may
    /// happen in `fill`.
    pub(super) fn make_buffer_with(
        self,
        length: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Outcome<bool>,
    ) -> Outcome<Option<Value<'call>>> {
        let (mut raw, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `data` and `raw` take the results.
        check(unsafe { sys::napi_create_buffer(self.env, length, &mut data, &mut raw) })?;
        if length == 0 || data.is_null() {
            return Ok(None);
        }
        // SAFETY: Node made room for `length` bytes at `data`, of which nobody else knows yet.
        let room = unsafe { std::slice::from_raw_parts_mut(data.cast(), length) };
        Ok(fill(room)?.then(|| self.value(raw)))
    }

    /// An `ArrayBuffer` with a copy of the bytes.
    pub(super) fn make_array_buffer(self, bytes: &[u8]) -> Outcome<Value<'call>> {
        let (mut raw, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `data` and `raw` take the results.
        check(unsafe { sys::napi_create_arraybuffer(self.env, bytes.len(), &mut data, &mut raw) })?;
        if !bytes.is_empty() && !data.is_null() {
            // SAFETY: Node made room for `bytes.len()` bytes at `data`, of which nobody else knows yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len()) };
        }
        Ok(self.value(raw))
    }

    /// An `ArrayBuffer` over memory that is not Node's, or nothing where Node takes none.
    ///
    /// # Safety
    ///
    /// `start` has `len` bytes that stay for as long as the process lives, and whose words everyone else reads and
    /// writes atomically.
    pub(super) unsafe fn lend(self, start: NonNull<u8>, len: usize) -> Option<Value<'call>> {
        let (mut raw, data) = (ptr::null_mut(), start.as_ptr().cast());
        // SAFETY: the caller vouches for the bytes; nothing is to be done when the value goes.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(self.env, data, len, None, ptr::null_mut(), &mut raw)
        };
        (status == sys::Status::napi_ok).then(|| self.value(raw))
    }

    pub(super) fn make_object(self) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        check(unsafe { sys::napi_create_object(self.env, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn make_array(self, length: usize) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        check(unsafe { sys::napi_create_array_with_length(self.env, length, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn set_element(self, array: Value<'call>, at: usize, value: Value<'call>) -> Outcome<()> {
        let at = u32::try_from(at).map_err(|_| internal("An array has too many elements"))?;
        // SAFETY: both values live in this call's scope.
        check(unsafe { sys::napi_set_element(self.env, array.raw, at, value.raw) })
    }

    pub(super) fn element(self, array: Value<'call>, at: u32) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: the array lives in this call's scope.
        check(unsafe { sys::napi_get_element(self.env, array.raw, at, &mut raw) })?;
        Ok(self.value(raw))
    }

    pub(super) fn array_length(self, array: Value<'call>) -> Outcome<u32> {
        let mut length = 0;
        // SAFETY: the array lives in this call's scope.
        check(unsafe { sys::napi_get_array_length(self.env, array.raw, &mut length) })?;
        Ok(length)
    }

    pub(super) fn numbers(self, numbers: &[f64]) -> Outcome<Value<'call>> {
        let array = self.make_array(numbers.len())?;
        for (at, &number) in numbers.iter().enumerate() {
            self.set_element(array, at, self.make_number(number)?)?;
        }
        Ok(array)
    }

    /// Runs work whose values are not needed after it, and lets them go: a loop would gather them otherwise.
    pub(super) fn scoped<T>(self, work: impl FnOnce(Js<'call>) -> Outcome<T>) -> Outcome<T> {
        let mut scope = ptr::null_mut();
        // SAFETY: `scope` takes the result.
        check(unsafe { sys::napi_open_handle_scope(self.env, &mut scope) })?;
        let result = work(self);
        // SAFETY: the scope was opened above and is the innermost one.
        check(unsafe { sys::napi_close_handle_scope(self.env, scope) })?;
        result
    }

    /// Keeps a value for as long as this thread's Node lives.
    pub(super) fn keep(self, value: Value<'call>) -> Outcome<Kept> {
        self.refer(value, 1)
    }

    /// Keeps the way to a value for as long as JavaScript itself keeps it.
    pub(super) fn keep_weakly(self, value: Value<'call>) -> Outcome<Kept> {
        self.refer(value, 0)
    }

    fn refer(self, value: Value<'call>, count: u32) -> Outcome<Kept> {
        let mut reference = ptr::null_mut();
        // SAFETY: the value lives in this call's scope, and is an object or a function.
        check(unsafe { sys::napi_create_reference(self.env, value.raw, count, &mut reference) })?;
        Ok(Kept(reference))
    }

    pub(super) fn kept(self, Kept(reference): Kept) -> Outcome<Value<'call>> {
        let mut raw = ptr::null_mut();
        // SAFETY: a `Kept` is never deleted, and does not leave the thread it was made on.
        check(unsafe { sys::napi_get_reference_value(self.env, reference, &mut raw) })?;
        if raw.is_null() {
            return Err(internal("A value was kept weakly, and is gone"));
        }
        Ok(self.value(raw))
    }

    pub(super) fn call(self, function: Value<'call>, arguments: &[Value<'call>]) -> Outcome<Value<'call>> {
        let raw: Vec<_> = arguments.iter().map(|argument| argument.raw).collect();
        let this = self.undefined()?.raw;
        let (count, start, mut result) = (raw.len(), raw.as_ptr(), ptr::null_mut());
        // SAFETY: `start` has `count` values of this call's scope.
        check(unsafe { sys::napi_call_function(self.env, this, function.raw, count, start, &mut result) })?;
        Ok(self.value(result))
    }

    pub(super) fn throw(self, error: Value<'call>) -> Outcome<()> {
        // SAFETY: the value lives in this call's scope.
        check(unsafe { sys::napi_throw(self.env, error.raw) })
    }

    /// A function that is called with a number of its own.
    pub(super) fn make_function(
        self,
        name: &CStr,
        callback: sys::napi_callback,
        number: usize,
    ) -> Outcome<Value<'call>> {
        let (mut raw, length) = (ptr::null_mut(), name.to_bytes().len().cast_signed());
        let data: *mut c_void = ptr::without_provenance_mut(number);
        // SAFETY: `name` has `length` bytes, and `callback` is a function that lives as long as the addon.
        let status =
            unsafe { sys::napi_create_function(self.env, name.as_ptr(), length, callback, data, &mut raw) };
        check(status)?;
        Ok(self.value(raw))
    }

    pub(super) fn set_property(self, object: Value<'call>, name: &str, value: Value<'call>) -> Outcome<()> {
        let name = self.make_text(name)?;
        // SAFETY: all three values live in this call's scope.
        check(unsafe { sys::napi_set_property(self.env, object.raw, name.raw, value.raw) })
    }

    pub(super) fn set_named(self, object: Value<'call>, name: &CStr, value: Value<'call>) -> Outcome<()> {
        // SAFETY: both values live in this call's scope, and `name` ends with a zero.
        check(unsafe { sys::napi_set_named_property(self.env, object.raw, name.as_ptr(), value.raw) })
    }
}

impl Value<'_> {
    pub(super) fn raw(self) -> sys::napi_value {
        self.raw
    }
}

/// A value that this thread's Node keeps until it ends. Not `Send`: it means nothing on another thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept(sys::napi_ref);

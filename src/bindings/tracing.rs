//! What `FLOTILLA_TRACE` asks for, as JavaScript has read it.

use super::constants::Numbers;
use super::js::{Arguments, Js, Outcome, Value};
use crate::sys::trace;

/// The places of the threads that can be traced.
pub(super) const PLACES: Numbers = &[
    (trace::NAMES[0], 0),
    (trace::NAMES[1], 1),
    (trace::NAMES[2], 2),
    (trace::NAMES[3], 3),
];

/// Has threads tell on stderr what they do, each by the bit of its place.
pub(super) fn trace_threads<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    trace::ask_for(js.index(arguments.at(0))? as usize);
    js.undefined()
}

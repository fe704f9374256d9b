//! The worker's side: joins, and then takes one connection after the other when told that there are some.

use super::super::front::number_of;
use super::watch::Watch;
use crate::balance::carriers::handoff::{Asked, MARKS, SPOKEN_NUMBERS, UNKNOWN, Worker};
use crate::bindings::constants::Numbers;
use crate::sys::clock::monotonic_ms;
use crate::sys::socket::Socket;
use napi::bindgen_prelude::{Env, Float64Array, Function, JsValue};
use napi_derive::napi;
use std::io::ErrorKind;
use std::rc::Rc;

/// No connection is there.
const NONE: i32 = -1;
/// One may be there, and there is no descriptor left for it.
const EXHAUSTED: i32 = -2;
/// A connection cannot be held, now or ever.
const NEVER: i32 = -1;
const LATER: i32 = -2;

/// What `take` gives in the place of a descriptor.
pub const TAKEN: Numbers = &[("NONE", NONE), ("EXHAUSTED", EXHAUSTED)];
/// What `hold` gives in the place of a number of bytes, and what a mark is that says nothing.
pub const HELD: Numbers = &[("NEVER", NEVER), ("LATER", LATER), ("UNKNOWN", UNKNOWN as i32)];

#[napi]
#[derive(Debug, Default)]
pub struct NativeHandoffWorker {
    joined: Option<(Rc<Worker>, Watch)>,
}

#[napi]
impl NativeHandoffWorker {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins at that rendezvous; `on_waiting` is called whenever connections wait. Gives 0, or the number of the error.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives functions and strings away by value"
    )]
    pub fn join(
        &mut self,
        env: Env,
        rendezvous: String,
        on_waiting: Function<'_, (), ()>,
    ) -> napi::Result<i32> {
        let worker = match Worker::join(rendezvous.as_bytes()) {
            Ok(worker) => Rc::new(worker),
            Err(error) => return Ok(number_of(&error)),
        };
        let watch = Watch::start(env.raw(), on_waiting.raw(), Rc::clone(&worker))?;
        self.joined = Some((worker, watch));
        Ok(0)
    }

    /// The numbers that both sides read and write: connections that are no more, requests in flight, connections
    /// asked back, and since when the event loop has been awake.
    #[napi(catch_unwind)]
    pub fn numbers(&self) -> Option<Float64Array> {
        let (worker, _) = self.joined.as_ref()?;
        let at = worker.spoken().cast::<f64>();
        // SAFETY: the row is mapped for the life of the process, is aligned for numbers, and has that many; other
        // processes read and write it as JavaScript does, one number at a time.
        Some(unsafe { Float64Array::with_external_data(at.as_ptr(), SPOKEN_NUMBERS, |_, _| {}) })
    }

    /// The number of the next connection's descriptor; -1 where there is none, -2 where this process can have none.
    #[napi(catch_unwind)]
    pub fn take(&self) -> i32 {
        let taken = self.joined.as_ref().map(|(worker, _)| worker.take());
        match taken {
            Some(Ok(socket)) => Socket::into_number(socket),
            Some(Err(error)) if error.kind() == ErrorKind::OutOfMemory => EXHAUSTED,
            _ => NONE,
        }
    }

    /// Whether to be told of connections that wait.
    #[napi(catch_unwind)]
    pub fn listen(&self, is_wanted: bool) {
        if let Some((_, watch)) = &self.joined {
            watch.listen(is_wanted);
        }
    }

    /// Gives the connection of that descriptor back, and with it the place where it is held, or -1. The descriptor
    /// stays open here until its owner closes it.
    #[napi(catch_unwind)]
    pub fn give(&self, number: i32, place: i32) -> bool {
        let place = usize::try_from(place).ok();
        let joined = self.joined.as_ref();
        joined.is_some_and(|(worker, _)| worker.give(number, place).is_ok())
    }

    /// Where the marks stand of the connections that the primary holds as well, by their places.
    #[napi(catch_unwind)]
    pub fn marks(&self) -> Option<Float64Array> {
        let (worker, _) = self.joined.as_ref()?;
        let at = worker.marks().cast::<f64>();
        // SAFETY: as for the numbers of the row.
        Some(unsafe { Float64Array::with_external_data(at.as_ptr(), MARKS, |_, _| {}) })
    }

    /// Has the primary hold a connection, of which this process has read that much. Gives how much others had read
    /// of it before, -1 where it cannot be held, or -2 where the primary has not come to what it was told before.
    #[napi(catch_unwind)]
    pub fn hold(&self, number: i32, place: u32, read: f64) -> f64 {
        let asked = self.joined.as_ref();
        match asked.map(|(worker, _)| worker.hold(number, place as usize, read)) {
            Some(Asked::Held(before)) => before,
            Some(Asked::Later) => f64::from(LATER),
            _ => f64::from(NEVER),
        }
    }

    /// What is held at that place has ended. Says whether the primary could be told.
    #[napi(catch_unwind)]
    pub fn let_go(&self, place: u32) -> bool {
        let joined = self.joined.as_ref();
        joined.is_some_and(|(worker, _)| worker.let_go(place as usize).is_ok())
    }

    /// Closes a descriptor that `take` gave, where no socket could be made of it.
    #[napi(catch_unwind)]
    pub fn discard(&self, number: i32) {
        Socket::close_number(number);
    }

    /// The clock that `numbers` tells the time of.
    #[napi(catch_unwind)]
    pub fn clock(&self) -> f64 {
        monotonic_ms()
    }

    /// Takes no connections any more.
    #[napi(catch_unwind)]
    pub fn leave(&mut self) {
        self.joined = None;
    }
}

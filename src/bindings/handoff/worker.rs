//! The worker's side: joins, and then takes one connection after the other when told that there are some.

use super::super::front::number_of;
use super::watch::Watch;
use crate::balance::carriers::handoff::{Asked, Idle, Key, MARKS, SPOKEN_NUMBERS, UNKNOWN, Worker};
use crate::bindings::constants::Numbers;
use crate::sys::clock::monotonic_ms;
use crate::sys::handover::Guest;
use crate::sys::socket::Socket;
use napi::bindgen_prelude::{Env, Float64Array, Function, JsValue};
use napi_derive::napi;
use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

/// No connection is there.
const NONE: i32 = -1;
/// One may be there, and there is no descriptor left for it.
const EXHAUSTED: i32 = -2;
/// Stands in the number of a descriptor of whose connection there is more to be asked: it comes from another worker,
/// or belongs to a visitor.
const TOLD: i32 = 1 << 30;
/// Nobody knows for how long it may stay idle.
const UNTOLD: f64 = -1.0;
/// A connection cannot be held, now or ever.
const NEVER: i32 = -1;
const LATER: i32 = -2;

/// What `take` gives in the place of a descriptor.
pub const TAKEN: Numbers = &[("NONE", NONE), ("EXHAUSTED", EXHAUSTED), ("TOLD", TOLD)];
/// What `hold` gives in the place of a number of bytes, and what a mark is that says nothing.
pub const HELD: Numbers = &[("NEVER", NEVER), ("LATER", LATER), ("UNKNOWN", UNKNOWN as i32)];

#[napi]
#[derive(Debug, Default)]
pub struct NativeHandoffWorker {
    joined: Option<(Rc<Worker>, Watch)>,
    /// Those of the connection that was taken last.
    idle: Cell<Option<Idle>>,
    key: Cell<Option<Key>>,
}

#[napi]
impl NativeHandoffWorker {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins at the rendezvous that this process has inherited by that number; `on_waiting` is called whenever
    /// connections wait. With `stays` others may join there after it. Gives 0, or the number of the error.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives functions away by value"
    )]
    pub fn join(
        &mut self,
        env: Env,
        rendezvous: i32,
        on_waiting: Function<'_, (), ()>,
        stays: Option<bool>,
    ) -> napi::Result<i32> {
        let stays = stays.unwrap_or(false);
        let worker = match Guest::inherited(rendezvous, stays).and_then(Worker::join) {
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

    /// The number of the next connection's descriptor, to which `TOLD` is added where it has moved, or belongs to a visitor; -1
    /// where there is none, -2 where this process can have none.
    #[napi(catch_unwind)]
    pub fn take(&self) -> i32 {
        let taken = self.joined.as_ref().map(|(worker, _)| worker.take());
        match taken {
            Some(Ok((socket, idle, key))) => {
                let number = Socket::into_number(socket);
                if !idle.has_moved() && key.is_none() {
                    return number;
                }
                self.idle.set(Some(idle).filter(|idle| idle.has_moved()));
                self.key.set(key);
                number | TOLD
            }
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

    /// Of the last one of which there was more to be asked: for how many milliseconds it may stay idle, or -1 where nobody
    /// knows, or nothing where it has not moved; and its visitor, or 0.
    #[napi(catch_unwind)]
    pub fn told(&self) -> (Option<f64>, u32) {
        let idle = self.idle.get();
        let left = idle.map(|idle| idle.left_ms().unwrap_or(UNTOLD));
        (left, Key::number(self.key.get()))
    }

    /// Gives the connection of that descriptor back, and with it the place where it is held, or -1, for how many milliseconds
    /// it may stay idle, and its visitor, or 0. The descriptor stays open here until its owner closes it.
    #[napi(catch_unwind)]
    pub fn give(&self, number: i32, place: i32, idle_ms: f64, visitor: u32) -> bool {
        let (place, idle) = (usize::try_from(place).ok(), Idle::lasting(idle_ms));
        let key = Key::from_number(visitor);
        let joined = self.joined.as_ref();
        joined.is_some_and(|(worker, _)| worker.give(number, place, idle, key).is_ok())
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
    pub fn hold(&self, number: i32, place: u32, read: f64, visitor: u32) -> f64 {
        let key = Key::from_number(visitor);
        let asked = self.joined.as_ref();
        match asked.map(|(worker, _)| worker.hold(number, place as usize, read, key)) {
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

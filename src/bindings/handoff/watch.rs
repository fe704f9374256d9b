//! Waiting for connections in Node's own event loop, by libuv: no other thread, and no detour.
//!
//! Four handles are registered: one that calls JavaScript when connections wait in the queue; two that tell the worker's row
//! when the loop goes to sleep and when it wakes up, the latter of which calls JavaScript where connections may be accepted; and
//! one that keeps the loop from sleeping before that. Each holds a share of what they need, and lets it go when libuv
//! says that it is closed. None of them keeps the process alive.
//!
//! All of it belongs to the thread of its environment. When that ends, a hook stops the handles first.

use crate::balance::carriers::handoff::Worker;
use napi::{check_status, sys};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;

/// libuv's own, of which only pointers are known here.
#[repr(C)]
struct Handle([u8; 0]);

type OnClose = extern "C" fn(*mut Handle);
type OnTurn = extern "C" fn(*mut Handle);
type OnPoll = extern "C" fn(*mut Handle, c_int, c_int);

const CHECK: c_int = 2;
const IDLE: c_int = 6;
const POLL: c_int = 8;
const PREPARE: c_int = 9;
const READABLE: c_int = 1;

// Exported by every Node.js executable, as parts of its stable interface.
unsafe extern "C" {
    fn uv_handle_size(kind: c_int) -> usize;
    fn uv_handle_set_data(handle: *mut Handle, data: *mut c_void);
    fn uv_handle_get_data(handle: *const Handle) -> *mut c_void;
    fn uv_unref(handle: *mut Handle);
    fn uv_close(handle: *mut Handle, on_close: OnClose);
    fn uv_poll_init(event_loop: *mut sys::uv_loop_s, handle: *mut Handle, fd: c_int) -> c_int;
    fn uv_poll_stop(handle: *mut Handle) -> c_int;
    fn uv_poll_start(handle: *mut Handle, events: c_int, on_poll: OnPoll) -> c_int;
    fn uv_prepare_init(event_loop: *mut sys::uv_loop_s, handle: *mut Handle) -> c_int;
    fn uv_prepare_start(handle: *mut Handle, on_turn: OnTurn) -> c_int;
    fn uv_check_init(event_loop: *mut sys::uv_loop_s, handle: *mut Handle) -> c_int;
    fn uv_idle_init(event_loop: *mut sys::uv_loop_s, handle: *mut Handle) -> c_int;
    fn uv_idle_start(handle: *mut Handle, on_turn: OnTurn) -> c_int;
    fn uv_idle_stop(handle: *mut Handle) -> c_int;
    fn uv_check_start(handle: *mut Handle, on_turn: OnTurn) -> c_int;
}

/// What the handles need.
struct Watched {
    env: sys::napi_env,
    on_waiting: sys::napi_ref,
    context: sys::napi_async_context,
    worker: Rc<Worker>,
    /// The handle that keeps the loop awake while it is started.
    stirrer: Cell<*mut Handle>,
    is_stirred: Cell<bool>,
    /// Whether connections are wanted.
    is_listening: Cell<bool>,
    is_stopped: Cell<bool>,
}

impl Watched {
    /// Keeps the loop from sleeping, or lets it.
    fn stir(&self, is_wanted: bool) {
        let handle = self.stirrer.get();
        if handle.is_null() || self.is_stopped.get() || self.is_stirred.replace(is_wanted) == is_wanted {
            return;
        }
        if is_wanted {
            // SAFETY: the handle was initialised before it was put there, and is not closed before it is stopped.
            unsafe { uv_idle_start(handle, on_idle) };
        } else {
            // SAFETY: as above.
            unsafe { uv_idle_stop(handle) };
        }
    }
}

/// Ends with its drop.
pub(super) struct Watch {
    watched: Rc<Watched>,
    handles: Vec<*mut Handle>,
    /// What the hook at the end of the environment gets.
    stops: Box<Stops>,
}

struct Stops {
    watched: Rc<Watched>,
    handles: Vec<*mut Handle>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Watch({} handles)", self.handles.len())
    }
}

impl Watch {
    pub(super) fn start(
        env: sys::napi_env,
        on_waiting: sys::napi_value,
        worker: Rc<Worker>,
    ) -> napi::Result<Self> {
        let mut event_loop = ptr::null_mut();
        // SAFETY: `env` is that of the call in progress.
        check_status!(unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) })?;
        let mut reference = ptr::null_mut();
        // SAFETY: the function lives in the scope of the call.
        check_status!(unsafe { sys::napi_create_reference(env, on_waiting, 1, &mut reference) })?;
        let watched = Rc::new(Watched {
            env,
            on_waiting: reference,
            context: context(env)?,
            worker,
            stirrer: Cell::new(ptr::null_mut()),
            is_stirred: Cell::new(false),
            is_listening: Cell::new(true),
            is_stopped: Cell::new(false),
        });
        let fd = watched.worker.number();
        let mut handles = Vec::with_capacity(4);
        // SAFETY: the loop is the environment's, the handle is of libuv's own size, and the descriptor is open for
        // as long as `Watched` lives, of which the handle holds a share.
        let init = |handle| unsafe { uv_poll_init(event_loop, handle, fd) };
        // SAFETY: the handle was initialised in the line before; the callback never unwinds.
        let start = |handle| unsafe { uv_poll_start(handle, READABLE, on_poll) };
        add(&mut handles, POLL, &watched, init, start);
        // SAFETY: as for the first handle.
        let init = |handle| unsafe { uv_prepare_init(event_loop, handle) };
        // SAFETY: as for the first handle.
        let start = |handle| unsafe { uv_prepare_start(handle, on_sleep) };
        add(&mut handles, PREPARE, &watched, init, start);
        // SAFETY: as for the first handle.
        let init = |handle| unsafe { uv_check_init(event_loop, handle) };
        // SAFETY: as for the first handle.
        let start = |handle| unsafe { uv_check_start(handle, on_wake) };
        add(&mut handles, CHECK, &watched, init, start);
        // SAFETY: as for the first handle.
        let init = |handle| unsafe { uv_idle_init(event_loop, handle) };
        let keep = |handle| {
            watched.stirrer.set(handle);
            0
        };
        add(&mut handles, IDLE, &watched, init, keep);
        let mut stops = Box::new(Stops {
            watched: Rc::clone(&watched),
            handles: handles.clone(),
        });
        let hooked = ptr::from_mut(&mut *stops).cast();
        // SAFETY: the box outlives the hook, which its owner removes before it lets the box go.
        check_status!(unsafe { sys::napi_add_env_cleanup_hook(env, Some(at_end), hooked) })?;
        Ok(Self {
            watched,
            handles,
            stops,
        })
    }
}

impl Watch {
    /// Waits for connections, or does not for a while.
    pub(super) fn listen(&self, is_wanted: bool) {
        let Some(poll) = self.handles.first().filter(|_| !self.watched.is_stopped.get()) else {
            return;
        };
        self.watched.is_listening.set(is_wanted);
        self.watched.worker.hears();
        if is_wanted {
            // SAFETY: the handle was initialised by `add`, as the first one, and is not closed before it is stopped.
            unsafe { uv_poll_start(*poll, READABLE, on_poll) };
        } else {
            // SAFETY: as above.
            unsafe { uv_poll_stop(*poll) };
        }
    }
}

fn context(env: sys::napi_env) -> napi::Result<sys::napi_async_context> {
    const NAME: &str = "flotilla:connection";
    let (mut name, mut context) = (ptr::null_mut(), ptr::null_mut());
    let length = NAME.len().cast_signed();
    // SAFETY: the name has `length` bytes.
    check_status!(unsafe { sys::napi_create_string_utf8(env, NAME.as_ptr().cast(), length, &mut name) })?;
    // SAFETY: the name lives in the scope of the call; a resource is not needed.
    check_status!(unsafe { sys::napi_async_init(env, ptr::null_mut(), name, &mut context) })?;
    Ok(context)
}

/// Makes a handle and starts it. One that cannot be had is left out: the poll's is needed, and its absence is seen
/// as a worker that takes nothing, whose connections go to others.
fn add(
    handles: &mut Vec<*mut Handle>,
    kind: c_int,
    watched: &Rc<Watched>,
    init: impl Fn(*mut Handle) -> c_int,
    start: impl Fn(*mut Handle) -> c_int,
) {
    // SAFETY: takes no pointer.
    let size = unsafe { uv_handle_size(kind) };
    // Words are aligned as every handle wants it.
    let room = Box::leak(vec![0u64; size.div_ceil(8) + 1].into_boxed_slice());
    room[0] = room.len() as u64;
    let handle: *mut Handle = ptr::from_mut(&mut room[1]).cast();
    if init(handle) < 0 {
        // Nothing of libuv's points to it, and it happens once: it is left where it is.
        return;
    }
    let share = Rc::into_raw(Rc::clone(watched)).cast_mut().cast();
    // SAFETY: the handle is initialised.
    unsafe { uv_handle_set_data(handle, share) };
    // SAFETY: as above.
    unsafe { uv_unref(handle) };
    start(handle);
    handles.push(handle);
}

/// Stops all of them, once.
fn stop(watched: &Watched, handles: &[*mut Handle]) {
    if watched.is_stopped.replace(true) {
        return;
    }
    for handle in handles {
        // SAFETY: the handle is initialised, and closed only here, once.
        unsafe { uv_close(*handle, on_close) };
    }
    // SAFETY: the environment still lives, since its hook has not run or runs now.
    unsafe { sys::napi_delete_reference(watched.env, watched.on_waiting) };
    // SAFETY: as above; nobody uses the context again, since the handles call no more.
    unsafe { sys::napi_async_destroy(watched.env, watched.context) };
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.watched.is_stopped.get() {
            return;
        }
        let hooked = ptr::from_mut(&mut *self.stops).cast();
        // SAFETY: the hook was added with these very values, and has not run.
        unsafe { sys::napi_remove_env_cleanup_hook(self.watched.env, Some(at_end), hooked) };
        stop(&self.watched, &self.handles);
    }
}

unsafe extern "C" fn at_end(hooked: *mut c_void) {
    // SAFETY: the hook gets the box it was added with, which lives until the hook is removed.
    if let Some(stops) = unsafe { hooked.cast::<Stops>().as_ref() } {
        stop(&stops.watched, &stops.handles);
    }
}

fn watched<'call>(handle: *mut Handle) -> Option<&'call Watched> {
    // SAFETY: libuv calls with a handle that `add` has made.
    let data = unsafe { uv_handle_get_data(handle) };
    // SAFETY: the data is the share that `add` has put there, which lives until the handle is closed.
    unsafe { data.cast::<Watched>().as_ref() }
}

extern "C" fn on_sleep(handle: *mut Handle) {
    if let Some(watched) = watched(handle) {
        let must_not = watched.worker.sleeps();
        watched.stir(must_not && watched.is_listening.get());
    }
}

/// There is nothing to do but not to sleep.
extern "C" fn on_idle(_handle: *mut Handle) {}

extern "C" fn on_wake(handle: *mut Handle) {
    if let Some(watched) = watched(handle) {
        watched.worker.wakes();
        if watched.is_listening.get() && watched.worker.has_permits() {
            tell(watched);
        }
    }
}

extern "C" fn on_close(handle: *mut Handle) {
    // SAFETY: libuv calls with a handle that `add` has made, for the last time.
    let data = unsafe { uv_handle_get_data(handle) };
    // SAFETY: the share was put there by `add`, and is let go here alone.
    drop(unsafe { Rc::from_raw(data.cast::<Watched>()) });
    // SAFETY: `add` put the handle behind a word that says how long the allocation is.
    let start = unsafe { handle.cast::<u64>().sub(1) };
    // SAFETY: as above.
    let length = unsafe { start.read() } as usize;
    let room = ptr::slice_from_raw_parts_mut(start, length);
    // SAFETY: this is the allocation that `add` has leaked, and libuv has no more use for it.
    drop(unsafe { Box::from_raw(room) });
}

extern "C" fn on_poll(handle: *mut Handle, _status: c_int, _events: c_int) {
    let Some(watched) = watched(handle) else { return };
    watched.worker.wakes();
    watched.worker.hears();
    tell(watched);
}

fn tell(watched: &Watched) {
    let (env, mut scope) = (watched.env, ptr::null_mut());
    // SAFETY: libuv calls on the environment's own thread.
    if unsafe { sys::napi_open_handle_scope(env, &mut scope) } != sys::Status::napi_ok {
        return;
    }
    call(watched);
    // SAFETY: the scope was opened above.
    unsafe { sys::napi_close_handle_scope(env, scope) };
}

/// Calls JavaScript as Node calls it: with what has to run after it. What it throws is an uncaught exception.
fn call(watched: &Watched) {
    let env = watched.env;
    let (mut function, mut global, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the reference lives until the handles are stopped.
    unsafe { sys::napi_get_reference_value(env, watched.on_waiting, &mut function) };
    // SAFETY: a scope is open.
    unsafe { sys::napi_get_global(env, &mut global) };
    if function.is_null() || global.is_null() {
        return;
    }
    let (context, none) = (watched.context, ptr::null());
    // SAFETY: the values live in the open scope, and no argument is read from the null.
    let status = unsafe { sys::napi_make_callback(env, context, global, function, 0, none, &mut result) };
    if status == sys::Status::napi_ok {
        return;
    }
    let mut error = ptr::null_mut();
    // SAFETY: a scope is open.
    let status = unsafe { sys::napi_get_and_clear_last_exception(env, &mut error) };
    if status == sys::Status::napi_ok && !error.is_null() {
        // SAFETY: the error lives in the open scope.
        unsafe { sys::napi_fatal_exception(env, error) };
    }
}

//! Meters and the thread that shows them, as objects: what `lib/cluster/meters.js` and `lib/lifecycle/admin.js` use.
//!
//! Questions cross from the thread into JavaScript by a function that keeps no process alive. When the object is collected, or
//! its environment ends, the thread is stopped.

use super::cache::present_store;
use super::front::{NativeFront, number_of};
use crate::admin::gate::Gate;
use crate::admin::{Admin, File, Options, Question, Shown};
use crate::shm::meters::{BUCKETS, FIGURES, Meters};
use crate::sys::clock::monotonic_ms;
use napi::bindgen_prelude::{ClassInstance, Float64Array, FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Id, kind and text of a question.
type Asked = FnArgs<(f64, String, String)>;
type Asker = ThreadsafeFunction<Asked, (), Asked, napi::Status, false, true>;

#[napi]
#[derive(Debug, Default)]
pub struct NativeMeters {
    meters: Option<Arc<Meters>>,
}

#[napi]
impl NativeMeters {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes them. False where the system has no memory for them.
    #[napi(catch_unwind)]
    pub fn create(&mut self) -> bool {
        self.meters = Meters::create().ok().map(Arc::new);
        self.meters.is_some()
    }

    /// Takes those that the parent of this process made, if the line names some.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives strings away by value"
    )]
    pub fn attach(&mut self, line: String) -> bool {
        self.meters = Meters::attach(&line).ok().map(Arc::new);
        self.meters.is_some()
    }

    /// The line by which children of this process find them; nothing where they cannot be shared.
    #[napi(catch_unwind)]
    pub fn share(&self) -> Option<String> {
        self.meters.as_ref()?.share().ok()
    }

    /// A process is to sit there. What the one before it counted goes to the departed.
    #[napi(catch_unwind)]
    pub fn seat(&self, seat: u32) -> bool {
        let meters = self.meters.as_ref();
        meters.is_some_and(|meters| meters.seat(seat as usize).is_ok())
    }

    /// The process that sat there has ended.
    #[napi(catch_unwind)]
    pub fn vacate(&self, seat: u32) {
        if let Some(meters) = &self.meters {
            meters.vacate(seat as usize);
        }
    }

    /// The figures and the buckets of a seat.
    #[napi(catch_unwind)]
    pub fn words(&self, seat: u32) -> Option<Float64Array> {
        let at = self.meters.as_ref()?.meter(seat as usize)?.words().cast::<f64>();
        // SAFETY: the meter is mapped for the life of the process, is aligned for numbers, and has that many; other
        // processes read it one number at a time.
        Some(unsafe { Float64Array::with_external_data(at.as_ptr(), FIGURES + BUCKETS, |_, _| {}) })
    }

    /// The clock that the figures tell the time of.
    #[napi(catch_unwind)]
    pub fn clock(&self) -> f64 {
        monotonic_ms()
    }
}

/// How the thread is to work, as `lib/lifecycle/admin.js` has checked it.
#[napi(object)]
#[derive(Debug)]
pub struct AdminOptions {
    pub token: Option<String>,
    pub has_actions: bool,
    pub hosts: Vec<String>,
    /// Path, kind and text of each, one behind the other.
    pub files: Vec<String>,
    pub version: String,
    pub patience_ms: f64,
}

#[napi]
#[derive(Debug, Default)]
pub struct NativeAdmin {
    admin: Option<Admin>,
}

#[napi]
impl NativeAdmin {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens there. Gives 0, or the number of the system's error.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives objects and strings away by value"
    )]
    pub fn start(
        &mut self,
        host: String,
        port: u16,
        options: AdminOptions,
        ask: Function<'_, Asked, ()>,
    ) -> napi::Result<i32> {
        let asker: Asker = ask.build_threadsafe_function().weak::<true>().build()?;
        let Ok(ip) = host.parse::<IpAddr>() else {
            return Err(napi::Error::from_reason(
                "The admin thread was told to listen on what is no address",
            ));
        };
        let files = options.files.chunks_exact(3).map(|file| File {
            path: file[0].clone(),
            kind: file[1].clone(),
            text: file[2].clone(),
        });
        let started = Admin::start(Options {
            address: SocketAddr::new(ip, port),
            files: files.collect(),
            gate: Gate {
                token: options.token,
                has_actions: options.has_actions,
                hosts: options.hosts,
            },
            version: options.version,
            patience: Duration::try_from_secs_f64(options.patience_ms / 1e3).unwrap_or_default(),
            ask: Box::new(move |Question { id, kind, text }| {
                let asked: Asked = (id as f64, kind, text).into();
                // Where nobody can be asked any more, the thread answers in a while.
                asker.call(asked, ThreadsafeFunctionCallMode::NonBlocking);
            }),
            cache: present_store,
        });
        Ok(match started {
            Ok(admin) => {
                self.admin = Some(admin);
                0
            }
            Err(error) => number_of(&error),
        })
    }

    #[napi(catch_unwind)]
    pub fn port(&self) -> u32 {
        let local = self.admin.as_ref().and_then(Admin::local);
        local.map_or(0, |local| u32::from(local.port()))
    }

    /// Shows a server, with the front that gives its workers connections, if it has a native one.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives references away by value"
    )]
    pub fn show(
        &self,
        id: u32,
        meters: ClassInstance<'_, NativeMeters>,
        front: Option<ClassInstance<'_, NativeFront>>,
    ) {
        if let (Some(admin), Some(meters)) = (&self.admin, &meters.meters) {
            admin.show(Shown {
                id,
                meters: Arc::clone(meters),
                board: front.and_then(|front| front.shared_board()),
                facts: serde_json::Value::Null,
            });
        }
    }

    #[napi(catch_unwind)]
    pub fn hide(&self, id: u32) {
        if let Some(admin) = &self.admin {
            admin.hide(id);
        }
    }

    /// What JavaScript alone knows of a server, as JSON.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives strings away by value"
    )]
    pub fn tell(&self, id: u32, facts: String) {
        if let Some(admin) = &self.admin {
            admin.tell(id, &facts);
        }
    }

    #[napi(catch_unwind)]
    pub fn answer(&self, id: f64, status: u16, body: String) {
        if let Some(admin) = &self.admin {
            admin.answer(id as u64, status, body);
        }
    }

    /// Ends the thread: then the address is free.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.admin = None;
    }
}

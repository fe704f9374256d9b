//! The proxy as an object: what `lib/cluster/fronts/proxy.js` tells its thread, and reads of its counts.
//!
//! Only questions cross from the thread into JavaScript, by a function that Node calls when its loop has time for it
//! and that keeps no process alive. When the object is collected, or its environment ends, the thread is stopped.

use super::balance::strategy;
use crate::balance::Probe;
use crate::balance::proxy::{Ask, Count, Header, Options, Proxy, Question, Report};
use crate::error::{Code, Error};
use crate::sys::socket::Address;
use napi::bindgen_prelude::{Buffer, FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Id, what the client has said, its address and port, and for how long it was waited for.
pub(super) type Asked = FnArgs<(f64, Buffer, Option<String>, u32, f64)>;
pub(super) type Asker = ThreadsafeFunction<Asked, (), Asked, napi::Status, false, true>;

/// How a proxy is to work, as `lib/cluster/fronts/proxy.js` has checked it.
#[napi(object)]
#[derive(Debug)]
pub struct ProxyOptions {
    pub strategy: u32,
    pub weights: Vec<f64>,
    pub half_open: bool,
    /// 0, or the version of the header.
    pub header: u32,
    pub inspection_ms: f64,
    pub head_limit: u32,
    pub answer_ms: f64,
}

#[napi]
#[derive(Debug, Default)]
pub struct NativeProxy {
    proxy: Option<Proxy>,
}

#[napi]
impl NativeProxy {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens there. Gives 0, or the number of the system's error. With `ask`, that is asked for each connection.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives objects and strings away by value"
    )]
    pub fn bind(
        &mut self,
        host: String,
        port: u32,
        options: ProxyOptions,
        ask: Option<Function<'_, Asked, ()>>,
    ) -> napi::Result<i32> {
        let asker = ask
            .map(|ask| ask.build_threadsafe_function().weak::<true>().build())
            .transpose()?;
        let known = strategy(options.strategy, &options.weights);
        let (Some(address), Some(strategy)) = (address(&host, port), known) else {
            return Err(internal("A proxy was told to bind what it cannot"));
        };
        let limits = (options.inspection_ms, options.head_limit, options.answer_ms);
        let ask = asker.map(|asker| asking(asker, limits));
        let bound = Proxy::bind(
            &address,
            Options {
                strategy,
                seed: super::balance::seed(),
                header: match options.header {
                    1 => Header::V1,
                    2 => Header::V2,
                    _ => Header::None,
                },
                half_open: options.half_open,
                ask,
            },
        );
        Ok(match bound {
            Ok(proxy) => {
                self.proxy = Some(proxy);
                0
            }
            Err(error) => number_of(&error),
        })
    }

    /// The port that it listens on; 0 for a Unix path.
    #[napi(catch_unwind)]
    pub fn port(&self) -> u32 {
        let local = self.proxy.as_ref().and_then(Proxy::local);
        local.map_or(0, |local| u32::from(local.port()))
    }

    /// The address that it listens on; nothing for a Unix path.
    #[napi(catch_unwind)]
    pub fn local(&self) -> Option<String> {
        let local = self.proxy.as_ref().and_then(Proxy::local);
        local.map(|local| local.ip().to_string())
    }

    #[napi(catch_unwind)]
    pub fn open(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.open();
        }
    }

    /// What is answered where no worker does: paths, statuses and bodies, one beside the other.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives arrays away by value"
    )]
    pub fn set_probes(&self, paths: Vec<String>, statuses: Vec<u32>, bodies: Vec<String>) {
        if let Some(proxy) = &self.proxy {
            proxy.set_probes(probes(paths, statuses, bodies));
        }
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.close();
        }
    }

    /// Ends the thread, and with it every connection.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.proxy = None;
    }

    /// Whether the address is one that connections can go to.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives strings away by value"
    )]
    pub fn ready(&self, seat: u32, host: String, port: u32) -> bool {
        let address = address(&host, port);
        if let (Some(proxy), Some(address)) = (&self.proxy, address) {
            proxy.ready(seat as usize, address);
            return true;
        }
        false
    }

    #[napi(catch_unwind)]
    pub fn withdraw(&self, seat: u32) {
        if let Some(proxy) = &self.proxy {
            proxy.withdraw(seat as usize);
        }
    }

    /// Answers a question; with a seat below zero the strategy chooses.
    #[napi(catch_unwind)]
    pub fn assign(&self, id: f64, seat: i32) {
        if let Some(proxy) = &self.proxy {
            proxy.assign(id as u64, usize::try_from(seat).ok());
        }
    }

    #[napi(catch_unwind)]
    pub fn report(&self, seat: u32, lag_ms: f64, cpu_percent: f64, heap_used: f64, heap_total: f64) {
        if let Some(proxy) = &self.proxy {
            let report = Report {
                lag_ms,
                cpu_percent,
                heap_used,
                heap_total,
            };
            proxy.board().report(seat as usize, &report);
        }
    }

    /// Connections that now go to a seat.
    #[napi(catch_unwind)]
    pub fn connections(&self, seat: u32) -> u32 {
        let proxy = self.proxy.as_ref();
        proxy.map_or(0, |proxy| proxy.board().connections(seat as usize))
    }

    /// Since the beginning: accepted, failed, refused by workers.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Vec<f64> {
        let counts = [Count::Accepted, Count::Failed, Count::Refused];
        let count = |what| {
            let proxy = self.proxy.as_ref();
            proxy.map_or(0, |proxy| proxy.board().count(what)) as f64
        };
        counts.map(count).to_vec()
    }
}

/// One probe of each path, status and body.
pub(super) fn probes(paths: Vec<String>, statuses: Vec<u32>, bodies: Vec<String>) -> Vec<Probe> {
    let rows = paths.into_iter().zip(statuses).zip(bodies);
    let probe = |((path, status), body)| Probe {
        path,
        status: u16::try_from(status).unwrap_or(503),
        body,
    };
    rows.map(probe).collect()
}

/// `limits`: how long to wait for a head, how long that may be, and how long to wait for the answer.
pub(super) fn asking(asker: Asker, limits: (f64, u32, f64)) -> Ask {
    let (inspection_ms, head_limit, answer_ms) = limits;
    let question = move |question: Question| {
        let client = question.client;
        let address = client.map(|client| client.ip().to_string());
        let port = client.map_or(0, |client| u32::from(client.port()));
        let waited = question.waited.as_secs_f64() * 1e3;
        let asked = (question.id as f64, question.head.into(), address, port, waited);
        // Where nobody can be asked any more, the strategy chooses in a while.
        asker.call(asked.into(), ThreadsafeFunctionCallMode::NonBlocking);
    };
    Ask {
        question: Box::new(question),
        inspection_time: milliseconds(inspection_ms),
        head_limit: head_limit as usize,
        answer_time: milliseconds(answer_ms),
    }
}

fn milliseconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count / 1e3).unwrap_or_default()
}

/// An absolute path is one of a Unix socket, `fd:3` a socket that was handed to this process; the rest is an address
/// with its port.
pub(super) fn address(host: &str, port: u32) -> Option<Address> {
    if let Some(number) = host.strip_prefix("fd:") {
        return number.parse().ok().map(Address::Passed);
    }
    if host.starts_with('/') {
        return Some(Address::Unix(host.into()));
    }
    let ip: IpAddr = host.parse().ok()?;
    let port = u16::try_from(port).ok()?;
    Some(Address::Tcp(SocketAddr::new(ip, port)))
}

pub(super) fn number_of(error: &io::Error) -> i32 {
    // What has no number is no error of the system's: this one says that something is not supported.
    const UNSUPPORTED: i32 = 95;
    error.raw_os_error().unwrap_or(UNSUPPORTED)
}

pub(super) fn internal(what: &str) -> napi::Error {
    napi::Error::from_reason(Error::new(Code::Internal, what).to_string())
}

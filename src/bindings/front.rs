//! The front as an object: what `lib/cluster/fronts/native.js` tells its thread, and reads of its board.
//!
//! Only questions cross from the thread into JavaScript, by a function that Node calls when its loop has time for it
//! and that keeps no process alive. When the object is collected, or its environment ends, the thread is stopped.

use super::balance::{seed, strategy};
use crate::balance::carriers::Way;
use crate::balance::carriers::proxy::Header;
use crate::balance::front::{Ask, Board, Chooser, Count, Front, Options, Probe, Process, Question, Report};
use crate::balance::sticky::Visitor;
use crate::error::{Code, Error};
use crate::sys::handover::Rendezvous;
use crate::sys::socket::Address;
use napi::bindgen_prelude::{Buffer, FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Id, what the client has said, its address and port, and for how long it was waited for.
type Asked = FnArgs<(f64, Buffer, Option<String>, u32, f64)>;
type Asker = ThreadsafeFunction<Asked, (), Asked, napi::Status, false, true>;

/// How a front is to work, as `lib/cluster/fronts/native.js` has checked it.
#[napi(object)]
#[derive(Debug)]
pub struct FrontOptions {
    pub strategy: u32,
    pub weights: Vec<f64>,
    pub inspection_ms: f64,
    pub head_limit: u32,
    pub answer_ms: f64,
    /// What visitors are told apart by, where each has its worker: see `Visitor::parse`.
    pub sticky: Option<String>,
    /// One of these.
    pub handoff: Option<HandoffOptions>,
    pub proxy: Option<ProxyOptions>,
}

#[napi(object)]
#[derive(Debug)]
pub struct HandoffOptions {
    pub rebalance: bool,
}

#[napi(object)]
#[derive(Debug)]
pub struct ProxyOptions {
    pub half_open: bool,
    /// 0, or the version of the header.
    pub header: u32,
}

#[napi]
#[derive(Debug, Default)]
pub struct NativeFront {
    front: Option<Front>,
    /// Of workers whose process is not started yet, by their seats.
    rendezvous: HashMap<u32, Rendezvous>,
}

#[napi]
impl NativeFront {
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
        options: FrontOptions,
        ask: Option<Function<'_, Asked, ()>>,
    ) -> napi::Result<i32> {
        let asker = ask
            .map(|ask| ask.build_threadsafe_function().weak::<true>().build())
            .transpose()?;
        let limits = (options.inspection_ms, options.head_limit, options.answer_ms);
        let strategy = strategy(options.strategy, &options.weights);
        let way = way(options.handoff, options.proxy);
        let visitor = options.sticky.as_deref().and_then(Visitor::parse);
        let chooser = asker.map(asking).or_else(|| visitor.map(Chooser::Visitor));
        let (Some(address), Some(strategy), Some(way)) = (address(&host, port), strategy, way) else {
            let error = Error::new(Code::Internal, "A front was told to bind what it cannot");
            return Err(napi::Error::from_reason(error.to_string()));
        };
        let options = Options {
            strategy,
            seed: seed(),
            ask: chooser.map(|chooser| ask_by(chooser, limits)),
        };
        Ok(match Front::bind(&address, options, way) {
            Ok(front) => {
                self.front = Some(front);
                0
            }
            Err(error) => number_of(&error),
        })
    }

    /// The port that it listens on; 0 for a Unix path.
    #[napi(catch_unwind)]
    pub fn port(&self) -> u32 {
        let local = self.front.as_ref().and_then(Front::local);
        local.map_or(0, |local| u32::from(local.port()))
    }

    /// The address that it listens on; nothing for a Unix path.
    #[napi(catch_unwind)]
    pub fn local(&self) -> Option<String> {
        let local = self.front.as_ref().and_then(Front::local);
        local.map(|local| local.ip().to_string())
    }

    pub(super) fn shared_board(&self) -> Option<Arc<Board>> {
        self.front.as_ref().map(Front::shared_board)
    }

    fn tell(&self, what: impl FnOnce(&Front)) {
        if let Some(front) = &self.front {
            what(front);
        }
    }

    fn read<T: Default>(&self, what: impl FnOnce(&Board) -> T) -> T {
        let board = self.front.as_ref().map(Front::board);
        board.map_or_else(T::default, what)
    }

    #[napi(catch_unwind)]
    pub fn open(&self) {
        self.tell(Front::open);
    }

    /// What is answered where no worker can: paths, statuses and bodies, one beside the other.
    #[napi(catch_unwind)]
    pub fn set_probes(&self, paths: Vec<String>, statuses: Vec<u32>, bodies: Vec<String>) {
        let rows = paths.into_iter().zip(statuses).zip(bodies);
        let probe = |((path, status), body)| Probe {
            path,
            status: u16::try_from(status).unwrap_or(503),
            body,
        };
        self.tell(|front| front.set_probes(rows.map(probe).collect()));
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.tell(Front::close);
    }

    /// Ends the thread, and with it every connection that no worker has to itself.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.front = None;
    }

    /// The descriptor that the process of a seat has to inherit, so that connections can be handed to it; or the number
    /// of the system's error, which is below zero.
    #[napi(catch_unwind)]
    pub fn rendezvous(&mut self, seat: u32) -> i32 {
        match Rendezvous::open() {
            Ok(rendezvous) => {
                let number = rendezvous.number();
                self.rendezvous.insert(seat, rendezvous);
                number
            }
            Err(error) => -number_of(&error),
        }
    }

    /// Meets the process of a seat where another front does: the process has inherited one descriptor for both.
    #[napi(catch_unwind)]
    pub fn meet(&mut self, seat: u32, other: &NativeFront) {
        let rendezvous = other
            .rendezvous
            .get(&seat)
            .and_then(|rendezvous| rendezvous.again().ok());
        self.rendezvous
            .extend(rendezvous.map(|rendezvous| (seat, rendezvous)));
    }

    /// That process sits there, as that one of the workers.
    #[napi(catch_unwind)]
    pub fn seated(&mut self, seat: u32, pid: u32, worker: u32) {
        let process = Process {
            pid,
            worker,
            rendezvous: self.rendezvous.remove(&seat),
        };
        self.tell(|front| front.seated(seat as usize, process));
    }

    /// Whether the address is one that connections can go to.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives strings away by value"
    )]
    pub fn ready(&self, seat: u32, host: String, port: u32) -> bool {
        let address = address(&host, port);
        let is_known = address.is_some();
        self.tell(|front| front.ready(seat as usize, address));
        is_known
    }

    #[napi(catch_unwind)]
    pub fn withdraw(&self, seat: u32) {
        self.tell(|front| front.withdraw(seat as usize));
    }

    #[napi(catch_unwind)]
    pub fn part(&self, seat: u32) {
        self.tell(|front| front.part(seat as usize));
    }

    #[napi(catch_unwind)]
    pub fn gone(&self, seat: u32) {
        self.tell(|front| front.gone(seat as usize));
    }

    /// The answer to a question: a seat, or -1 to have the strategy choose.
    #[napi(catch_unwind)]
    pub fn assign(&self, id: f64, seat: i32) {
        self.tell(|front| front.assign(id as u64, usize::try_from(seat).ok()));
    }

    #[napi(catch_unwind)]
    pub fn report(&self, seat: u32, lag_ms: f64, cpu_percent: f64, heap_used: f64, heap_total: f64) {
        let report = Report {
            lag_ms,
            cpu_percent,
            heap_used,
            heap_total,
        };
        self.read(|board| board.report(seat as usize, &report));
    }

    /// Of a seat: connections, those among them that its worker has not taken, requests in flight, and for how many
    /// milliseconds its event loop has been at one thing.
    #[napi(catch_unwind)]
    pub fn load(&self, seat: u32) -> Vec<f64> {
        let seat = seat as usize;
        let load = self.read(|board| {
            let counts = [
                board.connections(seat),
                board.waiting(seat),
                board.in_flight(seat),
            ];
            let [connections, waiting, in_flight] = counts.map(|count| count as f64);
            [connections, waiting, in_flight, board.lag_ms(seat)]
        });
        load.to_vec()
    }

    /// Whether connections go to a seat.
    #[napi(catch_unwind)]
    pub fn serves(&self, seat: u32) -> bool {
        self.read(|board| board.serves(seat as usize))
    }

    /// Since the beginning: accepted, failed, refused by workers, taken back, moved, adopted; and now: held.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Vec<f64> {
        const KINDS: [Count; 6] = [
            Count::Accepted,
            Count::Failed,
            Count::Refused,
            Count::TakenBack,
            Count::Moved,
            Count::Adopted,
        ];
        let counts = self.read(|board| {
            let [accepted, failed, refused, taken_back, moved, adopted] = KINDS.map(|kind| board.count(kind));
            [
                accepted,
                failed,
                refused,
                taken_back,
                moved,
                adopted,
                board.held(),
            ]
        });
        counts.map(|count| count as f64).to_vec()
    }
}

fn way(handoff: Option<HandoffOptions>, proxy: Option<ProxyOptions>) -> Option<Way> {
    match (handoff, proxy) {
        (Some(options), None) => Some(Way::Handoff {
            rebalance: options.rebalance,
        }),
        (None, Some(options)) => Some(Way::Proxy {
            half_open: options.half_open,
            header: match options.header {
                1 => Header::V1,
                2 => Header::V2,
                _ => Header::None,
            },
        }),
        _ => None,
    }
}

/// `limits`: how long to wait for a head, how long that may be, and how long to wait for the answer.
fn ask_by(chooser: Chooser, limits: (f64, u32, f64)) -> Ask {
    let (inspection_ms, head_limit, answer_ms) = limits;
    Ask {
        chooser,
        inspection_time: milliseconds(inspection_ms),
        head_limit: head_limit as usize,
        answer_time: milliseconds(answer_ms),
    }
}

fn asking(asker: Asker) -> Chooser {
    let question = move |question: Question| {
        let client = question.client;
        let address = client.map(|client| client.ip().to_string());
        let port = client.map_or(0, |client| u32::from(client.port()));
        let waited = question.waited.as_secs_f64() * 1e3;
        let asked = (question.id as f64, question.head.into(), address, port, waited);
        // Where nobody can be asked any more, the strategy chooses in a while.
        asker.call(asked.into(), ThreadsafeFunctionCallMode::NonBlocking);
    };
    Chooser::Asked(Box::new(question))
}

fn milliseconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count / 1e3).unwrap_or_default()
}

/// An absolute path is one of a Unix socket, `fd:3` a socket that was handed to this process; the rest is an address
/// with its port.
fn address(host: &str, port: u32) -> Option<Address> {
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

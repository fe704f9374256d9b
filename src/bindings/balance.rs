//! The pure parts of the balancer for JavaScript: which candidate a strategy chooses, and what a head says.
//!
//! Both take and give plain numbers. Figures come as rows of six, in the order of `Figures`; what a head says
//! comes as positions in the bytes it was read from, so that JavaScript cuts its strings out of one.

use crate::balance::head::{self, Opening, Request};
use crate::balance::score::{Figures, Random, Strategy, Weights};
use crate::balance::sticky::{self, Visitor};
use crate::error::{Code, Error};
use crate::sys::memory::SharedMemory;
use crate::sys::process;
use napi_derive::napi;
use std::cell::RefCell;

const FIGURES_A_ROW: usize = 6;
const NOBODY: i32 = -1;

thread_local! {
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(seed()));
}

/// Workers that start at once must not all draw the same numbers.
pub(super) fn seed() -> u64 {
    let bytes = process::random().unwrap_or_default();
    bytes
        .chunks_exact(8)
        .fold(u64::from(std::process::id()), |seed, part| {
            seed.rotate_left(32) ^ part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
        })
}

/// Whether the system lets processes share memory, without which no connection is handed over.
#[napi(catch_unwind)]
pub fn shares_memory() -> bool {
    SharedMemory::is_to_be_had()
}

/// The strategy by its number in `lib/cluster/strategies.js`; `weights` are those of the third.
pub(super) fn strategy(number: u32, weights: &[f64]) -> Option<Strategy> {
    Some(match (number, weights) {
        (0, _) => Strategy::RoundRobin,
        (1, _) => Strategy::LeastConnections,
        (2, &[connection, cpu, heap]) => Strategy::ResourceAware(Weights {
            connection,
            cpu,
            heap,
        }),
        (3, _) => Strategy::LeastLoaded,
        _ => return None,
    })
}

fn figures(row: &[f64]) -> Figures {
    match *row {
        [connections, in_flight, lag_ms, cpu_percent, heap_used, heap_total] => Figures {
            connections,
            in_flight,
            lag_ms,
            cpu_percent,
            heap_used,
            heap_total,
        },
        _ => Figures::default(),
    }
}

/// The place of the chosen candidate among `count`, or -1 where there is none.
#[napi(catch_unwind)]
pub fn choose_backend(
    number: u32,
    turn: f64,
    count: u32,
    table: &[f64],
    weights: &[f64],
) -> napi::Result<i32, Code> {
    let unknown = || Error::new(Code::Internal, "A strategy was asked for by an unknown number");
    let strategy = strategy(number, weights).ok_or_else(unknown)?;
    let count = count as usize;
    let row = |index: usize| {
        let from = index * FIGURES_A_ROW;
        figures(table.get(from..from + FIGURES_A_ROW).unwrap_or_default())
    };
    // A turn below zero goes on backwards; one that is no number is the first.
    let turn = turn.trunc().rem_euclid(count.max(1) as f64) as u64;
    let chosen = RANDOM.with_borrow_mut(|random| strategy.choose(count, row, turn, random));
    Ok(chosen.map_or(NOBODY, |index| index as i32))
}

/// The place of the worker, among these, that a visitor belongs to, by what it has said and where it comes from; -1 where
/// neither tells.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "Node-API gives strings away by value"
)]
pub fn choose_sticky(by: String, head: &[u8], address: Option<String>, workers: &[u32]) -> i32 {
    let address = address.and_then(|address| address.parse().ok());
    let key = Visitor::parse(&by).and_then(|visitor| visitor.key(head, address));
    let place = key.and_then(|key| sticky::belongs(key, workers.iter().copied()));
    place.map_or(NOBODY, |place| place as i32)
}

/// What kind of opening the bytes are, by its place in the list of `lib/cluster/request-head.js`.
#[napi(catch_unwind)]
pub fn look_at_head(bytes: &[u8], limit: u32) -> u32 {
    match head::look(bytes, limit as usize) {
        Opening::Http1(_) => 0,
        Opening::Http2 => 1,
        Opening::Tls(_) => 2,
        Opening::Partial => 3,
        Opening::TooLong => 4,
        Opening::Unknown => 5,
    }
}

/// What can be told of a head: its length, the digit after `HTTP/1.`, and where method, target and each header's
/// name and value begin and end. Nothing where there is no whole request line.
#[napi(catch_unwind)]
pub fn read_head(bytes: &[u8]) -> Option<Vec<u32>> {
    head::salvage(bytes).map(|request| positions(bytes, &request))
}

/// The host that a TLS client asks for.
#[napi(catch_unwind)]
pub fn read_server_name(bytes: &[u8], limit: u32) -> Option<String> {
    match head::look(bytes, limit as usize) {
        Opening::Tls(hello) => hello.server_name,
        _ => None,
    }
}

fn positions(bytes: &[u8], request: &Request<'_>) -> Vec<u32> {
    let start = bytes.as_ptr().addr();
    let mut positions = Vec::with_capacity(6 + 4 * request.headers.len());
    positions.extend([request.length as u32, u32::from(request.minor_version)]);
    let mut add = |part: &[u8]| {
        let from = part.as_ptr().addr() - start;
        positions.extend([from as u32, (from + part.len()) as u32]);
    };
    add(request.method.as_bytes());
    add(request.target.as_bytes());
    for (name, value) in &request.headers {
        add(name.as_bytes());
        add(value);
    }
    positions
}

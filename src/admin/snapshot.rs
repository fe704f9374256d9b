//! What there is to tell, gathered from shared memory, from the kernel, and from what JavaScript said last.
//!
//! The shape is documented in `docs/observability.md`: what is there keeps its name and meaning as long as `version` says
//! the same. A figure that nobody tells is `null`. Nothing here waits, takes a lock of the cache's, or needs an event loop.

use super::Shown;
use crate::balance::front::{Board, Count};
use crate::shm::meters::{BUCKETS, Counts, Figure, bucket_end, bucket_middle_ms};
use crate::store::{NamespaceFigures, Store};
use crate::sys::clock::monotonic_ms;
use crate::sys::process;
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// Of the shape.
const VERSION: u64 = 1;
/// How many ticks are remembered, and so, how many seconds count as recent.
const TICKS: usize = 11;
/// The limits of the buckets that are told, in microseconds.
const LIMITS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// A worker tells of itself each second; one that is this late is blocked.
const SAMPLES_EVERY_MS: f64 = 1000.0;
const LATE_MS: f64 = 500.0;

/// What was seen of a server at some time.
#[derive(Debug)]
struct Tick {
    at: f64,
    answered: f64,
    latency: Box<[u64; BUCKETS]>,
    /// By seat: since when the worker counts, its answers, its CPU time.
    workers: HashMap<usize, [f64; 3]>,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Book {
    ticks: HashMap<u32, VecDeque<Tick>>,
}

impl Book {
    /// Takes down how things are, to compare with later.
    pub(super) fn tick(&mut self, servers: &[Shown]) {
        self.ticks
            .retain(|id, _| servers.iter().any(|server| server.id == *id));
        for server in servers {
            let ticks = self.ticks.entry(server.id).or_default();
            if ticks.len() == TICKS {
                ticks.pop_front();
            }
            ticks.push_back(take_down(server));
        }
    }

    pub(super) fn forget(&mut self) {
        self.ticks.clear();
    }

    pub(super) fn status(&self, flotilla: &str, servers: &[Shown], cache: Option<&Store>) -> Value {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let servers: Vec<_> = servers.iter().map(|server| self.server(server)).collect();
        let mut told = object(&[("version", VERSION), ("at", at.as_millis() as u64)]);
        told.insert("flotilla".into(), flotilla.into());
        told.insert("servers".into(), servers.into());
        told.insert("cache".into(), cache.map(cache_figures).into());
        Value::Object(told)
    }

    fn server(&self, server: &Shown) -> Value {
        let mut all = server.meters.departed();
        let ticks = self.ticks.get(&server.id);
        let mut told = server.facts.as_object().cloned().unwrap_or_default();
        let workers = told.get_mut("workers").and_then(Value::as_array_mut);
        for worker in workers.into_iter().flatten() {
            if let Some(counts) = process_figures(worker, server, ticks) {
                all.add(&counts);
            }
        }
        if let Some(primary) = told.get_mut("primary") {
            process_figures(primary, server, ticks);
        }
        told.insert("requests".into(), request_totals(&all));
        told.insert(
            "latency".into(),
            latency(all.latency(), all.figure(Figure::LatencyMs)),
        );
        told.insert("recent".into(), recent(&all, ticks));
        told.insert("connections".into(), connections(server.board.as_deref()));
        Value::Object(told)
    }
}

fn take_down(server: &Shown) -> Tick {
    let mut all = server.meters.departed();
    let mut workers = HashMap::new();
    let told = server.facts.get("workers").and_then(Value::as_array);
    let primary = server.facts.get("primary");
    for (seat, pid) in told.into_iter().flatten().chain(primary).filter_map(seat_and_pid) {
        if let Some(counts) = server.meters.counts(seat) {
            all.add(&counts);
            let cpu_ms = process::used(pid).map_or(0.0, |used| used.cpu_ms);
            workers.insert(seat, [counts.figure(Figure::Since), counts.answered(), cpu_ms]);
        }
    }
    Tick {
        at: monotonic_ms(),
        answered: all.answered(),
        latency: Box::new(*all.latency()),
        workers,
    }
}

fn seat_and_pid(worker: &Value) -> Option<(usize, u32)> {
    let seat = usize::try_from(worker.get("seat")?.as_u64()?).ok()?;
    let pid = u32::try_from(worker.get("pid")?.as_u64()?).ok()?;
    Some((seat, pid))
}

/// Adds to what JavaScript said of a process what it has counted, and what the kernel says of it.
fn process_figures(told: &mut Value, server: &Shown, ticks: Option<&VecDeque<Tick>>) -> Option<Counts> {
    let (seat, pid) = seat_and_pid(told)?;
    let counts = server.meters.counts(seat)?;
    let told = told.as_object_mut()?;
    let used = process::used(pid);
    let rates = rates(seat, &counts, used.map_or(0.0, |used| used.cpu_ms), ticks);
    if let Some(rates) = rates {
        told.insert("rates".into(), rates);
    }
    told.insert("alive".into(), used.is_some().into());
    for (group, name, figure, divisor) in SHOWN {
        put(told, group, name, number(counts.figure(*figure) / divisor));
    }
    put(
        told,
        "memory",
        "residentBytes",
        used.map(|used| used.resident_bytes).into(),
    );
    told.insert("cpuSeconds".into(), used.map(|used| used.cpu_ms / 1e3).into());
    let mut requests = Value::Null;
    if counts.figure(Figure::SeesRequests) > 0.0 {
        requests = request_totals(&counts);
        requests["inFlight"] = number(counts.figure(Figure::InFlight));
    }
    told.insert("requests".into(), requests);
    let latency = latency(counts.latency(), counts.figure(Figure::LatencyMs));
    told.insert("latency".into(), latency);
    put(
        told,
        "loop",
        "blockedMs",
        number(blocked_ms(seat, &counts, server)),
    );
    if let Some(board) = server.board.as_deref() {
        put(told, "connections", "open", board.connections(seat).into());
        put(told, "connections", "waiting", board.waiting(seat).into());
    }
    Some(counts)
}

/// Group, name, figure, and what it is divided by.
const SHOWN: &[(&str, &str, Figure, f64)] = &[
    ("connections", "open", Figure::Connections, 1.0),
    ("connections", "arrived", Figure::Arrived, 1.0),
    ("loop", "lagMs", Figure::LagMs, 1.0),
    ("loop", "maxLagMs", Figure::LongestLagMs, 1.0),
    ("loop", "utilization", Figure::Utilization, 1.0),
    ("loop", "activeSeconds", Figure::ActiveMs, 1e3),
    ("memory", "heapUsedBytes", Figure::HeapUsed, 1.0),
    ("memory", "heapTotalBytes", Figure::HeapTotal, 1.0),
    ("memory", "externalBytes", Figure::External, 1.0),
    ("memory", "arrayBuffersBytes", Figure::ArrayBuffers, 1.0),
    ("gc", "runs", Figure::GcRuns, 1.0),
    ("gc", "seconds", Figure::GcMs, 1e3),
    ("scopes", "active", Figure::Scopes, 1.0),
    ("scopes", "forked", Figure::ScopesForked, 1.0),
    ("scopes", "evicted", Figure::ScopesEvicted, 1.0),
    ("tier", "memory", Figure::TierMemory, 1.0),
    ("tier", "redis", Figure::TierRedis, 1.0),
    ("tier", "misses", Figure::TierMisses, 1.0),
    ("tier", "alone", Figure::TierAlone, 1.0),
    ("tier", "invalidations", Figure::TierInvalidations, 1.0),
    ("tier", "epochs", Figure::TierEpochs, 1.0),
    ("tier", "away", Figure::TierAway, 1.0),
    ("tier", "unverifiedMs", Figure::TierUnverifiedMs, 1.0),
];

/// Answers by the hundreds of their status.
const STATUSES: &[(&str, Figure)] = &[
    ("1xx", Figure::Informational),
    ("2xx", Figure::Success),
    ("3xx", Figure::Redirection),
    ("4xx", Figure::ClientError),
    ("5xx", Figure::ServerError),
];

#[inline(never)]
fn put(told: &mut Map<String, Value>, group: &str, name: &str, value: Value) {
    let group = told.entry(group).or_insert_with(|| Value::Object(Map::new()));
    if let Some(group) = group.as_object_mut() {
        group.insert(name.into(), value);
    }
}

#[inline(never)]
fn object(numbers: &[(&str, u64)]) -> Map<String, Value> {
    numbers
        .iter()
        .map(|(name, number)| ((*name).into(), (*number).into()))
        .collect()
}

/// A whole number as one, another one to a thousandth: more is no measurement.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 {
        (number as u64).into()
    } else {
        ((number * 1e3).round() / 1e3).into()
    }
}

/// Over the last second or two; over its whole life, where it was not looked at before.
fn rates(seat: usize, counts: &Counts, cpu_ms: f64, ticks: Option<&VecDeque<Tick>>) -> Option<Value> {
    let (now, since) = (monotonic_ms(), counts.figure(Figure::Since));
    if since == 0.0 {
        return None;
    }
    let known = ticks
        .into_iter()
        .flatten()
        .rev()
        .filter(|tick| now - tick.at >= SAMPLES_EVERY_MS);
    let before = known.filter_map(|tick| Some((tick.at, tick.workers.get(&seat)?)));
    let before = before.into_iter().find(|(_, [then, ..])| *then == since);
    let (from, answered, cpu) = before.map_or((since, 0.0, 0.0), |(at, [_, answered, cpu])| {
        (at, *answered, *cpu)
    });
    let seconds = (now - from).max(1.0) / 1e3;
    let mut told = Map::new();
    let per_second = (counts.answered() - answered).max(0.0) / seconds;
    told.insert("requestsPerSecond".into(), number(per_second));
    told.insert(
        "cpuPercent".into(),
        number((cpu_ms - cpu).max(0.0) / 10.0 / seconds),
    );
    Some(Value::Object(told))
}

fn request_totals(counts: &Counts) -> Value {
    let statuses = STATUSES
        .iter()
        .map(|(name, figure)| (*name, counts.figure(*figure) as u64));
    let statuses: Vec<_> = statuses.collect();
    let total = counts.answered() as u64;
    let mut told = object(&[
        ("total", total),
        ("aborted", counts.figure(Figure::Aborted) as u64),
    ]);
    told.insert("statuses".into(), object(&statuses).into());
    Value::Object(told)
}

/// Of a server, over the last ten seconds at most.
fn recent(all: &Counts, ticks: Option<&VecDeque<Tick>>) -> Value {
    let Some(first) = ticks.and_then(VecDeque::front) else {
        return Value::Null;
    };
    let seconds = (monotonic_ms() - first.at) / 1e3;
    if seconds < 0.5 {
        return Value::Null;
    }
    let mut latency = [0; BUCKETS];
    for ((count, now), before) in latency.iter_mut().zip(all.latency()).zip(first.latency.iter()) {
        *count = now.saturating_sub(*before);
    }
    let mut told = percentiles(&latency);
    told.insert("seconds".into(), number(seconds));
    let answered = (all.answered() - first.answered).max(0.0);
    told.insert("requestsPerSecond".into(), number(answered / seconds));
    Value::Object(told)
}

fn latency(buckets: &[u64; BUCKETS], sum_ms: f64) -> Value {
    let mut told = percentiles(buckets);
    told.insert("sumSeconds".into(), (sum_ms / 1e3).into());
    let (mut sum, mut next) = (0, 0);
    let mut limits = Vec::with_capacity(LIMITS.len());
    for limit in LIMITS {
        while next < BUCKETS && bucket_end(next) <= limit {
            sum += buckets[next];
            next += 1;
        }
        let mut bucket = object(&[("count", sum)]);
        bucket.insert("leSeconds".into(), (limit as f64 / 1e6).into());
        limits.push(Value::Object(bucket));
    }
    told.insert("buckets".into(), limits.into());
    Value::Object(told)
}

fn percentiles(buckets: &[u64; BUCKETS]) -> Map<String, Value> {
    let count: u64 = buckets.iter().sum();
    let mut told = Map::new();
    told.insert("count".into(), count.into());
    for (name, share) in [
        ("p50Ms", 0.5),
        ("p90Ms", 0.9),
        ("p99Ms", 0.99),
        ("p999Ms", 0.999),
        ("maxMs", 1.0),
    ] {
        told.insert(name.into(), percentile(buckets, count, share).map(number).into());
    }
    told
}

fn percentile(buckets: &[u64; BUCKETS], count: u64, share: f64) -> Option<f64> {
    let wanted = ((count as f64 * share).ceil() as u64).max(1);
    let mut sum = 0;
    let reaches = |(bucket, found): (usize, &u64)| {
        sum += found;
        (sum >= wanted).then_some(bucket)
    };
    buckets.iter().enumerate().find_map(reaches).map(bucket_middle_ms)
}

/// For how long the event loop has been at one thing.
fn blocked_ms(seat: usize, counts: &Counts, server: &Shown) -> f64 {
    // What has just begun has not been blocked: it was not there.
    if counts.figure(Figure::Since) == 0.0 {
        return 0.0;
    }
    let board = server.board.as_deref().filter(|board| board.sees_loops());
    let late = monotonic_ms() - counts.figure(Figure::SampledAt) - SAMPLES_EVERY_MS;
    let by_samples = if late > LATE_MS { late } else { 0.0 };
    by_samples.max(board.map_or(0.0, |board| board.lag_ms(seat)))
}

/// Nothing where this process accepts no connections for others.
fn connections(board: Option<&Board>) -> Value {
    let told = board.map(|board| {
        object(&[
            ("accepted", board.count(Count::Accepted)),
            ("failed", board.count(Count::Failed)),
            ("refused", board.count(Count::Refused)),
            ("takenBack", board.count(Count::TakenBack)),
            ("moved", board.count(Count::Moved)),
            ("adopted", board.count(Count::Adopted)),
            ("held", board.held()),
        ])
    });
    told.into()
}

fn cache_figures(store: &Store) -> Value {
    let namespaces: Vec<_> = store.figures().iter().map(namespace_figures).collect();
    let segment = store.usage().map(|usage| {
        object(&[
            ("capacityBytes", usage.capacity),
            ("freeBytes", usage.free_bytes),
            ("committedBytes", usage.segment_bytes),
            ("memoryEvictions", usage.memory_evictions),
            ("recoveries", usage.recoveries),
            ("repairs", usage.repairs),
        ])
    });
    let mut told = Map::new();
    told.insert("segment".into(), segment.ok().into());
    told.insert("namespaces".into(), namespaces.into());
    Value::Object(told)
}

fn namespace_figures(each: &NamespaceFigures) -> Value {
    let mut told = object(&[
        ("entries", each.stats.size),
        ("bytes", each.bytes),
        ("heldBytes", each.held_bytes),
        ("hits", each.stats.hits),
        ("copyHits", each.copy_hits),
        ("misses", each.stats.misses),
        ("sets", each.stats.sets),
        ("deletes", each.stats.deletes),
        ("evictions", each.stats.evictions),
        ("memoryEvictions", each.memory_evictions),
        ("flightsLed", each.flights_led),
        ("flightsFollowed", each.flights_followed),
        ("lockWaits", each.lock_waits),
    ]);
    told.insert("name".into(), each.name.clone().into());
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::meters::Meters;
    use serde_json::json;
    use std::sync::Arc;

    fn buckets_of(counts: &[(usize, u64)]) -> Box<[u64; BUCKETS]> {
        let mut buckets = Box::new([0; BUCKETS]);
        for (bucket, count) in counts {
            buckets[*bucket] = *count;
        }
        buckets
    }

    #[test]
    fn percentiles_are_those_of_a_sorted_list_but_for_the_width_of_a_bucket() {
        let count = if cfg!(miri) { 200 } else { 5000 };
        let mut state = 1u64;
        let mut times: Vec<u64> = (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bits = 4 + (state >> 60);
                (state >> 20) & ((1 << bits) - 1)
            })
            .collect();
        let mut buckets = Box::new([0; BUCKETS]);
        for time in &times {
            let bucket = (0..BUCKETS).find(|bucket| *time < bucket_end(*bucket)).unwrap();
            buckets[bucket] += 1;
        }
        times.sort_unstable();
        for share in [0.5, 0.9, 0.99, 0.999, 1.0] {
            let place = ((count as f64 * share).ceil() as usize).max(1) - 1;
            let exact = times[place] as f64 / 1e3;
            let told = percentile(&buckets, count, share).unwrap();
            assert!(
                (told - exact).abs() <= 0.0005 + exact / 63.0,
                "{share}: {told} for {exact}"
            );
        }
        assert_eq!(percentile(&buckets_of(&[]), 0, 0.5), None);
    }

    #[test]
    fn buckets_that_are_told_count_what_took_no_longer() {
        let told = latency(&buckets_of(&[(10, 3), (64, 2), (BUCKETS - 1, 1)]), 1.0);
        let counts: Vec<_> = told["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["count"].as_u64().unwrap())
            .collect();
        assert_eq!((counts[0], counts[13]), (5, 5));
        assert_eq!(told["count"], 6);
    }

    #[test]
    fn a_server_is_told_with_what_javascript_said_and_what_was_counted() {
        let meters = Arc::new(Meters::create().unwrap());
        meters.seat(2).unwrap();
        let pid = std::process::id();
        let server = Shown {
            id: 1,
            meters,
            board: None,
            facts: json!({ "name": "web", "workers": [{ "id": "worker-0", "seat": 2, "pid": pid }, { "id": "odd" }] }),
        };
        let servers = [server];
        let mut book = Book::default();
        book.tick(&servers);
        let status = book.status("1.2.3", &servers, None);
        let told = &status["servers"][0];
        assert_eq!(
            (&status["version"], &status["flotilla"], &told["name"]),
            (&json!(1), &json!("1.2.3"), &json!("web"))
        );
        assert_eq!(told["workers"][0]["requests"], Value::Null);
        assert_eq!(told["workers"][0]["loop"]["blockedMs"], 0);
        assert_eq!(told["workers"][1], json!({ "id": "odd" }));
        assert_eq!(
            (&status["cache"], &told["connections"]),
            (&Value::Null, &Value::Null)
        );
    }
}

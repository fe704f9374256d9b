//! What there is to tell, as Prometheus and OpenMetrics want it: a table of metrics, each with where its values stand in the
//! status. The names are documented in `docs/observability.md`, and OpenTelemetry gets the same.

use serde_json::Value;
use std::fmt::Write;

/// Which rows of the status a metric has a value for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Server,
    Process,
    Namespace,
    Segment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Metric {
    /// Without `flotilla_`, and without `_total`.
    name: &'static str,
    kind: Kind,
    level: Level,
    help: &'static str,
    /// Where the value stands, from the row on.
    path: &'static str,
    /// What it is multiplied by, to be in seconds or bytes.
    scale: f64,
    /// Where the value is an object: what its names are called.
    each: &'static str,
}

const fn metric(
    kind: Kind,
    level: Level,
    name: &'static str,
    path: &'static str,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        level,
        help,
        path,
        scale: 1.0,
        each: "",
    }
}

impl Metric {
    const fn milliseconds(mut self) -> Self {
        self.scale = 1e-3;
        self
    }

    const fn each(mut self, label: &'static str) -> Self {
        self.each = label;
        self
    }
}

use Kind::{Counter, Gauge, Histogram};
use Level::{Namespace, Process, Segment, Server};

const METRICS: &[Metric] = &[
    metric(
        Gauge,
        Server,
        "server_ready",
        "ready",
        "Whether the server takes requests.",
    ),
    metric(
        Gauge,
        Server,
        "server_generation",
        "generation",
        "How often the server was started or restarted.",
    ),
    metric(
        Counter,
        Server,
        "server_restarts",
        "restarts",
        "Restarts, by how they ended.",
    )
    .each("outcome"),
    metric(
        Counter,
        Server,
        "worker_ends",
        "ends",
        "Processes of workers that ended, by cause.",
    )
    .each("cause"),
    metric(
        Counter,
        Server,
        "connections_accepted",
        "connections/accepted",
        "Connections accepted from clients.",
    ),
    metric(
        Counter,
        Server,
        "connections_failed",
        "connections/failed",
        "Connections cut by an error, or for want of a worker.",
    ),
    metric(
        Counter,
        Server,
        "connections_refused",
        "connections/refused",
        "Attempts to reach a worker that refused.",
    ),
    metric(
        Counter,
        Server,
        "connections_taken_back",
        "connections/takenBack",
        "Connections taken back from a worker that did not take them.",
    ),
    metric(
        Counter,
        Server,
        "connections_moved",
        "connections/moved",
        "Connections moved from one worker to another.",
    ),
    metric(
        Counter,
        Server,
        "connections_adopted",
        "connections/adopted",
        "Connections that went on after the death of their worker.",
    ),
    metric(
        Gauge,
        Server,
        "connections_held",
        "connections/held",
        "Connections that the primary holds beside their worker.",
    ),
    metric(
        Counter,
        Process,
        "requests",
        "requests/statuses",
        "Requests answered, by the class of their status.",
    )
    .each("status"),
    metric(
        Counter,
        Process,
        "requests_aborted",
        "requests/aborted",
        "Requests whose answer did not get to its end.",
    ),
    metric(
        Gauge,
        Process,
        "requests_in_flight",
        "requests/inFlight",
        "Requests that are being answered.",
    ),
    metric(
        Histogram,
        Process,
        "request_duration_seconds",
        "latency",
        "From the head of a request to the end of its answer.",
    ),
    metric(
        Gauge,
        Process,
        "worker_connections",
        "connections/open",
        "Connections that the worker has.",
    ),
    metric(
        Gauge,
        Process,
        "worker_connections_waiting",
        "connections/waiting",
        "Connections given to the worker that it has not taken.",
    ),
    metric(
        Gauge,
        Process,
        "event_loop_lag_seconds",
        "loop/lagMs",
        "How late the event loop was over the last second, on average.",
    )
    .milliseconds(),
    metric(
        Gauge,
        Process,
        "event_loop_lag_max_seconds",
        "loop/maxLagMs",
        "How late the event loop was over the last second, at worst.",
    )
    .milliseconds(),
    metric(
        Gauge,
        Process,
        "event_loop_blocked_seconds",
        "loop/blockedMs",
        "For how long the event loop has been at one thing.",
    )
    .milliseconds(),
    metric(
        Gauge,
        Process,
        "event_loop_utilization_ratio",
        "loop/utilization",
        "How much of the last second the event loop was at work.",
    ),
    metric(
        Counter,
        Process,
        "event_loop_active_seconds",
        "loop/activeSeconds",
        "How long the event loop was at work.",
    ),
    metric(
        Counter,
        Process,
        "cpu_seconds",
        "cpuSeconds",
        "CPU time, as the kernel counts it.",
    ),
    metric(
        Gauge,
        Process,
        "memory_resident_bytes",
        "memory/residentBytes",
        "Resident memory, as the kernel counts it.",
    ),
    metric(
        Gauge,
        Process,
        "heap_used_bytes",
        "memory/heapUsedBytes",
        "V8's heap in use.",
    ),
    metric(
        Gauge,
        Process,
        "heap_total_bytes",
        "memory/heapTotalBytes",
        "V8's heap.",
    ),
    metric(
        Gauge,
        Process,
        "external_bytes",
        "memory/externalBytes",
        "Memory outside the heap that V8 counts.",
    ),
    metric(
        Gauge,
        Process,
        "array_buffers_bytes",
        "memory/arrayBuffersBytes",
        "The part of it in ArrayBuffers.",
    ),
    metric(
        Counter,
        Process,
        "gc_seconds",
        "gc/seconds",
        "Time spent collecting garbage, by one second in ten.",
    ),
    metric(
        Counter,
        Process,
        "gc_runs",
        "gc/runs",
        "Collections of garbage, by one second in ten.",
    ),
    metric(
        Gauge,
        Process,
        "scopes_active",
        "scopes/active",
        "Scopes of requests that are alive.",
    ),
    metric(
        Counter,
        Process,
        "scopes_forked",
        "scopes/forked",
        "Scopes of requests that were made.",
    ),
    metric(
        Counter,
        Process,
        "scopes_evicted",
        "scopes/evicted",
        "Scopes that had to go, for age or for want of room.",
    ),
    metric(
        Counter,
        Process,
        "tier_memory_hits",
        "tier/memory",
        "Reads of caches with a second tier that memory answered.",
    ),
    metric(
        Counter,
        Process,
        "tier_redis_hits",
        "tier/redis",
        "Reads that Redis answered.",
    ),
    metric(
        Counter,
        Process,
        "tier_misses",
        "tier/misses",
        "Reads that neither answered.",
    ),
    metric(
        Counter,
        Process,
        "tier_alone",
        "tier/alone",
        "Calls that had to do without Redis.",
    ),
    metric(
        Counter,
        Process,
        "tier_invalidations",
        "tier/invalidations",
        "Changes that the process heard of for its machine.",
    ),
    metric(
        Counter,
        Process,
        "tier_epochs",
        "tier/epochs",
        "How often it began to hear, and emptied memory.",
    ),
    metric(
        Gauge,
        Process,
        "tier_away",
        "tier/away",
        "Servers of Redis that are done without.",
    ),
    metric(
        Gauge,
        Process,
        "tier_unverified_seconds",
        "tier/unverifiedMs",
        "For how long memory has not been verified, at worst.",
    )
    .milliseconds(),
    metric(
        Gauge,
        Namespace,
        "cache_entries",
        "entries",
        "Entries of the namespace.",
    ),
    metric(
        Gauge,
        Namespace,
        "cache_bytes",
        "bytes",
        "Keys and values of the namespace.",
    ),
    metric(
        Gauge,
        Namespace,
        "cache_held_bytes",
        "heldBytes",
        "All memory that the namespace holds.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_hits",
        "hits",
        "Reads that found an entry.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_copy_hits",
        "copyHits",
        "Hits that a process answered from a copy of its own.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_misses",
        "misses",
        "Reads that found none.",
    ),
    metric(Counter, Namespace, "cache_sets", "sets", "Writes."),
    metric(
        Counter,
        Namespace,
        "cache_deletes",
        "deletes",
        "Entries deleted by a call.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_evictions",
        "evictions",
        "Entries that went to make room.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_memory_evictions",
        "memoryEvictions",
        "Entries that went for want of memory in the segment.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_flights_led",
        "flightsLed",
        "Fetchers that were run.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_flights_followed",
        "flightsFollowed",
        "Callers that waited for the fetcher of another.",
    ),
    metric(
        Counter,
        Namespace,
        "cache_lock_waits",
        "lockWaits",
        "How often the lock was not to be had at once.",
    ),
    metric(
        Gauge,
        Segment,
        "cache_segment_capacity_bytes",
        "capacityBytes",
        "What all namespaces together may take.",
    ),
    metric(
        Gauge,
        Segment,
        "cache_segment_free_bytes",
        "freeBytes",
        "What of it is free.",
    ),
    metric(
        Gauge,
        Segment,
        "cache_segment_committed_bytes",
        "committedBytes",
        "What the system has set aside for the segment.",
    ),
    metric(
        Counter,
        Segment,
        "cache_segment_memory_evictions",
        "memoryEvictions",
        "Entries that went for want of memory.",
    ),
    metric(
        Counter,
        Segment,
        "cache_segment_recoveries",
        "recoveries",
        "Namespaces cleared because they could not be proved sound.",
    ),
    metric(
        Counter,
        Segment,
        "cache_segment_repairs",
        "repairs",
        "Locks whose owner had died, and what they guard was put right.",
    ),
];

/// A row of the status, with its labels.
type Row<'a> = (String, &'a Value);

/// All metrics. OpenMetrics names a counter without `_total`, and has an end.
pub fn write(status: &Value, is_open: bool) -> String {
    let mut out = String::with_capacity(16 << 10);
    let version = status["flotilla"].as_str().unwrap_or_default();
    let (name, kind) = if is_open {
        ("flotilla", "info")
    } else {
        ("flotilla_info", "gauge")
    };
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "# HELP {name} The version.\n# TYPE {name} {kind}\nflotilla_info{{version=\"{}\"}} 1\n",
        escaped(version)
    );
    for metric in METRICS {
        write_metric(&mut out, metric, &rows(status, metric.level), is_open);
    }
    if is_open {
        out.push_str("# EOF\n");
    }
    out
}

fn rows(status: &Value, level: Level) -> Vec<Row<'_>> {
    let servers = || status["servers"].as_array().into_iter().flatten();
    let name = |row: &Value| escaped(row["name"].as_str().unwrap_or_default());
    match level {
        Server => servers()
            .map(|server| (format!("server=\"{}\"", name(server)), server))
            .collect(),
        Process => servers()
            .flat_map(|server| {
                let workers = server["workers"].as_array().into_iter().flatten();
                let primary = server.get("primary").filter(|primary| primary.is_object());
                workers.chain(primary).map(move |worker| {
                    let id = escaped(worker["id"].as_str().unwrap_or_default());
                    let labels = format!(
                        "server=\"{}\",worker=\"{id}\",seat=\"{}\"",
                        name(server),
                        worker["seat"]
                    );
                    (labels, worker)
                })
            })
            .collect(),
        Namespace => {
            let namespaces = status["cache"].get("namespaces").and_then(Value::as_array);
            let labels = |row| (format!("namespace=\"{}\"", name(row)), row);
            namespaces.into_iter().flatten().map(labels).collect()
        }
        Segment => status["cache"]
            .get("segment")
            .map(|row| (String::new(), row))
            .into_iter()
            .collect(),
    }
}

fn write_metric(out: &mut String, metric: &Metric, rows: &[Row], is_open: bool) {
    let mut lines = String::new();
    for (labels, row) in rows {
        let Some(value) = metric
            .path
            .split('/')
            .try_fold(*row, |value, name| value.get(name))
        else {
            continue;
        };
        match (metric.kind, value.as_object()) {
            (Histogram, _) => write_histogram(&mut lines, metric.name, labels, value),
            (_, Some(each)) => {
                for (name, value) in each {
                    let labels = format!("{labels},{}=\"{}\"", metric.each, escaped(name));
                    write_sample(&mut lines, metric, &labels, value);
                }
            }
            _ => write_sample(&mut lines, metric, labels, value),
        }
    }
    if lines.is_empty() {
        return;
    }
    let (suffix, kind) = match metric.kind {
        Counter if is_open => ("", "counter"),
        Counter => ("_total", "counter"),
        Gauge => ("", "gauge"),
        Histogram => ("", "histogram"),
    };
    let name = metric.name;
    let _ = write!(
        out,
        "# HELP flotilla_{name}{suffix} {}\n# TYPE flotilla_{name}{suffix} {kind}\n{lines}",
        metric.help
    );
}

fn write_sample(out: &mut String, metric: &Metric, labels: &str, value: &Value) {
    let number = match value {
        Value::Bool(is) => u64::from(*is).into(),
        Value::Number(number) if metric.scale != 1.0 => {
            (number.as_f64().unwrap_or(0.0) * metric.scale).into()
        }
        Value::Number(_) => value.clone(),
        _ => return,
    };
    let suffix = if metric.kind == Counter { "_total" } else { "" };
    let _ = match labels {
        "" => writeln!(out, "flotilla_{}{suffix} {number}", metric.name),
        _ => writeln!(out, "flotilla_{}{suffix}{{{labels}}} {number}", metric.name),
    };
}

fn write_histogram(out: &mut String, name: &str, labels: &str, value: &Value) {
    let count = &value["count"];
    if count.as_u64().is_none_or(|count| count == 0) {
        return;
    }
    for bucket in value["buckets"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "flotilla_{name}_bucket{{{labels},le=\"{}\"}} {}",
            bucket["leSeconds"], bucket["count"]
        );
    }
    let _ = write!(
        out,
        "flotilla_{name}_bucket{{{labels},le=\"+Inf\"}} {count}\nflotilla_{name}_sum{{{labels}}} {}\nflotilla_{name}_count{{{labels}}} {count}\n",
        value["sumSeconds"]
    );
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status() -> Value {
        json!({
            "flotilla": "1.0.0",
            "servers": [{
                "name": "a\"b\\c\nd", "ready": true, "ends": { "SIGKILL": 2 }, "connections": null,
                "workers": [{
                    "id": "worker-0", "seat": 0, "loop": { "lagMs": 12.5 }, "requests": { "statuses": { "2xx": 7.0 } },
                    "latency": { "count": 3, "sumSeconds": 0.5, "buckets": [{ "leSeconds": 1.0, "count": 2 }] },
                }],
            }],
            "cache": { "segment": { "capacityBytes": 1024 }, "namespaces": [{ "name": "users", "hits": 9 }] },
        })
    }

    #[test]
    fn each_metric_has_its_rows_with_labels_and_in_seconds() {
        let text = write(&status(), false);
        for line in [
            "flotilla_info{version=\"1.0.0\"} 1",
            "flotilla_server_ready{server=\"a\\\"b\\\\c\\nd\"} 1",
            "flotilla_worker_ends_total{server=\"a\\\"b\\\\c\\nd\",cause=\"SIGKILL\"} 2",
            "flotilla_event_loop_lag_seconds{server=\"a\\\"b\\\\c\\nd\",worker=\"worker-0\",seat=\"0\"} 0.0125",
            "flotilla_request_duration_seconds_bucket{server=\"a\\\"b\\\\c\\nd\",worker=\"worker-0\",seat=\"0\",le=\"+Inf\"} 3",
            "flotilla_cache_hits_total{namespace=\"users\"} 9",
            "flotilla_cache_segment_capacity_bytes 1024",
            "# TYPE flotilla_cache_hits_total counter",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
        assert!(!text.contains("accepted") && !text.contains("EOF"));
    }

    #[test]
    fn openmetrics_names_families_without_total_and_has_an_end() {
        let text = write(&status(), true);
        assert!(text.contains("# TYPE flotilla_cache_hits counter\nflotilla_cache_hits_total{"));
        assert!(text.contains("# TYPE flotilla info\n") && text.ends_with("# EOF\n"));
    }

    #[test]
    fn no_two_metrics_share_a_name() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}

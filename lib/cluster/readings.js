/**
 * What workers have counted, told to a telemetry sink once a second, under the names that Prometheus gets for it: without the
 * prefix, and counters without `_total`. How long requests took is a histogram already, and is not told.
 */

/** @import { TelemetrySink } from '../../index.js' */
/** @import { Meters } from './meters.js' */

const { constants } = require('../native/loader.js');

const places = constants().meter;
const EVERY_MS = 1000;

/** A name, where its figure stands, and what makes seconds of it. @typedef {readonly [name: string, place: number, scale: number]} Reading */

/** @type {Reading[]} */
const gauges = [
  ['requests_in_flight', places.IN_FLIGHT, 1],
  ['worker_connections', places.CONNECTIONS, 1],
  ['event_loop_lag_seconds', places.LAG_MS, 1e-3],
  ['event_loop_lag_max_seconds', places.LONGEST_LAG_MS, 1e-3],
  ['event_loop_utilization_ratio', places.UTILIZATION, 1],
  ['heap_used_bytes', places.HEAP_USED, 1],
  ['heap_total_bytes', places.HEAP_TOTAL, 1],
  ['external_bytes', places.EXTERNAL, 1],
  ['array_buffers_bytes', places.ARRAY_BUFFERS, 1],
  ['scopes_active', places.SCOPES, 1],
  ['tier_away', places.TIER_AWAY, 1],
  ['tier_unverified_seconds', places.TIER_UNVERIFIED_MS, 1e-3],
];
/** @type {Reading[]} */
const counters = [
  ['requests_aborted', places.ABORTED, 1],
  ['event_loop_active_seconds', places.ACTIVE_MS, 1e-3],
  ['gc_seconds', places.GC_MS, 1e-3],
  ['gc_runs', places.GC_RUNS, 1],
  ['scopes_forked', places.SCOPES_FORKED, 1],
  ['scopes_evicted', places.SCOPES_EVICTED, 1],
  ['tier_memory_hits', places.TIER_MEMORY, 1],
  ['tier_redis_hits', places.TIER_REDIS, 1],
  ['tier_misses', places.TIER_MISSES, 1],
  ['tier_alone', places.TIER_ALONE, 1],
  ['tier_invalidations', places.TIER_INVALIDATIONS, 1],
  ['tier_epochs', places.TIER_EPOCHS, 1],
];
const statuses = /** @type {const} */ ([1, 2, 3, 4, 5]);

/** @typedef {{ seat: { id: string, seat: number } }} Seated */

class Readings {
  #meters;
  #sink;
  /** @type {() => Seated[]} */
  #all;
  /** What each seat's counters were when they were last told. @type {Map<number, number[]>} */
  #told = new Map();
  /** @type {Map<number, Float64Array>} */
  #words = new Map();
  /** @type {NodeJS.Timeout} */
  #timer;

  /**
   * @param {InstanceType<typeof Meters>} meters
   * @param {TelemetrySink} sink one that does not throw
   * @param {() => Seated[]} all the workers that there are
   */
  constructor(meters, sink, all) {
    this.#meters = meters;
    this.#sink = sink;
    this.#all = all;
    this.#timer = setInterval(() => this.tell(), EVERY_MS).unref();
  }

  stop() {
    this.tell();
    clearInterval(this.#timer);
  }

  tell() {
    for (const worker of this.#all()) this.#tellOf(worker);
  }

  /** The process of a worker has ended: what it has counted since is told for the last time. @param {Seated} worker */
  ended(worker) {
    this.#tellOf(worker);
    this.#told.delete(worker.seat.seat);
  }

  /** @param {number} seat */
  #wordsOf(seat) {
    const known = this.#words.get(seat) ?? this.#meters.native.words(seat);
    if (known) this.#words.set(seat, known);
    return known;
  }

  /** @param {Seated} worker */
  #tellOf({ seat: { id, seat } }) {
    const words = this.#wordsOf(seat);
    // One that has not begun to count has nothing to tell.
    if (!words || !(words[places.SINCE] > 0)) return;
    for (const [name, place, scale] of gauges) {
      this.#sink.setGauge(name, words[place] * scale, { worker: id });
    }
    const before = this.#told.get(seat) ?? [];
    const now = Array.from(words.subarray(0, places.LATENCY));
    this.#told.set(seat, now);
    const grown = (/** @type {number} */ place) => now[place] - (before[place] ?? 0);
    for (const hundred of statuses) {
      const more = grown(places.STATUS + hundred);
      const attributes = { worker: id, status: `${hundred}xx` };
      if (more > 0) this.#sink.incrementCounter('requests', more, attributes);
    }
    for (const [name, place, scale] of counters) {
      const more = grown(place);
      if (more > 0) this.#sink.incrementCounter(name, more * scale, { worker: id });
    }
  }
}

module.exports = { Readings };

/**
 * What is counted of requests, connections and the event loop, always: in shared memory, so that it can be shown while the
 * process that counts is blocked, and after it has died.
 *
 * For a request there are two looks at the clock and a few additions; the rest is taken once a second. A process
 * whose primary shares no memory counts for itself. `src/shm/meters.rs` is the other side.
 */

/** @import { ServerResponse } from 'node:http' */
/** @import { Instance as ConnectionTable } from '../http/connection-table.js' */

const { PerformanceObserver, monitorEventLoopDelay, performance } = require('node:perf_hooks');
const { memoryUsage } = require('../base/memory-usage.js');
const census = require('../base/census.js');
const { NativeMeters, constants } = require('../native/loader.js');

const places = constants().meter;
const { IN_FLIGHT, STATUS, ABORTED, LATENCY, LATENCY_MS, CONNECTIONS, WORDS } = places;

const SAMPLES_EVERY_MS = 1000;
/** Garbage collections are watched for one second in so many: a process that watches them takes some percent longer for all. */
const WATCHED_ONE_IN = 10;
const RESOLUTION_MS = 20;
/** The parts of a power of two, as a logarithm, and the longest time that has a bucket, in microseconds. */
const PART_BITS = 5;
const LONGEST = 2 ** 27 - 1;
/** The seat of the primary itself: no worker gets one so high. */
const PRIMARY_SEAT = 1023;
/** See `seat.js`. */
const VARIABLE = 'FLOTILLA_METERS';

/** The meters of a server's processes, in the process that made them. */
class Meters {
  native = new NativeMeters();
  /** Whether the system lets processes share them. */
  areShared = this.native.create();

  /** What a worker's process has to know. @returns {Record<string, string>} */
  environment() {
    const line = this.native.share();
    return line ? { [VARIABLE]: line } : {};
  }

  /** A process is to sit there. @param {number} seat */
  seat(seat) {
    this.native.seat(seat);
  }

  /** It has ended. @param {number} seat */
  vacate(seat) {
    this.native.vacate(seat);
  }

  /** A meter for this process. @param {number} seat */
  meter(seat) {
    this.seat(seat);
    return new Meter(this.native.words(seat), this.native.clock());
  }
}

/** @type {Meter | undefined} */
let ofThisWorker;

/**
 * The meter of this worker: one, however many servers it has.
 *
 * @param {string | undefined} line by which its primary's meters are found
 * @param {number} seat
 */
function meterOfWorker(line, seat) {
  if (ofThisWorker) return ofThisWorker;
  const native = new NativeMeters();
  const words = line !== undefined && native.attach(line) ? native.words(seat) : undefined;
  ofThisWorker = new Meter(words, native.clock());
  return ofThisWorker;
}

/** @typedef {Meter} Instance */

class Meter {
  /** From the clock of `performance.now()` to the one that all processes share. */
  #offset;
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #collections = new PerformanceObserver((list) => this.#collected(list.getEntries()));
  #samples = 0;
  #looked = performance.eventLoopUtilization();
  #words;
  /** Of each server of this process. @type {ConnectionTable[]} */
  #tables = [];
  #seesRequests = () => false;
  /** How many servers count with it now. */
  #uses = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {Float64Array | null | undefined} words in shared memory
   * @param {number} clock
   */
  constructor(words, clock) {
    this.#words = words ?? new Float64Array(WORDS);
    this.#offset = clock - performance.now();
  }

  /**
   * Counts what a server's connections bring.
   *
   * @param {ConnectionTable} table
   * @param {() => boolean} seesRequests whether the server reads its requests itself
   */
  watch(table, seesRequests) {
    this.#tables.push(table);
    this.#seesRequests = seesRequests;
    table.observe(this);
  }

  start() {
    if (++this.#uses > 1) return;
    this.#delay.enable();
    this.#words[places.SINCE] ||= performance.now() + this.#offset;
    this.sample();
    this.#timer = setInterval(() => this.sample(), SAMPLES_EVERY_MS).unref();
  }

  stop() {
    if (this.#uses === 0 || --this.#uses > 0) return;
    clearInterval(this.#timer);
    this.sample();
    this.#delay.disable();
    this.#collections.disconnect();
  }

  began() {
    this.#words[IN_FLIGHT] += 1;
  }

  /**
   * @param {unknown} [_connection]
   * @param {ServerResponse} [response]
   * @param {number} [began]
   */
  ended(_connection, response, began = 0) {
    const words = this.#words;
    if (response === undefined) {
      words[CONNECTIONS] = this.#sum('size');
      return;
    }
    words[IN_FLIGHT] -= 1;
    if (response.writableFinished) this.#answered(response, began);
    else words[ABORTED] += 1;
  }

  /** @param {ServerResponse} response @param {number} began */
  #answered(response, began) {
    const words = this.#words;
    const ms = performance.now() - began;
    const hundred = (response.statusCode / 100) | 0;
    words[STATUS + (hundred >= 1 && hundred <= 5 ? hundred : 5)] += 1;
    words[LATENCY_MS] += ms;
    const time = Math.min((ms * 1000) | 0, LONGEST) >>> 0;
    // Of times below 64 each has a bucket; above, each power of two has 32.
    const shift = time < 2 << PART_BITS ? 0 : 31 - PART_BITS - Math.clz32(time);
    words[LATENCY + (shift << PART_BITS) + (time >>> shift)] += 1;
  }

  moves() {
    return false;
  }

  /** Begins to watch, or ends it: the second after the first sample is watched, so that a short life has figures, too. */
  #watchCollections() {
    this.#collected(this.#collections.takeRecords());
    this.#collections.disconnect();
    if (this.#samples++ % WATCHED_ONE_IN === 1) this.#collections.observe({ type: 'gc' });
  }

  /** Each stands for those of the time that is not watched. @param {import('node:perf_hooks').PerformanceEntry[]} entries */
  #collected(entries) {
    for (const { duration } of entries) {
      this.#words[places.GC_MS] += duration * WATCHED_ONE_IN;
      this.#words[places.GC_RUNS] += WATCHED_ONE_IN;
    }
  }

  /** Takes down what is not counted request by request. */
  sample() {
    const words = this.#words;
    words[places.SAMPLED_AT] = performance.now() + this.#offset;
    words[places.SEES_REQUESTS] = this.#seesRequests() ? 1 : 0;
    words[CONNECTIONS] = this.#sum('size');
    words[places.ARRIVED] = this.#sum('arrived');
    this.#sampleLoop();
    this.#watchCollections();
    const { heapUsed, heapTotal, external, arrayBuffers } = memoryUsage();
    words[places.HEAP_USED] = heapUsed;
    words[places.HEAP_TOTAL] = heapTotal;
    words[places.EXTERNAL] = external;
    words[places.ARRAY_BUFFERS] = arrayBuffers;
    const { active, forked, evicted } = census.scopes();
    words[places.SCOPES] = active;
    words[places.SCOPES_FORKED] = forked;
    words[places.SCOPES_EVICTED] = evicted;
    this.#sampleTiers();
  }

  #sampleTiers() {
    const words = this.#words;
    const tiers = census.tiers();
    words[places.TIER_MEMORY] = tiers.memory;
    words[places.TIER_REDIS] = tiers.redis;
    words[places.TIER_MISSES] = tiers.misses;
    words[places.TIER_ALONE] = tiers.alone;
    words[places.TIER_INVALIDATIONS] = tiers.invalidations;
    words[places.TIER_EPOCHS] = tiers.epochs;
    words[places.TIER_AWAY] = tiers.away;
    words[places.TIER_UNVERIFIED_MS] = tiers.unverifiedMs;
  }

  /** @param {'size' | 'arrived'} count */
  #sum(count) {
    let sum = 0;
    for (const table of this.#tables) sum += table[count];
    return sum;
  }

  #sampleLoop() {
    const words = this.#words;
    const looked = performance.eventLoopUtilization();
    words[places.ACTIVE_MS] = looked.active;
    words[places.IDLE_MS] = looked.idle;
    words[places.UTILIZATION] = performance.eventLoopUtilization(looked, this.#looked).utilization || 0;
    this.#looked = looked;
    const { mean, max } = this.#delay;
    words[places.LAG_MS] = Number.isFinite(mean) ? Math.max(mean / 1e6 - RESOLUTION_MS, 0) : 0;
    words[places.LONGEST_LAG_MS] = Number.isFinite(mean) ? Math.max(max / 1e6 - RESOLUTION_MS, 0) : 0;
    this.#delay.reset();
  }
}

module.exports = { Meters, PRIMARY_SEAT, meterOfWorker };

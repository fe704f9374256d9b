/**
 * Copies of small values that this thread reads again and again, given out without a call into native code.
 *
 * A copy is true as long as its key's mark in the shared memory has not moved: whoever changes an entry counts its mark
 * up before anyone can see the change. So a copy is never older than what `cacheGet` would bring, in whatever process
 * the change was made. What a read does to recency is left as a touch in this thread's ring, which whoever next
 * takes the namespace's lock carries over (`src/store/near/mod.rs` has the whole protocol); hits are counted there, too.
 *
 * Copies are few, small and primitive (or JSON text, parsed anew for each reader), so they are no second cache: of at
 * most `MOST_NAMESPACES`, at most `MOST` of each, and `MOST_CHARACTERS`. Where they do not pay, because keys are too many
 * or change too often, they rest for a while. If the process dies, its rings are taken back.
 */

const { isMainThread } = require('node:worker_threads');
const { addon, memo, memoExpires } = require('./native.js');

const MOST_NAMESPACES = 32;
const MOST = 4096;
const MOST_CHARACTERS = 1 << 19;
const LONGEST = 1024;

/** After so many reads comes a look at how well copies serve; below that share of hits they rest for so many reads. */
const WINDOW = 16_384;
const LEAST_HITS = WINDOW / 4;
const REST = 8 * WINDOW;

/** For tests, which cannot read as often as a server does. */
const tuning = {
  /** How many reads of a namespace native code answers before copies are kept. */
  readsBefore: 256,
  /** One read in so many that native code answers leaves a copy: a key that is read but once is seldom worth it. */
  sample: 4,
};

const RING = 64;
/** In words; the figures are those of `src/shm/layout.rs`. A touch has 6, a reader 4. */
const RING_TOUCHES = 16;
const AREA_USED = 1;
const AREA_TAILS = 48;
const AREA_READERS = 112;
const READER_ENTRY = 2;
const READER_HEAD = 3;

/**
 * Stores of one thread are seen in their order on x64. Elsewhere a touch has to be whole before it is counted; of the
 * entry and its stamp the order may be seen the other way round, which can cost the recency of one read.
 */
const inOrder = process.arch === 'x64' || process.arch === 'ia32';

/** @typedef {{ value: any, tag: number, entry: number, hash: number, mark: number, markAt: number, expires: number }} Copy */

const elapsed = performance.now.bind(performance);
/** Native time minus `elapsed()`, rather too large than too small: both run on the monotonic clock of the system. */
const CLOCK_OFFSET = -elapsed() + addon.cacheClock();

let now = () => elapsed() + CLOCK_OFFSET;

/**
 * For tests: stops the clock of this process, native code's too; without a time it runs again.
 *
 * @param {number} [milliseconds]
 */
function setClock(milliseconds) {
  addon.cacheSetClock(milliseconds);
  now = () => milliseconds ?? elapsed() + CLOCK_OFFSET;
}

/** @type {{ words: Uint32Array, numbers: Float64Array } | null | undefined} */
let memory;
let open = 0;

/** The shared words: for the main thread, as V8 takes the same memory but once. */
function sharedMemory() {
  if (memory === undefined) {
    const buffer = isMainThread ? addon.cacheNearMemory() : undefined;
    memory = buffer ? { words: new Uint32Array(buffer), numbers: new Float64Array(buffer) } : null;
  }
  return memory;
}

/** @param {unknown} value a key, or what a read brought @returns {number} its characters, or NaN if it is not to be kept */
function weightOf(value) {
  if (typeof value === 'string') return value.length <= LONGEST ? value.length : Number.NaN;
  return typeof value === 'number' || typeof value === 'boolean' ? 0 : Number.NaN;
}

/** A key of one's own: the caller's may be a piece of a long string, which would be kept with it. @param {any} key */
const ownKey = (key) => (typeof key === 'string' && key.length > 12 ? JSON.parse(JSON.stringify(key)) : key);

class Near {
  /**
   * @param {number} id of the cache
   * @param {NonNullable<ReturnType<typeof addon.cacheClaimRing>>} ring
   * @param {NonNullable<typeof memory>} shared
   */
  constructor(id, [ring, ringAt, areaAt, reader, slot, generation], shared) {
    this.id = id;
    this.ring = ring;
    this.slot = slot;
    this.generation = generation;
    this.words = shared.words;
    this.numbers = shared.numbers;
    this.hitsAt = ringAt / 2;
    this.touchesAt = ringAt + RING_TOUCHES;
    this.usedAt = areaAt + AREA_USED;
    this.tailAt = areaAt + AREA_TAILS + reader;
    this.readersAt = areaAt + AREA_READERS;
    this.reader = reader;
    this.head = 0;
    this.tail = 0;
    /** @type {Map<any, Copy>} */
    this.copies = new Map();
    this.characters = 0;
    this.untilReview = WINDOW;
    this.hitsBefore = 0;
    this.isResting = false;
    this.turn = 0;
    open += 1;
  }

  /**
   * The copy of a key's value that may be given out now. The caller has nothing to do but decode it.
   *
   * @param {any} key
   * @returns {Copy | undefined}
   */
  read(key) {
    if (--this.untilReview === 0) this.review();
    const copy = this.copies.get(key);
    // An ordinary load: V8 neither keeps nor moves what it reads from memory that others may write to.
    if (copy === undefined || this.words[copy.markAt] !== copy.mark) return undefined;
    if (copy.expires !== Number.POSITIVE_INFINITY && now() >= copy.expires) return undefined;
    if (!this.touch(copy)) return undefined;
    this.numbers[this.hitsAt] += 1;
    return copy;
  }

  /**
   * Makes the entry the most recent. False if the ring is full: native code has to carry it over first.
   *
   * @param {Copy} copy
   */
  touch(copy) {
    const { words, numbers, readersAt } = this;
    let newest = readersAt;
    let clock = numbers[readersAt >> 1];
    const end = readersAt + 4 * words[this.usedAt];
    for (let at = readersAt + 4; at < end; at += 4) {
      if (numbers[at >> 1] >= clock) {
        newest = at;
        clock = numbers[at >> 1];
      }
    }
    return words[newest + READER_ENTRY] === copy.entry || this.leaveTouch(copy, clock + 1);
  }

  /**
   * @param {Copy} copy
   * @param {number} stamp
   */
  leaveTouch({ entry, hash, mark }, stamp) {
    const { words, numbers, head } = this;
    if (((head - this.tail) | 0) >= RING) {
      this.tail = words[this.tailAt] | 0;
      if (((head - this.tail) | 0) >= RING) return false;
    }
    const at = this.touchesAt + (head & (RING - 1)) * 6;
    const mine = this.readersAt + 4 * this.reader;
    numbers[at >> 1] = stamp;
    words[at + 2] = entry;
    words[at + 3] = hash;
    words[at + 4] = mark;
    this.head = (head + 1) | 0;
    if (inOrder) words[mine + READER_HEAD] = this.head;
    else Atomics.store(words, mine + READER_HEAD, this.head >>> 0);
    words[mine + READER_ENTRY] = entry;
    numbers[mine >> 1] = stamp;
    return true;
  }

  /**
   * Native code has just answered a read; what it brought may be worth a copy.
   *
   * @param {any} key
   * @param {any} value as native code gave it
   * @param {number} tag 0, or that of JSON
   */
  offer(key, value, tag) {
    if (this.isResting || memo[0] === 0) return;
    this.turn = (Math.imul(this.turn, 1103515245) + 12345) | 0;
    if ((this.turn >>> 16) % tuning.sample !== 0) return;
    const weight = weightOf(key) + weightOf(value);
    if (Number.isNaN(weight)) return;
    if (this.copies.size >= MOST || this.characters > MOST_CHARACTERS) this.forget();
    this.characters += weight;
    this.copies.set(ownKey(key), {
      value,
      tag,
      entry: memo[0],
      hash: memo[1],
      mark: memo[2],
      markAt: memo[3],
      expires: memoExpires[0],
    });
  }

  /** Whether the namespace was made again since the ring was claimed: its touches would be of no use. */
  isOutdated() {
    return memo[0] !== 0 && (memo[4] !== this.slot || memo[5] !== this.generation);
  }

  review() {
    const hits = this.numbers[this.hitsAt];
    this.isResting = !this.isResting && hits - this.hitsBefore < LEAST_HITS;
    if (this.isResting) this.forget();
    this.untilReview = this.isResting ? REST : WINDOW;
    this.hitsBefore = hits;
  }

  forget() {
    this.copies.clear();
    this.characters = 0;
  }

  giveBack() {
    open -= 1;
    this.forget();
    addon.cacheGiveBack(this.id, this.ring);
  }
}

/**
 * Begins to keep copies for a cache, if this thread and the cache's options allow it.
 *
 * @param {number} id of the cache
 * @returns {Near | undefined}
 */
function openNear(id) {
  const shared = open < MOST_NAMESPACES ? sharedMemory() : undefined;
  const ring = shared ? addon.cacheClaimRing(id) : undefined;
  return shared && ring ? new Near(id, ring, shared) : undefined;
}

module.exports = { Near, openNear, setClock, tuning };

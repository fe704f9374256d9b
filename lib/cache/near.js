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
const { decode } = require('./codec.js');
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

/**
 * What is known of the copies lies side by side by their numbers, in words: a read looks at few lines of memory, and V8
 * keeps no number apart in a box. Words are signed, as V8 has small integers; to the shared memory that is all one.
 */
const FACTS = 4;
const MARK = 2;
/** Of a copy's traits: the value's tag is below. */
const MORTAL = 0x100;
const FIRST_ROOM = 256;

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

/** @type {{ words: Int32Array, numbers: Float64Array } | null | undefined} */
let memory;
let open = 0;

/** The shared words: for the main thread, as V8 takes the same memory but once. */
function sharedMemory() {
  if (memory === undefined) {
    const buffer = isMainThread ? addon.cacheNearMemory() : undefined;
    memory = buffer ? { words: new Int32Array(buffer), numbers: new Float64Array(buffer) } : null;
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
    /** The numbers of the copies. @type {Map<any, number>} */
    this.copies = new Map();
    /** @type {any[]} */
    this.values = [];
    /** Of each copy its entry, hash, mark, and where its mark lies. */
    this.facts = new Int32Array(FACTS * FIRST_ROOM);
    this.traits = new Uint16Array(FIRST_ROOM);
    this.expires = new Float64Array(FIRST_ROOM);
    this.characters = 0;
    this.untilReview = WINDOW;
    this.hitsBefore = 0;
    this.isResting = false;
    this.turn = 0;
    open += 1;
  }

  /**
   * The number of the copy of a key's value, if it may be given out now.
   *
   * @param {any} key
   * @returns {number | undefined}
   */
  read(key) {
    if (--this.untilReview === 0) this.review();
    const copy = this.copies.get(key);
    if (copy === undefined) return undefined;
    const { facts, words } = this;
    const at = FACTS * copy;
    // An ordinary load: V8 neither keeps nor moves what it reads from memory that others may write to.
    if (words[facts[at + MARK + 1]] !== facts[at + MARK]) return undefined;
    if (this.traits[copy] >= MORTAL && now() >= this.expires[copy]) return undefined;
    if (!this.touch(at)) return undefined;
    this.numbers[this.hitsAt] += 1;
    return copy;
  }

  /** @param {number} copy that `read` has just found @returns {any} its value, the reader's own */
  give(copy) {
    const tag = this.traits[copy] & (MORTAL - 1);
    return tag === 0 ? this.values[copy] : decode(tag, this.values[copy]);
  }

  /**
   * Makes the entry the most recent. False if the ring is full, and does not get empty.
   *
   * @param {number} at where the facts of its copy are
   */
  touch(at) {
    const { words, numbers, readersAt } = this;
    let newest = readersAt;
    let clock = numbers[readersAt >> 1];
    const end = readersAt + 4 * words[this.usedAt];
    for (let reader = readersAt + 4; reader < end; reader += 4) {
      if (numbers[reader >> 1] >= clock) {
        newest = reader;
        clock = numbers[reader >> 1];
      }
    }
    if (words[newest + READER_ENTRY] === this.facts[at]) return true;
    if (((this.head - this.tail) | 0) < RING || this.hasRoom()) {
      this.leaveTouch(at, clock + 1);
      return true;
    }
    return false;
  }

  /** Whether there is room in the ring; where there is none, native code carries over what it holds. */
  hasRoom() {
    this.tail = this.words[this.tailAt];
    if (((this.head - this.tail) | 0) < RING) return true;
    addon.cacheHealth(this.id);
    this.tail = this.words[this.tailAt];
    // Of a namespace that was destroyed nothing is carried.
    return ((this.head - this.tail) | 0) < RING;
  }

  /**
   * @param {number} from where the facts of a copy are
   * @param {number} stamp
   */
  leaveTouch(from, stamp) {
    const { words, numbers, facts, head } = this;
    const at = this.touchesAt + (head & (RING - 1)) * 6;
    const mine = this.readersAt + 4 * this.reader;
    const entry = facts[from];
    numbers[at >> 1] = stamp;
    words[at + 2] = entry;
    words[at + 3] = facts[from + 1];
    words[at + 4] = facts[from + MARK];
    this.head = (head + 1) | 0;
    if (inOrder) words[mine + READER_HEAD] = this.head;
    else Atomics.store(words, mine + READER_HEAD, this.head);
    words[mine + READER_ENTRY] = entry;
    numbers[mine >> 1] = stamp;
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
    this.keep(key, value, tag);
  }

  /**
   * @param {any} key
   * @param {any} value
   * @param {number} tag
   */
  keep(key, value, tag) {
    const known = this.copies.get(key);
    const copy = known ?? this.copies.size;
    if (copy >= this.traits.length) this.makeRoom();
    if (known === undefined) this.copies.set(ownKey(key), copy);
    this.values[copy] = value;
    for (let fact = 0; fact < FACTS; fact++) this.facts[FACTS * copy + fact] = memo[fact];
    this.expires[copy] = memoExpires[0];
    this.traits[copy] = memoExpires[0] === Number.POSITIVE_INFINITY ? tag : tag | MORTAL;
  }

  makeRoom() {
    const { facts, traits, expires } = this;
    const room = 2 * traits.length;
    this.facts = new Int32Array(FACTS * room);
    this.traits = new Uint16Array(room);
    this.expires = new Float64Array(room);
    this.facts.set(facts);
    this.traits.set(traits);
    this.expires.set(expires);
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
    this.values = [];
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

/**
 * Copies of small values that this thread reads again and again, given out without a call into native code.
 *
 * A copy is true as long as its key's mark in the shared memory has not moved: whoever changes an entry counts its mark
 * up before anyone can see the change. An entry with tags may be gone without a change of its own: a word of the namespace
 * counts the invalidations of its tags, and a copy of such an entry is true while that has not moved either. So a copy is never older than what `cacheGet` would bring, in whatever process
 * the change was made. What a read does to recency is left as a touch in this thread's ring, which whoever next
 * takes the namespace's lock carries over (`src/store/copies/mod.rs` has the whole protocol); hits are counted there, too.
 *
 * Copies are few, small and primitive (or JSON text, parsed anew for each reader), so they are no second cache: of
 * `MOST_NAMESPACES` at most (`copy-keeping.js`), `MOST` of each, and `MOST_CHARACTERS`. Where they do not pay, because keys are
 * too many or change too often, they rest for a while. If the process dies, its rings are taken back.
 *
 * This module is loaded when the shared memory is there: `words` and `numbers` are constants to V8 then, whose places
 * and lengths are part of the code that it makes of `read`.
 */

const { decode } = require('./codec.js');
const { addon, constants, memo, memoExpires } = require('./native.js');
const { clock, sharedMemory, tuning } = require('./copy-keeping.js');

const MOST = 4096;
const MOST_CHARACTERS = 1 << 19;
const LONGEST = 1024;

/** After so many reads that no copy answered comes a look at how well they serve; with fewer hits they rest for so many. */
const WINDOW = 12_288;
const LEAST_HITS = WINDOW / 3;
const REST = 8 * WINDOW;

const { RING, RING_HITS, RING_TOUCHES, AREA_USED, AREA_TAILS, AREA_READERS, READERS } = constants.copies;
const { AREA_TAG_EPOCH } = constants.copies;
const { TOUCH, TOUCH_STAMP, TOUCH_ENTRY, TOUCH_HASH, TOUCH_MARK } = constants.copies;
const { READER, READER_STAMP, READER_ENTRY, READER_HEAD } = constants.copies;

/**
 * Stores of one thread are seen in their order on x64. Elsewhere a touch has to be whole before it is counted; of the
 * entry and its stamp the order may be seen the other way round, which can cost the recency of one read.
 */
const inOrder = process.arch === 'x64' || process.arch === 'ia32';

const { cacheGiveBack, cacheHealth } = addon;
const memory = /** @type {ArrayBuffer} */ (sharedMemory());
const words = new Int32Array(memory);
const numbers = new Float64Array(memory);

/** Of a copy's traits: the value's tag is below. */
const MORTAL = 0x100;
const TAGGED = 0x200;

/** Words are signed, as V8 has small integers; to the shared memory that is all one. */
class Copy {
  /** What is known of the last read. @param {any} value @param {number} tag */
  constructor(value, tag) {
    const [entry, hash, mark, markAt, , , hasTags, tagEpoch] = memo;
    this.value = value;
    this.traits = tag | (memoExpires[0] === Number.POSITIVE_INFINITY ? 0 : MORTAL) | (hasTags ? TAGGED : 0);
    this.entry = entry | 0;
    this.hash = hash | 0;
    this.mark = mark | 0;
    this.markAt = markAt | 0;
    this.expires = memoExpires[0];
    this.tagEpoch = tagEpoch | 0;
  }
}

/** @param {unknown} value a key, or what a read brought @returns {number} its characters, or NaN if it is not to be kept */
function weightOf(value) {
  if (typeof value === 'string') return value.length <= LONGEST ? value.length : Number.NaN;
  return typeof value === 'number' || typeof value === 'boolean' ? 0 : Number.NaN;
}

/** A key of one's own: the caller's may be a piece of a long string, which would be kept with it. @param {any} key */
const ownKey = (key) => (typeof key === 'string' && key.length > 12 ? JSON.parse(JSON.stringify(key)) : key);

class Copies {
  /**
   * @param {number} id of the cache
   * @param {NonNullable<ReturnType<typeof addon.cacheClaimRing>>} ring
   */
  constructor(id, [ring, ringAt, areaAt, reader, slot, generation]) {
    this.id = id;
    this.ring = ring;
    this.slot = slot;
    this.generation = generation;
    this.hitsAt = (ringAt + RING_HITS) >> 1;
    this.touchesAt = ringAt + RING_TOUCHES;
    this.usedAt = areaAt + AREA_USED;
    this.tagEpochAt = areaAt + AREA_TAG_EPOCH;
    this.tailAt = areaAt + AREA_TAILS + reader;
    this.readersAt = areaAt + AREA_READERS;
    this.mine = this.readersAt + READER * reader;
    this.head = 0;
    this.tail = 0;
    /** @type {Map<any, Copy>} */
    this.copies = new Map();
    this.characters = 0;
    this.untilReview = WINDOW;
    this.hitsBefore = 0;
    this.isResting = false;
    this.turn = 0;
  }

  /**
   * The copy of a key's value, if it may be given out now.
   *
   * @param {any} key
   * @returns {Copy | undefined}
   */
  read(key) {
    const copy = this.copies.get(key);
    if (copy === undefined) return undefined;
    // An ordinary load: V8 neither keeps nor moves what it reads from memory that others may write to.
    if (words[copy.markAt] !== copy.mark) return undefined;
    if (copy.traits >= MORTAL && !this.stands(copy)) return undefined;
    if (!this.touch(copy)) return undefined;
    numbers[this.hitsAt] += 1;
    return copy;
  }

  /** Whether a copy that something beside its mark may end is still true. @param {Copy} copy */
  stands({ traits, expires, tagEpoch }) {
    if (traits >= TAGGED && words[this.tagEpochAt] !== tagEpoch) return false;
    return (traits & MORTAL) === 0 || clock.now() < expires;
  }

  /** @param {Copy} copy that `read` has just found @returns {any} its value, the reader's own */
  give(copy) {
    const tag = copy.traits & (MORTAL - 1);
    return tag === 0 ? copy.value : decode(tag, copy.value);
  }

  /**
   * Makes the entry the most recent. False if the ring is full, and does not get empty.
   *
   * @param {Copy} copy
   */
  touch(copy) {
    let newest = this.readersAt;
    let stamp = numbers[(newest + READER_STAMP) >> 1];
    // Whatever another process has written there, no more readers than an area has are looked at.
    const end = newest + Math.min(words[this.usedAt] >>> 0, READERS) * READER;
    let reader = newest + READER;
    // The first of those that have rings is always there, and often the only one: to begin a loop costs more than a look.
    const first = numbers[(reader + READER_STAMP) >> 1];
    if (first >= stamp) {
      newest = reader;
      stamp = first;
    }
    for (reader += READER; reader < end; reader += READER) {
      const other = numbers[(reader + READER_STAMP) >> 1];
      if (other >= stamp) {
        newest = reader;
        stamp = other;
      }
    }
    if (words[newest + READER_ENTRY] === copy.entry) return true;
    if (((this.head - this.tail) | 0) >= RING && !this.hasRoom()) return false;
    this.leaveTouch(copy, stamp + 1);
    return true;
  }

  /** Whether there is room in the ring; where there is none, native code carries over what it holds. */
  hasRoom() {
    this.tail = words[this.tailAt];
    if (((this.head - this.tail) | 0) < RING) return true;
    cacheHealth(this.id);
    this.tail = words[this.tailAt];
    // Of a namespace that was destroyed nothing is carried.
    return ((this.head - this.tail) | 0) < RING;
  }

  /**
   * @param {Copy} copy
   * @param {number} stamp
   */
  leaveTouch({ entry, hash, mark }, stamp) {
    const { head, mine } = this;
    const at = this.touchesAt + (head & (RING - 1)) * TOUCH;
    numbers[(at + TOUCH_STAMP) >> 1] = stamp;
    words[at + TOUCH_ENTRY] = entry;
    words[at + TOUCH_HASH] = hash;
    words[at + TOUCH_MARK] = mark;
    this.head = (head + 1) | 0;
    if (inOrder) words[mine + READER_HEAD] = this.head;
    else Atomics.store(words, mine + READER_HEAD, this.head);
    words[mine + READER_ENTRY] = entry;
    numbers[(mine + READER_STAMP) >> 1] = stamp;
  }

  /**
   * Native code has just answered a read; what it brought may be worth a copy.
   *
   * @param {any} key
   * @param {any} value as native code gave it
   * @param {number} tag 0, or that of JSON
   */
  offer(key, value, tag) {
    if (--this.untilReview === 0) this.review();
    if (this.isResting || memo[0] === 0) return;
    this.turn = (Math.imul(this.turn, 1103515245) + 12345) | 0;
    if ((this.turn >>> 16) % tuning.sample !== 0) return;
    const weight = weightOf(key) + weightOf(value);
    if (Number.isNaN(weight)) return;
    if (this.copies.size >= MOST || this.characters > MOST_CHARACTERS) this.forget();
    this.characters += weight;
    this.copies.set(this.copies.has(key) ? key : ownKey(key), new Copy(value, tag));
  }

  /** Whether the namespace was made again since the ring was claimed: its touches would be of no use. */
  isOutdated() {
    return memo[0] !== 0 && (memo[4] !== this.slot || memo[5] !== this.generation);
  }

  review() {
    const hits = numbers[this.hitsAt];
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
    this.forget();
    cacheGiveBack(this.id, this.ring);
  }
}

module.exports = { Copies };

/**
 * What Redis has of a key, for all who miss it in memory on this machine: one of them asks, and memory has it from then on.
 *
 * No other call that leaves memory is as frequent as a miss. So it goes the shortest way: one promise from the claim in memory to
 * the answer, and nothing made on the way that can be shared or left out.
 */

/** @import { OpenNamespace } from '../cache/namespace.js' */
/** @import { Loading } from '../cache/loader-options.js' */
/** @import { Place } from './link.js' */
/** @import { Found } from './space.js' */
/** @typedef {InstanceType<typeof import('./link.js').Link>} Link */
/** @typedef {InstanceType<typeof import('./space.js').Space>} Space */

const { Brought } = require('../cache/brought.js');
const { crash, fetchOnce, isBare, land, readOrLead } = require('../cache/single-flight.js');
const { Asked, isAway } = require('./breaker.js');

/**
 * What those are told who follow a flight that has found nothing in Redis. Who only reads takes it for nothing; who fetches
 * asks anew, as nobody has run a fetcher yet. It is never stored.
 */
const ABSENT = 'flotilla\0: Redis has nothing';
/** Told to others, it is kept for no time. */
const TOLD_ONLY = { ttl: 1 };

/** One who leads a flight to Redis. */
class Lookup extends Asked {
  #finding;
  #key;
  #flight;
  #resolve;
  #reject;

  /**
   * @param {Finding} finding
   * @param {any} key
   * @param {number} flight
   * @param {(value: any) => void} resolve
   * @param {(error: unknown) => void} reject
   */
  constructor(finding, key, flight, resolve, reject) {
    super();
    this.#finding = finding;
    this.#key = key;
    this.#flight = flight;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @override @param {Buffer | null} bytes */
  answered(bytes) {
    try {
      this.found(this.#finding.space.understand(this.#key, bytes));
    } catch (error) {
      this.#crash(error);
    }
  }

  /** @override @param {unknown} error */
  failed(error) {
    try {
      const { space } = this.#finding;
      this.found(space.foreign(space.names.entry(this.#key), error));
    } catch (thrown) {
      this.#crash(thrown);
    }
  }

  /** @param {Found | undefined | Promise<Found | undefined>} found */
  found(found) {
    const stored = found instanceof Promise ? found.then((there) => this.#store(there)) : this.#store(found);
    if (stored instanceof Promise) {
      stored.then(
        (value) => this.#resolve(this.#finding.tell(value)),
        (error) => this.#crash(error),
      );
    } else this.#resolve(this.#finding.tell(stored));
  }

  /** @param {Found | undefined} found */
  #store(found) {
    const { memory, how } = this.#finding;
    return land(memory, this.#key, this.#flight, this.#finding.bring(found), how);
  }

  /** @param {unknown} error */
  #crash(error) {
    crash(this.#finding.memory, this.#flight, error);
    try {
      this.#resolve(this.#finding.fail(error));
    } catch (thrown) {
      this.#reject(thrown);
    }
  }
}

class Finding {
  #place;
  #link;
  #fly;
  #alone;
  #isBare;
  /** What it has in shared memory. @type {OpenNamespace} */
  memory;

  /**
   * @param {{ space: Space, place: Place, link: Link, memory: OpenNamespace | undefined, how: Readonly<Loading>, fly: (key: any, load: (key: any) => Promise<any>) => Promise<any>, alone: () => undefined }} given
   *   how it is looked for where nothing is in shared memory, and what is done where Redis does not answer
   */
  constructor({ space, place, link, memory, how, fly, alone }) {
    this.space = space;
    this.how = how;
    this.memory = /** @type {OpenNamespace} */ (memory);
    this.#place = place;
    this.#link = link;
    this.#fly = fly;
    this.#alone = alone;
    this.#isBare = memory !== undefined && isBare(how);
  }

  /** Whether a read may go the shortest way. */
  isShort() {
    return this.#isBare && this.#place.isTrusted;
  }

  /** What memory has, or Redis, the shortest way. @param {any} key @returns {Promise<any>} */
  get(key) {
    return readOrLead(this.memory, key, this);
  }

  /** Memory answers. @param {any} value */
  finds(value) {
    if (value === undefined) this.#place.counts.misses++;
    else this.#place.counts.memory++;
    return Promise.resolve(value);
  }

  /** @param {any} key @param {number} flight @returns {Promise<any>} */
  leads(key, flight) {
    return new Promise((resolve, reject) => {
      const lookup = new Lookup(this, key, flight, resolve, reject);
      try {
        if (this.#link.isReady()) this.#link.get(this.space.names.entry(key), lookup);
        else lookup.found(this.space.read(key));
      } catch (error) {
        lookup.failed(error);
      }
    });
  }

  /** @param {Promise<any>} flight */
  follows(flight) {
    return flight.then(this.tell, this.fail);
  }

  /** What Redis has, which memory has from then on. @param {any} key */
  async find(key) {
    if (!this.#place.isTrusted && !(await this.#link.trusts(this.#place))) return this.#alone();
    const { memory, load, how } = this;
    try {
      return this.tell(
        await (memory === undefined ? this.#fly(key, load) : fetchOnce(memory, key, load, how)),
      );
    } catch (error) {
      return this.fail(error);
    }
  }

  /** @param {any} key */
  load = (key) => this.space.read(key).then(this.bring);

  /** @param {Found | undefined} found */
  bring = (found) =>
    found === undefined
      ? new Brought(ABSENT, this.space.keeping(TOLD_ONLY), false)
      : this.space.brought(found);

  /** What is told of what was found. @param {any} value */
  tell = (value) => {
    const isThere = value !== undefined && value !== ABSENT;
    this.#place.counts[isThere ? 'redis' : 'misses']++;
    return isThere ? value : undefined;
  };

  /** What is done where nothing could be found out. @param {unknown} error */
  fail = (error) => {
    if (!isAway(error)) throw error;
    return this.#alone();
  };
}

module.exports = { ABSENT, Finding };

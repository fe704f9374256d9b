/**
 * What one process has of a server of Redis, for all caches that have a tier there: the way to it, and how far what lies in
 * shared memory may be believed.
 *
 * A cache is trusted while the keeper of the machine says that it hears of all changes of it, and says so often enough.
 */

/** @import { Client } from './client.js' */
/** @import { Space, State } from './notes.js' */

const { setTimeout: pause } = require('node:timers/promises');
const { countTier } = require('../base/census.js');
const { theInstance } = require('../base/loading.js');
const { invalid } = require('../cache/invalid.js');
const { Breaker } = require('./breaker.js');
const { Keeper } = require('./keeper.js');
const { machineTime } = require('./machine-time.js');
const { Notes } = require('./notes.js');

/** How often each process looks at what the keeper says. */
const LOOK_EVERY = 50;
/** While somebody waits for a cache to be trusted. */
const LOOK_SOON = 2;

/**
 * What a process knows of one cache: whether it may be believed, when that was so last, and whether waiting for that was in
 * vain lately.
 *
 * @typedef {{ prefix: string, isTrusted: boolean, since: number, isHopeless: boolean, isEnlisted?: Promise<void>, counts: Counts }} Place
 *
 * What its caches here have read, and how often they did without Redis.
 *
 * @typedef {{ memory: number, redis: number, misses: number, alone: number }} Counts
 */

class Link {
  #client;
  #notes;
  #patience;
  #pingInterval;
  #timeout;
  /** @type {State | undefined} */
  #state;
  /** When the keeper last said something new. */
  #heardAt = performance.now();
  /** @type {Set<Place>} */
  #places = new Set();
  /** @type {Set<string>} */
  #warned = new Set();
  #isLeading = false;
  #isLooking = false;
  #began = performance.now();
  /** What this process has heard as keeper. */
  #kept = { invalidations: 0, epochs: 0 };

  /** @param {Client} client @param {{ timeout: number, pingInterval: number }} how */
  constructor(client, { timeout, pingInterval }) {
    const { LRUCacheClustered } = theInstance();
    this.#client = client;
    this.#notes = new Notes(LRUCacheClustered, client.target);
    this.#pingInterval = pingInterval;
    this.#timeout = timeout;
    this.#patience = pingInterval + timeout;
    this.breaker = new Breaker(timeout);
    /** @param {(string | Buffer)[]} args */
    this.call = (args) => this.breaker.run(() => this.#client.call(args));
    /** The same, to each node that has entries. @returns {Promise<Client['call'][]>} */
    this.calls = async () => {
      const calls = await this.breaker.run(() => this.#client.calls());
      return calls.map((call) => (args) => this.breaker.run(() => call(args)));
    };
    countTier(() => this.#counts());
    this.#stand();
    this.#watch();
  }

  /** A look is a read of memory: each process does so often. Where it is a message, the primary tells when there is something new. */
  #watch() {
    if (!this.#notes.isFar) return void setInterval(() => void this.#look(), LOOK_EVERY).unref();
    void this.#notes.whenTold(() => void this.#look());
    setInterval(() => {
      this.#judge();
      // Whether it is this process that was stopped, a look says.
      if (this.#state !== undefined && this.#isSilent() && !this.#isLooking) void this.#look();
    }, LOOK_EVERY).unref();
  }

  /** @param {'timeout' | 'pingInterval'} name @param {number | undefined} value that another tier asks for */
  checkSame(name, value) {
    const mine = name === 'timeout' ? this.#timeout : this.#pingInterval;
    if (value === undefined || value === mine) return;
    throw invalid(name, `${mine}, as another tier on the same server has it in this process`, value);
  }

  /** Another client of the same server, should the first have ended. @param {Client} client */
  mayUse(client) {
    if (!this.#client.isConnected()) this.#client = client;
  }

  /** Says something once. @param {string} about @param {string} message */
  warn = (about, message) => {
    if (this.#warned.has(about)) return;
    this.#warned.add(about);
    process.emitWarning(message, { type: 'FlotillaWarning', code: 'FLOTILLA_TIER' });
  };

  /** @returns {import('../base/census.js').TierCounts} */
  #counts() {
    const sum = { memory: 0, redis: 0, misses: 0, alone: 0, unverifiedMs: 0 };
    for (const { counts, isTrusted, since } of this.#places) {
      for (const name of /** @type {(keyof Counts)[]} */ (Object.keys(counts))) sum[name] += counts[name];
      const unverified = isTrusted ? 0 : performance.now() - Math.max(since, this.#began);
      sum.unverifiedMs = Math.max(sum.unverifiedMs, unverified);
    }
    const isAway = this.breaker.state !== 'closed' || [...this.#places].some(({ isTrusted }) => !isTrusted);
    return { ...sum, ...this.#kept, away: isAway ? 1 : 0 };
  }

  get isCluster() {
    return this.#client.isCluster;
  }

  get state() {
    const { epoch = 0, isUp = false, invalidations = 0 } = this.#state ?? {};
    return { epoch, isUp, isKeeper: this.#isLeading, invalidations };
  }

  /** @param {Space} space @returns {Place} */
  enlist(space) {
    /** @type {Place} */
    const place = {
      prefix: space.prefix,
      isTrusted: false,
      since: Number.NEGATIVE_INFINITY,
      isHopeless: false,
      counts: { memory: 0, redis: 0, misses: 0, alone: 0 },
    };
    this.#places.add(place);
    place.isEnlisted = this.#notes.enlist(space).catch(() => {});
    return place;
  }

  /** Resolves when a cache is trusted, or when it has taken too long. @param {Place} place */
  async trusts(place) {
    if (place.isTrusted || place.isHopeless) return place.isTrusted;
    const deadline = performance.now() + this.#timeout;
    await place.isEnlisted;
    await this.#look();
    while (!place.isTrusted && performance.now() <= deadline && this.breaker.state !== 'open') {
      await pause(LOOK_SOON);
      if (!this.#notes.isFar) await this.#look();
    }
    if (place.isTrusted) return true;
    place.isHopeless = true;
    // One that was never trusted has to do with what lies there.
    if (place.since === Number.NEGATIVE_INFINITY) place.since = performance.now();
    return false;
  }

  /** @param {string} pattern of all of a cache @param {string[]} names */
  owe(pattern, names) {
    return this.#notes.owe(pattern, names);
  }

  /** All that has such a name is to be removed. @param {string} pattern */
  oweAll(pattern) {
    return this.#notes.oweAll(pattern);
  }

  /** Whether what lies in Redis under one of these names is known to be outdated. @param {string[]} names @param {string} pattern of all of their cache */
  async isOwed(names, pattern) {
    return (await this.#notes.owesAny()) && this.#notes.isOwed(names, pattern);
  }

  /** Whether Redis may be asked for any entry at once. */
  isReady() {
    return this.breaker.state === 'closed' && this.owesNothing();
  }

  /** Asks for an entry, the shortest way. @param {string} name @param {InstanceType<typeof import('./breaker.js').Asked>} asked */
  get(name, asked) {
    this.breaker.ask(this.#client.get(name), asked);
  }

  /** Whether it is known at once that nothing is owed. */
  owesNothing() {
    return this.#notes.owesNothing();
  }

  /** How long until then, in milliseconds, by the server's clock: 0 for what never comes, and nothing where the clock is not known. @param {number} end */
  timeUntil(end) {
    if (end === 0) return 0;
    const clock = this.#state?.clock;
    return clock === undefined ? undefined : Math.max(1, end - clock - machineTime());
  }

  async #look() {
    this.#isLooking = true;
    try {
      this.#read(await this.#notes.state());
    } catch {
      // A cache that cannot be read is trusted as long as the keeper's last word is.
    }
    this.#isLooking = false;
    this.#judge();
  }

  /** What follows from the last look, as time goes on. */
  #judge() {
    const now = performance.now();
    const isHeard = this.#state?.isUp === true && now - this.#heardAt < this.#patience;
    for (const place of this.#places) {
      const isTrusted = isHeard && this.#state?.prefixes.includes(place.prefix) === true;
      if (isTrusted) Object.assign(place, { since: now, isHopeless: false });
      place.isTrusted = isTrusted;
    }
  }

  /** @param {State | undefined} state */
  #read(state) {
    const before = this.#state;
    if (state?.beat !== before?.beat || state?.keeper !== before?.keeper) {
      this.#heardAt = performance.now();
      if (state?.isUp && !before?.isUp) this.breaker.close();
    } else if (state !== undefined && this.#isSilent()) {
      this.#heardAt = performance.now();
      // Whoever is stopped learns of it when it goes on.
      this.#notes.depose(state).then(
        () => this.#stand(),
        () => {},
      );
    }
    this.#state = state;
  }

  /** Whether the keeper has said nothing for so long that another one is to keep. */
  #isSilent() {
    return !this.#isLeading && performance.now() - this.#heardAt > 2 * this.#patience;
  }

  /** Stands for keeper: one process of the machine is, and another when that one is gone. */
  #stand() {
    const keep = async (/** @type {AbortSignal} */ signal) => {
      this.#isLeading = true;
      try {
        await this.#keeper().keep(signal);
      } finally {
        this.#isLeading = false;
      }
    };
    const again = () => void setTimeout(() => this.#stand(), LOOK_EVERY).unref();
    this.#notes.lead(keep).then(again, again);
  }

  #keeper() {
    const { LRUCacheClustered } = theInstance();
    return new Keeper({
      client: this.#client,
      call: this.call,
      calls: this.calls,
      kept: this.#kept,
      notes: this.#notes,
      makeCache: (options) => new LRUCacheClustered(options),
      warn: this.warn,
      pingInterval: this.#pingInterval,
      timeout: this.#timeout,
    });
  }
}

/** @type {Map<string, Link>} */
const links = new Map();

const TIMEOUT = 500;
const PING_INTERVAL = 1000;

/**
 * The one of this process to that server. All tiers there share it, so they cannot differ in its times.
 *
 * @param {Client} client
 * @param {{ timeout?: number, pingInterval?: number }} how
 */
function linkTo(client, { timeout, pingInterval }) {
  const known = links.get(client.target);
  if (known !== undefined) {
    known.checkSame('timeout', timeout);
    known.checkSame('pingInterval', pingInterval);
    known.mayUse(client);
    return known;
  }
  const link = new Link(client, { timeout: timeout ?? TIMEOUT, pingInterval: pingInterval ?? PING_INTERVAL });
  links.set(client.target, link);
  return link;
}

module.exports = { Link, linkTo };

/**
 * `fetch` over a fleet: of all machines that miss an entry one fetches it. Who has the lock in Redis leads, and says so again and
 * again while it runs; all others wait for what it stores, of which the server tells them.
 *
 * On each machine one process does this, which leads the flight there. A change of the entry makes that flight void, so who waits
 * looks again at once.
 */

/** @import { Fetcher } from '../../index.js' */
/** @import { Loading } from '../cache/loader-options.js' */
/** @typedef {InstanceType<typeof import('./space.js').Space>} Space */
/** @typedef {InstanceType<typeof Brought>} Answer */

const { randomUUID } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');
const { Brought } = require('../cache/brought.js');
const { tagsOf } = require('../cache/given.js');
const { isRefusal } = require('./client.js');
const { nothingBytes, toBytes } = require('./value-bytes.js');

/** How long a leader that has died keeps the others waiting, at most: a fetch may ask for less. */
const LEASE = 5000;
/** How long who waits does so, before it looks by itself. */
const LONGEST_WAIT = 250;
/** The same, where nothing tells of a change. */
const BETWEEN_LOOKS = 10;
/** What `readOrLead` says to who leads. */
const LEADS = -3;

/** @typedef {{ mine: string, seen: [name: string, version: string][], epoch: string }} Lead */

const ignore = () => {};

/** How long the lock of who leads lasts, each time that it is said. @param {Readonly<Loading>} how */
const leaseOf = ({ lease }) => Math.min(LEASE, Math.ceil(lease));

/**
 * Waits until the entry has changed, of which the end of the flight tells, or until it is time to look.
 *
 * @param {AbortSignal} signal
 * @param {number} left of the lifetime of the lock
 */
async function untilChanged(signal, left) {
  const time = Math.min(Math.max(left, 1), LONGEST_WAIT);
  // A flight that is void already tells of nothing any more.
  if (signal.aborted) await pause(Math.min(time, BETWEEN_LOOKS));
  else await pause(time, undefined, { signal }).catch(ignore);
}

class Fetching {
  #space;

  /** @param {Space} space */
  constructor(space) {
    this.#space = space;
  }

  /**
   * @param {any} key
   * @param {any} context
   * @param {Fetcher<any>} fetcher
   * @param {Readonly<Loading>} how
   * @param {() => Promise<Answer>} alone what is done where Redis does not answer
   * @returns {Promise<Answer>}
   */
  async bring(key, context, fetcher, how, alone) {
    /** @type {Answer | Lead} */
    let part;
    try {
      part = await this.#findOrLead(key, context, how);
    } catch (error) {
      if (/** @type {any} */ (error)?.code === 'FLOTILLA_ERR_TIER_AWAY') return alone();
      if (!isRefusal(error)) throw error;
      // A server that is full has no room for a lock either: what is fetched is given, and kept nowhere.
      this.#space.tellRefused(error);
      return new Brought(await fetcher(key, context), this.#space.keeping({}, how.size), false);
    }
    return part instanceof Brought ? part : this.#lead(key, context, fetcher, how, part);
  }

  /** @param {any} key @param {any} context @param {Readonly<Loading>} how @returns {Promise<Answer | Lead>} */
  async #findOrLead(key, context, how) {
    const mine = randomUUID();
    const lock = this.#space.names.lock(key);
    const lease = String(leaseOf(how));
    if (how.forceRefresh) {
      await this.#space.step('lead', [lock], [mine, lease]);
      return this.#begin(mine, how);
    }
    for (;;) {
      await this.#space.checkOwed(key);
      const names = [this.#space.names.entry(key), lock];
      const answer = this.#space.step('readOrLead', names, [mine, lease]);
      const [bytes, left] = await answer.catch((error) => [this.#space.foreign(names[0], error) ?? null, 0]);
      if (left === LEADS) return this.#begin(mine, how);
      const found = await this.#space.understand(key, bytes);
      if (found !== undefined) return this.#space.brought(found, how.ttl);
      if (bytes === null) await untilChanged(context.signal, left);
    }
  }

  /** What is known before the fetcher runs: a tag that is invalid from then on makes what it brings so. @param {string} mine @param {Readonly<Loading>} how @returns {Promise<Lead>} */
  async #begin(mine, { tags, ttl }) {
    if (typeof tags === 'function') return { mine, seen: [], epoch: await this.#space.epoch() };
    return { mine, seen: await this.#space.versionsOf(tags ?? [], ttl), epoch: '' };
  }

  /** @param {any} key @param {any} context @param {Fetcher<any>} fetcher @param {Readonly<Loading>} how @param {Lead} lead */
  async #lead(key, context, fetcher, how, lead) {
    const lock = this.#space.names.lock(key);
    const lease = leaseOf(how);
    const end = performance.now() + how.lease - lease;
    // One that hangs has the lock no longer than its fetch says.
    const goesOn = () => {
      if (performance.now() > end) clearInterval(heart);
      else this.#space.step('keep', [lock], [lead.mine, String(lease)]).catch(ignore);
    };
    const heart = setInterval(goesOn, lease / 3).unref();
    let isStored = false;
    try {
      const value = await fetcher(key, context);
      const brought = await this.#fill(key, value, how, lead);
      isStored = brought.keeps;
      return brought;
    } finally {
      clearInterval(heart);
      // What is stored takes the lock away with it; where nothing is, whoever waits is not to wait for its end.
      if (!isStored) this.#space.step('release', [lock], [lead.mine]).catch(ignore);
    }
  }

  /** @param {any} key @param {any} value @param {Readonly<Loading>} how @param {Lead} lead */
  async #fill(key, value, how, lead) {
    const isNothing = (value === undefined || value === null) && how.negativeTtl !== undefined;
    const tags = tagsOf(how.tags, value) ?? [];
    const ttl = isNothing ? how.negativeTtl : how.ttl;
    const lives = this.#space.localTtl(ttl);
    const borne = tags.length > 0 ? tags : undefined;
    const kept = isNothing ? { negativeTtl: lives, tags: borne } : { ttl: lives, tags: borne };
    const keeping = this.#space.keeping(kept, how.size);
    // A value that cannot be stored is an error of its fetcher, as it is without a tier.
    if (!isNothing) toBytes(value, key, {});
    const store = async () => {
      const versions = lead.epoch === '' ? lead.seen : await this.#space.versionsOf(tags, ttl);
      // Of tags that are known only now, any may have been invalidated meanwhile.
      if (lead.epoch !== '' && (await this.#space.epoch()) !== lead.epoch) return 0;
      const bytes = isNothing
        ? nothingBytes({ tags: versions })
        : toBytes(value, key, { size: how.size, tags: versions });
      const { names } = this.#space;
      const places = [names.entry(key), names.lock(key)];
      return this.#space.step('fill', places, [lead.mine, bytes, String(this.#space.redisTtl(ttl))]);
    };
    const isStored = await store().catch((error) => {
      if (isRefusal(error)) this.#space.tellRefused(error);
      return 0;
    });
    return new Brought(isNothing ? undefined : value, keeping, isStored === 1);
  }
}

module.exports = { Fetching };

/**
 * `fetch`: the value of a key, or what one of all who ask for it brings.
 *
 * Who claims a missing key first leads: it runs its fetcher, and stores what that brings. All others, in whatever
 * process, follow: they sleep until the end is told to them. If the leader's process dies, or leads for
 * too long, they are told that the flight is lost and claim again, so that one of them leads.
 *
 * An invalidated tag voids the flights that may bring what bears it: none that was begun without tags, and all whose tags
 * are a function of the value.
 *
 * Whatever changes the key on purpose voids the flight: what its leader brings is for those who had asked before. A
 * fetcher that heeds its signal and gives up then has not failed; its callers ask anew.
 *
 * A value that is stale, and may be given for a while, or that is worth refreshing early, is given at once: who leads then
 * leads in the background, and the others do not wait.
 */

/** @import { Fetcher } from '../../index.js' */
/** @import { Loading } from './loader-options.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { channels } = require('../base/channels.js');
const { brief, debug } = require('../base/debug.js');
const { Brought } = require('./brought.js');
const { asError, errorFromText, errorToText } = require('./error-text.js');
const { here, isHeld, pause, unlessHeld } = require('./held.js');
const { contextOf, endContext, FlightContext, isPassed } = require('./flight-context.js');
const { encoded, tagsOf } = require('./given.js');
const { addon, constants, followers, takeReply } = require('./native.js');
const { get, peek, remove, restored } = require('./operations.js');
const { isPatient, patiently } = require('./patience.js');

const tell = debug('flotilla:cache');

/** What the reply says of what `cacheClaim` returns. */
const { NOTHING, BUSY, LEADER, FOLLOWER } = constants.claimAnswers;
const words = new Map([
  [NOTHING, 'finds that there is nothing'],
  [BUSY, 'finds it being refreshed'],
  [LEADER, 'leads'],
  [FOLLOWER, 'follows'],
]);

/** How `cacheClaim` is to go about it. */
const { PLAIN, FORCE, WITHOUT_WAITING, REFRESH } = constants.claimModes;
/** How a flight that was followed ended. */
const { LOST, FAILED } = constants.flightEnds;

/** A flight that is lost so soon was perhaps never followed; it is claimed again only after a while. */
const SOON = 2;
const BETWEEN_CLAIMS = 10;

/** What `lead` brings where the caller is to ask anew. */
const AGAIN = Symbol('again');
/** How often a caller asks anew whose flights are voided one after the other. */
const MOST_ROUNDS = 16;

/** A leader in another process is gone: nobody is told of an error, and one of those who follow leads. */
class LeaderLeft extends Error {}

/**
 * Tells how a flight has ended, which the caller does not wait for.
 *
 * @param {OpenNamespace} namespace
 * @param {() => void} tellEnd
 */
function end(namespace, tellEnd) {
  // If the namespace is gone, so is the flight: what the caller has to know is something else.
  Promise.resolve(here(namespace, tellEnd)).catch(() => {});
}

/**
 * What stores a value that a fetcher has brought. All that is the user's to say of it is asked here, once, however often a lock is
 * in the way of storing it.
 *
 * @param {any} key
 * @param {number} flight
 * @param {any} value
 * @param {Readonly<Loading>} how
 * @param {number} began
 * @returns {(namespace: OpenNamespace) => any} brings the value
 */
function finishing(key, flight, value, how, began) {
  if (!(value instanceof Brought)) return storing(key, flight, value, how, how, began);
  const store = storing(key, flight, value.value, how, value.how, began);
  return value.keeps ? store : telling(key, store);
}

/**
 * What gives whoever follows the value, and stores nothing.
 *
 * @param {any} key
 * @param {(namespace: OpenNamespace) => any} store
 * @returns {(namespace: OpenNamespace) => any}
 */
function telling(key, store) {
  return (namespace) => {
    // Removing the key makes the flight void.
    remove(namespace, key);
    return store(namespace);
  };
}

/**
 * @param {any} key
 * @param {number} flight
 * @param {any} value
 * @param {Readonly<Loading>} how
 * @param {Pick<Loading, 'ttl' | 'size' | 'tags' | 'negativeTtl'>} own what the value says itself of how it is kept, before the call
 * @param {number} began
 * @returns {(namespace: OpenNamespace) => any}
 */
function storing(key, flight, value, how, own, began) {
  const { ttl = how.ttl, size = how.size, negativeTtl = how.negativeTtl } = own;
  const { jitter, staleWhileRevalidate, staleIfError } = how;
  const tags = tagsOf('tags' in own ? own.tags : how.tags, value);
  if ((value === undefined || value === null) && negativeTtl !== undefined) {
    return (namespace) => {
      addon.cacheFinish(flight, false, undefined, negativeTtl, size, undefined, undefined, true, tags);
      namespace.purger?.arm();
    };
  }
  const [tag, payload] = encoded(value, key);
  const grace = Math.max(staleWhileRevalidate, staleIfError);
  const delta = how.refreshAhead > 0 ? performance.now() - began : 0;
  return (namespace) => {
    const lives = jitter > 0 ? spread(ttl ?? addon.cacheTtl(namespace.id), jitter) : ttl;
    addon.cacheFinish(flight, payload, tag, lives, size, grace, delta, false, tags);
    namespace.purger?.arm();
    return value;
  };
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} began
 * @param {Error} [error]
 */
function tellEnd({ name }, key, began, error) {
  if (!channels.flightEnd.hasSubscribers) return;
  const durationMs = performance.now() - began;
  channels.flightEnd.publish({ namespace: name, key, durationMs, ...(error && { error }) });
}

/** A lifetime, shorter by chance. @param {number} ttl @param {number} jitter */
const spread = (ttl, jitter) => (ttl > 0 ? Math.max(1, Math.round(ttl * (1 - jitter * Math.random()))) : ttl);

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} flight
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 * @param {boolean} refreshes whether there is a value
 * @param {boolean} mayAskAnew
 */
async function lead(namespace, key, flight, fetcher, how, refreshes, mayAskAnew) {
  const readStale = refreshes ? () => peek(namespace, key, { allowStale: true }) : undefined;
  const context = contextOf(flight, readStale);
  const began = performance.now();
  try {
    // Where nobody can be told, any tag may be meant.
    const { tags } = how;
    if (Array.isArray(tags)) unlessHeld(() => addon.cacheBear(flight, tags), undefined);
    if (channels.flightStart.hasSubscribers) channels.flightStart.publish({ namespace: namespace.name, key });
    const value = await fetcher(key, context);
    const stored = await here(namespace, finishing(key, flight, value, how, began));
    tellEnd(namespace, key, began);
    return stored;
  } catch (thrown) {
    // As an error, for what was thrown may throw in turn when it is looked at.
    const error = asError(thrown);
    tellEnd(namespace, key, began, error);
    if (error instanceof LeaderLeft) {
      end(namespace, () => addon.cacheRelease(flight));
      throw error;
    }
    if (mayAskAnew && isPassed(FlightContext.firedFor(context))) {
      end(namespace, () => addon.cacheRelease(flight));
      return AGAIN;
    }
    end(namespace, () => addon.cacheFail(flight, errorToText(error)));
    throw error;
  } finally {
    endContext(flight);
  }
}

/**
 * Leads while its caller has a value already. What goes wrong is for those who follow.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} flight
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 */
function leadBehind(namespace, key, flight, fetcher, how) {
  lead(namespace, key, flight, fetcher, how, true, true).catch((error) => {
    tell?.('refresh of', brief(key), 'failed:', String(error?.message));
  });
}

/**
 * @param {number} flight
 * @returns {Promise<{ lost: true } | { lost: false, value: any }>}
 */
function follow(flight) {
  return new Promise((resolve, reject) => {
    followers.set(flight, (kind, tag, payload) => {
      try {
        if (kind === FAILED) reject(errorFromText(payload));
        else resolve(kind === LOST ? { lost: true } : { lost: false, value: restored(tag, payload) });
      } catch (error) {
        reject(error);
      }
    });
    addon.cacheFollow(flight);
  });
}

/**
 * The value that is there, if it expired no longer ago than that.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} longest
 * @returns {{ value: any } | undefined}
 */
function staleWithin(namespace, key, longest) {
  return unlessHeld(() => {
    if (-addon.cacheRemainingTtl(namespace.id, key) > longest) return undefined;
    const value = peek(namespace, key, { allowStale: true });
    return value === undefined ? undefined : { value };
  }, undefined);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} mode
 * @param {Readonly<Loading>} how
 */
function claim(namespace, key, mode, { lease, tags }) {
  const found = addon.cacheClaim(namespace.id, key, mode, lease, tags !== undefined);
  return { found, said: takeReply() };
}

/**
 * A value was found. It may be worth refreshing early.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 */
function refreshAhead(namespace, key, fetcher, how) {
  unlessHeld(() => {
    if (!addon.cacheRefreshDue(namespace.id, key, how.refreshAhead, Math.random())) return;
    const { found, said } = claim(namespace, key, REFRESH, how);
    if (said === LEADER) leadBehind(namespace, key, found, fetcher, how);
  }, undefined);
}

/**
 * What the caller is given, whose part in a flight this is: nothing where it is to ask anew.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 * @param {{ flight: number, said: number, mode: number, mayAskAnew: boolean }} part
 * @returns {Promise<{ value: any } | undefined>}
 */
async function takePart(namespace, key, fetcher, how, { flight, said, mode, mayAskAnew }) {
  if (said === FOLLOWER) {
    const began = performance.now();
    const ended = await follow(flight);
    if (!ended.lost) return ended;
    tell?.('fetch of', brief(key), 'lost its leader');
    // Where the system gives no thread to wait with, that is said at once, and again.
    if (performance.now() - began < SOON) await pause(BETWEEN_CLAIMS);
    return undefined;
  }
  const stale = mode === WITHOUT_WAITING ? staleWithin(namespace, key, how.staleWhileRevalidate) : undefined;
  if (said === BUSY) return stale;
  if (stale !== undefined) {
    leadBehind(namespace, key, flight, fetcher, how);
    return stale;
  }
  const refreshes = mode === FORCE || how.staleIfError > 0;
  const value = await lead(namespace, key, flight, fetcher, how, refreshes, mayAskAnew);
  return value === AGAIN ? undefined : { value };
}

/** @param {Readonly<Loading>} how */
function firstMode({ forceRefresh, staleWhileRevalidate }) {
  if (forceRefresh) return FORCE;
  return staleWhileRevalidate > 0 ? WITHOUT_WAITING : PLAIN;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 * @param {ReturnType<typeof claim>} [first] what was claimed already
 * @returns {Promise<any>}
 */
async function flyOnce(namespace, key, fetcher, how, first = undefined) {
  let mode = firstMode(how);
  for (let round = 1; ; round++) {
    const claimed = (round === 1 && first) || here(namespace, claim, key, mode, how);
    const { found, said } = claimed instanceof Promise ? await claimed : claimed;
    tell?.('fetch of', brief(key), words.get(said) ?? 'finds it');
    if (said === NOTHING) return undefined;
    if (said < NOTHING) {
      namespace.wasRead(key, found, said);
      if (how.refreshAhead > 0) refreshAhead(namespace, key, fetcher, how);
      return restored(said, found);
    }
    const part = { flight: found, said, mode, mayAskAnew: round < MOST_ROUNDS };
    const given = await takePart(namespace, key, fetcher, how, part);
    if (given !== undefined) return given.value;
    // What voided a flight of one's own is newer than the call: it is looked for again, and waited for.
    mode = PLAIN;
  }
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 * @returns {Promise<any>}
 */
async function flyOrGiveStale(namespace, key, fetcher, how) {
  try {
    return await flyOnce(namespace, key, fetcher, how);
  } catch (error) {
    const stale = staleWithin(namespace, key, how.staleIfError);
    if (stale !== undefined) return stale.value;
    throw error;
  }
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {Readonly<Loading>} how
 * @returns {any} the value, or a promise of it
 */
function fetchOnce(namespace, key, fetcher, how) {
  if (how.signal?.aborted) return Promise.reject(how.signal.reason);
  // Whether a refresh is due, the entry itself says.
  const copies = how.forceRefresh || how.refreshAhead > 0 ? undefined : namespace.copies;
  const copy = copies?.read(key);
  if (copies !== undefined && copy !== undefined) return copies.give(copy);
  const fly = how.staleIfError > 0 ? flyOrGiveStale : flyOnce;
  const flight = fly(namespace, key, fetcher, how);
  if (isPatient(how)) return flight;
  return patiently(flight, how, () => staleWithin(namespace, key, Number.POSITIVE_INFINITY));
}

/**
 * Whether who leads has only to bring a value and to say how it is kept: neither is anything stale given, nor is a
 * lifetime left to chance.
 *
 * @param {Readonly<Loading>} how
 */
const isBare = (how) =>
  isPatient(how) &&
  !how.forceRefresh &&
  how.staleWhileRevalidate === 0 &&
  how.staleIfError === 0 &&
  how.refreshAhead === 0 &&
  how.jitter === 0;

/**
 * Who asks by `readOrLead`: its `how` is bare, and whoever leads has neither a signal nor what was stale.
 *
 * @typedef {object} Asker
 * @property {Readonly<Loading>} how
 * @property {Fetcher<any>} load for whoever leads later, or is listened to
 * @property {(value: any) => Promise<any>} finds what memory has
 * @property {(key: any, flight: number) => Promise<any>} leads a flight, which it ends by `land` or by `crash`
 * @property {(flight: Promise<any>) => Promise<any>} follows
 */

/**
 * The same for a leader of this library's own, the shortest way: one native call reads the key or claims it, and no promise
 * is made but that of the asker.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Asker} asker
 * @returns {Promise<any>}
 */
function readOrLead(namespace, key, asker) {
  const { copies } = namespace;
  if (copies !== undefined) {
    const copy = copies.read(key);
    if (copy !== undefined) return asker.finds(copies.give(copy));
  }
  const { how, load } = asker;
  const isHeard = channels.flightStart.hasSubscribers || channels.flightEnd.hasSubscribers;
  if (isHeard || namespace.waiting !== undefined) return asker.follows(flyOnce(namespace, key, load, how));
  let found;
  try {
    found = addon.cacheClaim(namespace.id, key, PLAIN, how.lease, true);
  } catch (error) {
    return isHeld(error) ? readOrFollow(namespace, key, asker) : Promise.reject(error);
  }
  const said = takeReply();
  if (said === LEADER) {
    tell?.('fetch of', brief(key), 'leads');
    return asker.leads(key, found);
  }
  if (said > NOTHING) return asker.follows(flyOnce(namespace, key, load, how, { found, said }));
  if (said === NOTHING || found === undefined) return asker.finds(undefined);
  namespace.wasRead(key, found, said);
  return asker.finds(restored(said, found));
}

/**
 * The same where a lock is in the way: what is there can be read all the same.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Asker} asker
 */
function readOrFollow(namespace, key, asker) {
  const found = unlessHeld(() => get(namespace, key), undefined);
  return found === undefined
    ? asker.follows(flyOnce(namespace, key, asker.load, asker.how))
    : asker.finds(found);
}

/**
 * Ends a flight with what its leader has brought.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} flight
 * @param {InstanceType<typeof Brought>} brought
 * @param {Readonly<Loading>} how
 * @returns {any} the value, or a promise of it where a lock is in the way
 */
function land(namespace, key, flight, brought, how) {
  return here(namespace, finishing(key, flight, brought, how, 0));
}

/**
 * Ends a flight whose leader has failed.
 *
 * @param {OpenNamespace} namespace
 * @param {number} flight
 * @param {unknown} error
 */
function crash(namespace, flight, error) {
  end(namespace, () => addon.cacheFail(flight, errorToText(asError(error))));
}

module.exports = { LeaderLeft, crash, fetchOnce, isBare, land, readOrLead };

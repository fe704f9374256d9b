/**
 * `fetch`: the value of a key, or what one of all who ask for it brings.
 *
 * Who claims a missing key first leads: it runs its fetcher, and stores what that brings. All others, in whatever
 * process, follow: they sleep until the end is told to them. If the leader's process dies, or holds the lease too
 * long, they are told that the flight is lost and claim again, so that one of them leads.
 *
 * Whatever changes the key on purpose voids the flight: what its leader brings is for those who had asked before. A
 * fetcher that heeds its signal and gives up then has not failed; its callers ask anew.
 */

/** @import { FetchOptions, Fetcher } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { brief, debug } = require('../debug.js');
const { asError, errorFromText, errorToText } = require('./error-text.js');
const { contextOf, endContext, FlightContext, isPassed } = require('./flight-context.js');
const { encoded, readFetch } = require('./given.js');
const { addon, followers, takeReply } = require('./native.js');
const { peek, restored } = require('./operations.js');

const tell = debug('flotilla:cache');

/** What the reply says of a number that `cacheClaim` returns. */
const LEADER = 254;
const FOLLOWER = 255;

/** How a flight that was followed ended. */
const LOST = 0;
const FAILED = 2;

/** What `lead` brings where the caller is to ask anew. */
const AGAIN = Symbol('again');
/** How often a caller asks anew whose flights are voided one after the other. */
const MOST_ROUNDS = 16;

/** A leader in another process is gone: nobody is told of an error, and one of those who follow leads. */
class LeaderLeft extends Error {}

/**
 * @param {number} flight
 * @param {unknown} thrown
 * @returns {Error} the same, as an error
 */
function failed(flight, thrown) {
  const error = asError(thrown);
  try {
    addon.cacheFail(flight, errorToText(error));
  } catch {
    // The namespace is gone, and the flight with it: what the caller has to know is the error itself.
  }
  return error;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} flight
 * @param {Fetcher<any>} fetcher
 * @param {FetchOptions} options
 * @param {boolean} mayAskAnew
 */
async function lead(namespace, key, flight, fetcher, { ttl, size, forceRefresh }, mayAskAnew) {
  const readStale = forceRefresh ? () => peek(namespace, key, { allowStale: true }) : undefined;
  const context = contextOf(flight, readStale);
  try {
    const value = await fetcher(key, context);
    const [tag, payload] = encoded(value, key);
    addon.cacheFinish(flight, payload, tag, ttl, size);
    namespace.purger?.arm();
    return value;
  } catch (thrown) {
    // As an error, for what was thrown may throw in turn when it is looked at.
    const error = asError(thrown);
    if (error instanceof LeaderLeft) {
      addon.cacheRelease(flight);
      throw error;
    }
    if (mayAskAnew && isPassed(FlightContext.firedFor(context))) {
      addon.cacheRelease(flight);
      return AGAIN;
    }
    throw failed(flight, error);
  } finally {
    endContext(flight);
  }
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

/** @param {number} said */
function tellsHow(said) {
  if (said === LEADER) return 'leads';
  return said === FOLLOWER ? 'follows' : 'finds it';
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {Fetcher<any>} fetcher
 * @param {FetchOptions} [options]
 * @returns {Promise<any>}
 */
async function fetchOnce(namespace, key, fetcher, options) {
  const how = readFetch(namespace, fetcher, options);
  for (let round = 1; ; round++) {
    const near = how.forceRefresh ? undefined : namespace.near;
    const copy = near?.read(key);
    if (near !== undefined && copy !== undefined) return near.give(copy);
    const claimed = addon.cacheClaim(namespace.id, key, how.forceRefresh, how.lease);
    const said = takeReply();
    tell?.('fetch of', brief(key), tellsHow(said));
    if (said === LEADER) {
      const brought = await lead(namespace, key, claimed, fetcher, how, round < MOST_ROUNDS);
      if (brought !== AGAIN) return brought;
      // What voided the flight is newer than the call.
      how.forceRefresh = false;
      continue;
    }
    if (said !== FOLLOWER) {
      namespace.wasRead(key, claimed, said);
      return restored(said, claimed);
    }
    const end = await follow(claimed);
    if (!end.lost) return end.value;
    tell?.('fetch of', brief(key), 'lost its leader');
  }
}

module.exports = { LeaderLeft, fetchOnce };

/**
 * `fetch`: the value of a key, or what one of all who ask for it brings.
 *
 * Who claims a missing key first leads: it runs its fetcher, and stores what that brings. All others, in whatever
 * process, follow: they sleep until the end is told to them. If the leader's process dies, or holds the lease too
 * long, they are told that the flight is lost and claim again, so that one of them leads.
 */

/** @import { FetchOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { brief, debug } = require('../debug.js');
const { asError, errorFromText, errorToText } = require('./error-text.js');
const { encoded, readFetch } = require('./given.js');
const { addon, followers, takeReply } = require('./native.js');
const { restored } = require('./operations.js');

const tell = debug('flotilla:cache');

/** What the reply says of a number that `cacheClaim` returns. */
const LEADER = 254;
const FOLLOWER = 255;

/** How a flight that was followed ended. */
const LOST = 0;
const FAILED = 2;

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
 * @param {() => any} fetcher
 * @param {FetchOptions} options
 */
async function lead(namespace, key, flight, fetcher, { ttl, size }) {
  try {
    const value = await fetcher();
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
    throw failed(flight, error);
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
 * @param {() => any} fetcher
 * @param {FetchOptions} [options]
 * @returns {Promise<any>}
 */
async function fetchOnce(namespace, key, fetcher, options) {
  const how = readFetch(namespace, fetcher, options);
  for (;;) {
    const near = how.forceRefresh ? undefined : namespace.near;
    const copy = near?.read(key);
    if (near !== undefined && copy !== undefined) return near.give(copy);
    const claimed = addon.cacheClaim(namespace.id, key, how.forceRefresh, how.lease);
    const said = takeReply();
    tell?.('fetch of', brief(key), tellsHow(said));
    if (said === LEADER) return await lead(namespace, key, claimed, fetcher, how);
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

/** What is in the caches of this process’s segment, and what is under way there, for those who watch: nothing is made or changed by a look. */

const { setTimeout: pause } = require('node:timers/promises');
const { addon } = require('./native.js');

/**
 * @typedef {object} Surveyed
 * @property {string} name
 * @property {number} [entries]
 * @property {number} [bytes] of keys and values
 * @property {number} [hits] since the namespace was made, as the counts below
 * @property {number} [misses]
 * @property {number} [sets]
 * @property {number} [evictions]
 * @property {string} [busy] why there are no figures: it names the process that keeps the lock
 */

/** @param {string} name @returns {Surveyed[]} none where it has gone meanwhile */
function survey(name) {
  const id = addon.cacheLookup(name);
  if (id === undefined) return [];
  try {
    const [hits, misses, sets, , evictions] = addon.cacheStats(id);
    const [entries, bytes] = addon.cacheUsage(id);
    return [{ name, entries, bytes, hits, misses, sets, evictions }];
  } catch (error) {
    return [{ name, busy: /** @type {Error} */ (error).message }];
  } finally {
    addon.cacheClose(id);
  }
}

/** @returns {Surveyed[]} by name */
function surveyNamespaces() {
  if (!addon.segmentExists()) return [];
  return addon.segmentNamespaces().sort().flatMap(survey);
}

/**
 * @typedef {object} Flight a fetcher that runs for all who ask
 * @property {string} key as text, and its beginning alone where it is long
 * @property {number | null} leader the process that runs it
 * @property {number} leftMs until another process may take it over; below zero where one may by now
 * @property {number} followers processes that wait for it
 */
/**
 * @typedef {object} UnderWay in a namespace
 * @property {string} name
 * @property {Flight[]} [flights] the latest first
 * @property {string} [busy] why they are not known: it names the process that keeps the lock
 */

/** @param {number} id @returns {Flight[]} */
function flightsOf(id) {
  const told = addon.cacheFlights(id);
  return Array.from({ length: told.length / 4 }, (_, row) => {
    const [key, leader, leftMs, followers] = told.slice(4 * row);
    return {
      key: String(key),
      leader: Number(leader) || null,
      leftMs: Math.round(Number(leftMs)),
      followers: Number(followers),
    };
  });
}

/** @param {string} name @returns {UnderWay[]} */
function surveyOne(name) {
  const id = addon.cacheLookup(name);
  if (id === undefined) return [];
  try {
    return [{ name, flights: flightsOf(id) }];
  } catch (error) {
    return [{ name, busy: /** @type {Error} */ (error).message }];
  } finally {
    addon.cacheClose(id);
  }
}

/** @returns {UnderWay[]} by name */
function surveyFlights() {
  if (!addon.segmentExists()) return [];
  return addon.segmentNamespaces().sort().flatMap(surveyOne);
}

/**
 * @typedef {object} SurveyedSegment
 * @property {number} namespaces
 * @property {number} bytes
 * @property {number} capacityBytes
 * @property {number} freeBytes
 * @property {number} memoryEvictions
 * @property {number} recoveries
 * @property {string | null} wrong what does not hold of all that it says of itself
 * @property {string | null} unknown why that could not be looked over: it names the process that keeps a lock
 */

/** How long each look waits for a lock, while the event loop stands still, and how often another is taken. */
const LOOK_MS = 3;
const LOOKS = 20;
const BETWEEN_LOOKS_MS = 25;

/** Looks over all of the segment: with all of its locks, which busy processes may have by turns. */
async function soundness() {
  for (let looks = 1; ; looks++) {
    try {
      return { wrong: addon.segmentValidate(LOOK_MS) ?? null, unknown: null };
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      if (code !== 'FLOTILLA_ERR_LOCK_HELD') throw error;
      if (looks === LOOKS) return { wrong: null, unknown: String(message) };
    }
    await pause(BETWEEN_LOOKS_MS);
  }
}

/** @returns {Promise<SurveyedSegment | undefined>} */
async function surveySegment() {
  if (!addon.segmentExists()) return undefined;
  const [namespaces, bytes, capacityBytes, freeBytes, memoryEvictions, recoveries] = addon.segmentUsage();
  return {
    namespaces,
    bytes,
    capacityBytes,
    freeBytes,
    memoryEvictions,
    recoveries,
    ...(await soundness()),
  };
}

module.exports = { surveyFlights, surveyNamespaces, surveySegment };

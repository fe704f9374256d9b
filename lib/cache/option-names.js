/**
 * The names of options: one that is not known is refused, with the nearest that is, or with what to do instead.
 *
 * What is undefined is left out. Names are looked at before anything is done with what they name.
 */

const { createError } = require('../errors.js');

const ONE_PROCESS = 'a function could run in one process only';
const CLOCK = 'lifetimes follow the monotonic clock of the system, which all processes share';
const OF_FETCH_METHOD = 'it belongs to fetchMethod: call fetch(key, fetcher, options)';

/** Options of lru-cache, and of older releases of lru-cache-clustered, that mean nothing here: why, and what to do. */
const elsewhere = new Map(
  Object.entries({
    dispose: ONE_PROCESS,
    disposeAfter: ONE_PROCESS,
    onInsert: ONE_PROCESS,
    noDisposeOnSet: 'nothing is disposed of here',
    sizeCalculation: `${ONE_PROCESS}; say "size" with each write`,
    length: `${ONE_PROCESS}; say "size" with each write`,
    fetchMethod: `${ONE_PROCESS}; call fetch(key, fetcher)`,
    memoMethod: `${ONE_PROCESS}; use memoize`,
    noUpdateTTL: 'each write begins a lifetime',
    ttlResolution: CLOCK,
    perf: CLOCK,
    status: 'nothing tells of single reads: stats() counts them',
    noDeleteOnFetchRejection: OF_FETCH_METHOD,
    allowStaleOnFetchRejection: OF_FETCH_METHOD,
    allowStaleOnFetchAbort: OF_FETCH_METHOD,
    ignoreFetchAbort: OF_FETCH_METHOD,
    backgroundFetchSize: OF_FETCH_METHOD,
    maxAge: 'it is "ttl"',
    stale: 'it is "allowStale"',
    prune: 'call purgeStale() when you want it, or set "ttlAutopurge"',
    parse: 'values keep their types; for a codec use wrap',
    stringify: 'values keep their types; for a codec use wrap',
  }),
);

/**
 * How many letters have to be changed, added, left out or swapped with the next to make one of the other.
 *
 * @param {string} from
 * @param {string} to
 */
function distance(from, to) {
  /** @type {number[][]} */
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    rows[row] = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      rows[row][column] = Math.min(
        rows[row - 1][column] + 1,
        rows[row][column - 1] + 1,
        rows[row - 1][column - 1] + (same ? 0 : 1),
        swapped ? rows[row - 2][column - 2] + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return rows[from.length][to.length];
}

/** Longer ones are no slip of the pen. */
const LONGEST = 40;

/**
 * @param {string} name
 * @param {readonly string[]} known
 * @returns {string | undefined} what was meant, if one name in three letters is not another
 */
function nearest(name, known) {
  if (name.length > LONGEST) return undefined;
  const [near] = known
    .map((other) => ({ other, apart: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, apart }) => apart <= Math.ceil(Math.min(name.length, other.length) / 3))
    .sort((a, b) => a.apart - b.apart);
  return near?.other;
}

/**
 * @param {string} what
 * @param {object} options
 * @param {string} name
 * @param {readonly string[]} known
 */
function refuse(what, options, name, known) {
  // What is undefined is left out, and what all objects inherit is nobody's option.
  if (!Object.hasOwn(options, name) || /** @type {any} */ (options)[name] === undefined) return;
  const meant = nearest(name, known);
  const advice = elsewhere.get(name) ?? (meant ? `did you mean "${meant}"?` : `it takes ${known.join(', ')}`);
  throw createError('FLOTILLA_ERR_UNKNOWN_OPTION', [what, name.slice(0, LONGEST), advice]);
}

/**
 * @param {string} what takes the options
 * @param {object} options
 * @param {readonly string[]} known
 */
function checkNames(what, options, known) {
  for (const name in options) {
    if (!known.includes(name)) refuse(what, options, name, known);
  }
}

module.exports = { checkNames };

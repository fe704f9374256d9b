/** What the names of a cache's options are looked at with: those of lru-cache that mean nothing here, too. */

const names = require('../base/option-names.js');

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
 * @param {string} what takes the options
 * @param {object} options
 * @param {readonly string[]} known
 */
const checkNames = (what, options, known) => names.checkNames(what, options, known, elsewhere);

module.exports = { checkNames };

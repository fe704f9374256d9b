// The cache beside what a Node server could use instead, in a worker, where it matters. What happens with several workers
// and with a blocked primary is in cache-workers.mjs, leaders and followers in cache-flights.mjs.

import { cacheContestants } from '../cache/contestants.mjs';

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'One operation on a shared cache',
  measures:
    'Time of one call in a hot loop: reads and writes of a 28-byte string and of a five-field object, under 1,024 keys in turn',
  unit: 'ns',
  direction: 'lower is better',
  parts: 10,
  contestants: cacheContestants,
  rows: [
    { subject: 'worker-awaited-get', reference: 'lru-awaited-get', bar: 'at most 3.0' },
    { subject: 'worker-sync-get', reference: 'lru-get', bar: 'at most 3.0' },
    { subject: 'worker-sync-get', reference: 'lmdb-get', bar: 'at least 2x faster' },
    { subject: 'worker-awaited-get', reference: 'peer-get', bar: 'at least 150x faster' },
    { subject: 'worker-messages-get', reference: 'peer-get' },
    { subject: 'worker-awaited-get', reference: 'redis-get' },
    { subject: 'worker-awaited-fetch', reference: 'worker-awaited-get', bar: 'at most 1.1' },
    { subject: 'worker-awaited-set', reference: 'lru-set', bar: 'at most 6' },
    { subject: 'worker-awaited-object', reference: 'json-parse', bar: 'at most 2.0' },
  ],
};

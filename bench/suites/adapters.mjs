// The adapters beside what they replace on one machine: each in a worker, by the package that it plugs into.

import { inProgram } from '../adapters/field.mjs';

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'What other packages plug in',
  measures:
    'Time of one call in a worker: get of Keyv and of its stores by themselves, consume of rate-limiter-flexible, 1,024 keys in turn; and of one of 2,000 broadcasts of socket.io, from one worker to a client of another',
  unit: 'µs',
  direction: 'lower is better',
  contestants: [
    {
      id: 'keyv',
      label: 'Keyv on flotilla: get',
      kind: 'round',
      ours: true,
      prepare: inProgram('keyv-flotilla'),
    },
    {
      id: 'keyv-plain',
      label: 'Keyv on flotilla, without a serializer: get',
      kind: 'round',
      ours: true,
      prepare: inProgram('keyv-plain'),
    },
    {
      id: 'keyv-redis',
      label: '@keyv/redis over a Unix socket: get',
      kind: 'round',
      programs: ['redis-server'],
      prepare: inProgram('keyv-redis'),
    },
    {
      id: 'keyv-map',
      label: 'Keyv on a Map of the process: get',
      kind: 'round',
      prepare: inProgram('keyv-map'),
    },
    {
      id: 'store',
      label: 'KeyvFlotilla: get',
      kind: 'round',
      ours: true,
      prepare: inProgram('store-flotilla'),
    },
    {
      id: 'store-redis',
      label: 'KeyvRedis over a Unix socket: get',
      kind: 'round',
      programs: ['redis-server'],
      prepare: inProgram('store-redis'),
    },
    {
      id: 'consume',
      label: 'RateLimiterFlotilla: consume',
      kind: 'round',
      ours: true,
      prepare: inProgram('consume-flotilla'),
    },
    {
      id: 'consume-cluster',
      label: 'RateLimiterCluster: consume',
      kind: 'round',
      prepare: inProgram('consume-cluster'),
    },
    {
      id: 'broadcast',
      label: 'socket.io on flotilla: a broadcast',
      kind: 'round',
      ours: true,
      prepare: inProgram('broadcast-flotilla'),
    },
    {
      id: 'broadcast-cluster',
      label: '@socket.io/cluster-adapter: a broadcast',
      kind: 'round',
      prepare: inProgram('broadcast-cluster'),
    },
    {
      id: 'broadcast-alone',
      label: 'socket.io to a client of the same worker, with no adapter: a broadcast',
      kind: 'round',
      prepare: inProgram('broadcast-alone'),
    },
  ],
  rows: [
    { subject: 'store', reference: 'store-redis', bar: 'at least 20x faster' },
    { subject: 'keyv-plain', reference: 'keyv-redis', bar: 'at least 20x faster' },
    { subject: 'keyv', reference: 'keyv-redis', bar: 'at least 20x faster' },
    { subject: 'keyv', reference: 'keyv-map' },
    { subject: 'consume', reference: 'consume-cluster', bar: 'at least 50x faster' },
    { subject: 'broadcast', reference: 'broadcast-cluster', bar: 'at least 2x faster' },
    { subject: 'broadcast', reference: 'broadcast-alone' },
  ],
};

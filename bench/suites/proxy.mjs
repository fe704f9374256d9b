// Bytes forwarded to workers that only listen, beside the proxy that is known for it.

import { inTurns, shared } from '../balancer/contestants.mjs';
import { startHaproxy } from '../balancer/programs.mjs';
import { field, startFlotilla } from '../proxy/field.mjs';

/** @typedef {Parameters<typeof field>[0]} Start */
/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */

/** @type {(id: string, label: string, start: Start, programs: string[]) => Contestant[]} */
const both = (id, label, start, programs) =>
  ['keep-alive', 'a connection a request'].map((how, short) => ({
    id: short ? `${id}-short` : id,
    label: `${label}, ${how}`,
    kind: 'sliced',
    together: how,
    ours: id === 'flotilla',
    programs,
    prepare: field(start, short === 1),
  }));

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Proxy mode',
  measures: `Hello world of node:http, 2 processes, 64 connections of wrk, through one thread that forwards. Both run ${inTurns}`,
  unit: 'requests/s',
  direction: 'higher is better',
  figure: ({ perSecond }) => perSecond,
  ...shared,
  contestants: [
    ...both('flotilla', 'Flotilla', startFlotilla, ['wrk']),
    ...both('haproxy', 'HAProxy (TCP mode)', startHaproxy, ['wrk', 'haproxy']),
  ],
  rows: [
    { subject: 'flotilla', reference: 'haproxy', bar: 'at least 1.0' },
    { subject: 'flotilla-short', reference: 'haproxy-short', bar: 'at least 1.0' },
  ],
};

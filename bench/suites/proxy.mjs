// Bytes forwarded to workers that only listen, beside the proxy that is known for it.

import { startHaproxy } from '../balancer/programs.mjs';
import { field, startFlotilla } from '../proxy/field.mjs';

/** @type {import('../harness/suite.mjs').Suite} */
export default {
  title: 'Proxy mode',
  measures: 'Hello world of node:http, 2 processes, 64 connections of wrk, through one thread that forwards',
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 9,
  milliseconds: 1500,
  contestants: [
    {
      id: 'flotilla',
      label: 'Flotilla, keep-alive',
      kind: 'round',
      ours: true,
      programs: ['wrk'],
      prepare: field(startFlotilla, false),
    },
    {
      id: 'haproxy',
      label: 'HAProxy (TCP mode), keep-alive',
      kind: 'round',
      programs: ['wrk', 'haproxy'],
      prepare: field(startHaproxy, false),
    },
    {
      id: 'flotilla-short',
      label: 'Flotilla, a connection a request',
      kind: 'round',
      ours: true,
      programs: ['wrk'],
      prepare: field(startFlotilla, true),
    },
    {
      id: 'haproxy-short',
      label: 'HAProxy (TCP mode), a connection a request',
      kind: 'round',
      programs: ['wrk', 'haproxy'],
      prepare: field(startHaproxy, true),
    },
  ],
  rows: [
    { subject: 'flotilla', reference: 'haproxy', bar: 'at least 1.0' },
    { subject: 'flotilla-short', reference: 'haproxy-short', bar: 'at least 1.0' },
  ],
};

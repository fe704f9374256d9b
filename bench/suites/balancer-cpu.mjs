// What a request costs, whoever else wants the processors: the same fields as in `balancer`.

import { contestant } from '../balancer/contestants.mjs';

const all = ['handoff', 'proxy', 'none', 'rr', 'reuse-port', 'haproxy', 'pipe-proxy'];
const few = ['handoff', 'none', 'rr'];

/** @param {import('../balancer/contestants.mjs').Figures} figures */
const cpuPerRequest = (figures) => figures.cpuPerRequest;

/** @type {import('../harness/suite.mjs').Suite} */
export default {
  title: 'Processor time of a request',
  measures:
    'What all processes of the server use, also the proxy’s: hello world, 2 workers, 64 connections of wrk',
  unit: 'µs',
  direction: 'lower is better',
  rounds: 7,
  milliseconds: 1000,
  contestants: [
    ...all.map((way) => contestant(way, 'express', cpuPerRequest)),
    ...all.map((way) => contestant(way, 'express-short', cpuPerRequest)),
    ...few.map((way) => contestant(way, 'http', cpuPerRequest)),
    ...few.map((way) => contestant(way, 'http-short', cpuPerRequest)),
  ],
  rows: [
    { subject: 'handoff-express', reference: 'none-express' },
    { subject: 'handoff-express', reference: 'haproxy-express' },
    { subject: 'handoff-express', reference: 'pipe-proxy-express' },
    { subject: 'handoff-express-short', reference: 'none-express-short' },
    { subject: 'handoff-express-short', reference: 'haproxy-express-short' },
    { subject: 'handoff-express-short', reference: 'pipe-proxy-express-short' },
    { subject: 'handoff-http', reference: 'none-http' },
    { subject: 'handoff-http', reference: 'rr-http' },
    { subject: 'handoff-http-short', reference: 'none-http-short' },
    { subject: 'handoff-http-short', reference: 'rr-http-short' },
  ],
};

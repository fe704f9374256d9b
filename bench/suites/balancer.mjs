// Every core by hand-off, beside the other ways to get there.

import { contestant } from '../balancer/contestants.mjs';

const all = ['handoff', 'proxy', 'none', 'rr', 'reuse-port', 'haproxy', 'pipe-proxy'];
const few = ['handoff', 'none', 'rr'];

/** @param {import('../balancer/contestants.mjs').Figures} figures */
const perSecond = (figures) => figures.perSecond;

/** @type {import('../harness/suite.mjs').Suite} */
export default {
  title: 'Requests a second on two cores',
  measures: 'Hello world, 2 workers, 64 connections of wrk, which shares the two cores with what it loads',
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 9,
  milliseconds: 1500,
  contestants: [
    ...all.map((way) => contestant(way, 'express', perSecond)),
    ...all.map((way) => contestant(way, 'express-short', perSecond)),
    ...few.map((way) => contestant(way, 'http', perSecond)),
    ...few.map((way) => contestant(way, 'http-short', perSecond)),
  ],
  rows: [
    { subject: 'handoff-express', reference: 'none-express', bar: 'at least 0.97' },
    { subject: 'handoff-express', reference: 'rr-express' },
    { subject: 'handoff-express', reference: 'reuse-port-express' },
    { subject: 'handoff-express', reference: 'haproxy-express', bar: 'at least 1.15' },
    { subject: 'handoff-express', reference: 'pipe-proxy-express', bar: 'at least 1.2' },
    { subject: 'proxy-express', reference: 'haproxy-express' },
    { subject: 'handoff-express-short', reference: 'none-express-short', bar: 'at least 0.95' },
    { subject: 'handoff-express-short', reference: 'rr-express-short' },
    { subject: 'handoff-express-short', reference: 'reuse-port-express-short' },
    { subject: 'handoff-express-short', reference: 'haproxy-express-short' },
    { subject: 'handoff-express-short', reference: 'pipe-proxy-express-short', bar: 'at least 2.0' },
    { subject: 'handoff-http', reference: 'none-http', bar: 'at least 0.97' },
    { subject: 'handoff-http', reference: 'rr-http' },
    { subject: 'handoff-http-short', reference: 'none-http-short', bar: 'at least 0.95' },
    { subject: 'handoff-http-short', reference: 'rr-http-short' },
  ],
};

// Every core by hand-off, beside the other ways to get there.

import { servers } from '../balancer/contestants.mjs';

const others = ['proxy', 'reuse-port', 'haproxy', 'pipe-proxy'];

/** @type {(reference: string, bar?: string) => import('../harness/types.d.ts').Row} */
const express = (reference, bar) => ({ subject: 'handoff-express', reference: `${reference}-express`, bar });
/** @type {typeof express} */
const short = (reference, bar) => ({
  subject: 'handoff-express-short',
  reference: `${reference}-express-short`,
  bar,
});

/** The same twice: how far a ratio may be off on this machine. */
const noise = { subject: 'again-express', reference: 'handoff-express' };

export const { perSecond, cpu } = servers('balancer', {
  title: 'Two cores',
  measures: 'Hello world, 2 workers, 64 connections of wrk, which shares the two cores with what it loads',
  kinds: ['express', 'express-short', 'http', 'http-short'],
  more: { express: [...others, 'again'], 'express-short': others },
  perSecondRows: [
    express('reuse-port'),
    express('haproxy', 'at least 1.15'),
    express('pipe-proxy', 'at least 1.2'),
    { subject: 'proxy-express', reference: 'haproxy-express' },
    noise,
    short('reuse-port'),
    short('haproxy'),
    short('pipe-proxy', 'at least 2.0'),
  ],
  cpuRows: [express('haproxy'), express('pipe-proxy'), noise, short('haproxy'), short('pipe-proxy')],
});
export default perSecond;

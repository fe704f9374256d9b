// The ways to serve on two cores, under load by wrk, and the suites that compare them.

import { cpuTime, family } from './cpu.mjs';
import { startBehind, startHaproxy, startPipeProxy, startProgram } from './programs.mjs';
import { load } from './wrk.mjs';

/** @typedef {import('./programs.mjs').Running} Running */
/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../harness/types.d.ts').Row} Row */
/** @typedef {import('../harness/types.d.ts').Suite} Suite */
/** @typedef {{ perSecond: number, cpuPerRequest: number }} Figures */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const canReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

/** A round of a quick run: the harness would make it shorter than a load takes to get going. */
const SHORTEST = 200;

/**
 * @typedef {object} Way
 * @property {string} label
 * @property {boolean} [ours]
 * @property {string[]} [programs]
 * @property {() => string | undefined} [absent]
 * @property {(app: string, options?: { workers?: number }) => Promise<Running>} start
 */

/** @type {Record<string, Way>} */
export const ways = {
  handoff: {
    label: 'Flotilla, hand-off',
    ours: true,
    start: (app, options) => startProgram('handoff', app, options),
  },
  proxy: { label: 'Flotilla, proxy mode', ours: true, start: (app) => startProgram('proxy', app) },
  none: { label: 'node:cluster, SCHED_NONE', start: (app, options) => startProgram('none', app, options) },
  rr: { label: 'node:cluster, SCHED_RR', start: (app, options) => startProgram('rr', app, options) },
  'reuse-port': {
    label: 'reusePort',
    absent: () => (canReusePort ? undefined : `Node.js ${process.version} has no reusePort`),
    start: (app) => startProgram('reuse-port', app),
  },
  haproxy: {
    label: 'HAProxy (TCP mode, one thread)',
    programs: ['haproxy'],
    start: (app) => startBehind(() => startProgram('worker', app), startHaproxy),
  },
  'pipe-proxy': {
    label: 'JavaScript proxy (net, pipe)',
    start: (app) => startBehind(() => startProgram('worker', app), startPipeProxy),
  },
};

/** One server for all contestants that want the same: closed when the last has gone. */
const running = new Map();

/**
 * @param {string} name
 * @param {() => Promise<Running>} start
 */
async function borrow(name, start) {
  const shared = running.get(name) ?? { users: 0, server: start() };
  shared.users += 1;
  running.set(name, shared);
  const server = /** @type {Running} */ (await shared.server);
  const close = async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    running.delete(name);
    await server.close();
  };
  return { port: server.port, pids: family(server.pids), close };
}

/**
 * By which an id ends, and what a label says of it.
 *
 * @type {Record<string, { app: string, says: string, short?: boolean, posts?: boolean }>}
 */
const loads = {};
for (const [app, name] of Object.entries({
  express: 'Express',
  http: 'node:http',
  fastify: 'Fastify',
  koa: 'Koa',
})) {
  loads[app] = { app, says: `${name}, keep-alive` };
  loads[`${app}-short`] = { app, short: true, says: `${name}, a connection a request` };
  loads[`${app}-post`] = { app, posts: true, says: `${name}, 1 KB of JSON posted` };
}

/**
 * @param {string} way
 * @param {string} kind
 * @returns {Contestant}
 */
function contestant(way, kind) {
  const { label, ours, programs = [], absent, start } = /** @type {Way} */ (ways[way]);
  const { app, says, ...shape } = /** @type {NonNullable<typeof loads[string]>} */ (loads[kind]);
  return {
    id: `${way}-${kind}`,
    label: `${label}: ${says}`,
    kind: 'round',
    ours,
    programs: ['wrk', ...programs],
    absent,
    async prepare({ milliseconds }) {
      const { port, pids, close } = await borrow(`${way} ${app}`, () => start(app));
      const round = async () => {
        const before = cpuTime(pids);
        const wanted = { milliseconds: Math.max(milliseconds, SHORTEST), ...shape };
        const { requests, perSecond } = await load(port, wanted);
        return { perSecond, cpuPerRequest: (cpuTime(pids) - before) / requests };
      };
      return { round, close };
    },
  };
}

/** Beside which Flotilla must not lose, whatever it serves. */
const clusters = ['none', 'rr'];

/**
 * Servers under load, as two suites: requests a second, and the processor time of one. The rounds of the first give the
 * figures of both.
 *
 * @param {string} name of the first
 * @param {object} field
 * @param {string} field.title
 * @param {string} field.measures
 * @param {string[]} field.kinds of load
 * @param {Record<string, string[]>} [field.more] other ways than hand-off and clusters, by the kind of load
 * @param {Row[]} [field.perSecondRows]
 * @param {Row[]} [field.cpuRows]
 */
export function servers(name, { title, measures, kinds, more = {}, perSecondRows = [], cpuRows = [] }) {
  const shared = {
    rounds: 9,
    milliseconds: 800,
    contestants: kinds.flatMap((kind) =>
      ['handoff', ...clusters, ...(more[kind] ?? [])].map((way) => contestant(way, kind)),
    ),
  };
  const rows = (/** @type {string} */ bar) =>
    kinds.flatMap((kind) =>
      clusters.map((way) => ({ subject: `handoff-${kind}`, reference: `${way}-${kind}`, bar })),
    );
  /** @type {Suite} */
  const cpu = {
    ...shared,
    title: `${title}: processor time of a request`,
    measures: `What all processes of the server use, also the proxy’s. ${measures}`,
    unit: 'µs',
    direction: 'lower is better',
    figure: (/** @type {Figures} */ { cpuPerRequest }) => cpuPerRequest,
    rows: [...rows('at most 1.0'), ...cpuRows],
  };
  /** @type {Suite} */
  const perSecond = {
    ...shared,
    title: `${title}: requests a second`,
    measures,
    unit: 'requests/s',
    direction: 'higher is better',
    figure: (/** @type {Figures} */ figures) => figures.perSecond,
    also: { [`${name}-cpu`]: cpu },
    rows: [...rows('at least 1.0'), ...perSecondRows],
  };
  return { perSecond, cpu };
}

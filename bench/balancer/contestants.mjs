// The ways to serve on two cores, under load by wrk, and the suites that compare them: those that serve the same in turns of a slice.

import { setTimeout as pause } from 'node:timers/promises';
import { signalGroup } from '../harness/groups.mjs';
import { SLICE } from '../harness/slices.mjs';
import { cpuTime, family } from './cpu.mjs';
import { startBehind, startHaproxy, startPipeProxy, startProgram } from './programs.mjs';
import { haltedLoad, load } from './wrk.mjs';

/** @typedef {import('./programs.mjs').Running} Running */
/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../harness/types.d.ts').Row} Row */
/** @typedef {import('../harness/types.d.ts').Suite} Suite */
/** @typedef {{ perSecond: number, cpuPerRequest: number }} Figures */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const canReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

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
  again: {
    label: 'Flotilla, hand-off, a second one',
    start: (app) => startProgram('handoff', app),
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

/**
 * The loads of a server before it is measured, in milliseconds each. By their end V8 has compiled what requests and connections
 * run. The connections of a load end with it, and V8 makes the code of connections anew when the first of them have ended.
 */
const WARMING = { quick: [100, 100], full: Array(8).fill(1000) };
/** After so many rounds a server is replaced by a new one: two of one program differ by some percent for as long as they live. */
const ROUNDS_OF_ONE = 3;
/** How long a server that was halted takes to be itself again. */
const AWAKE_MS = 2;
/** How long a suite of such servers is measured, and what it says of that. */
export const shared = { warmUps: 0, rounds: 9, milliseconds: 800 };
export const inTurns = `in turns of ${SLICE} ms, as new processes in every third round`;

/**
 * A server and its load, which are halted together: no request waits for a server that cannot run, and no server for a load.
 *
 * @param {() => Promise<Running>} start
 * @param {{ short?: boolean, posts?: boolean }} shape
 * @param {boolean} quick
 * @returns {import('../harness/types.d.ts').Sliced & { close: () => unknown }}
 */
export function sliced(start, shape, quick) {
  /** @type {{ server: Running, all: number[], rounds: number } | undefined} */
  let running;
  /** @type {{ load: ReturnType<typeof haltedLoad>, before: number } | undefined} */
  let round;
  const signal = (/** @type {NodeJS.Signals} */ name) => {
    for (const pid of running?.server.pids ?? []) signalGroup(pid, name);
    round?.load.signal(name);
  };
  const close = async () => {
    round?.load.signal('SIGKILL');
    await running?.server.close();
    running = undefined;
  };
  const renewed = async () => {
    await close();
    const server = await start();
    running = { server, all: [], rounds: 0 };
    for (const milliseconds of WARMING[quick ? 'quick' : 'full'])
      await load(server.port, { ...shape, milliseconds });
    running.all = family(server.pids);
    return running;
  };
  return {
    async begin() {
      const { server, all } = running && running.rounds < ROUNDS_OF_ONE ? running : await renewed();
      round = { load: haltedLoad(server.port, shape), before: cpuTime(all) };
      signal('SIGSTOP');
    },
    async go() {
      for (const pid of running?.server.pids ?? []) signalGroup(pid, 'SIGCONT');
      // A worker that was halted in the midst of something seems to be blocked for a moment, and would be passed over.
      await pause(AWAKE_MS);
      round?.load.signal('SIGCONT');
    },
    halt: () => signal('SIGSTOP'),
    async end(ran) {
      if (!running || !round) return undefined;
      // The server waits while its load counts: what is in flight was answered in time, and no more will be.
      const requests = await round.load.end();
      const cpuPerRequest = (cpuTime(running.all) - round.before) / requests;
      round = undefined;
      running.rounds += 1;
      signal('SIGCONT');
      return requests > 0 ? { perSecond: (requests * 1000) / ran, cpuPerRequest } : undefined;
    },
    close,
  };
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
    kind: 'sliced',
    together: kind,
    ours,
    programs: ['wrk', ...programs],
    absent,
    prepare: ({ quick }) => sliced(() => start(app), shape, quick),
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
 * @param {string} field.measures what, to which is added how
 * @param {string[]} field.kinds of load
 * @param {Record<string, string[]>} [field.more] other ways than hand-off and clusters, by the kind of load
 * @param {Row[]} [field.perSecondRows]
 * @param {Row[]} [field.cpuRows]
 */
export function servers(name, { title, kinds, more = {}, perSecondRows = [], cpuRows = [], ...field }) {
  const measures = `${field.measures}. Those that serve the same run ${inTurns}`;
  const common = {
    ...shared,
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
    ...common,
    title: `${title}: processor time of a request`,
    measures: `What all processes of the server use, also the proxy’s. ${measures}`,
    unit: 'µs',
    direction: 'lower is better',
    figure: (/** @type {Figures} */ { cpuPerRequest }) => cpuPerRequest,
    rows: [...rows('at most 1.0'), ...cpuRows],
  };
  /** @type {Suite} */
  const perSecond = {
    ...common,
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

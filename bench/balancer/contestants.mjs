// The ways to serve on two cores, under load by wrk. What is measured of it, the suite says.

import { cpuTime, family } from './cpu.mjs';
import { startBehind, startHaproxy, startPipeProxy, startProgram } from './programs.mjs';
import { load } from './wrk.mjs';

/** @typedef {import('./programs.mjs').Running} Running */
/** @typedef {import('../harness/suite.mjs').Contestant} Contestant */
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
 * @property {(app: string) => Promise<Running>} start
 */

/** @type {Record<string, Way>} */
const ways = {
  handoff: { label: 'Flotilla, hand-off', ours: true, start: (app) => startProgram('handoff', app) },
  proxy: { label: 'Flotilla, proxy mode', ours: true, start: (app) => startProgram('proxy', app) },
  none: { label: 'node:cluster, SCHED_NONE', start: (app) => startProgram('none', app) },
  rr: { label: 'node:cluster, SCHED_RR', start: (app) => startProgram('rr', app) },
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

/** One server for all contestants that want the same, which may be two: closed when the last has gone. */
const servers = new Map();

/**
 * @param {string} way
 * @param {string} app
 */
async function borrow(way, app) {
  const name = `${way} ${app}`;
  const shared = servers.get(name) ?? { users: 0, running: ways[way]?.start(app) };
  shared.users += 1;
  servers.set(name, shared);
  const running = /** @type {Running} */ (await shared.running);
  const close = async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    servers.delete(name);
    await running.close();
  };
  return { port: running.port, pids: family(running.pids), close };
}

/**
 * By which an id ends, and what a label says of it.
 *
 * @type {Record<string, { app: string, short: boolean, says: string }>}
 */
const loads = {
  express: { app: 'express', short: false, says: 'Express, keep-alive' },
  'express-short': { app: 'express', short: true, says: 'Express, a connection a request' },
  http: { app: 'http', short: false, says: 'node:http, keep-alive' },
  'http-short': { app: 'http', short: true, says: 'node:http, a connection a request' },
};

/**
 * @param {string} way
 * @param {string} kind
 * @param {(figures: Figures) => number} figure
 * @returns {Contestant}
 */
export function contestant(way, kind, figure) {
  const { label, ours, programs = [], absent } = /** @type {Way} */ (ways[way]);
  const { app, short, says } = /** @type {{ app: string, short: boolean, says: string }} */ (loads[kind]);
  return {
    id: `${way}-${kind}`,
    label: `${label}: ${says}`,
    kind: 'round',
    ours,
    programs: ['wrk', ...programs],
    absent,
    async prepare({ milliseconds }) {
      const { port, pids, close } = await borrow(way, app);
      const round = async () => {
        const before = cpuTime(pids);
        const { requests, perSecond } = await load(port, {
          milliseconds: Math.max(milliseconds, SHORTEST),
          short,
        });
        return figure({ perSecond, cpuPerRequest: (cpuTime(pids) - before) / requests });
      };
      return { round, close };
    },
  };
}

// One app by several ways to run it, as four suites: requests a second, memory, what a reload under load loses, and the time to
// the first answer.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { load, lossesOf } from '../balancer/wrk.mjs';
import { startWay, ways } from './ways.mjs';

/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../harness/types.d.ts').Suite} Suite */

const app = 'an Express app that says hello, unchanged';
/** A load that begins before the reload and ends after it. */
const beforeMs = 300;

/** What every contestant says of itself. @param {string} name of a way */
function named(name) {
  const { label, ours, absent } = /** @type {typeof ways[string]} */ (ways[name]);
  return { id: name, label, kind: /** @type {const} */ ('round'), ours, absent };
}

/**
 * @param {string} name
 * @param {(running: import('./ways.mjs').Running, milliseconds: number) => Promise<any>} measure
 * @returns {Contestant}
 */
function contestant(name, measure) {
  return {
    ...named(name),
    programs: ['wrk'],
    async prepare({ milliseconds }) {
      const running = await startWay(name);
      return { round: () => measure(running, Math.max(milliseconds, 200)), close: running.close };
    },
  };
}

/** The memory of processes, what they share counted once. @param {number[]} pids @returns {number} MiB */
function memoryOf(pids) {
  let kilobytes = 0;
  for (const pid of pids) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has just ended.
    }
  }
  return kilobytes / 1024;
}

const all = Object.keys(ways);
const reloadable = all.filter((name) => name !== 'node');
const measures = `${app}, 2 workers, 64 keep-alive connections of wrk, which shares the two cores with what it loads`;

/** @type {Suite} */
export const memory = {
  title: 'Any app: memory',
  measures: `All processes after a load, pages that they share counted once: ${measures}`,
  unit: 'MiB',
  direction: 'lower is better',
  rounds: 7,
  milliseconds: 800,
  figure: (/** @type {any} */ round) => round.memory,
  contestants: [],
  rows: [{ subject: 'command', reference: 'pm2' }],
};

/** @type {Suite} */
export const perSecond = {
  title: 'Any app: requests a second',
  measures,
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 7,
  milliseconds: 800,
  figure: (/** @type {any} */ round) => round.perSecond,
  also: { 'any-app-memory': memory },
  contestants: all.map((name) =>
    contestant(name, async ({ port, pids }, milliseconds) => {
      const { perSecond: figure } = await load(port, { milliseconds });
      return { perSecond: figure, memory: memoryOf(pids()) };
    }),
  ),
  rows: [
    { subject: 'command', reference: 'start-server', bar: 'at least 0.98' },
    { subject: 'command', reference: 'pm2' },
    { subject: 'command', reference: 'watt' },
  ],
};
memory.contestants = perSecond.contestants;

/** @type {Suite} */
export const lost = {
  title: 'Any app: requests that fail in a reload',
  measures: `Connections that were cut or refused, and answers that were no 200, during one reload under load: ${measures}`,
  unit: 'requests',
  direction: 'lower is better',
  rounds: 5,
  milliseconds: 800,
  contestants: reloadable.map((name) =>
    contestant(name, async ({ port, reload }) => {
      const losses = lossesOf(port);
      await pause(beforeMs);
      await reload?.();
      await pause(beforeMs);
      return losses.end();
    }),
  ),
  rows: [
    { subject: 'command', bar: 'at most 0' },
    { subject: 'start-server', bar: 'at most 0' },
    { subject: 'pm2' },
    { subject: 'watt' },
  ],
};

/** @type {Suite} */
export const first = {
  title: 'Any app: time to the first answer',
  measures: `From the call of the command to the first answer: ${app}`,
  unit: 'ms',
  direction: 'lower is better',
  rounds: 7,
  contestants: all.map((name) => {
    return {
      ...named(name),
      prepare: () => ({
        async round() {
          const { firstAnswerMs, close } = await startWay(name);
          await close();
          return firstAnswerMs;
        },
      }),
    };
  }),
  rows: [{ subject: 'command', reference: 'node', bar: 'at most 2.0' }],
};

// What it costs a server to be shown, and to count: one in one process counts only where it is shown.

import { cpuTime, family } from '../balancer/cpu.mjs';
import { freePort, startProgram } from '../balancer/programs.mjs';
import { load } from '../balancer/wrk.mjs';

/** @typedef {import('../harness/types.d.ts').Suite} Suite */
/** @typedef {{ perSecond: number, cpuPerRequest: number }} Figures */

/** @param {number} port */
async function look(port) {
  for (const path of ['status.json', 'metrics'])
    await (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
}

/**
 * @param {string} id
 * @param {string} label
 * @param {string} way
 * @param {boolean} isShown
 * @returns {import('../harness/types.d.ts').Contestant}
 */
const server = (id, label, way, isShown) => ({
  id,
  label,
  kind: 'round',
  ours: isShown,
  programs: ['wrk'],
  async prepare({ milliseconds }) {
    const admin = isShown ? await freePort() : 0;
    const options = isShown ? { admin: { port: admin } } : {};
    const { port, pids, close } = await startProgram(way, 'express', options);
    const all = family(pids);
    const round = async () => {
      const before = cpuTime(all);
      if (isShown) await look(admin);
      const { requests, perSecond } = await load(port, { milliseconds: Math.max(milliseconds, 200) });
      return { perSecond, cpuPerRequest: (cpuTime(all) - before) / requests };
    };
    return { round, close };
  },
});

const pairs = ['one', 'two'];
/** @type {(bar: string) => Suite['rows']} */
const rows = (bar) => pairs.map((each) => ({ subject: `${each}-on`, reference: `${each}-off`, bar }));
const shared = {
  measures:
    'Hello world by Express, 64 connections of wrk; `/status.json` and `/metrics` asked for once a round, so twice a second',
  rounds: 31,
  milliseconds: 500,
  contestants: [
    server('one-on', 'one process, with `admin`: it counts, and is asked', 'single', true),
    server('one-off', 'one process, without: it does not count', 'single', false),
    server('two-on', '2 workers, with `admin`: asked', 'handoff', true),
    server('two-off', '2 workers, without: they count all the same', 'handoff', false),
  ],
};

/** @type {Suite} */
export const cpu = {
  ...shared,
  title: 'A server that is shown: processor time of a request',
  unit: 'µs',
  direction: 'lower is better',
  figure: (/** @type {Figures} */ { cpuPerRequest }) => cpuPerRequest,
  rows: rows('at most 1.02'),
};

/** @type {Suite} */
const perSecond = {
  ...shared,
  title: 'A server that is shown: requests a second',
  unit: 'requests/s',
  direction: 'higher is better',
  figure: (/** @type {Figures} */ figures) => figures.perSecond,
  also: { 'admin-cpu': cpu },
  rows: rows('at least 0.98'),
};
export default perSecond;

// What it costs a server to be shown: somebody who asks for its status and its metrics each second.

import { freePort, startProgram } from '../balancer/programs.mjs';
import { load } from '../balancer/wrk.mjs';

/** @param {number} port */
async function look(port) {
  for (const path of ['status.json', 'metrics'])
    await (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
}

/**
 * @param {string} id
 * @param {string} label
 * @param {boolean} isShown
 * @returns {import('../harness/types.d.ts').Contestant}
 */
const server = (id, label, isShown) => ({
  id,
  label,
  kind: 'round',
  ours: isShown,
  programs: ['wrk'],
  async prepare({ milliseconds }) {
    const admin = isShown ? await freePort() : 0;
    const { port, close } = await startProgram(
      'handoff',
      'express',
      isShown ? { admin: { port: admin } } : {},
    );
    const round = async () => {
      if (isShown) await look(admin);
      const asking = isShown ? setInterval(() => look(admin), 1000) : undefined;
      const { perSecond } = await load(port, { milliseconds: Math.max(milliseconds, 200) });
      clearInterval(asking);
      return perSecond;
    };
    return { round, close };
  },
});

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'A server that is shown',
  measures:
    'Hello world by Express, 2 workers, 64 connections of wrk; `/status.json` and `/metrics` asked for once a second',
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 15,
  milliseconds: 2200,
  contestants: [
    server('on', 'with `admin`, asked each second', true),
    server('off', 'without `admin`', false),
  ],
  rows: [{ subject: 'on', reference: 'off', bar: 'at least 0.98' }],
};

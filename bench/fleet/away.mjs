// What a fleet does while Redis is away: how long its longest request takes, and when all is right again.

import { setTimeout as pause } from 'node:timers/promises';
import { startFleet } from './fleet.mjs';

const AWAY = 30_000;
/** What went on before, and goes on after. */
const AROUND = 2000;
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** @typedef {{ longest: number, back: number }} Away */

/**
 * @param {(redis: Awaited<ReturnType<typeof startFleet>>['redis']) => Promise<unknown>} leave
 * @param {(redis: Awaited<ReturnType<typeof startFleet>>['redis']) => Promise<unknown>} comeBack
 */
const away =
  (leave, comeBack) =>
  /** @param {import('../harness/types.d.ts').Context} context */
  async ({ quick }) => {
    const { redis, machines, close } = await startFleet();
    const all = (/** @type {string} */ act) => Promise.all(machines.map(({ ask }) => ask(act)));
    let written = 0;
    return {
      /** @returns {Promise<Away>} */
      async round() {
        await all('begin');
        await pause(quick ? 100 : AROUND);
        await leave(redis);
        await pause(quick ? 1500 : AWAY);
        await comeBack(redis);
        const began = now();
        const right = await all('right');
        await pause(quick ? 100 : AROUND);
        const loads = await all('report');
        const lost = loads.reduce((sum, load) => sum + load.lost, 0);
        if (lost > 0) throw new Error(`${lost} requests were lost`);
        // And each hears of the other.
        const [first, second] = machines;
        await Promise.all([first.ask('write', ++written), second.ask('watch', written)]);
        return {
          longest: Math.max(...loads.map(({ longest }) => longest)),
          back: Math.max(...right) - began,
        };
      },
      close,
    };
  };

const contestants = [
  {
    id: 'stopped',
    label: 'Redis is stopped for 30 s',
    prepare: away(
      async (redis) => redis.signal('SIGSTOP'),
      async (redis) => redis.signal('SIGCONT'),
    ),
  },
  {
    id: 'killed',
    label: 'Redis is killed, and started again after 30 s',
    prepare: away(
      (redis) => redis.kill(),
      (redis) => redis.start(),
    ),
  },
].map((one) => ({ kind: /** @type {const} */ ('round'), ours: true, programs: ['redis-server'], ...one }));

/** @type {import('../harness/types.d.ts').Suite} */
export const back = {
  title: 'A fleet to which Redis comes back',
  measures: 'How long after Redis answers again all machines use it, and hear of changes',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 5,
  warmUps: 0,
  figure: (/** @type {Away} */ round) => round.back,
  contestants,
  rows: [
    { subject: 'stopped', bar: 'at most 1000' },
    { subject: 'killed', bar: 'at most 1000' },
  ],
};

/** @type {import('../harness/types.d.ts').Suite} */
export const longest = {
  ...back,
  title: 'A fleet without Redis',
  measures:
    'The longest request of a round, on two machines with eight clients each that get, set and fetch, where a call waits 500 ms and whenAway is serve. A round in which a request is lost does not count',
  figure: (/** @type {Away} */ round) => round.longest,
  also: { 'fleet-back': back },
  rows: [
    { subject: 'stopped', bar: 'at most 600' },
    { subject: 'killed', bar: 'at most 600' },
  ],
};

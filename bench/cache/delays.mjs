// How long one process can delay an operation of another, in whatever state it is, and what a cache costs that nobody uses.

import { execFileSync } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import timers from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { answer } from './cluster.mjs';
import { waitedForCore } from './waited-for-core.mjs';

const exec = fileURLToPath(new URL('delay-worker.mjs', import.meta.url));
const IDLE_MS = 1000;

/** @typedef {import('node:cluster').Worker} Worker */
/** @typedef {{ longest: number, own: number }} Delay */

/** @param {'observe' | 'act' | 'purge'} role @param {number} entries @param {string} [cwd] */
async function fork(role, entries, cwd) {
  // The primary makes the segment that its workers attach to.
  await import('flotilla');
  cluster.setupPrimary({ exec, execArgv: [], args: [], cwd });
  const worker = cluster.fork({ ROLE: role, ENTRIES: String(entries) });
  await answer(worker);
  return worker;
}

/** @param {Worker | undefined} worker */
async function end(worker) {
  if (worker === undefined || worker.isDead()) return;
  worker.process.kill('SIGKILL');
  await once(worker, 'exit');
}

/** @param {Worker} worker @param {string} act */
function order(worker, act) {
  worker.send({ bench: act });
  return answer(worker);
}

/** Two workers for all contestants, forked when the first needs them. @type {{ observer?: Worker, actor?: Worker }} */
const workers = {};

/** @param {boolean} quick */
const entriesOf = (quick) => (quick ? 100_000 : 1_000_000);

/**
 * What an observer notes while another process does something, after what it does first.
 *
 * @param {string} act
 * @param {string} [first]
 */
const during =
  (act, first) =>
  /** @param {import('../harness/types.d.ts').Context} context */
  ({ quick }) => ({
    /** @returns {Promise<Delay>} */
    async round() {
      workers.observer ??= await fork('observe', entriesOf(quick));
      workers.actor ??= await fork('act', entriesOf(quick));
      if (first) await order(workers.actor, first);
      await order(workers.observer, 'begin');
      await order(workers.actor, act);
      return order(workers.observer, 'report');
    },
    async close() {
      const { observer, actor } = workers;
      workers.observer = workers.actor = undefined;
      await Promise.all([end(observer), end(actor)]);
    },
  });

/**
 * The same while one ends in the middle of what it writes.
 *
 * @param {NodeJS.Signals} signal
 */
const ending = (signal) => () => ({
  /** @returns {Promise<Delay>} */
  async round() {
    const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-delays-'));
    const [observer, actor] = [await fork('observe', 1000), await fork('act', 1000, folder)];
    if (signal === 'SIGABRT')
      execFileSync('prlimit', ['--pid', String(actor.process.pid), '--core=unlimited']);
    await order(actor, 'write');
    await order(observer, 'begin');
    actor.process.kill(signal);
    await once(actor, 'exit');
    const delay = await order(observer, 'report');
    await end(observer);
    rmSync(folder, { recursive: true });
    return delay;
  },
});

/**
 * A change of the primary's that waits for a process that was stopped with the lock, until it is refused: for how long, and for
 * how long the event loop of the primary had no turn.
 */
async function besideStopped() {
  const { LRUCacheClustered } = await import('flotilla');
  const cache = new LRUCacheClustered({ namespace: 'delays' });
  let running = true;
  let [last, lastWaited, longest, own] = [performance.now(), waitedForCore(), 0, 0];
  const watch = () => {
    const [now, waited] = [performance.now(), waitedForCore()];
    longest = Math.max(longest, now - last);
    own = Math.max(own, now - last - (waited - lastWaited));
    [last, lastWaited] = [now, waited];
    if (running) setImmediate(watch);
  };
  setImmediate(watch);
  const began = performance.now();
  const code = await cache.set('a', 1).then(
    () => undefined,
    (error) => error.code,
  );
  running = false;
  const waited = performance.now() - began;
  return {
    refused: code === 'FLOTILLA_ERR_LOCK_HELD',
    refusal: { longest: waited, own: waited },
    turn: { longest, own },
  };
}

/** @param {'refusal' | 'turn'} what */
const stopped = (what) => () => ({
  /** @returns {Promise<Delay>} */
  async round() {
    const actor = await fork('act', 1000);
    await order(actor, 'write');
    for (;;) {
      actor.process.kill('SIGSTOP');
      const found = await besideStopped();
      if (found.refused) {
        await end(actor);
        return found[what];
      }
      actor.process.kill('SIGCONT');
      await timers.setTimeout(1);
    }
  },
});

/** @param {Worker[]} all */
async function processorTime(all) {
  let sum = 0;
  for (const worker of all) sum += await order(worker, 'cpu');
  return sum;
}

/** The processor time in a second of four processes, whose cache removes by itself what has expired. */
const idle = (/** @type {import('../harness/types.d.ts').Context} */ { quick }) => {
  /** @type {Worker[]} */
  const all = [];
  return {
    /** @returns {Promise<Delay>} */
    async round() {
      if (all.length === 0) {
        for (let worker = 0; worker < 4; worker++) all.push(await fork('purge', entriesOf(quick)));
        await order(/** @type {Worker} */ (all[0]), 'fill');
      }
      const [before, began] = [await processorTime(all), performance.now()];
      await timers.setTimeout(quick ? 300 : IDLE_MS);
      const spent = (await processorTime(all)) - before;
      const perSecond = (spent / (performance.now() - began)) * 1000;
      return { longest: perSecond, own: perSecond };
    },
    close: () => Promise.all(all.map(end)),
  };
};

/** @type {[id: string, label: string, prepare: any, bar?: string][]} */
const states = [
  ['nothing', 'does nothing', during('idle')],
  ['keys', 'lists the keys of a million entries', during('keys', 'fill'), 'at most 1'],
  ['dump', 'dumps a million entries', during('dump', 'fill'), 'at most 1'],
  ['clear', 'clears a million entries', during('clear', 'fill'), 'at most 1'],
  ['purge', 'purges a million entries', during('purge', 'fillBriefly'), 'at most 1'],
  ['max', 'lowers max from a million to ten', during('max', 'fill'), 'at most 1'],
  ['destroy', 'destroys a cache of a million entries', during('destroy', 'fill'), 'at most 1'],
  ['join', 'makes and destroys other caches', during('join'), 'at most 1'],
  ['leave', 'is ended by SIGTERM while it writes', ending('SIGTERM'), 'at most 1'],
  ['kill', 'is killed while it writes', ending('SIGKILL'), 'at most 1'],
  ['core', 'dumps core while it writes', ending('SIGABRT'), 'at most 260'],
  ['stop', 'is stopped while it has the lock: refused after', stopped('refusal'), 'at most 260'],
  ['loop', 'the same: longest turn of the primary’s event loop', stopped('turn'), 'at most 5'],
  [
    'idle',
    'processor time in a second of four idle processes, ttlAutopurge, a million entries',
    idle,
    'at most 10',
  ],
];

const contestants = states.map(([id, label, prepare]) => ({
  id,
  label,
  kind: /** @type {const} */ ('round'),
  ours: true,
  prepare,
}));

/** @type {import('../harness/types.d.ts').Suite} */
const whole = {
  title: 'What one process can delay another by, with the scheduler’s part',
  measures: 'The longest of the changes that one worker makes while another is in each state, by the clock',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 5,
  warmUps: 1,
  figure: (/** @type {Delay} */ { longest }) => longest,
  contestants,
  rows: [],
};

/** @type {import('../harness/types.d.ts').Suite} */
export const own = {
  ...whole,
  title: 'What one process can delay another by',
  measures:
    'The longest of the changes that one worker makes to a cache while another is in each state, less the time in which it could have run and the scheduler had others run, as is the longest turn; how long a change waits for a stopped process; what an idle cache costs',
  figure: (/** @type {Delay} */ round) => round.own,
  also: { 'cache-delays-whole': whole },
  rows: states.flatMap(([subject, , , bar]) => (bar ? [{ subject, bar }] : [])),
};

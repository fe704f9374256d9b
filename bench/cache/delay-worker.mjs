// Workers for the delays that one process can cause another: one that notes how long its own operations take, one that
// does what may be in its way, and those that have a cache that removes by itself what has expired.

import { LRUCacheClustered } from 'flotilla';
import { waitedForCore } from './waited-for-core.mjs';

const ENTRIES = Number(process.env.ENTRIES);
const LONG = 3_600_000;
const turn = () => new Promise((resolve) => void setImmediate(resolve));
const MAX = 3_000_000;
const CLEARS = ['clear', 'purge', 'max', 'destroy'];
const open = () => new LRUCacheClustered({ namespace: 'delays', max: MAX });

/** @param {any} bench */
const say = (bench) => process.send?.({ bench });

/** Takes the lock again and again, from one message to the next, and tells the longest that it took. */
function observe() {
  const cache = open();
  let [longest, own, running] = [0, 0, false];
  const operation = (/** @type {number} */ count) => {
    try {
      cache.sync.set('observed', count);
    } catch {
      // A lock that a process keeps as it ends: how long that took counts.
    }
  };
  const goOn = () => {
    for (let count = 0; count < 100; count++) {
      const waited = waitedForCore();
      const began = performance.now();
      operation(count);
      const took = performance.now() - began;
      if (took > longest) longest = took;
      if (took > own) own = Math.max(own, took - (waitedForCore() - waited));
    }
    if (running) setImmediate(goOn);
  };
  process.on('message', () => {
    running = !running;
    say({ longest, own });
    [longest, own] = [0, 0];
    if (running) setImmediate(goOn);
  });
}

/** @param {LRUCacheClustered} cache @param {(index: number) => number} ttl */
async function fill(cache, ttl) {
  for (let index = 0; index < ENTRIES; index++) {
    cache.sync.set(`key ${index}`, index, { ttl: ttl(index) });
    if (index % 1000 === 0) await turn();
  }
}

/** @param {LRUCacheClustered} cache @returns {Record<string, () => unknown>} */
const acts = (cache) => ({
  idle: () => {},
  fill: async () => cache.sync.size >= ENTRIES || fill(cache, () => LONG),
  fillBriefly: () => fill(cache, () => 1),
  keys: async () => (await cache.keys()).length,
  dump: async () => (await cache.dump()).length,
  clear: () => cache.clear(),
  purge: () => cache.purgeStale(),
  max: async () => {
    await cache.max(10);
    await cache.max(MAX);
  },
  destroy: () => cache.destroy(),
  join: async () => {
    for (let other = 0; other < 100; other++) {
      const made = new LRUCacheClustered({ namespace: `other ${other}`, max: 10 });
      await made.set('a', 1);
      await made.destroy();
    }
  },
  /** Goes on writing, to be killed or stopped in the middle. */
  write: () => {
    say(0);
    for (let index = 0; ; index++) cache.sync.set(`written ${index % 1000}`, index);
  },
});

function act() {
  const all = acts(open());
  process.on('message', async (/** @type {{ bench: string }} */ { bench }) => {
    await all[bench]?.();
    // What was cleared is taken apart while the observer goes on.
    const until = performance.now() + (CLEARS.includes(bench) ? 300 : 0);
    while (performance.now() < until) await turn();
    say(0);
  });
}

/** Tells how much processor time it has used; fills the cache where it is told to. */
function purge() {
  const cache = new LRUCacheClustered({ namespace: 'purged', max: 2 * ENTRIES, ttlAutopurge: true });
  process.on('message', async (/** @type {{ bench: string }} */ { bench }) => {
    // Something expires all the time, so that there is always something to look for.
    if (bench === 'fill')
      await fill(cache, (index) => 60_000 + ((index * 7919) % ENTRIES) * (LONG / ENTRIES));
    const { user, system } = process.cpuUsage();
    say((user + system) / 1000);
  });
}

const roles = /** @type {Record<string, () => void>} */ ({ observe, act, purge });
roles[String(process.env.ROLE)]?.();
say(0);

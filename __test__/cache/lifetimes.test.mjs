// Lifetimes that one process changes, as another sees them that has read the key often before.

import { describe, expect, it } from 'vitest';
import { LRUCacheClustered } from '../../index.mjs';
import { inCluster } from '../fixtures/cache.mjs';

describe('a lifetime that another process has changed, in shared memory', () => {
  it('counts for one that has read the key a thousand times', async () => {
    const { before, after, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'hot', max: 10 });
      const { sync } = cache;
      /** After so many reads, every way to be fast has been taken. */
      const readOften = () => {
        for (let read = 0; read < 1000; read++) for (const key of ['shorter', 'longer', 'mine']) sync.get(key);
      };
      const passed = async (milliseconds) => {
        const end = performance.now() + milliseconds;
        while (performance.now() <= end) await new Promise(setImmediate);
      };
      const seen = () => ['shorter', 'longer', 'mine'].map((key) => sync.get(key) ?? null);
      export async function primary() {
        for (const [key, ttl] of [['shorter', 60_000], ['longer', 60_000], ['mine', 60_000]]) sync.set(key, key, { ttl });
        readOften();
        sync.touch('mine', { ttl: 1 });
        await passed(3);
        return sync.get('mine') ?? null;
      }
      export async function worker() {
        sync.set('mine', 'again');
        readOften();
        return [sync.touch('shorter', { ttl: 1 }), sync.touch('longer', { ttl: 600_000 }), seen().at(-1)];
      }
      export async function afterwards() {
        await passed(3);
        return [seen(), sync.getRemainingTTL('longer') > 500_000];
      }
      `,
      { workers: 1 },
    );
    expect(before).toBeNull();
    expect(answers).toEqual([[true, true, 'again']]);
    expect(after).toEqual([[null, 'longer', 'again'], true]);
  });
});

describe('a lifetime in a dump', () => {
  it('is no longer than its TTL where the clock was set back since', async () => {
    const cache = new LRUCacheClustered({ namespace: 'set back', max: 10 });
    const twoHoursLater = Date.now() + 7_200_000;
    await cache.load([['a', { value: 1, ttl: 60_000, start: twoHoursLater }]]);
    const left = await cache.getRemainingTTL('a');
    await cache.destroy();
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });
});

// What `DEBUG` asks to be told, and that nothing is told where it does not ask.

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../fixtures/cache.mjs';

const { brief, isWanted } = createRequire(import.meta.url)('../../lib/base/debug.js');

/** A worker that uses the cache, under one setting of `DEBUG`: what all its processes wrote to stderr. */
async function lines(DEBUG, transport = 'ipc') {
  const { ended } = startProgram(
    `
    export async function main() {
      if (cluster.isWorker) {
        const cache = new LRUCacheClustered({ namespace: 'told', timeout: 60_000 });
        await cache.set('a key', 'a secret');
        await cache.fetch('fetched', () => 1);
        await cache.destroy();
        process.disconnect();
        return;
      }
      const worker = cluster.fork();
      await new Promise((done) => worker.once('exit', done));
    }`,
    { DEBUG, FLOTILLA_TRANSPORT: transport },
  );
  const { code, stderr } = await ended;
  expect(code).toBe(0);
  return stderr.split('\n').filter((line) => / (lru-cache-clustered-|flotilla:)/.test(line));
}

describe('DEBUG', () => {
  it.each([
    ['*', true],
    ['lru-cache-clustered-*', true],
    ['lru-cache-clustered-primary', true],
    ['express:*, lru-cache-clustered-*', true],
    ['express:* lru-*-primary', true],
    ['*,-lru-cache-clustered-primary', false],
    ['-lru-*,*', false],
    ['*,-lru-cache-clustered-m*', true],
    ['lru-cache-clustered-', false],
    ['lru.cache.clustered.primary', false],
    ['(', false],
    ['-', false],
    ['', false],
    [undefined, false],
  ])('%s', (pattern, wanted) => {
    expect(isWanted('lru-cache-clustered-primary', pattern ?? '')).toBe(wanted);
  });

  it('shows keys in few characters, whatever they are', () => {
    expect(['a"b', 'x'.repeat(1000), 5n, Symbol('s'), {}, [1, 2], undefined, null].map(brief)).toEqual([
      '"a\\"b"',
      `"${'x'.repeat(100)}…"`,
      '5',
      'Symbol(s)',
      '(object)',
      '[2]',
      'undefined',
      '(object)',
    ]);
  });

  it('tells each request and its response on both sides, and no value', async () => {
    const told = await lines('lru-cache-clustered-messages');
    expect(told.every((line) => / lru-cache-clustered-messages \d+ re(quest|sponse) /.test(line))).toBe(true);
    const pids = new Set(told.map((line) => line.split(' ')[2]));
    expect(pids.size).toBe(2);
    const text = told.join('\n');
    expect(text).toMatch(/request 2 set "told" "a key"/);
    expect(text).toMatch(/request 2 of worker 1 set "told"/);
    expect(text).toMatch(/response 2 to worker 1 set ok/);
    expect(text).toMatch(/response 2 set ok/);
    expect(text).not.toContain('secret');
  });

  it('tells of caches that are made and removed, over messages and in shared memory', async () => {
    for (const transport of ['ipc', 'shared']) {
      const text = (await lines('lru-cache-clustered-*,-*-messages', transport)).join('\n');
      expect(text).toMatch(/lru-cache-clustered-primary \d+ created "told" max=1000/);
      expect(text).toMatch(/lru-cache-clustered-primary \d+ removed "told"/);
      expect(text).not.toContain('clustered-messages');
    }
  });

  it('tells of shared memory and of flights, and nothing where nothing is asked for', async () => {
    const text = (await lines('flotilla:*', 'shared')).join('\n');
    expect(text).toMatch(/flotilla:cache \d+ made a segment of \d+ bytes; workers take shared/);
    expect(text).toMatch(/flotilla:cache \d+ attached to the segment/);
    expect(text).toMatch(/flotilla:cache \d+ fetch of "fetched" leads/);
    expect(await lines('', 'ipc')).toEqual([]);
    expect(await lines('-*', 'shared')).toEqual([]);
  });
});

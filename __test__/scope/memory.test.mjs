// What is not held is collected: each case in a process of its own, with `--expose-gc`.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { node } from '../fixtures/processes.mjs';

const script = fileURLToPath(new URL('../fixtures/scope-memory.mjs', import.meta.url));

async function run(name) {
  const { stdout, stderr, code } = await node(['--expose-gc', script, name]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

it('100,000 forks that nobody disposes of leave the heap flat, with values, computeds and effects', async () => {
  const { heapGrowth, size, reports } = await run('undisposed forks');
  expect(size).toBe(1_000);
  expect(reports).toBe(99_000);
  // One scope of the workload keeps about 11 KiB: a leak of one in a hundred would show.
  expect(heapGrowth).toBeLessThan(2_000_000);
});

it('the values of evicted scopes are collected, those of living ones are not', async () => {
  expect(await run('weak values')).toEqual({ evicted: 900, collected: 900, living: 100, kept: 100 });
});

it('a computed’s cache goes with the scope, while its signals live on', async () => {
  expect(await run('computed caches')).toEqual({ scopes: 200, collected: 200 });
});

it('effects of evicted scopes on global signals are let go', async () => {
  expect(await run('effects on global signals')).toEqual({ scopes: 1_000, collected: 990, runsAtTheEnd: 10 });
});

it('signals and computeds made for one request leave nothing in the server’s root scope', async () => {
  expect(await run('signals of a request')).toEqual({ signals: 1_000, collected: 1_000 });
});

it('a scope that was disposed of is collected when its request has ended, and not before', async () => {
  expect(await run('requests in flight')).toEqual({ whileInFlight: 'alive', afterwards: 'collected' });
});

it('the addon’s managers are freed with their server scopes', async () => {
  const { growth } = await run('managers');
  // 200 managers of 20,000 scopes each would keep more than 100 MB; V8's own heap was seen to keep 34 of what it had.
  expect(growth).toBeLessThan(70_000_000);
});

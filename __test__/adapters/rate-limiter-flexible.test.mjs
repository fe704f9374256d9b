// `RateLimiterFlotilla` beside the limiter in memory of rate-limiter-flexible, of the oldest and the newest version that it knows;
// and over several workers.

import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { project, startIn } from '../fixtures/peers.mjs';

/** A project in which that version is installed under the name of the package. */
const withVersion = (listed) => project([['rate-limiter-flexible', listed]]);

/** Runs a program in such a project. */
async function run(folder, code, env) {
  const file = path.join(folder, 'program.mjs');
  writeFileSync(file, code);
  return startIn(folder, [file], env).ended;
}

describe.each(['rate-limiter-flexible', 'rate-limiter-flexible5'])('%s', (name) => {
  it('counts, blocks, sets and forgets as its own limiter in memory does', async () => {
    const folder = await withVersion(name);
    const program = path.join(root, '__test__/fixtures/limiters.mjs');
    const ended = await Promise.all(
      [1, 2].map((seed) => startIn(folder, [copied(folder, program), `${seed}`, '1500']).ended),
    );
    expect(ended.map(({ stdout, stderr }) => stdout + stderr)).toEqual(Array(2).fill('the same\n'));
  });
});

function copied(folder, program) {
  const file = path.join(folder, path.basename(program));
  cpSync(program, file);
  return file;
}

describe.each(['rate-limiter-flexible', 'rate-limiter-flexible5'])(
  '%s, with a limiter to stand in',
  (name) => {
    it('lets it count where the cache cannot, and rejects without one', async () => {
      const folder = await withVersion(name);
      const { stdout, stderr } = await run(
        folder,
        `
      import { LRUCacheClustered } from 'flotilla';
      import { RateLimiterFlotilla } from 'flotilla/rate-limiter-flexible';
      import { RateLimiterMemory } from 'rate-limiter-flexible';
      const limits = { points: 2, duration: 60, keyPrefix: 'k' };
      const cache = new LRUCacheClustered({ namespace: 'counted' });
      const alone = new RateLimiterFlotilla({ ...limits, cache });
      const insured = new RateLimiterFlotilla({ ...limits, cache, insuranceLimiter: new RateLimiterMemory(limits) });
      const consume = (limiter) => limiter.consume('ada').then(
        ({ remainingPoints }) => remainingPoints,
        ({ code, remainingPoints }) => code ?? 'over ' + remainingPoints,
      );
      const told = [await consume(insured), await consume(alone), await consume(alone)];
      await cache.set('k:ada', 'what nobody can count');
      for (const limiter of [insured, insured, insured, alone]) told.push(await consume(limiter));
      console.log(JSON.stringify(told));`,
      );
      expect(JSON.parse(stdout), stderr).toEqual([
        1,
        0,
        'over 0',
        1,
        0,
        'over 0',
        expect.stringMatching(/^FLOTILLA_ERR_/),
      ]);
    });
  },
);

describe('over workers', () => {
  it.each(['shared', 'ipc'])('lets exactly its points through, on the transport %s', async (transport) => {
    const folder = await withVersion('rate-limiter-flexible');
    const { stdout, stderr } = await run(
      folder,
      `
      import cluster from 'node:cluster';
      import { RateLimiterFlotilla } from 'flotilla/rate-limiter-flexible';
      if (cluster.isPrimary) {
        const counts = Array.from({ length: 3 }, () => new Promise((resolve) => {
          cluster.fork().on('message', ({ passed }) => passed !== undefined && resolve(passed));
        }));
        const passed = await Promise.all(counts);
        console.log(passed.reduce((sum, count) => sum + count));
        cluster.disconnect();
      } else {
        const limiter = new RateLimiterFlotilla({ points: 1000, duration: 60 });
        let passed = 0;
        const request = async () => limiter.consume('ada').then(() => passed++, () => {});
        for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 10 }, request));
        process.send({ passed });
      }`,
      { FLOTILLA_TRANSPORT: transport },
    );
    // Of 1,500 requests, 500 by each worker.
    expect(JSON.parse(stdout), stderr).toBe(1000);
  });
});

it('counts in a cache that another copy of the library made', async () => {
  const folder = await withVersion('rate-limiter-flexible');
  const { stdout, stderr } = await run(
    folder,
    `
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const { LRUCacheClustered } = require('flotilla');
    const cache = new LRUCacheClustered({ namespace: 'of the first copy' });
    for (const file of Object.keys(require.cache)) delete require.cache[file];
    const { RateLimiterFlotilla } = require('flotilla/rate-limiter-flexible');
    const limiter = new RateLimiterFlotilla({ points: 2, duration: 60, keyPrefix: '', cache });
    const { consumedPoints } = await limiter.consume('ada');
    console.log(consumedPoints, await cache.get('ada'));`,
  );
  expect(stdout, stderr).toBe('1 1\n');
});

describe('bad input', () => {
  it('is told of by name: a missing package, an unknown version, a misspelt option, points that are no number', async () => {
    const attempt = `
      import { RateLimiterFlotilla } from 'flotilla/rate-limiter-flexible';
      const tell = ({ code, message }) => console.log(code, message);
      try {
        const limiter = new RateLimiterFlotilla(JSON.parse(process.env.OPTIONS));
        await limiter.consume('ada', 'many');
      } catch (error) { tell(error); }`;
    const OPTIONS = '{ "points": 1, "duration": 1 }';
    const told = async (name, options = OPTIONS) => {
      const folder = name ? await withVersion(name) : await project([]);
      return (await run(folder, attempt, { OPTIONS: options })).stdout;
    };
    const [missing, old, misspelt, text] = await Promise.all([
      told(),
      told('rate-limiter-flexible2'),
      told('rate-limiter-flexible', '{ "points": 1, "duraton": 1 }'),
      told('rate-limiter-flexible'),
    ]);
    expect(missing).toMatch(/^FLOTILLA_ERR_PEER_MISSING .*npm install rate-limiter-flexible@11"\n$/);
    expect(old).toMatch(/^FLOTILLA_ERR_PEER_VERSION .*version 2\.4\.2 .*@11"\n$/);
    expect(misspelt).toMatch(/^FLOTILLA_ERR_UNKNOWN_OPTION .*did you mean "duration"\?\n$/);
    expect(text).toMatch(/^FLOTILLA_ERR_INVALID_ARGUMENT /);
  });
});

// The second tier, as a user has it: real machines, each a primary with workers, over a real Redis, with each client.

import { beforeAll, describe, expect, it } from 'vitest';
import { forTheFile, startMachine, startRedis, until } from '../fixtures/tier.mjs';
import { kinds } from '../fixtures/tier-clients.mjs';

const whenDone = forTheFile();

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
beforeAll(async () => {
  redis = await startRedis({ whenDone });
});

const machine = (/** @type {object} */ settings = {}) =>
  startMachine({ port: redis.port, whenDone, ...settings });

describe.each(kinds)('a fleet with %s', (kind) => {
  /** @type {ReturnType<typeof startMachine>[]} */
  let machines;
  beforeAll(async () => {
    const settings = { kind, workers: 2, cache: { namespace: `of ${kind}` } };
    machines = [machine(settings), machine(settings)];
    for (const { run } of machines) await run('return cache.healthCheck()');
  });

  it('reads on one machine what another has written', async () => {
    const [first, second] = machines;
    await first.run(`await cache.set('ada', { name: 'Ada', born: new Date(0) })`);
    expect(await second.run(`return (await cache.get('ada')).born instanceof Date`)).toBe(true);
    expect(await second.run(`return cache.get('ada')`, 1)).toEqual({
      name: 'Ada',
      born: '1970-01-01T00:00:00.000Z',
    });
  });

  it('hears of a change within milliseconds', async () => {
    const [first, second] = machines;
    await first.run(`await cache.set('page', 1)`);
    expect(await second.run(`return cache.get('page')`)).toBe(1);
    await first.run(`await cache.set('page', 2)`, 1);
    await until(
      () => second.run(`return cache.get('page')`, 1),
      (value) => value === 2,
      1000,
    );
    await second.run(`await cache.delete('page')`);
    await until(
      () => first.run(`return cache.has('page')`),
      (has) => !has,
      1000,
    );
  });

  it('reads its own write at once, in every worker of the machine', async () => {
    const [{ run }] = machines;
    for (let round = 1; round <= 50; round++) {
      await run(`await cache.set('own', ${round})`, round % 2);
      expect(await run(`return cache.get('own')`, (round + 1) % 2)).toBe(round);
    }
  });

  it('counts exactly over all workers of all machines', async () => {
    const count = `for (let i = 0; i < 50; i++) await cache.incr('hits', 1, { ttl: 60_000 }); return true`;
    await Promise.all(machines.flatMap(({ run }) => [run(count, 0), run(count, 1)]));
    expect(await machines[0].run(`return cache.get('hits')`)).toBe(200);
    expect(await machines[1].run(`return cache.decr('hits', 0.5)`)).toBe(199.5);
    const { value, ttl } = await machines[1].run(`return cache.incrWithTtl('hits', 0.5)`);
    expect([value, ttl > 50_000 && ttl <= 60_000]).toEqual([200, true]);
  });

  it('keeps in memory as long as Redis does what was written, counted or touched with a lifetime', async () => {
    const [first, second] = machines;
    const read = (/** @type {string} */ key) =>
      `await cache.get('${key}'); return cache.sync.getRemainingTTL('${key}')`;
    await first.run(`
      await cache.set('lives', 1, { ttl: 9000 });
      await cache.incr('counted', 1, { ttl: 8000 });
      await cache.fetch('fetched', () => 1, { ttl: 7000 });
      await cache.set('touched', 1, { ttl: 500 });
      await cache.touch('touched', { ttl: 6000 });`);
    for (const [key, lives] of Object.entries({ lives: 9000, counted: 8000, fetched: 7000, touched: 6000 })) {
      // What Redis tells of the write may come while it is read, and then nothing is kept of that read.
      const left = await until(
        () => second.run(read(key)),
        (time) => time > 0,
      );
      expect([left > lives - 3000, left <= lives], `${key}: ${left}`).toEqual([true, true]);
    }
  });

  it('lets one of all workers claim, take and update', async () => {
    const everywhere = (/** @type {string} */ source) =>
      Promise.all(machines.flatMap(({ run }) => [run(source, 0), run(source, 1)]));
    const claimed = await everywhere(`return cache.setIfAbsent('job', process.pid)`);
    expect(claimed.filter(Boolean)).toHaveLength(1);
    const taken = await everywhere(`return (await cache.take('job')) ?? null`);
    expect(taken.filter(Boolean)).toHaveLength(1);
    await everywhere(`for (let i = 0; i < 10; i++) await cache.update('list', (list = []) => [...list, i])`);
    expect(await machines[0].run(`return (await cache.get('list')).length`)).toBe(40);
  });

  it('fetches once for all who ask on all machines', async () => {
    const ask = `
      kept.runs ??= 0;
      const bring = async () => { kept.runs++; await new Promise((done) => setTimeout(done, 100)); return 'brought'; };
      const all = await Promise.all(Array.from({ length: 20 }, () => cache.fetch('cold', bring)));
      return [kept.runs, new Set(all).size]`;
    const told = await Promise.all(machines.flatMap(({ run }) => [run(ask, 0), run(ask, 1)]));
    expect(told.reduce((sum, [runs]) => sum + runs, 0)).toBe(1);
    expect(told.map(([, answers]) => answers)).toEqual([1, 1, 1, 1]);
  });

  it('invalidates what bears a tag on all machines, also what is being fetched', async () => {
    const [first, second] = machines;
    await first.run(
      `await cache.set('a', 1, { tags: ['red'] }); await cache.set('b', 2, { tags: ['blue'] })`,
    );
    expect(await second.run(`return [await cache.get('a'), await cache.get('b')]`)).toEqual([1, 2]);
    await second.run(
      `kept.slow = cache.fetch('c', () => new Promise((done) => { kept.done = done; }), { tags: ['red'] })`,
    );
    await until(() => second.run(`return kept.done !== undefined`), Boolean);
    await first.run(`await cache.invalidateTags(['red'])`);
    await until(
      () => second.run(`return (await cache.get('a')) ?? null`),
      (value) => value === null,
      1000,
    );
    expect(await second.run(`return cache.get('b')`)).toBe(2);
    expect(await second.run(`kept.done('old'); return kept.slow`)).toBe('old');
    for (const { run } of machines) expect(await run(`return (await cache.get('c')) ?? null`)).toBe(null);
  });

  it('has one connection a machine beside those of its workers', async () => {
    const list = await machines[0].run(
      kind.startsWith('ioredis')
        ? `return client.call('CLIENT', 'LIST')`
        : `return client.sendCommand(['CLIENT', 'LIST'])`,
    );
    const hearing = list.split('\n').filter((/** @type {string} */ line) => /sub=1 /.test(line));
    const there = list.trim().split('\n').length;
    expect([hearing.length >= 2, there - hearing.length]).toEqual([true, 2 * hearing.length]);
  });
});

it('runs one fetcher for a cold key, of four workers on each of three machines', async () => {
  const workers = [0, 1, 2, 3];
  const { port } = await startRedis();
  const machines = [1, 2, 3].map(() => startMachine({ port, workers: workers.length }));
  const all = machines.flatMap(({ run }) =>
    workers.map((worker) => (/** @type {string} */ source) => run(source, worker)),
  );
  await Promise.all(all.map((run) => run('return cache.healthCheck()')));
  const ask = `
    let runs = 0;
    const bring = async () => { runs++; await new Promise((done) => setTimeout(done, 100)); return 'brought'; };
    return [await cache.fetch('cold', bring), runs]`;
  const told = await Promise.all(all.map((run) => run(ask)));
  expect(told.map(([value]) => value)).toEqual(Array(12).fill('brought'));
  expect(told.reduce((sum, [, runs]) => sum + runs, 0)).toBe(1);
  // And each machine has one connection beside those of its workers.
  const list = await machines[0].run(`return client.call('CLIENT', 'LIST')`);
  const lines = list.trim().split('\n');
  const hearing = lines.filter((/** @type {string} */ line) => /sub=1 /.test(line));
  expect([hearing.length, lines.length]).toEqual([3, 15]);
}, 30_000);

// What a fleet goes through: keepers that are killed or stopped, a Redis that is stopped, killed, emptied, full or not allowed to
// tell, and what others leave under the prefix.

import { describe, expect, it } from 'vitest';
import { startMachine, startRedis, until } from '../fixtures/tier.mjs';

const isTrusted = `return cache.tierStats().isTrusted`;
const get = (/** @type {string} */ key) => `return (await cache.get('${key}')) ?? null`;

/** @param {object} [settings] @param {string[]} [args] of the server */
async function fleet(settings = {}, args = []) {
  const redis = await startRedis({ args });
  const tier = { timeout: 300, pingInterval: 200, .../** @type {any} */ (settings).tier };
  const machines = [1, 2].map(() => startMachine({ port: redis.port, workers: 2, ...settings, tier }));
  for (const { run } of machines)
    for (const worker of [0, 1]) await run('return cache.healthCheck()', worker);
  return { redis, machines };
}

/** Has both machines know a value. @param {Awaited<ReturnType<typeof fleet>>['machines']} machines @param {string} key @param {any} value */
async function known(machines, key, value) {
  const heard = `return cache.tierStats().invalidations`;
  const before = await Promise.all(machines.map(({ run }) => run(heard)));
  await machines[0].run(`await cache.set('${key}', ${JSON.stringify(value)})`);
  for (const [at, { run }] of machines.entries()) {
    // The news of it, which may come late, would take from memory what was read before.
    await until(
      () => run(heard),
      (count) => count > before[at],
    );
    expect(await run(get(key))).toEqual(value);
  }
}

/** The worker that keeps, and the other one. @param {Awaited<ReturnType<typeof fleet>>['machines'][number]} machine */
async function keeperOf({ run }) {
  const keeps = await run(`return cache.tierStats().isKeeper`, 0);
  return keeps ? [0, 1] : [1, 0];
}

/** Another machine changes it, and the second hears of it. @param {Awaited<ReturnType<typeof fleet>>['machines']} machines @param {string} key @param {number} [worker] that lives */
async function hears([first, second], key, worker = 1) {
  const value = Math.random();
  await first.run(`await cache.set('${key}', ${value})`, worker);
  await until(
    () => second.run(get(key), worker),
    (found) => found === value,
    2000,
  );
}

describe('the keeper of a machine', () => {
  it('is replaced when it is killed, and nothing of before is believed', async () => {
    const { machines } = await fleet();
    await known(machines, 'a', 1);
    const [keeper, other] = await keeperOf(machines[1]);
    await machines[1].signal('SIGKILL', keeper);
    await machines[0].run(`await cache.set('a', 2)`);
    await until(
      () => machines[1].run(get('a'), other),
      (found) => found === 2,
      3000,
    );
    await until(() => machines[1].run(isTrusted, other), Boolean, 3000);
    await hears(machines, 'a', other);
  });

  it('is replaced when it is stopped, and leaves it at that when it goes on', async () => {
    const { machines } = await fleet();
    await known(machines, 'a', 1);
    const [keeper, other] = await keeperOf(machines[1]);
    await machines[1].signal('SIGSTOP', keeper);
    await until(
      () => machines[1].run(isTrusted, other),
      (trusted) => !trusted,
      3000,
    );
    await until(() => machines[1].run(isTrusted, other), Boolean, 5000);
    await hears(machines, 'a', other);
    await machines[1].signal('SIGCONT', keeper);
    await until(
      () => machines[1].run(`return cache.tierStats().isKeeper`, keeper),
      (keeps) => !keeps,
      3000,
    );
    for (const worker of [other, keeper]) {
      await until(() => machines[1].run(isTrusted, worker), Boolean, 3000);
      await hears(machines, 'a', worker);
    }
  });

  it('hears again when its connection is cut, and of nothing that it has missed', async () => {
    const { machines } = await fleet();
    await known(machines, 'a', 1);
    const { epoch } = await machines[1].run(`return cache.tierStats()`);
    // In one step: the connections that hear are cut, and the value changes.
    await machines[0].run(`await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'); await cache.set('a', 2)`);
    await until(
      () => machines[1].run(get('a')),
      (found) => found === 2,
      3000,
    );
    await until(
      () => machines[1].run(`return cache.tierStats().epoch`),
      (later) => later > epoch,
      3000,
    );
    await hears(machines, 'a');
  });
});

describe('a Redis', () => {
  it('that is emptied empties all machines', async () => {
    const { machines } = await fleet();
    await known(machines, 'a', 1);
    await machines[0].run(`await client.flushall()`);
    await until(
      () => machines[1].run(get('a')),
      (found) => found === null,
      2000,
    );
  });

  it('that expires an entry is followed, though memory may keep it longer', async () => {
    const { machines } = await fleet({ cache: { ttl: 600_000 } });
    await machines[0].run(`await cache.set('a', 1, { ttl: 300 })`);
    expect(await machines[1].run(get('a'))).toBe(1);
    await until(
      () => machines[1].run(get('a')),
      (found) => found === null,
      2000,
    );
  });

  it.each(['SIGSTOP', 'SIGKILL'])(
    'that is away (%s) is done without, and all is right again when it is back',
    async (signal) => {
      const { redis, machines } = await fleet();
      const [{ run }, second] = machines;
      await known(machines, 'a', 1);
      await known(machines, 'b', 1);
      redis.signal(/** @type {NodeJS.Signals} */ (signal));
      // One time-out at most, and none after the first.
      const slow = `
      const times = [];
      for (let i = 0; i < 40; i++) {
        const began = performance.now();
        await cache.get('a'); await cache.get('not there ' + i); await cache.set('b', 2); await cache.fetch('c' + i, () => i);
        times.push(performance.now() - began);
      }
      return [times.filter((time) => time > 200).length, await cache.get('b'), await cache.get('a')]`;
      const [slowOnes, b, a] = await run(slow);
      expect(slowOnes).toBeLessThanOrEqual(3);
      expect([b, a]).toEqual([2, 1]);
      if (signal === 'SIGKILL') await startRedis({ port: redis.port });
      else redis.signal('SIGCONT');
      for (const { run: ask } of machines) await until(() => ask(isTrusted), Boolean, 5000);
      // What was written alone is gone, and what it replaced is gone, too.
      await until(
        () => second.run(get('b')),
        (found) => found === null,
        2000,
      );
      await until(
        () => run(get('b')),
        (found) => found === null,
        2000,
      );
      await hears(machines, 'a');
    },
  );

  it('that is away loses no session that is only read: its lifetime stays as it is', async () => {
    const { redis, machines } = await fleet();
    const [{ run }] = machines;
    const store = `const { FlotillaStore } = await import('flotilla/express-session');
      const store = new FlotillaStore({ cache });
      const session = { name: 'ada', cookie: { expires: new Date(Date.now() + 60_000) } };`;
    await run(`${store} await store.set('id', session)`);
    const see = `${store} return (await store.get('id'))?.name ?? null`;
    await run(see);
    redis.signal('SIGSTOP');
    await until(
      () => run(isTrusted),
      (trusted) => !trusted,
    );
    expect(await run(`${store} await store.touch('id', session); return (await store.get('id')).name`)).toBe(
      'ada',
    );
    expect(await run(`return cache.touch('sess:id', { ttl: 50_000 })`)).toBe(true);
    redis.signal('SIGCONT');
    for (const { run } of machines) {
      await until(() => run(isTrusted), Boolean);
      expect(await run(see)).toBe('ada');
    }
  });

  it.each([
    ['removes all of a cache that owes it more than ten thousand keys', 10_500, null],
    ['keeps what others have where fewer were changed, however often', 500, 1],
  ])(
    'that comes back %s',
    async (_what, keys, left) => {
      const { redis, machines } = await fleet();
      const [{ run }] = machines;
      await known(machines, 'a', 1);
      redis.signal('SIGSTOP');
      await until(
        () => run(isTrusted),
        (trusted) => !trusted,
      );
      await run(`
      const entries = Array.from({ length: ${keys} }, (_, key) => [key, key]);
      for (let written = 0; written < 10_500; written += ${keys}) await cache.mSet(entries)`);
      redis.signal('SIGCONT');
      for (const { run } of machines) {
        await until(() => run(isTrusted), Boolean, 30_000);
        expect(await run(get('a'))).toBe(left);
        expect(await run(`return (await cache.get(7)) ?? null`)).toBe(null);
      }
    },
    60_000,
  );

  it('is not taken for away by a process that is busy for longer than a call waits', async () => {
    const { machines } = await fleet();
    const busy = `
      const stored = cache.set('a', 1);
      // It is sent, and no answer is read yet.
      for (let turn = 0; turn < 50; turn++) await undefined;
      const end = performance.now() + 1000;
      while (performance.now() < end);
      return [await stored, cache.tierStats().alone]`;
    expect(await machines[0].run(busy)).toEqual([true, 0]);
    await until(
      () => machines[1].run(get('a')),
      (found) => found === 1,
    );
  });

  it('takes more entries at once than it stores in the time that a call waits', async () => {
    const redis = await startRedis();
    const { run } = startMachine({ port: redis.port, cache: { max: 30_000 } });
    const many = `
      const keys = Array.from({ length: 20_000 }, (_, at) => at);
      await cache.mSet(keys.map((key) => [key, key]));
      const found = await cache.mGet(keys);
      const seen = [keys.every((key) => found.get(key) === key), await client.dbsize() >= 20_000, cache.tierStats().alone];
      await cache.mDelete(keys);
      return [...seen, await cache.has(19_999)]`;
    expect(await run(many)).toEqual([true, true, 0, false]);
  }, 30_000);

  it('that is away is waited for where the cache is told to reject', async () => {
    const { redis, machines } = await fleet({ tier: { whenAway: 'reject' } });
    await known(machines, 'a', 1);
    await redis.end();
    await until(
      () => machines[0].run(isTrusted),
      (trusted) => !trusted,
      3000,
    );
    for (const call of [
      `get('a')`,
      `set('a', 2)`,
      `fetch('x', () => 1)`,
      `incr('n')`,
      `take('a')`,
      `setIfAbsent('q', 1)`,
    ]) {
      await expect(machines[0].run(`return cache.${call}`), call).rejects.toThrow(/Redis is away/);
    }
  });

  it('that is away leaves nothing where the cache is told to miss, and fetchers run', async () => {
    const { redis, machines } = await fleet({ tier: { whenAway: 'miss' } });
    await known(machines, 'a', 1);
    await redis.end();
    await until(
      () => machines[0].run(isTrusted),
      (trusted) => !trusted,
      3000,
    );
    expect(await machines[0].run(get('a'))).toBe(null);
    expect(
      await machines[0].run(
        `return [await cache.set('a', 2), await cache.fetch('a', () => 3), await cache.fetch('a', () => 4)]`,
      ),
    ).toEqual([false, 3, 4]);
    await expect(machines[0].run(`return cache.setIfAbsent('q', 1)`)).rejects.toThrow(/Redis is away/);
  });

  it('that is away is done without for no longer than `serveFor` says, and is asked again when it is back', async () => {
    const serveFor = 2500;
    const { redis, machines } = await fleet({ tier: { serveFor } });
    const [{ run }] = machines;
    await known(machines, 'a', 1);
    await redis.end();
    await until(
      () => run(isTrusted),
      (trusted) => !trusted,
    );
    // What is read, between how long memory had not been verified before and after.
    const read = `const { unverifiedFor: before } = cache.tierStats();
      const found = [(await cache.get('a')) ?? null, await cache.has('a'), await cache.fetch('a', () => 'fetched', { ttl: 1 })];
      return [before, found, cache.tierStats().unverifiedFor]`;
    let served = 0;
    for (;;) {
      const [before, found, after] = await run(read);
      if (after < serveFor) {
        expect(found).toEqual([1, true, 1]);
        served++;
      }
      if (before > serveFor) {
        expect(found).toEqual([null, false, 'fetched']);
        break;
      }
    }
    expect(served).toBeGreaterThan(0);
    await startRedis({ port: redis.port });
    await until(() => run(isTrusted), Boolean);
    await hears(machines, 'a');
  });

  it('that evicts an entry, as it has no room for more, takes it from all machines', async () => {
    const { machines } = await fleet();
    await known(machines, 'a', 1);
    await machines[0].run(`
      await client.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      await client.call('CONFIG', 'SET', 'maxmemory', '1');
      // A command that may need room is what has it look for some.
      await client.set('other', 1).catch(() => {});
      await client.call('CONFIG', 'SET', 'maxmemory', '0')`);
    for (const { run } of machines)
      await until(
        () => run(get('a')),
        (found) => found === null,
      );
    await hears(machines, 'a');
  });

  it('that is full keeps what it has: writes are refused, and what is fetched is given', async () => {
    const { machines } = await fleet({}, ['--maxmemory-policy', 'noeviction']);
    await known(machines, 'a', 1);
    await machines[0].run(`await client.call('CONFIG', 'SET', 'maxmemory', '1')`);
    await expect(machines[0].run(`return cache.set('b', 1)`)).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_TIER_REFUSED',
    });
    expect(await machines[0].run(`return [await cache.get('a'), await cache.fetch('c', () => 5)]`)).toEqual([
      1, 5,
    ]);
  });

  it('that may not tell of changes is said once, and lifetimes are what remains', async () => {
    const redis = await startRedis({ args: ['--user default on nopass ~* &* +@all -client|tracking'] });
    const machine = startMachine({ port: redis.port, workers: 1, cache: { ttl: 200 } });
    const { run } = machine;
    await run(`await cache.set('a', 1)`);
    expect(await run(get('a'))).toBe(1);
    await run(`await client.del('flotilla:default:k=a')`);
    expect(await run(get('a'))).toBe(1);
    await until(
      () => run(get('a')),
      (found) => found === null,
      3000,
    );
    expect(await run('return kept.warnings')).toEqual([expect.stringContaining('CLIENT TRACKING')]);
  });

  it('that neither tells of changes nor lets its keeper go on is said once as well', async () => {
    const redis = await startRedis({ args: ['--user default on nopass ~* &* +@all -client|tracking -time'] });
    const { run } = startMachine({ port: redis.port, workers: 1 });
    // The keeper has tried for the second time, so it has said all that it had to of the first.
    await until(
      () => run(`return (await client.call('ACL', 'LOG')).map((entry) => entry.map(String).join(' '))`),
      (log) => log.some((/** @type {string} */ entry) => /count ([2-9]|\d\d).*object time/.test(entry)),
    );
    expect(await run('return kept.warnings')).toEqual([expect.stringContaining('CLIENT TRACKING')]);
  });
});

describe('what another program leaves under the prefix', () => {
  it.each([
    ['text', `await client.set('flotilla:default:k=a', 'mine')`],
    ['a list', `await client.rpush('flotilla:default:k=a', 'mine')`],
    ['an entry of a version to come', `await client.set('flotilla:default:k=a', 'F2' + '0'.repeat(60))`],
    ['an entry that is cut off', `await client.set('flotilla:default:k=a', 'F10123456789abcdefT01')`],
  ])('is taken for nothing, and replaced: %s', async (_what, leave) => {
    const redis = await startRedis();
    const { run } = startMachine({ port: redis.port });
    await run(leave);
    expect(await run(get('a'))).toBe(null);
    expect(await run(`return [await cache.set('a', 1), await cache.get('a')]`)).toEqual([true, 1]);
  });
});

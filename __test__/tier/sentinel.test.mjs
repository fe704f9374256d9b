// A fleet whose Redis is found by a real sentinel, through a failover that loses a write.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, it } from 'vitest';
import { redisTier } from '../../index.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { start } from '../fixtures/processes.mjs';
import { startMachine, startRedis, until } from '../fixtures/tier.mjs';
import { connectTo, quit } from '../fixtures/tier-clients.mjs';

/** A master with a replica, and a sentinel that watches them. */
async function watched() {
  const master = await startRedis();
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  const port = await freePort();
  const file = path.join(emptyFolder(), 'sentinel.conf');
  const says = [
    `port ${port}`,
    `sentinel monitor mine 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds mine 500',
    'sentinel failover-timeout mine 3000',
  ];
  writeFileSync(file, says.join('\n'));
  const sentinel = start('redis-server', [file, '--sentinel']);
  await sentinel.prints(/\+slave slave/);
  return { master, replica, port };
}

// A failover takes its time: `npm run test:fleet` waits for it.
it.runIf(process.env.FLEET_MINUTES)(
  'forgets, on all machines, a write that a failover has lost',
  async () => {
    const { master, replica, port } = await watched();
    const machines = ['ioredis5', 'ioredis'].map((kind) =>
      startMachine({ port, kind: `${kind} by sentinel`, tier: { timeout: 300, pingInterval: 100 } }),
    );
    const [first, second] = machines;
    const get = `return (await cache.get('a')) ?? null`;
    await first.run(`await cache.set('a', 'kept')`);
    expect(await second.run(get)).toBe('kept');
    const copy = await connectTo('ioredis', replica.port);
    await until(() => copy.exists('flotilla:default:k=a'), Boolean);
    // Nothing of what follows reaches it, not even what lies in its socket.
    replica.signal('SIGSTOP');
    await first.run(`await client.call('CLIENT', 'KILL', 'TYPE', 'replica')`);
    await first.run(`await cache.set('a', 'lost')`);
    expect([await first.run(get), await second.run(get)]).toEqual(['lost', 'lost']);
    await master.end();
    replica.signal('SIGCONT');
    for (const { run } of machines)
      await until(
        () => run(get),
        (value) => value === 'kept',
        20_000,
      );
    await second.run(`await cache.set('a', 'new')`);
    await until(
      () => first.run(get),
      (value) => value === 'new',
    );
    await quit(copy);
  },
  40_000,
);

it('keeps its word through a failover, with clients by Sentinel of both libraries', async () => {
  const { master, replica, port } = await watched();
  const machines = ['ioredis', 'redis'].map((kind) =>
    startMachine({ port, kind: `${kind} by sentinel`, tier: { timeout: 1000, pingInterval: 100 } }),
  );
  const get = `return (await cache.get('a').catch(() => undefined)) ?? null`;
  const isTrusted = `return cache.tierStats().isTrusted`;
  const told = async (/** @type {string} */ value, /** @type {typeof machines} */ all) => {
    for (const { run } of all)
      await until(
        () => run(get),
        (seen) => seen === value,
      );
  };
  for (const [at, { run }] of machines.entries()) {
    await run(`await cache.set('a', 'by ${at}')`);
    await told(`by ${at}`, machines);
  }
  const sentinel = await connectTo('redis', port);
  await until(
    () => sentinel.sendCommand(['SENTINEL', 'FAILOVER', 'mine']).catch(() => false),
    (answer) => answer === 'OK',
    20_000,
  );
  await until(
    async () => (await sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mine']))[1],
    (at) => Number(at) === replica.port,
    20_000,
  );
  await master.end();
  for (const { run } of machines) {
    await until(
      () => run(`return cache.set('b', 'after').then(() => cache.tierStats().isTrusted, () => false)`),
      Boolean,
    );
  }
  for (const { run } of machines) await until(() => run(isTrusted), Boolean);
  for (const [at, { run }] of machines.entries()) {
    await run(`await cache.set('a', 'again by ${at}')`);
    await told(`again by ${at}`, machines);
  }
  sentinel.destroy();
}, 60_000);

it('refuses a client by Sentinel with a prefix of its own, that is not connected, or that says not whom it asks', () => {
  const require = createRequire(import.meta.url);
  const { createSentinel } = require('redis');
  const by = { name: 'mine', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] };
  expect(() => redisTier({ client: require('redis5').createSentinel(by) })).toThrow(
    /take redis 6 or ioredis/,
  );
  expect(() => redisTier({ client: createSentinel({ ...by, keyPrefix: 'x:' }) })).toThrow(/keyPrefix "x:"/);
  expect(() => redisTier({ client: createSentinel(by) })).toThrow(/connect it first/);
});

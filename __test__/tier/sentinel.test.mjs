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

it('refuses a client by Sentinel that gives no connection of its own', () => {
  const { createSentinel } = createRequire(import.meta.url)('redis');
  const sentinelRootNodes = [{ host: '127.0.0.1', port: 1 }];
  expect(() => redisTier({ client: createSentinel({ name: 'mine', sentinelRootNodes }) })).toThrow(
    /take ioredis/,
  );
});

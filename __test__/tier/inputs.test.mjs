// What `redisTier` and a cache with a tier refuse, and that nothing is done by it.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { forTheFile, startMachine, startRedis, until } from '../fixtures/tier.mjs';
import { connectTo, kinds, quit } from '../fixtures/tier-clients.mjs';

const whenDone = forTheFile();

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
/** @type {any} */
let client;
beforeAll(async () => {
  redis = await startRedis({ whenDone });
  client = await connectTo('ioredis', redis.port);
  whenDone(() => client.disconnect());
});

describe('redisTier refuses', () => {
  it.each([undefined, null, 'redis://localhost', {}, { get: () => 1 }, { sendCommand: () => 1 }])(
    'what is no client: %s',
    (not) => {
      expect(() => redisTier({ client: /** @type {any} */ (not) })).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_TIER_CLIENT' }),
      );
    },
  );

  it.each(kinds)('a client of %s that is not connected any more', async (kind) => {
    const ended = await connectTo(kind, redis.port);
    await quit(ended);
    await until(
      async () => ended.status ?? ended.isOpen,
      (state) => state === 'end' || state === false,
    );
    expect(() => redisTier({ client: ended })).toThrow(/is not connected: connect it first/);
  });

  it('a client that puts a prefix of its own before each key', async () => {
    const prefixed = await connectTo('ioredis', redis.port, { keyPrefix: 'mine:' });
    expect(() => redisTier({ client: prefixed })).toThrow(/give that to redisTier as its "prefix"/);
    await quit(prefixed);
  });

  it.each([
    [{ prefx: 'a' }, /did you mean "prefix"/],
    [{ prefix: 5 }, /prefix must be a string/],
    [{ prefix: '\ud800' }, /without lone surrogates/],
    [{ ttl: 0 }, /ttl must be/],
    [{ ttl: '5' }, /ttl must be/],
    [{ whenAway: 'serv' }, /whenAway must be 'serve', 'miss' or 'reject'/],
    [{ timeout: -1 }, /timeout must be/],
    [{ serveFor: Number.NaN }, /serveFor must be/],
    [{ pingInterval: 1 }, /pingInterval must be/],
  ])('%j', (options, message) => {
    expect(() => redisTier(/** @type {any} */ ({ client, ...options }))).toThrow(message);
  });
});

it('redisTier refuses times that differ from those of another tier on the same server', async () => {
  const own = await startRedis();
  const other = await connectTo('ioredis', own.port);
  redisTier({ client: other, timeout: 300 });
  expect(() => redisTier({ client: other, timeout: 400 })).toThrow(/timeout must be 300, as another tier/);
  expect(() => redisTier({ client: other, pingInterval: 50 })).toThrow(/pingInterval must be 1000/);
  redisTier({ client: other, timeout: 300, prefix: 'other:' });
  other.disconnect();
});

describe('a cache with a tier refuses', () => {
  it('a tier that redisTier has not made', () => {
    const make = () => new LRUCacheClustered({ namespace: 'no tier', tier: /** @type {any} */ ({ client }) });
    expect(make).toThrow(/tier must be what redisTier gives/);
  });

  it('an option that is misspelt beside it', () => {
    const make = () => new LRUCacheClustered(/** @type {any} */ ({ tier: redisTier({ client }), maxx: 5 }));
    expect(make).toThrow(/did you mean "max"/);
  });

  it('to write without a promise', () => {
    const cache = new LRUCacheClustered({ namespace: 'in memory alone', tier: redisTier({ client }) });
    expect(() => cache.sync.set('a', 1)).toThrow(expect.objectContaining({ code: 'FLOTILLA_ERR_TIER_SYNC' }));
    expect(cache.sync.get('a')).toBe(undefined);
    expect(cache).toBeInstanceOf(LRUCacheClustered);
  });
});

describe('a cache with a tier takes', () => {
  it('a key of a megabyte, and a value of ten', async () => {
    const cache = new LRUCacheClustered({ namespace: 'large', tier: redisTier({ client }) });
    const key = 'k'.repeat(1 << 20);
    const value = 'v'.repeat(10 << 20);
    expect(await cache.set(key, value)).toBe(true);
    expect((await cache.get(key)).length).toBe(value.length);
    expect(await cache.delete(key)).toBe(true);
  });

  it('prefixes and namespaces that lie within each other, each its own', async () => {
    const make = (/** @type {string} */ prefix, /** @type {string} */ namespace) =>
      new LRUCacheClustered({ namespace, tier: redisTier({ client, prefix }) });
    const caches = [make('p:', 'a'), make('p:a:', 'b'), make('p:', 'a:b'), make('p:', 'a@'), make('', 'p')];
    for (const [index, cache] of caches.entries()) await cache.set('key', index);
    for (const [index, cache] of caches.entries()) expect(await cache.get('key')).toBe(index);
    await caches[0].clear();
    expect(await Promise.all(caches.map((cache) => cache.get('key')))).toEqual([undefined, 1, 2, 3, 4]);
  });

  it('a server that knows no tracking: lifetimes are what remains', async () => {
    // A proxy before the real one, which knows no CLIENT TRACKING.
    const { connect } = await import('node:net');
    const proxy = createServer((socket) => {
      const server = connect(redis.port, '127.0.0.1');
      socket.on('data', (data) => {
        if (/TRACKING/i.test(String(data))) socket.write("-ERR unknown subcommand 'TRACKING'\r\n");
        else server.write(data);
      });
      server.pipe(socket);
      for (const side of [socket, server])
        side.on('error', () => {}).on('close', () => (side === socket ? server : socket).destroy());
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    whenDone(() => proxy.close());
    const { port } = /** @type {import('node:net').AddressInfo} */ (proxy.address());
    const { run } = startMachine({ port, cache: { ttl: 200 }, whenDone });
    expect(
      await run(`return [await cache.set('a', 1), await cache.get('a'), cache.tierStats().isTrusted]`),
    ).toEqual([true, 1, true]);
  });
});

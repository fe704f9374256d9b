// `UndiciFlotilla`: the cases that undici has for its own stores, by their description, on this store and on undici's own in memory;
// and undici as a client of a real server.

import { once } from 'node:events';
import http from 'node:http';
import { LRUCacheClustered } from 'flotilla';
import { UndiciFlotilla } from 'flotilla/undici';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { peer } from '../fixtures/peers.mjs';

/** Undici 8 needs a newer Node.js than the oldest that there may be here. */
const versions = Number(process.versions.node.split('.')[0]) < 22 ? ['undici7'] : ['undici7', 'undici'];
const undicis = await Promise.all(versions.map(async (name) => [name, await peer(name)]));
const [, undici] = undicis.at(-1);
afterEach(() => LRUCacheClustered.getAllCaches().clear());

const request = (more) => ({ origin: 'http://localhost', path: '/', method: 'GET', headers: {}, ...more });
const response = (more) => ({
  statusCode: 200,
  statusMessage: 'OK',
  headers: { foo: 'bar' },
  cacheControlDirectives: {},
  cachedAt: Date.now(),
  staleAt: Date.now() + 60_000,
  deleteAt: Date.now() + 120_000,
  ...more,
});

async function write(store, key, value, chunks) {
  const stream = store.createWriteStream(key, value);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'close');
}

/** The body of what a store has, as text; nothing where it has nothing. */
async function read(store, key) {
  const found = await store.get(key);
  if (found === undefined) return undefined;
  const chunks = [];
  for await (const chunk of found.body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

describe.each([
  ['undici, in memory', (options) => new undici.cacheStores.MemoryCacheStore(options)],
  ['all workers', (options) => new UndiciFlotilla(options)],
])('the store of %s', (_name, make) => {
  it('stores a response whose body comes in parts, and gives it again and again', async () => {
    const store = make();
    const value = response({ etag: '"asd123"', headers: { a: ['1', '2'] } });
    await write(store, request(), value, ['as', Buffer.from([0xc3]), Buffer.from([0xa9]), '']);
    for (const _ of [1, 2]) expect(await read(store, request())).toBe('asé');
    const { body: _, ...rest } = await store.get(request());
    expect(rest).toMatchObject(value);
  });

  it('gives the same key the newer response', async () => {
    const store = make();
    await write(store, request(), response(), ['old']);
    await write(store, request(), response({ statusCode: 203 }), ['new']);
    expect([await read(store, request()), (await store.get(request())).statusCode]).toEqual(['new', 203]);
  });

  it('tells origins, paths, queries and methods apart', async () => {
    const store = make();
    const keys = [
      request(),
      request({ method: 'HEAD' }),
      request({ path: '/?a' }),
      request({ path: '/a' }),
      request({ origin: 'http://localhost:1' }),
      request({ origin: 'http://localhost:1/', path: 'a' }),
      request({ origin: 'http://localhost:1', path: '/a' }),
      request({ path: `/${'long/'.repeat(10_000)}` }),
      request({ path: `/${'long/'.repeat(10_000)}x` }),
    ];
    for (const [index, key] of keys.entries()) await write(store, key, response(), [`${index}`]);
    for (const [index, key] of keys.entries()) expect(await read(store, key)).toBe(`${index}`);
  });

  it('gives no response that is to be deleted, and one that is only stale', async () => {
    const store = make();
    await write(store, request({ path: '/stale' }), response({ staleAt: Date.now() - 10 }), ['stale']);
    await write(store, request({ path: '/gone' }), response({ deleteAt: Date.now() - 5 }), ['gone']);
    expect(await read(store, request({ path: '/stale' }))).toBe('stale');
    expect(await read(store, request({ path: '/gone' }))).toBe(undefined);
  });

  it('tells requests apart by the headers that the response varies by', async () => {
    const store = make();
    const by = (language, more) => request({ headers: { 'accept-language': language, ...more } });
    for (const language of ['en', 'de', ['en', 'de']]) {
      const vary = { 'accept-language': language };
      await write(store, by(language), response({ vary }), [String(language)]);
    }
    expect(await read(store, by('en', { other: '1' }))).toBe('en');
    expect(await read(store, by('de'))).toBe('de');
    expect(await read(store, by(['en', 'de']))).toBe('en,de');
    expect(await read(store, by('fr'))).toBe(undefined);
    expect(await read(store, request())).toBe(undefined);
  });

  it('takes a header that is not there for one that is absent', async () => {
    const store = make();
    await write(store, request(), response({ vary: { 'accept-language': null, accept: 'a' } }), ['none']);
    expect(await read(store, request({ headers: { accept: 'a' } }))).toBe('none');
    expect(await read(store, request({ headers: { accept: 'a', 'accept-language': 'en' } }))).toBe(undefined);
  });

  it('stores nothing of a body that is too large, or that breaks off half way', async () => {
    const store = make({ maxEntrySize: 10 });
    const large = store.createWriteStream(request(), response());
    large.on('error', () => {});
    for (const part of ['12345', '67890', '!']) large.write(part);
    await new Promise((resolve) => void large.on('close', resolve));
    expect(await read(store, request())).toBe(undefined);
    const broken = store.createWriteStream(request(), response());
    broken.on('error', () => {});
    broken.write('12345');
    broken.destroy(new Error('the origin went away'));
    await new Promise((resolve) => void broken.on('close', resolve));
    expect(await read(store, request())).toBe(undefined);
  });

  it('removes a resource in all its forms', async () => {
    const store = make();
    const key = request({ headers: { accept: 'a' } });
    await write(store, key, response({ vary: { accept: 'a' } }), ['a']);
    await write(store, request({ path: '/other' }), response(), ['other']);
    await store.delete(request());
    expect([await read(store, key), await read(store, request({ path: '/other' }))]).toEqual([
      undefined,
      'other',
    ]);
  });

  it('refuses what is no request', async () => {
    const store = make();
    for (const key of [undefined, null, 'a', {}, { origin: 'a', path: '/', method: 1 }]) {
      await expect((async () => store.get(key))()).rejects.toThrow(TypeError);
      expect(() => store.createWriteStream(key, response())).toThrow(TypeError);
    }
    expect(() => store.createWriteStream(request(), {})).toThrow(TypeError);
    expect(() => make({ maxEntrySize: 'large' })).toThrow(TypeError);
  });
});

describe('the store of all workers', () => {
  it('gives what is whole, or nothing, while it is full and streams are written and break off', async () => {
    const cache = new LRUCacheClustered({ namespace: 'full', max: 6 });
    const store = new UndiciFlotilla({ cache });
    const body = (at) => `${at}:`.repeat(20_000);
    const reads = [];
    const streams = Array.from({ length: 12 }, (_, at) => {
      const stream = store.createWriteStream(request({ path: `/${at % 4}` }), response());
      stream.on('error', () => {});
      return stream;
    });
    for (let part = 0; part < 4; part++) {
      for (const [at, stream] of streams.entries()) {
        stream.write(body(at).slice(part * 10_000, (part + 1) * 10_000));
        if (part === 2 && at % 3 === 0) stream.destroy();
        reads.push(read(store, request({ path: `/${at % 4}` })));
      }
    }
    await Promise.all(
      streams.filter(({ destroyed }) => !destroyed).map((stream) => once(stream.end(), 'close')),
    );
    for (let path = 0; path < 4; path++) reads.push(read(store, request({ path: `/${path}` })));
    const whole = new Set([undefined, ...streams.map((_, at) => body(at).slice(0, 40_000))]);
    const seen = await Promise.all(reads);
    expect(seen.filter((text) => !whole.has(text))).toEqual([]);
    expect(seen.slice(-4).some(Boolean)).toBe(true);
    expect(await cache.size()).toBeLessThanOrEqual(6);
  });

  it('knows no more than so many lists of headers', async () => {
    const store = new UndiciFlotilla();
    for (let at = 0; at < 40; at++) {
      const headers = { [`x-${at}`]: 'a' };
      await write(store, request({ headers }), response({ vary: headers }), [`${at}`]);
    }
    expect(await read(store, request({ headers: { 'x-39': 'a' } }))).toBe('39');
    const lists = await store.cache.values();
    expect(Math.max(...lists.filter(Array.isArray).map(({ length }) => length))).toBe(16);
  });
});

describe.each(undicis)('%s as a client', (_name, { Agent, interceptors, request: ask }) => {
  it('asks the origin once for what may be kept, and again for what was changed or varies', async () => {
    const asked = [];
    const server = http.createServer((incoming, outgoing) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['accept-language'] ?? ''}`.trim());
      outgoing.setHeader('cache-control', 'public, max-age=60');
      if (incoming.url === '/varies') outgoing.setHeader('vary', 'accept-language');
      outgoing.end(`${asked.length}`.repeat(100_000));
    });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${server.address().port}`;
    const store = new UndiciFlotilla({ namespace: 'client' });
    // Two clients, as in two workers.
    const clients = [1, 2].map(() =>
      new Agent().compose(interceptors.cache({ store: new UndiciFlotilla({ namespace: 'client' }) })),
    );
    const get = async (client, path, headers = {}, method = 'GET') => {
      const { body } = await ask(origin + path, { dispatcher: clients[client], headers, method });
      const text = await body.text();
      // A response is there for others a moment after its body has come.
      if (method === 'GET') await vi.waitUntil(() => read(store, { origin, path, method, headers }));
      return text.slice(0, 1);
    };
    expect([await get(0, '/'), await get(1, '/'), await get(0, '/')]).toEqual(['1', '1', '1']);
    const [en, de] = ['en', 'de'].map((language) => ({ 'accept-language': language }));
    expect(await get(0, '/varies', en)).toBe('2');
    expect(await get(1, '/varies', de)).toBe('3');
    expect([await get(1, '/varies', en), await get(0, '/varies', de)]).toEqual(['2', '3']);
    await get(1, '/', {}, 'POST');
    expect(await get(0, '/')).toBe('5');
    expect(asked).toEqual(['GET /', 'GET /varies en', 'GET /varies de', 'POST /', 'GET /']);
    await Promise.all(clients.map((client) => client.close()));
    server.closeAllConnections();
  });

  it('keeps nothing of a response whose origin, or whose reader, goes away half way', async () => {
    let asked = 0;
    const server = http.createServer((incoming, outgoing) => {
      asked++;
      outgoing.writeHead(200, { 'cache-control': 'public, max-age=60', 'content-length': '1000000' });
      outgoing.write('x'.repeat(500_000));
      if (incoming.url === '/breaks') setImmediate(() => outgoing.destroy());
      // The reader has gone by then.
      else if (asked > 3) outgoing.end('x'.repeat(500_000));
    });
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${server.address().port}`;
    const store = new UndiciFlotilla();
    const dispatcher = new Agent().compose(interceptors.cache({ store }));
    for (const _ of [1, 2]) {
      const { body } = await ask(`${origin}/breaks`, { dispatcher });
      await expect(body.text()).rejects.toThrow();
    }
    expect(asked).toBe(2);
    const left = await ask(`${origin}/left`, { dispatcher });
    left.body.on('error', () => {});
    const gone = new Promise((resolve) => void left.body.on('close', resolve));
    await once(left.body, 'readable');
    left.body.destroy();
    await gone;
    const { body } = await ask(`${origin}/left`, { dispatcher });
    expect([(await body.text()).length, asked]).toEqual([1_000_000, 4]);
    await dispatcher.close();
  });
});

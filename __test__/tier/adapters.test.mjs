// What other packages keep in Flotilla, over a fleet: two machines share it by the option `tier`.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { flotillaDriver } from '../../lib/doors/bentocache.mjs';
import { LRUCache } from '../../lib/doors/lru-cache.mjs';
import { builtAddon, root } from '../fixtures/folders.mjs';
import { project } from '../fixtures/peers.mjs';
import { forTheFile, startMachine, startRedis, until } from '../fixtures/tier.mjs';
import { connectTo } from '../fixtures/tier-clients.mjs';

const fixture = (/** @type {string} */ name) => path.join(root, '__test__/fixtures', name);
const whenDone = forTheFile();
/** Of Next, what the handler asks for: its book of tags. The whole of it is tried by `npm run test:apps`, on one machine. @param {string} folder */
function standForNext(folder) {
  const place = path.join(folder, 'node_modules/next');
  const internals = path.join(place, 'dist/server/lib/incremental-cache');
  mkdirSync(internals, { recursive: true });
  writeFileSync(path.join(place, 'package.json'), JSON.stringify({ name: 'next', version: '16.4.0' }));
  const book = `const tagsManifest = new Map();
    const is = (what, tags, time) => tags.some((tag) => (tagsManifest.get(tag)?.[what] ?? 0) > time);
    module.exports = { tagsManifest, areTagsExpired: (...of) => is('expired', ...of), areTagsStale: (...of) => is('stale', ...of) };`;
  writeFileSync(path.join(internals, 'tags-manifest.external.js'), book);
}

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
/** @type {ReturnType<typeof startMachine>['run']} */
let first;
/** @type {ReturnType<typeof startMachine>['run']} */
let second;
beforeAll(async () => {
  redis = await startRedis({ whenDone });
  const cwd = await project(['keyv', 'unstorage', 'rate-limiter-flexible'], 'peers', whenDone);
  standForNext(cwd);
  const program = path.join(cwd, 'machine.mjs');
  cpSync(fixture('plugged-machine.mjs'), program);
  const tier = { clients: pathToFileURL(fixture('tier-clients.mjs')).href };
  const settings = { program, cwd, port: redis.port, tier, env: { FLOTILLA_ADDON: builtAddon }, whenDone };
  [first, second] = [startMachine(settings).run, startMachine(settings).run];
  await Promise.all([first, second].map((run) => run('return true')));
}, 120_000);

/** Until the second machine answers so. @param {string} source @param {any} answer */
const tells = (source, answer) =>
  until(
    () => second(source),
    (told) => JSON.stringify(told) === JSON.stringify(answer),
  );

it('Keyv reads, lists and clears what any machine has stored', async () => {
  await first(`await keyv.set('ada', { born: 1815 }); await keyv.set('bob', 2)`);
  expect(await second(`return keyv.get('ada')`)).toEqual({ born: 1815 });
  const list = `const all = []; for await (const [key] of keyv.iterator()) all.push(key); return all.sort()`;
  expect(await second(list)).toEqual(['ada', 'bob']);
  await first(`await keyv.delete('ada')`);
  await tells(`return (await keyv.get('ada')) ?? null`, null);
  await second(`await keyv.clear()`);
  expect(await first(list)).toEqual([]);
  expect(await first(`return (await keyv.get('bob')) ?? null`)).toBe(null);
});

it('unstorage reads, lists and clears what any machine has stored', async () => {
  await first(`await storage.setItem('users:ada', { born: 1815 }); await storage.setItem('other', 1)`);
  expect(await second(`return [await storage.getItem('users:ada'), await storage.getKeys('users')]`)).toEqual(
    [{ born: 1815 }, ['users:ada']],
  );
  await second(`await storage.clear()`);
  expect(await first(`return storage.getKeys()`)).toEqual([]);
});

it('Apollo reads what any machine has stored', async () => {
  await first(`await apollo.set('query', 'answer', { ttl: 60 })`);
  expect(await second(`return apollo.get('query')`)).toBe('answer');
  await first(`await apollo.clear()`);
  await tells(`return (await apollo.get('query')) ?? null`, null);
});

it('undici has one response for all machines, until one of them removes it', async () => {
  const request = `const request = { origin: 'http://a', method: 'GET', path: '/' };`;
  await first(`${request}
    const stream = responses.createWriteStream(request, { statusCode: 200, headers: {}, deleteAt: Date.now() + 60_000 });
    await new Promise((resolve) => stream.end('body', resolve));`);
  const read = `${request} const found = await responses.get(request); return found ? String(found.body[0]) : null`;
  expect(await second(read)).toBe('body');
  await first(`${request} await responses.delete(request)`);
  await tells(read, null);
});

it('rate-limiter-flexible lets exactly its points through, of requests to all machines at once', async () => {
  const consume = `
    const tried = await Promise.allSettled(Array.from({ length: 20 }, () => limiter.consume('ada')));
    return tried.filter(({ status }) => status === 'fulfilled').length`;
  const [one, other] = await Promise.all([first(consume), second(consume)]);
  expect(one + other).toBe(5);
  const { remainingPoints } = await second(`return limiter.get('ada')`);
  expect(remainingPoints).toBe(0);
});

it('Next has what any machine has rendered, until one of them says that its tag is over', async () => {
  await first(`
    const entry = { value: new Response('rendered').body, tags: ['red'], timestamp: Date.now() - 10, stale: 60, revalidate: 60, expire: 60 };
    await Pages.set('page', Promise.resolve(entry));`);
  const read = `const found = await Pages.get('page', []); return found ? new Response(found.value).text() : null`;
  expect(await second(read)).toBe('rendered');
  await first(`await Pages.updateTags(['red'])`);
  await tells(read, null);
});

it('what cannot wait for Redis refuses a tier: lru-cache, and the first layer of Bentocache', async () => {
  const client = await connectTo('ioredis', redis.port);
  whenDone(() => client.disconnect());
  const tier = redisTier({ client, timeout: 10_000 });
  const refused = {
    code: 'FLOTILLA_ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/^tier must be left out/),
  };
  const cache = new LRUCacheClustered({ namespace: 'with a tier', tier });
  expect(() => flotillaDriver({ tier })).toThrow(expect.objectContaining(refused));
  expect(() => flotillaDriver({ cache })).toThrow(expect.objectContaining(refused));
  const options = /** @type {any} */ ({ namespace: 'without', max: 10, tier });
  expect(() => new LRUCache(options)).toThrow(expect.objectContaining(refused));
});

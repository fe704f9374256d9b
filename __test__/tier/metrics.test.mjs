// What a server that is shown tells of the second tier of its caches.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import parsePrometheus from 'parse-prometheus-text-format';
import { expect, it } from 'vitest';
import { ask, token } from '../fixtures/admin.mjs';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';
import { startRedis, until } from '../fixtures/tier.mjs';

const program = (/** @type {number} */ port) => `
  const { LRUCacheClustered, redisTier, startServer } = require(${JSON.stringify(root)});
  const { Redis } = require(${JSON.stringify(path.join(root, 'node_modules/ioredis'))});
  const tier = redisTier({ client: new Redis(${port}).on('error', () => {}), timeout: 200, pingInterval: 100 });
  const cache = new LRUCacheClustered({ namespace: 'users', max: 100, ttl: 60_000, tier });
  const calls = {
    write: () => cache.set('ada', 'Ada'),
    read: () => cache.get('ada'),
    miss: () => cache.get('nobody'),
  };
  startServer(async (request, response) => response.end(String(await calls[request.url.slice(1)]())), {
    port: 0, host: '127.0.0.1', workers: 1, admin: { port: 0 },
  }).then(({ port }) => console.log('serves ' + port));
`;

it('counts reads by what answered them, what it hears, and how long memory has not been verified', async () => {
  const redis = await startRedis();
  const file = path.join(emptyFolder(), 'server.cjs');
  writeFileSync(file, program(redis.port));
  const server = start(process.execPath, [file], { env: { ...process.env, FLOTILLA_ADMIN_TOKEN: token } });
  const [, admin] = await server.prints(/dashboard are at (http:\S+)/);
  const [, port] = await server.prints(/serves (\d+)/);
  const call = async (/** @type {string} */ what) => (await ask(`http://127.0.0.1:${port}/${what}`)).text;
  /** Of all processes together. @returns {Promise<Record<string, number>>} */
  const figures = async () => {
    const { text } = await ask(new URL('/metrics', admin), { headers: { authorization: `Bearer ${token}` } });
    const families = parsePrometheus(text).filter(({ name }) => name.startsWith('flotilla_tier_'));
    return Object.fromEntries(
      families.map(({ name, metrics }) => [
        name.replace(/flotilla_tier_|_total/g, ''),
        metrics.reduce((sum, { value }) => sum + Number(value), 0),
      ]),
    );
  };
  expect(await call('write')).toBe('true');
  for (let read = 0; read < 5; read++) expect(await call('read')).toBe('Ada');
  await call('miss');
  const counted = await until(
    figures,
    ({ memory_hits, invalidations }) => memory_hits >= 4 && invalidations > 0,
  );
  expect(counted).toMatchObject({ memory_hits: 4, redis_hits: 1, misses: 1, alone: 0, epochs: 1, away: 0 });
  expect(counted.unverified_seconds).toBe(0);
  await redis.end();
  await until(figures, ({ unverified_seconds }) => unverified_seconds > 0.5);
  await call('miss');
  // Of the worker, and of the primary, which has the cache as well.
  await until(figures, ({ alone, away }) => alone > 0 && away === 2);
});

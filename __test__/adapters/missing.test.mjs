// The packages that adapters plug into, where they are missing or of a version that nobody has tried. A program that has none of them
// imports every adapter and uses those that need nothing of their package.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { project, startIn } from '../fixtures/peers.mjs';

/** Each adapter that needs its package, with the version to install, and what needs it. */
const needing = {
  'rate-limiter-flexible': [
    'rate-limiter-flexible',
    11,
    ['RateLimiterFlotilla', 'new RateLimiterFlotilla({ points: 1, duration: 1 })'],
  ],
  next: ['next', 16, ['NextCacheHandler', "await NextCacheHandler.getExpiration(['a'])"]],
  'socket.io': ['socket.io-adapter', 2, ['createAdapter', 'createAdapter()']],
};

/** Each of the others, by the name of what it exports, with what that answers without its package. */
const others = {
  keyv: ['KeyvFlotilla', "const store = new KeyvFlotilla(); await store.set('a', 1); return store.get('a')"],
  bentocache: [
    'flotillaDriver',
    "const driver = flotillaDriver().factory({}); driver.set('a', 1); return driver.get('a')",
  ],
  unstorage: [
    'unstorageFlotilla',
    "const driver = unstorageFlotilla(); await driver.setItem('a', 1); return driver.getItem('a')",
  ],
  undici: [
    'UndiciFlotilla',
    "return (await new UndiciFlotilla().get({ origin: 'a', path: '/', method: 'GET' })) ?? 1",
  ],
  apollo: [
    'ApolloFlotilla',
    "const cache = new ApolloFlotilla(); await cache.set('a', 1); return cache.get('a')",
  ],
  'lru-cache': ['LRUCache', "return new LRUCache({ namespace: 'a', max: 1 }).set('a', 1).get('a')"],
  'express-rate-limit': [
    'FlotillaRateLimitStore',
    "const store = new FlotillaRateLimitStore(); store.init({ windowMs: 60_000 }); return (await store.increment('a')).totalHits",
  ],
  'fastify-rate-limit': [
    'fastifyRateLimitStore',
    "const store = new (fastifyRateLimitStore())({ timeWindow: 60_000, max: 1 }); return new Promise((resolve) => store.incr('a', (_error, { current }) => resolve(current), 60_000, 1))",
  ],
  'express-session': [
    'FlotillaStore',
    "const store = new FlotillaStore(); await store.set('a', { cookie: {}, count: 1 }); return (await store.get('a')).count",
  ],
};

/** Runs a function body beside what an adapter exports, and prints what it returned, or how it failed. */
const asked = (entry, [name, body]) => `
  try {
    const { ${name} } = await import('flotilla/${entry}');
    console.log('${entry}', await (async () => { ${body} })());
  } catch ({ code, message }) {
    console.log('${entry}', code, message);
  }`;

/** What a program that asks these prints, beside packages of these versions. */
async function printed(bodies, versions = {}) {
  const folder = await project([]);
  for (const [name, version] of Object.entries(versions)) {
    const place = path.join(folder, 'node_modules', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, 'package.json'), JSON.stringify({ name, version }));
    writeFileSync(path.join(place, 'index.js'), '');
  }
  const program = Object.entries(bodies).map(([entry, body]) => asked(entry, body));
  writeFileSync(path.join(folder, 'program.mjs'), `import 'flotilla';${program.join('\n')}`);
  const { stdout, stderr } = await startIn(folder, ['program.mjs']).ended;
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

const bodies = Object.fromEntries(Object.entries(needing).map(([entry, [, , code]]) => [entry, code]));

describe('an adapter that extends a class of its package, or asks it', () => {
  it('says what to install, where the package is missing', async () => {
    expect(await printed(bodies)).toEqual(
      Object.entries(needing).map(
        ([entry, [name, major]]) =>
          `${entry} FLOTILLA_ERR_PEER_MISSING flotilla/${entry} plugs into "${name}", which is not installed. Install it: "npm install ${name}@${major}"`,
      ),
    );
  });

  it.each([
    ['older', { 'rate-limiter-flexible': '4.0.1', next: '15.5.2', 'socket.io-adapter': '2.4.0' }],
    ['newer', { 'rate-limiter-flexible': '12.0.0', next: '17.0.0-canary.1', 'socket.io-adapter': '3.0.0' }],
  ])('says which version it knows, where the package is %s', async (_age, versions) => {
    expect(await printed(bodies, versions)).toEqual(
      Object.entries(needing).map(
        ([entry, [name, major]]) =>
          `${entry} FLOTILLA_ERR_PEER_VERSION flotilla/${entry} does not know version ${versions[name]} of "${name}". Install one that it knows: "npm install ${name}@${major}"`,
      ),
    );
  });
});

describe('every other adapter', () => {
  it('works without its package, of which it needs nothing', async () => {
    expect(await printed(others)).toEqual(Object.keys(others).map((entry) => `${entry} 1`));
  });
});

// The race that a cache beside a server has: an answer with the old value against the news that it is old. A script lets answers and
// news pass in every order, and what lies in memory is never older than the news that has come.

import { createRequire } from 'node:module';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { gatedRedis } from '../fixtures/gated-redis.mjs';
import { forTheFile, until } from '../fixtures/tier.mjs';

const require = createRequire(import.meta.url);
const { tiers } = require('../../lib/base/census.js');
const { toBytes } = require('../../lib/tier/value-bytes.js');

const whenDone = forTheFile();
/** @type {Awaited<ReturnType<typeof gatedRedis>>['gate']} */
let gate;
/** The other machines. @type {any} */
let others;
/** @type {any} */
let tier;
beforeAll(async () => {
  const redis = await gatedRedis(whenDone);
  ({ gate, others } = redis);
  tier = redisTier({ client: redis.client, timeout: 20_000, pingInterval: 100 });
});

let made = 0;
/** @type {any} */
let cache;
const nameOf = (/** @type {string} */ key) => `flotilla:${cache.namespace}:k=${key}`;
/** Another machine writes. @param {string} key @param {any} value */
const write = (key, value) => others.set(nameOf(key), toBytes(value, key, {}));
const inMemory = (/** @type {string} */ key) => cache.sync.get(key);

/** So many changes have been heard of by now: what they tell of is out of memory then. */
const heard = () => tiers().invalidations;
/** @param {number} count */
const hears = (count) =>
  until(
    async () => heard(),
    (now) => now >= count,
  );

/** Another machine writes, and it is heard of. @param {string} key @param {any} value */
async function writeAndTell(key, value) {
  const before = heard();
  await write(key, value);
  await hears(before + 1);
}

beforeEach(async () => {
  cache = new LRUCacheClustered({ namespace: `raced-${++made}`, max: 100, ttl: 600_000, tier });
  await cache.healthCheck();
  // So the server knows the scripts: each call is one answer.
  const before = heard();
  await cache.fetch('scripts', () => 1);
  await hears(before + 1);
  return () => {
    gate.answers.open();
    gate.news.open();
  };
});

/** All ways to put what comes in turn among the others, where news follows what it tells of. */
function* orders() {
  const writes = [
    ['write 1', 'news 1', 'write 2', 'news 2'],
    ['write 1', 'write 2', 'news of both'],
    ['write 1', 'news 1'],
  ];
  for (const steps of writes) {
    for (let at = 0; at <= steps.length; at++) yield [[...steps.slice(0, at), 'answer', ...steps.slice(at)]];
  }
}

describe.each(['get', 'fetch'])('an old answer to a %s, and the news that it is old', (op) => {
  it.each([...orders()])('%j', async (steps) => {
    await writeAndTell('a', 0);
    const before = heard();
    gate.news.shut();
    gate.answers.shut();
    const asked = op === 'get' ? cache.get('a') : cache.fetch('a', () => 'nobody has to');
    await gate.answers.keeps('F1');
    let [written, known] = [0, 0];
    const act = {
      write: async () => {
        written++;
        await write('a', written);
        await write(`mark ${written}`, 'told after it');
        await gate.news.keeps(nameOf(`mark ${written}`));
      },
      news: async () => {
        gate.news.letGo();
        await hears(before + 2 * written);
        known = written;
      },
      answer: async () => {
        gate.answers.open();
        expect(await asked).toBe(0);
      },
    };
    for (const step of steps) {
      await act[/** @type {keyof typeof act} */ (step.split(' ')[0])]();
      const found = inMemory('a');
      expect(found === undefined || found >= known, `${found} after ${step}`).toBe(true);
    }
    gate.news.open();
    expect(await cache.get('a')).toBe(written);
  });
});

it('an old answer is not kept where the server was emptied meanwhile', async () => {
  await writeAndTell('a', 'old');
  const before = heard();
  gate.answers.shut();
  const asked = cache.get('a');
  await gate.answers.keeps('F1');
  await others.flushall();
  await hears(before + 1);
  gate.answers.open();
  expect(await asked).toBe('old');
  expect(inMemory('a')).toBe(undefined);
  expect(await cache.get('a')).toBe(undefined);
});

it('an answer and the news that all is gone, let go at once, leave nothing', async () => {
  await writeAndTell('a', 'old');
  const before = heard();
  gate.answers.shut();
  gate.news.shut();
  const asked = cache.get('a');
  await gate.answers.keeps('F1');
  await others.flushall();
  await gate.news.keeps('invalidate');
  gate.answers.open();
  gate.news.open();
  expect(await asked).toBe('old');
  await hears(before + 1);
  expect(inMemory('a')).toBe(undefined);
  expect(await cache.get('a')).toBe(undefined);
});

it('an old answer is not kept where the connection that hears is cut meanwhile, and an epoch begins', async () => {
  await writeAndTell('a', 'old');
  const { epochs } = tiers();
  gate.answers.shut();
  const asked = cache.get('a');
  await gate.answers.keeps('F1');
  gate.cut();
  await write('a', 'new');
  // Memory is emptied before it begins.
  await until(
    async () => tiers().epochs,
    (now) => now > epochs,
  );
  gate.answers.open();
  expect(await asked).toBe('old');
  expect(inMemory('a')).toBe(undefined);
  await until(async () => cache.tierStats().isTrusted, Boolean);
  expect(await cache.get('a')).toBe('new');
});

it('what a fetcher brings is not kept, here or there, where its key was written before it was stored', async () => {
  /** @type {(value: any) => void} */
  let bring = () => {};
  const asked = cache.fetch('a', () => new Promise((resolve) => (bring = resolve)));
  await until(async () => others.exists(`flotilla:${cache.namespace}@l=k=a`), Boolean);
  // As the cache of another machine does: who was fetching has lost its place.
  await others.del(`flotilla:${cache.namespace}@l=k=a`);
  await write('a', 'newer');
  bring('old');
  expect(await asked).toBe('old');
  expect(inMemory('a')).not.toBe('old');
  expect(await cache.get('a')).toBe('newer');
});

it('who was fetching leaves no lock behind, where a tag was invalidated meanwhile and nothing is stored', async () => {
  /** @type {(value: any) => void} */
  let bring = () => {};
  const fetcher = () => new Promise((resolve) => (bring = resolve));
  const asked = cache.fetch('a', fetcher, { tags: () => ['any'] });
  const lock = `flotilla:${cache.namespace}@l=k=a`;
  await until(async () => others.exists(lock), Boolean);
  await cache.invalidateTags(['any']);
  bring('old');
  expect(await asked).toBe('old');
  // What this client asks comes after what it has said.
  await cache.get('b');
  expect(await others.exists(lock)).toBe(0);
});

// A cache with a tier does what one without does: the same random calls on both, on shared memory and over messages, and what is
// answered differs nowhere but where `docs/fleet.md` says so.

import { beforeAll, describe, expect, it } from 'vitest';
import { forTheFile, startMachine, startRedis } from '../fixtures/tier.mjs';

const whenDone = forTheFile();
const seeds = Number(process.env.FLOTILLA_TEST_SEEDS ?? 5);

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
beforeAll(async () => {
  redis = await startRedis({ whenDone });
});

/** A function body that makes calls drawn from a seed, on the cache with the tier and on a plain one, and compares. */
const compare = (/** @type {number} */ seed) => `
  let state = ${seed} * 2654435761 | 1;
  // Xorshift: of a product that a double cannot hold, the last bits are no draw.
  const random = (most) => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) % most;
  };
  const plain = new LRUCacheClustered({ namespace: 'plain ${seed} ' + process.pid, max: 10_000, ttl: 60_000, failsafe: 'reject', timeout: 5000 });
  await cache.clear();
  const keys = ['a', 'b', 7, true, 9n, 'with:colon', 'with {brace}', 'ünï \\ud800', '', '%', '7'];
  const values = ['text', '', 'ünï', '\\ud800', 0, -0, 1.5, NaN, -Infinity, 2 ** 53, true, false, 12n ** 30n, { a: [1, { b: null }] }, new Date(5),
    new Map([[1, new Set([2])]]), Buffer.from('bytes'), new Uint16Array([1, 2]), [undefined], new Error('mine')];
  const tags = [['red'], ['blue'], ['red', 'blue'], undefined];
  const pick = (list) => list[random(list.length)];
  const calls = {
    get: () => [pick(keys)],
    peek: () => [pick(keys)],
    has: () => [pick(keys)],
    set: () => [pick(keys), pick(values), { tags: pick(tags), ttl: pick([undefined, 50_000]) }],
    setIfAbsent: () => [pick(keys), pick(values), { tags: pick(tags) }],
    delete: () => [pick(keys)],
    take: () => [pick(keys)],
    touch: () => [pick(keys), { ttl: 40_000 }],
    incr: () => [pick(keys), pick([1, 2.5, -3, 1e17])],
    decr: () => [pick(keys), pick([1, 0.1])],
    mSet: () => [[[pick(keys), pick(values)], [pick(keys), pick(values), { ttl: 30_000 }]]],
    mGet: () => [[pick(keys), pick(keys)]],
    mDelete: () => [[pick(keys), pick(keys)]],
    invalidateTags: () => [pick([['red'], ['blue'], ['none']])],
    fetch: () => { const value = pick([...values, undefined, null]); const fails = random(9) === 0;
      return [pick(keys), async () => { if (fails) throw new TypeError('fetched badly'); return value; },
        { tags: pick([['red'], () => ['blue'], undefined]), forceRefresh: random(4) === 0, negativeTtl: pick([undefined, 5000]) }]; },
    update: () => { const value = pick([...values, undefined]); return [pick(keys), () => value]; },
    clear: () => (random(20) === 0 ? [] : undefined),
    get2: () => [null],
    set2: () => [pick(keys), pick([undefined, null, () => {}, Symbol('no')])],
    incr2: () => [pick(keys), 'one'],
    setMisspelt: () => [pick(keys), 1, { tll: 5 }],
  };
  const name = (op) => ({ get2: 'get', set2: 'set', incr2: 'incr', setMisspelt: 'set' })[op] ?? op;
  const { inspect } = await import('node:util');
  const shown = (promise) => promise.then((value) => inspect(value, { depth: 9, compact: true }).replace(/at .*/gs, ''), (error) => error.name + ' ' + error.code + ' ' + error.message);
  const differences = [];
  for (let step = 0; step < 400; step++) {
    const op = pick(Object.keys(calls));
    const args = calls[op]();
    if (args === undefined) continue;
    const [mine, theirs] = [await shown(cache[name(op)](...args)), await shown(plain[name(op)](...args))];
    if (mine !== theirs) differences.push([step, name(op), inspect(args), mine, theirs]);
  }
  await plain.destroy();
  return differences.slice(0, 3);
`;

describe.each(['shared memory', 'messages'])('over %s', (transport) => {
  it('answers as a cache without a tier does', async () => {
    const env = transport === 'messages' ? { FLOTILLA_TRANSPORT: 'ipc' } : {};
    const cache = { namespace: `over ${transport}`, failsafe: 'reject', timeout: 5000 };
    const { run } = startMachine({ port: redis.port, cache, env, whenDone });
    for (let seed = 1; seed <= seeds; seed++) expect(await run(compare(seed)), `seed ${seed}`).toEqual([]);
  });
});

/**
 * What the cache promises, in tests that any runner can run: `jest`, vitest in each of its pools, node:test. A runner may load
 * the library once for all files, once for each, or anew in the middle, all in one thread.
 */

const assert = require('node:assert');
const timers = require('node:timers/promises');

/** Loads the library again, as a runner does that resets modules. @type {() => any} */
const fresh = () => {
  for (const file of Object.keys(require.cache)) if (!file.endsWith('.node')) delete require.cache[file];
  return require('flotilla');
};

/**
 * @param {string} name of the file, so that several may run at once
 * @param {(name: string, run: () => Promise<void>) => void} test
 * @param {any} library
 * @param {() => any} [again]
 */
function conformance(name, test, library, again = fresh) {
  const { LRUCacheClustered, memoize } = library;
  const open = (options = {}, Cache = LRUCacheClustered) =>
    new Cache({ namespace: `conformance ${name}`, max: 100, ...options });

  test('values come back as they were put', async () => {
    const cache = open();
    for (const value of ['text', 7, true, 12n, { a: [1, { b: null }] }, ['x']]) {
      await cache.set('value', value);
      for (let again = 0; again < 5; again++) {
        assert.deepStrictEqual(await cache.get('value'), value);
        assert.deepStrictEqual(cache.sync.get('value'), value);
      }
    }
    await cache.set('bytes', Buffer.from('bytes'));
    assert.strictEqual((await cache.get('bytes')).toString(), 'bytes');
    await cache.set('map', new Map([['k', 1]]));
    assert.strictEqual((await cache.get('map')).get('k'), 1);
  });

  test('what is refused is refused with a code, by an error of this context', async () => {
    const cache = open();
    await assert.rejects(
      cache.set('a', () => {}),
      (error) => error instanceof TypeError && typeof error.code === 'string',
    );
    await cache.set('text', 'x');
    await assert.rejects(
      cache.incr('text'),
      (error) => error instanceof Error && error.code === 'FLOTILLA_ERR_NOT_A_NUMBER',
    );
  });

  test('counters, claims, versions and tags', async () => {
    const cache = open();
    await cache.clear();
    assert.deepStrictEqual(
      [await cache.incr('n'), await cache.incr('n', 2), await cache.decr('n')],
      [1, 3, 2],
    );
    assert.deepStrictEqual([await cache.setIfAbsent('c', 1), await cache.setIfAbsent('c', 2)], [true, false]);
    const { version } = await cache.getWithVersion('c');
    assert.strictEqual(await cache.setIfVersion('c', 3, version), true);
    await cache.set('t', 1, { tags: ['tag'] });
    await cache.invalidateTags(['tag']);
    assert.strictEqual(await cache.get('t'), undefined);
    assert.strictEqual(await cache.take('c'), 3);
  });

  test('all entries, dumped and loaded', async () => {
    const cache = open();
    await cache.clear();
    await cache.mSet(
      [
        ['a', 1],
        ['b', { deep: [2] }],
      ],
      { ttl: 60_000 },
    );
    const dump = await cache.dump();
    assert.deepStrictEqual(await cache.entries(), [
      ['b', { deep: [2] }],
      ['a', 1],
    ]);
    await cache.clear();
    assert.strictEqual(await cache.size(), 0);
    await cache.load(dump);
    assert.deepStrictEqual(await cache.keys(), ['b', 'a']);
    assert.deepStrictEqual([...cache.sync.values()], [{ deep: [2] }, 1]);
  });

  test('one flight for all callers', async () => {
    const cache = open();
    let loads = 0;
    const load = async () => {
      await timers.setTimeout(5);
      return { loads: ++loads };
    };
    await cache.delete('f');
    const [one, two] = await Promise.all([cache.fetch('f', load), cache.fetch('f', load)]);
    assert.deepStrictEqual([one, two], [{ loads: 1 }, { loads: 1 }]);
    const get = memoize(
      cache,
      async (/** @type {number} */ id) => ({ id }),
      (/** @type {number} */ id) => `m${id}`,
    );
    assert.deepStrictEqual(await get(7), { id: 7 });
    await assert.rejects(
      cache.fetch('e', async () => {
        throw new RangeError('far');
      }),
      { message: 'far' },
    );
  });

  test('an instance that is loaded later has the same cache, and the first goes on', async () => {
    const cache = open();
    await cache.set('shared', { by: 'first' });
    const later = open({}, again().LRUCacheClustered);
    assert.strictEqual(JSON.stringify(await later.get('shared')), '{"by":"first"}');
    await later.set('shared', { by: 'later' });
    assert.deepStrictEqual(await cache.get('shared'), { by: 'later' });
    assert.deepStrictEqual(cache.sync.get('shared'), { by: 'later' });
    const slow = async () => {
      await timers.setTimeout(5);
      return 'fetched';
    };
    await later.delete('both');
    assert.deepStrictEqual(await Promise.all([later.fetch('both', slow), cache.fetch('both', slow)]), [
      'fetched',
      'fetched',
    ]);
    await assert.rejects(cache.incr('both'), (error) => error instanceof Error);
  });
}

module.exports = { conformance };

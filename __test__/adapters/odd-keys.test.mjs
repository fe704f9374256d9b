// Odd keys and values, and keys that change while they are listed: what an adapter makes of them is what its package's own store in memory does.

import { LRUCacheClustered } from 'flotilla';
import { ApolloFlotilla } from 'flotilla/apollo';
import { flotillaDriver } from 'flotilla/bentocache';
import { KeyvFlotilla } from 'flotilla/keyv';
import { unstorageFlotilla } from 'flotilla/unstorage';
import { afterEach, describe, expect, it } from 'vitest';
import { peer } from '../fixtures/peers.mjs';

const names = ['keyv', 'keyv6', 'bentocache', 'bentocache/drivers/memory', 'unstorage', 'unstorage2'];
const more = ['unstorage/drivers/memory', 'unstorage2/drivers/memory', '@apollo/utils.keyvaluecache'];
const [keyv, keyv6, bentocache, bentoMemory, one, two, memory1, memory2, apollo] = await Promise.all(
  [...names, ...more].map(peer),
);
afterEach(() => LRUCacheClustered.getAllCaches().clear());

const long = 'k'.repeat(100_000);
const keys = [
  ...[
    '',
    ' ',
    '\0',
    ':',
    '::',
    '/',
    '//',
    '.',
    '*',
    '%',
    '?',
    '#',
    '\n',
    '__proto__',
    'constructor',
    'undefined',
  ],
  ...[
    'a',
    'a ',
    ' a',
    'a:',
    ':a',
    'a::',
    'a:b',
    'a:b:',
    'a/b',
    'a\\b',
    'a\0',
    'a\0b',
    'a\nb',
    'a?b',
    'a#b',
    'a*',
  ],
  ...['é', 'e\u0301', '💥', '\ud800', '\udc00a', 'ключ', '1', '01', long, `${long}:`, `${long}é`],
];

const ofKeyv = ({ Keyv }, store) => {
  const cache = new Keyv({ ...(store && { store }), namespace: 'a:b' });
  return {
    get: (key) => cache.get(key),
    has: (key) => cache.has(key),
    set: (key, value, ttl) => cache.set(key, value, ttl),
    remove: (key) => cache.delete(key),
    list: cache.iterator && (() => cache.iterator()),
  };
};

const ofBentocache = (layer) => {
  const { BentoCache, bentostore } = bentocache;
  const cache = new BentoCache({ default: 'one', stores: { one: bentostore().useL1Layer(layer) } });
  return {
    get: (key) => cache.get({ key }),
    has: (key) => cache.has({ key }),
    set: (key, value, ttl) => cache.set({ key, value, ttl }),
    remove: (key) => cache.delete({ key }),
  };
};

const ofUnstorage = ({ createStorage }, driver) => {
  const storage = createStorage({ driver });
  return {
    get: (key) => storage.getItem(key),
    has: (key) => storage.hasItem(key),
    set: (key, value) => storage.setItem(key, value),
    remove: (key) => storage.removeItem(key),
    list: async function* list() {
      for (const key of await storage.getKeys()) yield [key];
    },
  };
};

const ofApollo = (cache) => ({
  get: (key) => cache.get(key),
  has: async (key) => (await cache.get(key)) !== undefined,
  set: (key, value) => cache.set(key, value),
  remove: (key) => cache.delete(key),
});

const pairs = {
  'Keyv 5': [() => ofKeyv(keyv), () => ofKeyv(keyv, new KeyvFlotilla())],
  'Keyv 6': [() => ofKeyv(keyv6), () => ofKeyv(keyv6, new KeyvFlotilla())],
  Bentocache: [
    () => ofBentocache(bentoMemory.memoryDriver({ maxItems: 1000 })),
    () => ofBentocache(flotillaDriver()),
  ],
  'unstorage 1': [() => ofUnstorage(one, memory1.default()), () => ofUnstorage(one, unstorageFlotilla())],
  'unstorage 2': [() => ofUnstorage(two, memory2.default()), () => ofUnstorage(two, unstorageFlotilla())],
  Apollo: [() => ofApollo(new apollo.InMemoryLRUCache()), () => ofApollo(new ApolloFlotilla())],
};

/** What came of a call: a value, or the name of an error. */
const outcome = async (call) => {
  try {
    return (await call()) ?? null;
  } catch (error) {
    return error.name;
  }
};

describe.each(Object.entries(pairs))('%s', (name, makes) => {
  /** Asks both stores, and sees that they say the same. */
  async function both(question) {
    const [theirs, ours] = [await question(makes[0]()), await question(makes[1]())];
    expect(ours).toEqual(theirs);
    return ours;
  }

  it('keeps apart what has odd keys, and removes one without the others', async () => {
    const found = await both(async (store) => {
      const came = [];
      for (const [at, key] of keys.entries()) came.push(await outcome(() => store.set(key, `value ${at}`)));
      const all = async () => {
        for (const key of keys)
          came.push(await outcome(() => store.has(key)), await outcome(() => store.get(key)));
      };
      await all();
      for (const key of keys.filter((_, at) => at % 3 === 0)) await outcome(() => store.remove(key));
      await all();
      return came;
    });
    expect(found).toContain(`value ${keys.length - 1}`);
  });

  // Apollo's are texts: what is none is refused.
  it.runIf(name !== 'Apollo')(
    'takes undefined, and a key that was never set, for what its own store does',
    async () => {
      await both(async (store) => {
        await store.set('a', 'before');
        return [
          await outcome(async () => (await store.set('undefined', undefined)) && 'set'),
          await outcome(() => store.get('undefined')),
          await outcome(() => store.has('undefined')),
          await outcome(() => store.get('never')),
          await outcome(() => store.get('a')),
        ];
      });
    },
  );

  it('lists keys while they change, as far as it lists them', async () => {
    await both(async (store) => {
      if (!store.list) return undefined;
      for (let at = 0; at < 50; at++) await store.set(`key:${at}`, `${at}`);
      const seen = new Set();
      let steps = 0;
      for await (const [key] of store.list()) {
        seen.add(key);
        await store.remove(`key:${49 - steps}`);
        await store.set(`later:${steps++}`, 'later');
        if (steps > 200) break;
      }
      // Those that were there all the time.
      return Array.from({ length: 25 }, (_, at) => seen.has(`key:${at}`));
    });
  });
});

/** What else lies in a cache that a program gives to a store: keys of other kinds, and some that look like the store’s own. */
const foreign = [1, 0, true, 7n, '', ':', 'keyv', 'keyv:', 'unstorage', 'apollo', 'bentocache', 'a'];

describe.each([
  ['Keyv', (cache) => new KeyvFlotilla({ cache, prefix: 'own:' }), (store) => store.iterator()],
  [
    'unstorage',
    (cache) => unstorageFlotilla({ cache, prefix: 'own:' }),
    async function* list(driver) {
      for (const key of await driver.getKeys()) yield [key];
    },
  ],
  ['Apollo', (cache) => new ApolloFlotilla({ cache, prefix: 'own:' })],
  ['Bentocache', (cache) => flotillaDriver({ cache, prefix: 'own:' }).factory({})],
])('%s, in a cache that holds other keys', (_name, make, list) => {
  it('lists and clears its own, and nothing else', async () => {
    const cache = new LRUCacheClustered({ namespace: 'of the program', max: 1000 });
    for (const key of foreign) await cache.set(key, `of ${typeof key}`);
    const store = make(cache);
    const set = store.setItem ?? store.set;
    for (const key of foreign.filter((key) => typeof key === 'string')) await set.call(store, key, 'own');
    const before = await cache.size();
    expect(before).toBe(foreign.length + foreign.filter((key) => typeof key === 'string').length);
    if (list) {
      const listed = [];
      for await (const [key] of list(store)) listed.push(key);
      expect(listed.sort()).toEqual(foreign.filter((key) => typeof key === 'string').sort());
    }
    await store.clear();
    expect(await cache.size()).toBe(foreign.length);
    for (const key of foreign) expect(await cache.get(key)).toBe(`of ${typeof key}`);
  });
});

it('a Keyv without a namespace has no key that another one’s namespace could make', async () => {
  const [bare, named] = [new KeyvFlotilla(), new KeyvFlotilla()];
  bare.namespace = undefined;
  named.namespace = 'a:b';
  await named.set('c', 'named');
  for (const key of ['3:a:b:c', ':3:a:b:c', 'a:b:c', ':a:b:c', 'c']) {
    expect(await bare.get(key)).toBeUndefined();
    await bare.set(key, 'bare');
    expect(await named.get('c')).toBe('named');
  }
});

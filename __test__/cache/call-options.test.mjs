// Options of calls: a name that is misspelt, what is no object, and a flag that is no boolean are refused by each call
// that takes options, in the primary and in workers, on shared memory and over messages, and nothing is changed then.

import { LRUCacheClustered } from 'flotilla';
import { FlotillaStore } from 'flotilla/express-session';
import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

const program = JSON.stringify(new URL('../fixtures/call-options.mjs', import.meta.url).href);
const inWorker = (FLOTILLA_TRANSPORT) =>
  inCluster(`export * from ${program};`, { workers: 1, env: { FLOTILLA_TRANSPORT } });

/** What the primary and a worker on shared memory say, and what one says that asks by messages. */
const told = {
  shared: async () => {
    const { before, answers } = await inWorker('shared');
    return [before, answers[0]];
  },
  ipc: async () => [(await inWorker('ipc')).answers[0]],
};

const kinds = (answers) => [...new Set(Object.values(answers))];

describe.each([
  ['shared', [31, 31]],
  ['ipc', [20]],
])('the options of a call, %s', (transport, calls) => {
  let running;
  const all = () => {
    running ??= told[transport]();
    return running;
  };

  it('are refused where one is misspelt, with the nearest name, and nothing is changed', async () => {
    expect((await all()).map(({ misspelt }) => Object.keys(misspelt).length)).toEqual(calls);
    for (const { misspelt } of await all())
      expect(kinds(misspelt)).toEqual(['TypeError FLOTILLA_ERR_UNKNOWN_OPTION: (as meant)']);
  });

  it('are refused where they are no object, as where a lifetime stands in their place', async () => {
    for (const { number } of await all())
      expect(kinds(number)).toEqual([
        'TypeError FLOTILLA_ERR_INVALID_ARGUMENT: options must be an object; it is 60000',
      ]);
  });

  it('may be left out, each of them and altogether', async () => {
    for (const { leftOut, nothing } of await all())
      expect([kinds(leftOut), kinds(nothing)]).toEqual([['taken'], ['taken']]);
  });

  it('are refused where a flag is no boolean', async () => {
    for (const { flags } of await all()) {
      const expected = flags.map(([what, name, value]) => [
        what,
        name,
        value,
        ['true', 'false', 'undefined'].includes(value)
          ? 'taken'
          : `TypeError FLOTILLA_ERR_INVALID_ARGUMENT: ${name} must be true or false; it is ${value === 'no' ? '"no"' : value}`,
      ]);
      expect(flags).toEqual(expected);
    }
  });
});

describe('the options of a call', () => {
  it('are refused by the name that another package has for them, with what to do', async () => {
    const cache = new LRUCacheClustered({ namespace: 'foreign' });
    const refusals = [
      [() => cache.set('a', 1, { maxAge: 5 }), 'set takes no option "maxAge": it is "ttl"'],
      [
        () => cache.fetch('a', () => 1, { noUpdateTTL: true }),
        'fetch takes no option "noUpdateTTL": each write',
      ],
      [async () => cache.sync.set('a', 1, { sizeCalculation: () => 1 }), 'say "size" with each write'],
      [async () => cache.sync.get('a', { status: {} }), 'stats() counts them'],
    ];
    for (const [call, message] of refusals) await expect(call()).rejects.toThrow(message);
    expect(await cache.size()).toBe(0);
    cache.sync.set('a', 1, { noDisposeOnSet: true });
    expect(cache.sync.get('a')).toBe(1);
    await cache.destroy();
  });

  it('are nobody’s where all objects inherit them, and are read where a caller’s own defaults have them', async () => {
    const cache = new LRUCacheClustered({ namespace: 'inherited' });
    Object.prototype.extension = 5;
    try {
      await cache.set('a', 1, Object.create({ ttl: 60_000 }));
    } finally {
      delete Object.prototype.extension;
    }
    expect(await cache.getRemainingTTL('a')).toBeLessThanOrEqual(60_000);
    await cache.destroy();
  });
});

describe('a flag of a cache', () => {
  it.each(['allowStale', 'updateAgeOnGet', 'updateAgeOnHas', 'noDeleteOnStaleGet', 'ttlAutopurge'])(
    'is refused where it is no boolean: %s',
    (name) => {
      for (const value of [1, 0, 'false', {}])
        expect(() => new LRUCacheClustered({ namespace: 'flags', [name]: value })).toThrow(
          `${name} must be true or false; it is `,
        );
      expect([...LRUCacheClustered.getAllCaches().keys()]).toEqual([]);
    },
  );

  it('is refused by the session store, too', () => {
    expect(() => new FlotillaStore({ disableTouch: 'no' })).toThrow(
      'disableTouch must be true or false; it is "no"',
    );
  });
});

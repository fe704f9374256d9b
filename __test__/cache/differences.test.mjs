// What docs/cache.md says is not the same in lru-cache 11 and here, done on both.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LRUCacheClustered } from 'flotilla';
import { LRUCache } from 'lru-cache';
import { afterEach, describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

afterEach(() => LRUCacheClustered.getAllCaches().clear());

const theirs = (options) => new LRUCache(options);
const ours = (options) => new LRUCacheClustered({ namespace: 'ours', ...options }).sync;

/** What a call answers, or the name of what it throws. */
function outcome(call) {
  try {
    return call();
  } catch (error) {
    return error.name;
  }
}

/** Rows of the table, by how they begin: what is done with a cache of the kind that is given, and both answers. */
const rows = {
  '`new LRUCache({})` throws': [(make) => typeof outcome(() => make({})), 'string', 'object'],
  '`new LRUCache(options)` is a cache of its own': [
    (make) => {
      make({ max: 2 }).set('a', 1);
      return make({ max: 2 }).size;
    },
    0,
    1,
  ],
  'a stored object is the object': [
    (make) => {
      const value = { a: 1 };
      const cache = make({ max: 2 });
      cache.set('a', value);
      value.a = 2;
      cache.get('a').b = 3;
      return cache.get('a');
    },
    { a: 2, b: 3 },
    { a: 1 },
  ],
  'any key': [(make) => outcome(() => make({ max: 2 }).set({}, 1).size), 1, 'TypeError'],
  '`set(key, undefined)` deletes': [
    (make) => {
      const cache = make({ max: 2 });
      cache.set('a', 1);
      return [outcome(() => cache.set('a', undefined).size), cache.size];
    },
    [0, 0],
    ['TypeError', 1],
  ],
  'an entry larger than `maxSize`': [
    (make) => {
      const cache = make({ maxSize: 10, maxEntrySize: 20 });
      cache.set('a', 1, { size: 5 });
      cache.set('b', 1, { size: 15 });
      return [...cache.keys()];
    },
    [],
    ['a'],
  ],
  'iterators are live': [
    (make) => {
      const cache = make({ max: 5 });
      cache.set('a', 1).set('b', 2);
      const met = [];
      for (const key of cache.keys()) {
        met.push(key);
        cache.delete('a');
      }
      return met;
    },
    ['b'],
    ['b', 'a'],
  ],
  '`start` of `set` is on the clock of `performance.now()`': [
    (make) => {
      const cache = make({ max: 5 });
      cache.set('a', 1, { ttl: 10_000, start: Date.now() - 5000 });
      return cache.getRemainingTTL('a') < 6000;
    },
    false,
    true,
  ],
  'functions as options': [
    (make) => outcome(() => make({ maxSize: 5, sizeCalculation: () => 1 }).set('a', 1).size),
    1,
    'TypeError',
  ],
  '`rkeys` `rvalues` `rentries`': [
    (make) => {
      const cache = make({ max: 1 });
      const names = ['rkeys', 'rvalues', 'rentries', 'rforEach', 'find', 'pop', 'calculatedSize'];
      return names.filter((name) => name in cache).length;
    },
    7,
    0,
  ],
  '`noUpdateTTL`, `noDisposeOnSet` of the cache': [
    (make) => outcome(() => make({ max: 1, noUpdateTTL: true }).set('a', 1).size),
    1,
    'TypeError',
  ],
};

describe('what is not the same', () => {
  it.each(Object.entries(rows))('%s', (begin, [does, expectedThere, expectedHere]) => {
    expect(readFileSync(path.join(root, 'docs/cache.md'), 'utf8')).toContain(`| ${begin}`);
    expect([does(theirs), does(ours)]).toEqual([expectedThere, expectedHere]);
  });
});

// Bad and odd inputs of every method: a clear error or the right answer, the same to the word in the primary, in a
// worker on shared memory and in one on messages, and after an error the caches are as they were before.

import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

const program = JSON.stringify(new URL('../fixtures/cache-inputs.mjs', import.meta.url).href);

const inWorker = (roles, FLOTILLA_TRANSPORT) =>
  inCluster(`export ${roles} from ${program};`, { workers: 1, env: { FLOTILLA_TRANSPORT } });

let running;
/** What each input came to, by its name: in the primary, in a worker on shared memory, and in one on messages. */
const outcomes = () => {
  running ??= Promise.all([inWorker('*', 'shared'), inWorker('{ worker }', 'ipc')]).then(
    ([{ before, answers }, other]) => ({
      primary: before,
      shared: answers[0],
      messages: other.answers[0],
    }),
  );
  return running;
};

const invalid = (message) => `threw TypeError FLOTILLA_ERR_INVALID_ARGUMENT: ${message}; undefined`;
const sizeMissing =
  'threw TypeError FLOTILLA_ERR_INVALID_SIZE: this cache counts sizes (maxSize or maxEntrySize is set): every write needs `size`, a positive integer; undefined';
const sizeTooMuch =
  'threw TypeError FLOTILLA_ERR_INVALID_SIZE: `size` was given, but this cache counts no sizes: set maxSize or maxEntrySize, or leave it out; undefined';
const nullish = (key) =>
  invalid(
    `the value for key ${key} must be neither null nor undefined, which a cache cannot tell from a missing entry; it is nullish`,
  );
const within = 'threw RangeError undefined: from within; undefined';
const free = "[ 'failed', 'free' ]";

describe('an input that is odd or wrong, on shared memory and on messages', () => {
  it('comes to the same in the primary and in a worker', async () => {
    const { primary, shared } = await outcomes();
    expect(Object.keys(primary).length).toBeGreaterThan(900);
    expect(shared).toEqual(primary);
  }, 60_000);

  it('comes to the same on messages as on shared memory', async () => {
    const { shared, messages } = await outcomes();
    expect(messages).toEqual(shared);
  });

  it('is refused with a code, or with what was thrown within it, and nothing changes', async () => {
    const refused = Object.entries((await outcomes()).primary).filter(([, said]) => said.startsWith('threw'));
    const clear =
      /^threw \w+ FLOTILLA_ERR_|^threw TypeError E_X|: from within;|: Cannot perform '\w+' on a proxy that/;
    const own = refused.filter(([name]) => !/^fetch that (throws|rejects with) /.test(name));
    expect(own.filter(([, said]) => !clear.test(said))).toEqual([]);
    expect(refused.filter(([, said]) => said.includes('and left'))).toEqual([]);
  });

  it.each([
    ['a key of 1 MB', '[ true, 1, true, 1, true ]'],
    ['a value of 10 MB', '[ true, true ]'],
    ["the key '\\ud800'", "[ true, 1, [ '\\ud800', 'keep' ] ]"],
    ["the value 'a\\udfffb'", "[ true, 'a\\udfffb' ]"],
    ["the key ''", "[ true, 1, [ '', 'keep' ] ]"],
    ["the value ''", "[ true, '' ]"],
    ['set to a getter', within],
    ['set to a proxy', within],
    ['load with a proxy as value', within],
    ['mSet with a proxy as an entry', within],
    ['set, options a getter', within],
    [
      'set, options a toJSON',
      'threw TypeError FLOTILLA_ERR_UNKNOWN_OPTION: set takes no option "toJSON": it takes ttl, size, tags; undefined',
    ],
    ['set, size NaN', sizeMissing],
    ['mSet, size 0', sizeMissing],
    ['fetch, size 1.5', sizeMissing],
    ['incr, size undefined', sizeMissing],
    ['set, size 1000', '[ false, false ]'],
    ['set, size 5, not counted', sizeTooMuch],
    ['mSet, size 5, not counted', sizeTooMuch],
    ["set, size '1'", invalid('size must be a number; it is "1"')],
    ['set, ttl -5', '[ true, [ undefined, false ] ]'],
    ['set, ttl 1000000.5', '[ true, [ 1, true ] ]'],
    ['set, ttl Infinity', '[ true, [ 1, true ] ]'],
    ["load, ttl '1'", invalid('ttl must be a number of milliseconds; it is "1"')],
    ['decr by Infinity', invalid('amount must be a finite number; it is Infinity')],
    ['a namespace of 10,000 characters', '[ true, 1 ]'],
    [
      'options of no cache',
      'threw TypeError FLOTILLA_ERR_UNKNOWN_OPTION: LRUCacheClustered takes no option "dispose": a function could run in one process only; undefined',
    ],
    ['new LRUCacheClustered(name)', invalid('options must be an object; it is "name"')],
    ["set('a', null)", nullish('"a"')],
    ["set('a', undefined)", nullish('"a"')],
    ['fetch that brings undefined', nullish('"a"')],
    ['fetch after undefined', free],
    ['memoize, fn brings nothing', nullish('"a"')],
    ['fetch after a text is thrown', free],
    ['fetch after a revoked proxy is thrown', free],
    ['fetch that throws an error with a code and a cause', 'threw TypeError E_X: coded; why'],
    ['wrap, set', within],
    ['wrap, get', within],
    ['wrap, fetch', within],
    ['wrap, the key after an encode that throws', `[ '${within}', 'free' ]`],
    [
      'memoize, keyFn gives null',
      invalid('key must be a string, a number, a boolean or a bigint; it is null'),
    ],
    [
      'memoize, keyFn gives undefined',
      invalid('key must be a string, a number, a boolean or a bigint; it is undefined'),
    ],
    ['mSet(5)', invalid('entries must be iterable; it is 5')],
    ['options of all entries, and of one', '[ true, true ]'],
    ['fetch reads an option', '[ 1, true ]'],
    [
      'a counter that is a text',
      'threw TypeError FLOTILLA_ERR_NOT_A_NUMBER: incr and decr need a number, and the value of this key is none; undefined',
    ],
  ])('has its answer: %s', async (name, expected) => {
    const { primary, shared, messages } = await outcomes();
    expect([primary[name], shared[name], messages[name]]).toEqual(Array(3).fill(expected));
  });
});

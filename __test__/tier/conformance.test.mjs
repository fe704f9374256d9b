// The suites of what a cache means, over one with a second tier: the documented surface, odd inputs, and options of calls. What
// differs stands in the table of docs/fleet.md. Values, loading, flights and operations in one step run so beside the others.

import { beforeAll, describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';
import { cases, suite } from '../fixtures/cache-document.mjs';
import { forTheFile, startRedis } from '../fixtures/tier.mjs';

const whenDone = forTheFile();
/** @type {number} */
let port;
beforeAll(async () => {
  ({ port } = await startRedis({ whenDone }));
});

/** @param {string} source @param {'shared' | 'ipc'} transport @param {boolean} [hasTier] */
const over = (source, transport, hasTier = true) =>
  inCluster(source, {
    workers: 1,
    env: { FLOTILLA_TRANSPORT: transport, FLOTILLA_TEST_TIER: hasTier ? String(port) : '' },
  });

/** Cases of which a part has no answer of its own here, as it is of the memory of one machine, and what the rest is. @type {Record<string, [rest: (answer: any) => any, expected?: any]>} */
const inPart = {
  'mGet, mSet and mDelete, with options': [(answer) => answer.slice(0, 3)],
  'max, ttl and allowStale are read and set': [
    (answer) => answer,
    [[1000, 0, false], [50, 1234, true], 1, true, false, true],
  ],
  'a cache bounded by size wants': [(answer) => answer.toSpliced(4, 1)],
  'lists may be anything': [([found]) => found],
  'memoize runs its function once': [(answer) => answer.toSpliced(5, 1)],
};
/** What is counted, listed or ended in memory alone: `differences.test.mjs` looks at that. */
const ofMemory =
  /^(keys, values|dump and load|purgeStale, stats|peek and has leave|destroy |wrap passes|usage says)/;

const surface = Object.entries(cases).filter(([name]) => !ofMemory.test(name));
const program = `${suite.replace('const cases = ', 'const all = ')}
const cases = all.filter(([name]) => !${ofMemory}.test(name));`;

/** @type {Record<string, ReturnType<typeof inCluster>>} */
const running = {};

describe.each([
  ['shared', 'the primary'],
  ['shared', 'a worker'],
  ['ipc', 'a worker'],
])('the documented surface with a tier, %s, in %s', (transport, where) => {
  const told = surface.filter(
    ([name]) => where === 'the primary' || !name.startsWith('options that conflict'),
  );
  it.each(told)('%s', async (name, [, expected]) => {
    running[transport] ??= over(program, /** @type {any} */ (transport));
    const { before, answers } = await running[transport];
    const [rest, differs] = Object.entries(inPart).find(([begin]) => name.startsWith(begin))?.[1] ?? [
      (/** @type {any} */ answer) => answer,
    ];
    const answer = (where === 'the primary' ? before : answers[0])[name];
    expect(rest(answer)).toEqual(differs ?? rest(expected));
  });
});

/** @param {string} file @param {string} roles */
const programOf = (file, roles) =>
  `export ${roles} from ${JSON.stringify(new URL(`../fixtures/${file}`, import.meta.url).href)};`;

it('answers odd and wrong inputs as a cache without a tier does, and nothing changes by what it refuses', async () => {
  const inputs = `${programOf('cache-inputs.mjs', '{ primary }')} export const worker = () => null;`;
  const [{ before: with_ }, { before: without }] = await Promise.all([
    over(inputs, 'shared'),
    over(inputs, 'shared', false),
  ]);
  expect(Object.keys(without).length).toBeGreaterThan(900);
  // What memory lists, which property of a proxy is read first, and the sign of a zero that was counted.
  const alike = (/** @type {string} */ said) =>
    said
      .replace(/^(\[ true, 1), \[.*\] \]$/, '$1')
      .replace(/^(\[ true, 1), (true|false)(, 1, true \])$/, '$1$3')
      .replace(/Cannot perform '\w+'/, 'Cannot perform')
      .replace(/^-0$/, '0');
  const differences = Object.keys(without).flatMap((name) =>
    alike(with_[name]) === alike(without[name]) ? [] : [[name, with_[name], without[name]]],
  );
  expect(differences).toEqual([]);
}, 60_000);

it('refuses options of calls as a cache without a tier does', async () => {
  const options = programOf('call-options.mjs', '{ worker }');
  const [with_, without] = await Promise.all([over(options, 'ipc'), over(options, 'ipc', false)]);
  expect(with_.answers).toEqual(without.answers);
});

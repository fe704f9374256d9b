// The documented surface, in the primary and in a worker, on shared memory and over messages: one suite, run in all.

import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';
import { cases, suite } from '../fixtures/cache-document.mjs';

/** One cluster a transport answers for all tests. @type {Record<string, ReturnType<typeof inCluster>>} */
const running = {};
/** @param {string} transport */
const answers = (transport) => {
  running[transport] ??= inCluster(suite, { workers: 1, env: { FLOTILLA_TRANSPORT: transport } });
  return running[transport];
};

describe.each([
  ['shared', 'the primary', ({ before }) => before],
  ['shared', 'a worker', ({ answers: [answer] }) => answer],
  ['ipc', 'the primary', ({ before }) => before],
  ['ipc', 'a worker', ({ answers: [answer] }) => answer],
])('the documented surface, %s, in %s', (transport, where, of) => {
  // In a worker each use rejects, as drop-in.test.mjs shows.
  const told = Object.entries(cases).filter(
    ([name]) => where === 'the primary' || !name.startsWith('options that conflict throw'),
  );
  it.each(told)('%s', async (name, [, expected]) => {
    const ours = name.startsWith('usage') ? [transport, ...expected.slice(1)] : expected;
    expect(of(await answers(transport))[name]).toEqual(ours);
  });
});

it.each(['shared', 'ipc'])('leaves a sound segment behind, %s', async (transport) => {
  expect((await answers(transport)).after).toBeNull();
});

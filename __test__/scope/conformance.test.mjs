// The suite that reactive libraries are compared by, all of it. It also probes where libraries differ: those
// answers are part of what the guide promises.

import { batch, computed, effect, signal, untracked } from 'flotilla/core';
import { setExpect, testSuite } from 'reactive-framework-test-suite';
import { describe, expect, it } from 'vitest';

setExpect(expect);

const flotilla = {
  name: 'flotilla',
  signal(initial) {
    const { get, set } = bound(signal(initial));
    return { read: get, write: set };
  },
  computed(fn) {
    return { read: bound(computed(fn)).get };
  },
  effect,
  batch,
  untracked,
  run: (fn) => fn(),
};

function bound(node) {
  return { get: () => node.get(), set: (value) => node.set(value) };
}

const answers = {
  '#17': 'lazy',
  '#15': 'no subscription',
  '#146': 'single recompute',
  '#29': 'Object.is',
  '#167': 'Object.is',
  '#30': 'skips',
  '#176': 'returns value',
  '#173': 'post-write',
  '#174': 'post-write',
  '#88': 'unsubscribes',
  '#106': 'continues',
  '#86': 'caches error',
  '#107': 'caches error',
  '#49': 'runs 2x per write',
  '#62': 'cycle detected',
  '#175': 'batched',
};

describe.each(testSuite)('$section', ({ cases, type }) => {
  it.each(Object.entries(cases))('%s', (name, run) => {
    // A case that finds a capability missing throws: nothing is skipped.
    const answer = run(flotilla);
    if (type === 'behavioral') expect(answer).toBe(answers[name.split(' ')[0]]);
  });
});

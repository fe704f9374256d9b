// Signals, computeds, effects and scopes against a model that looks everything up anew: after each of thousands of
// random steps, every effect that is watching shows what a plain look-up shows.

import { computed, createScope, effect, runInScope, signal } from 'flotilla/core';
import { expect, it } from 'vitest';
import { randomNumbers } from '../fixtures/random.mjs';

const MOST_PLACES = 12;
const MOST_WATCHERS = 15;

/** A scope, or the world outside of any, with what it has of its own. */
class Place {
  constructor(scope, parent, own) {
    this.scope = scope;
    this.parent = parent;
    this.own = own;
  }

  run(fn) {
    return this.scope === null ? fn() : runInScope(this.scope, fn);
  }

  fork() {
    return new Place(this.scope === null ? createScope() : this.scope.fork(), this, new Map());
  }

  find(each) {
    return this.own.has(each) ? this.own.get(each) : this.parent.find(each);
  }
}

/** Four signals, three computeds that stand on each other, and the same three as plain functions of a place. */
function subjects() {
  const signals = Array.from({ length: 4 }, (_, index) => signal(index));
  const sum = computed(() => signals.reduce((total, each) => total + each.get(), 0));
  const parity = computed(() => sum.get() % 2);
  const chosen = computed(() => signals[parity.get()].get() + parity.get());
  const plainSum = (place) => signals.reduce((total, each) => total + place.find(each), 0);
  const plainParity = (place) => plainSum(place) % 2;
  const plainChosen = (place) => place.find(signals[plainParity(place)]) + plainParity(place);
  const derived = [
    { node: sum, plain: plainSum },
    { node: parity, plain: plainParity },
    { node: chosen, plain: plainChosen },
  ];
  return { signals, derived };
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])('every view is right after every step, seed %i', (seed) => {
  const below = randomNumbers(seed);
  const { signals, derived } = subjects();
  const places = [new Place(null, null, new Map(signals.map((each, index) => [each, index])))];
  const watchers = new Set();

  const steps = {
    fork(place) {
      if (places.length < MOST_PLACES) places.push(place.fork());
    },
    watch(place) {
      if (watchers.size >= MOST_WATCHERS) return;
      const { node, plain } = derived[below(3)];
      const watcher = { shown: undefined, wanted: () => plain(place) };
      watcher.end = place.run(() =>
        effect(() => {
          watcher.shown = node.get();
        }),
      );
      watchers.add(watcher);
    },
    end() {
      const watcher = [...watchers][below(Math.max(watchers.size, 1))];
      watcher?.end();
      watchers.delete(watcher);
    },
    write(place) {
      const [each, value] = [signals[below(4)], below(5)];
      place.own.set(each, value);
      place.run(() => each.set(value));
    },
    read(place) {
      const { node, plain } = derived[below(3)];
      expect(place.run(() => node.get())).toBe(plain(place));
    },
  };
  const weighted = ['fork', 'watch', 'end', 'write', 'write', 'write', 'write', 'read', 'read', 'read'];

  for (let step = 0; step < 2_000; step++) {
    steps[weighted[below(weighted.length)]](places[below(places.length)]);
    for (const { shown, wanted } of watchers)
      if (shown !== wanted()) expect(shown, `step ${step}`).toBe(wanted());
  }
});

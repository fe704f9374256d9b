// What the conformance suite does not ask of signals, computeds, effects and batches outside of any scope.

import { batch, computed, effect, signal, untracked } from 'flotilla/core';
import { describe, expect, it, vi } from 'vitest';

describe('a signal', () => {
  it('is updated by a function of its value, which is not tracked', () => {
    const count = signal(1);
    const runs = vi.fn();
    effect(() => {
      runs();
      if (untracked(() => count.get()) < 3) count.update((value) => value + 1);
    });
    expect(count.get()).toBe(2);
    expect(runs).toHaveBeenCalledTimes(1);
  });

  it('tells its subscribers of each new value, from then on, until they end it', () => {
    const count = signal(1);
    const heard = vi.fn();
    const end = count.subscribe(heard);
    expect(heard).not.toHaveBeenCalled();
    count.set(2);
    count.set(2);
    batch(() => {
      count.set(3);
      count.set(4);
    });
    end();
    count.set(5);
    expect(heard.mock.calls).toEqual([[2], [4]]);
  });

  it('compares values as it was told to', () => {
    const point = signal({ x: 1 }, { equals: (a, b) => a.x === b.x });
    const heard = vi.fn();
    point.subscribe(heard);
    point.set({ x: 1 });
    point.set({ x: 2 });
    expect(heard.mock.calls).toEqual([[{ x: 2 }]]);
    const always = signal(1, { equals: () => false });
    always.subscribe(heard);
    always.set(1);
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it('does not track what its comparison or a subscriber reads', () => {
    const other = signal(0);
    const value = signal(0, { equals: (a, b) => other.get() === 0 && a === b });
    const runs = vi.fn();
    effect(() => {
      runs();
      value.set(0);
    });
    value.subscribe(() => other.get());
    value.set(1);
    other.set(1);
    expect(runs).toHaveBeenCalledTimes(1);
  });

  it('keeps its value when the comparison throws', () => {
    const value = signal(1, {
      equals() {
        throw new Error('no comparison');
      },
    });
    expect(() => value.set(2)).toThrow('no comparison');
    expect(value.get()).toBe(1);
  });
});

describe('a computed', () => {
  it('tells its subscribers of each new value', () => {
    const count = signal(1);
    const isEven = computed(() => count.get() % 2 === 0);
    const heard = vi.fn();
    isEven.subscribe(heard);
    count.set(3);
    count.set(4);
    expect(heard.mock.calls).toEqual([[true]]);
  });

  it('keeps its object while the new one is equal', () => {
    const count = signal(1);
    const point = computed(() => ({ x: count.get() % 2 }), { equals: (a, b) => a.x === b.x });
    const before = point.get();
    count.set(3);
    expect(point.get()).toBe(before);
    count.set(4);
    expect(point.get()).toEqual({ x: 0 });
  });

  it('throws the same error at every read until something it read changes', () => {
    const count = signal(0);
    const inverse = computed(() => {
      if (count.get() === 0) throw new Error('division by zero');
      return 1 / count.get();
    });
    const caught = [1, 2].map(() => {
      try {
        return inverse.get();
      } catch (error) {
        return error;
      }
    });
    expect(caught[0]).toBeInstanceOf(Error);
    expect(caught[1]).toBe(caught[0]);
    count.set(4);
    expect(inverse.get()).toBe(0.25);
  });

  it('says so when it reads itself, directly or through others', () => {
    const self = computed(() => self.get());
    const a = computed(() => b.get());
    const b = computed(() => a.get());
    for (const node of [self, a, b]) {
      expect(() => node.get()).toThrow(expect.objectContaining({ code: 'FLOTILLA_ERR_SIGNAL_CYCLE' }));
    }
  });

  it('recovers when the circle is opened, from whichever end it is read', () => {
    const closed = signal(true);
    const a = computed(() => (closed.get() ? b.get() : 1));
    const b = computed(() => a.get() + 1);
    expect(() => a.get()).toThrow();
    closed.set(false);
    expect([a.get(), b.get()]).toEqual([1, 2]);
    closed.set(true);
    expect(() => b.get()).toThrow();
    closed.set(false);
    expect([b.get(), a.get()]).toEqual([2, 1]);
  });

  it('tries again after the stack overflowed, because that was not its fault', () => {
    const base = signal(1);
    const chain = [base];
    for (let depth = 0; depth < 20_000; depth++) {
      const previous = chain[depth];
      chain.push(computed(() => previous.get() + 1));
    }
    expect(() => chain[20_000].get()).toThrow(RangeError);
    for (const each of chain) each.get();
    expect(chain[20_000].get()).toBe(20_001);
    // Nothing is left half done: effects still run.
    const heard = vi.fn();
    base.subscribe(heard);
    base.set(2);
    expect(heard).toHaveBeenCalledWith(2);
  });

  it('is never left half done, wherever in it the stack ends', () => {
    const length = 12_000;
    /** A chain too deep to be read in one go. */
    const longChain = () => {
      const chain = [signal(1)];
      for (let depth = 0; depth < length; depth++) {
        const previous = chain[depth];
        chain.push(computed(() => previous.get() + 1));
      }
      return chain;
    };
    /** Reads from some frames further down, so that the end of the stack meets another call. */
    const readFrom = (last, frames) => (frames > 0 ? readFrom(last, frames - 1) : last.get());
    /** How deep a read can go is the compiler's to say: it mostly overflows, and need not. */
    const readTooDeep = (last, frames) => {
      try {
        return readFrom(last, frames);
      } catch (error) {
        return error instanceof RangeError;
      }
    };
    const readStepwise = (chain) => chain.reduce((_, each) => each.get(), undefined);

    for (let frames = 0; frames < 420; frames += 7) {
      const chain = longChain();
      for (const value of [1, 5]) {
        chain[0].set(value);
        expect(readTooDeep(chain[length], frames)).toBeTruthy();
        expect(readStepwise(chain)).toBe(value + length);
      }
    }
  });

  it('may write: the effects run when it is done', () => {
    const source = signal(1);
    const copies = signal([]);
    const copied = computed(() => {
      copies.update((list) => [...list, source.get()]);
      return source.get();
    });
    const seen = [];
    effect(() => void seen.push(copies.get().length));
    expect(copied.get()).toBe(1);
    source.set(2);
    expect(copied.get()).toBe(2);
    expect(seen).toEqual([0, 1, 2]);
  });
});

describe('an effect', () => {
  it('throws its error where it was caused, after all the others have run', () => {
    const count = signal(0);
    const seen = [];
    effect(() => {
      if (count.get() > 0) throw new Error('from the effect');
    });
    effect(() => void seen.push(count.get()));
    expect(() => count.set(1)).toThrow('from the effect');
    expect(seen).toEqual([0, 1]);
  });

  it('throws several errors together', () => {
    const count = signal(0);
    for (const name of ['first', 'second']) {
      effect(() => {
        if (count.get() > 0) throw new Error(name);
      });
    }
    let caught;
    try {
      count.set(1);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(AggregateError);
    expect(caught.errors.map(({ message }) => message)).toEqual(['first', 'second']);
  });

  it('that never comes to rest is stopped and reported, and the others end up right', () => {
    const count = signal(0);
    const seen = [];
    const on = signal(false);
    effect(() => {
      if (on.get()) count.set(count.get() + 1);
    });
    effect(() => void seen.push(count.get()));
    expect(() => on.set(true)).toThrow(expect.objectContaining({ code: 'FLOTILLA_ERR_SIGNAL_CYCLE' }));
    expect(seen.at(-1)).toBe(count.get());
    on.set(false);
    count.set(-1);
    expect(seen.at(-1)).toBe(-1);
  });

  it('that throws at its first run is not made', () => {
    const count = signal(0);
    const runs = vi.fn();
    expect(() =>
      effect(() => {
        runs(count.get());
        throw new Error('not made');
      }),
    ).toThrow('not made');
    count.set(1);
    expect(runs).toHaveBeenCalledTimes(1);
  });

  it('ends the effects made in it when it runs again, cleanups innermost first', () => {
    const count = signal(0);
    const order = [];
    const end = effect(() => {
      const round = count.get();
      effect(() => () => order.push(`inner ${round}`));
      return () => order.push(`outer ${round}`);
    });
    count.set(1);
    end();
    end();
    expect(order).toEqual(['inner 0', 'outer 0', 'inner 1', 'outer 1']);
  });
});

describe('a batch', () => {
  it('returns what its function returns, and throws what that throws after the effects have run', () => {
    const count = signal(0);
    const heard = vi.fn();
    count.subscribe(heard);
    expect(batch(() => 42)).toBe(42);
    expect(() =>
      batch(() => {
        count.set(1);
        throw new Error('thrown in the batch');
      }),
    ).toThrow('thrown in the batch');
    expect(heard).toHaveBeenCalledWith(1);
  });

  it('holds effects back to the end of the outermost', () => {
    const count = signal(0);
    const heard = vi.fn();
    count.subscribe(heard);
    batch(() => {
      batch(() => count.set(1));
      expect(heard).not.toHaveBeenCalled();
    });
    expect(heard.mock.calls).toEqual([[1]]);
  });
});

describe('what is refused, with nothing changed', () => {
  const refused = expect.objectContaining({ name: 'TypeError', code: 'FLOTILLA_ERR_INVALID_ARGUMENT' });
  it.each([
    ['a computed of no function', () => computed(1)],
    ['an effect of no function', () => effect(undefined)],
    ['a batch of no function', () => batch({})],
    ['an untracked read of no function', () => untracked('x')],
    ['an update by no function', () => signal(1).update(2)],
    ['a subscriber that is no function', () => signal(1).subscribe()],
    ['a subscriber of a computed that is no function', () => computed(() => 1).subscribe({})],
    ['options that are no object', () => signal(1, 5)],
    ['options of a computed that are no object', () => computed(() => 1, null)],
    ['a comparison that is no function', () => signal(1, { equals: true })],
    ['a comparison of a computed that is no function', () => computed(() => 1, { equals: 1 })],
    ['a key that is no string', () => signal(1, { key: 7 })],
    ['an empty key', () => signal(1, { key: '' })],
    ['a key that looks like one by creation order', () => signal(1, { key: '$7' })],
    ['a format that lacks read', () => signal(1, { serialize: { write: String } })],
    ['a format that is true', () => signal(1, { serialize: true })],
  ])('%s', (_what, call) => {
    expect(call).toThrow(refused);
  });
});

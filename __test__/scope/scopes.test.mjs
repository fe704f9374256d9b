// Scopes by themselves: inheritance, isolation, computeds, effects and the way through async code.

import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { batch, computed, createScope, effect, runInScope, signal } from 'flotilla/core';
import { createServerScope } from 'flotilla/server';
import { describe, expect, it, vi } from 'vitest';

describe('inheritance', () => {
  it('looks for an own value, then the parent’s, then the global one', () => {
    const color = signal('global');
    const parent = createScope();
    const child = parent.fork();
    expect(child.get(color)).toBe('global');
    parent.set(color, 'parent');
    expect(child.get(color)).toBe('parent');
    child.set(color, 'child');
    expect([child.get(color), parent.get(color), color.get()]).toEqual(['child', 'parent', 'global']);
  });

  it('is live: what a parent or the global value becomes later is seen', () => {
    const color = signal('red');
    const parent = createScope();
    const child = parent.fork();
    color.set('blue');
    expect(child.get(color)).toBe('blue');
    parent.set(color, 'green');
    parent.set(color, 'brown');
    expect(child.get(color)).toBe('brown');
  });

  it('ends for good with an own value, also with one that equals the inherited', () => {
    const color = signal('red');
    const scope = createScope();
    scope.set(color, 'red');
    color.set('blue');
    expect(scope.get(color)).toBe('red');
  });

  it('works ten thousand forks down', () => {
    const color = signal('global', { key: 'deep color' });
    const shade = computed(() => `dark ${color.get()}`);
    const top = createScope();
    let bottom = top;
    for (let depth = 0; depth < 10_000; depth++) bottom = bottom.fork();
    const seen = [];
    const end = runInScope(bottom, () => effect(() => void seen.push(shade.get())));
    color.set('changed');
    top.set(color, 'top');
    expect(bottom.get(color)).toBe('top');
    expect(bottom.serialize()).toEqual({ 'deep color': 'top' });
    bottom.set(color, 'own');
    expect(seen).toEqual(['dark global', 'dark changed', 'dark top', 'dark own']);
    end();
  });

  it('holds for many values in one scope, in any order', () => {
    const signals = Array.from({ length: 50 }, (_, index) => signal(index));
    const parent = createScope();
    const child = parent.fork();
    signals.forEach((each, index) => {
      parent.set(each, index * 2);
      if (index % 3 === 0) child.set(each, -index);
    });
    signals.forEach((each, index) => {
      expect(child.get(each)).toBe(index % 3 === 0 ? -index : index * 2);
    });
  });
});

describe('within runInScope', () => {
  it('reads and writes are the scope’s, and the global value never changes', () => {
    const user = signal('nobody');
    const scope = createScope();
    const result = runInScope(scope, () => {
      user.set('ada');
      user.update((name) => `${name} l.`);
      return user.get();
    });
    expect(result).toBe('ada l.');
    expect(scope.get(user)).toBe('ada l.');
    expect(user.get()).toBe('nobody');
  });

  it('an inner scope comes before an outer one, and ends with it, also by an error', () => {
    const user = signal('nobody');
    const [outer, inner] = [createScope(), createScope()];
    outer.set(user, 'outer');
    inner.set(user, 'inner');
    runInScope(outer, () => {
      expect(() =>
        runInScope(inner, () => {
          expect(user.get()).toBe('inner');
          throw new Error('thrown inside');
        }),
      ).toThrow('thrown inside');
      expect(user.get()).toBe('outer');
    });
    expect(user.get()).toBe('nobody');
  });

  it.each([
    ['await', async () => await null],
    ['a timer', () => sleep(1)],
    ['an immediate', () => nextTurn()],
    ['a microtask', () => new Promise((resolve) => queueMicrotask(resolve))],
    [
      'an event emitter',
      async () => {
        const emitter = new EventEmitter();
        setImmediate(() => emitter.emit('ready'));
        await once(emitter, 'ready');
      },
    ],
    ['a rejected promise', () => Promise.reject(new Error('caught')).catch(() => {})],
    [
      'a stream',
      () =>
        pipeline(
          Readable.from(['a', 'b']),
          async function* (parts) {
            for await (const part of parts) yield part;
          },
          async (parts) => {
            for await (const _part of parts);
          },
        ),
    ],
  ])('the scope follows the code through %s', async (_what, wait) => {
    const user = signal('nobody');
    const greeting = computed(() => `Hello ${user.get()}`);
    const names = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    const seen = await Promise.all(
      names.map((name) =>
        runInScope(createScope(), async () => {
          user.set(name);
          await wait();
          const before = greeting.get();
          user.set(`${name}!`);
          await wait();
          return [before, greeting.get()];
        }),
      ),
    );
    expect(seen).toEqual(names.map((name) => [`Hello ${name}`, `Hello ${name}!`]));
    expect(user.get()).toBe('nobody');
  });
});

describe('a computed', () => {
  it('sees the scope’s values, and is cached there and not globally', () => {
    const count = signal(1);
    const evaluate = vi.fn(() => count.get() * 10);
    const tenfold = computed(evaluate);
    const scope = createScope();
    scope.set(count, 2);
    expect([tenfold.get(), scope.get(tenfold), runInScope(scope, () => tenfold.get())]).toEqual([10, 20, 20]);
    expect(evaluate).toHaveBeenCalledTimes(2);
    expect(tenfold.get()).toBe(10);
    expect(evaluate).toHaveBeenCalledTimes(2);
  });

  it('is evaluated anew in the scope when a value it inherits changes anywhere above', () => {
    const count = signal(1);
    const tenfold = computed(() => count.get() * 10);
    const hundredfold = computed(() => tenfold.get() * 10);
    const parent = createScope();
    const child = parent.fork();
    const values = [child.get(hundredfold)];
    count.set(2);
    values.push(child.get(hundredfold));
    parent.set(count, 3);
    values.push(child.get(hundredfold));
    child.set(count, 4);
    values.push(child.get(hundredfold));
    parent.set(count, 5);
    values.push(child.get(hundredfold), parent.get(hundredfold), hundredfold.get());
    expect(values).toEqual([100, 200, 300, 400, 400, 500, 200]);
  });

  it('throws in one scope and not in another', () => {
    const count = signal(1);
    const inverse = computed(() => {
      if (count.get() === 0) throw new RangeError('no inverse');
      return 1 / count.get();
    });
    const scope = createScope();
    scope.set(count, 0);
    expect(() => scope.get(inverse)).toThrow('no inverse');
    expect(inverse.get()).toBe(1);
  });

  it('that starts async work does so in its own scope', async () => {
    const count = signal(1);
    const later = computed(() => Promise.resolve(count.get()).then((first) => [first, count.get()]));
    const [a, b] = [createScope(), createScope()];
    a.set(count, 2);
    b.set(count, 3);
    expect(await runInScope(a, () => b.get(later))).toEqual([3, 3]);
  });

  it('that writes does so in its scope', () => {
    const [source, copy] = [signal(1), signal(0)];
    const copied = computed(() => {
      copy.set(source.get());
      return source.get();
    });
    const scope = createScope();
    scope.set(source, 5);
    expect(scope.get(copied)).toBe(5);
    expect([scope.get(copy), copy.get()]).toEqual([5, 0]);
  });
});

describe('an effect', () => {
  it('runs in the scope it was made in, whoever writes', () => {
    const count = signal(0);
    const seen = [];
    const scope = createScope();
    runInScope(scope, () => effect(() => void seen.push(count.get())));
    count.set(1);
    scope.set(count, 2);
    count.set(3);
    runInScope(createScope(), () => scope.set(count, 4));
    expect(seen).toEqual([0, 1, 2, 4]);
  });

  it('hears when a scope above gets a value of its own', () => {
    const count = signal(0);
    const tenfold = computed(() => count.get() * 10);
    const [seen, other] = [[], []];
    const top = createScope();
    const bottom = top.fork().fork();
    runInScope(bottom, () => effect(() => void seen.push(tenfold.get())));
    runInScope(createScope(), () => effect(() => void other.push(tenfold.get())));
    top.set(count, 1);
    top.set(count, 2);
    batch(() => {
      top.set(count, 3);
      bottom.set(count, 4);
    });
    count.set(9);
    expect(seen).toEqual([0, 10, 20, 40]);
    expect(other).toEqual([0, 90]);
  });

  it('does not run again for an own value that equals the inherited one', () => {
    const count = signal(7);
    const seen = [];
    const scope = createScope();
    runInScope(scope, () => effect(() => void seen.push(count.get())));
    scope.set(count, 7);
    count.set(8);
    expect(seen).toEqual([7]);
  });

  it('outside of any scope may watch one', () => {
    const count = signal(0);
    const scope = createScope();
    const seen = [];
    const end = effect(() => void seen.push(scope.get(count)));
    scope.set(count, 1);
    end();
    scope.set(count, 2);
    expect(seen).toEqual([0, 1]);
  });

  it('cleans up, and starts async work, in its own scope', async () => {
    const [count, name] = [signal(0), signal('global')];
    const scope = createScope();
    scope.set(name, 'scoped');
    const seen = [];
    const end = runInScope(scope, () =>
      effect(() => {
        count.get();
        queueMicrotask(() => seen.push(name.get()));
        return () => seen.push(`cleanup ${name.get()}`);
      }),
    );
    count.set(1);
    await null;
    end();
    expect(seen).toEqual(['cleanup scoped', 'scoped', 'scoped', 'cleanup scoped']);
  });

  it('and a subscriber hear of a scope’s values alone', () => {
    const count = signal(0);
    const scope = createScope();
    const heard = vi.fn();
    runInScope(scope, () => count.subscribe(heard));
    scope.set(count, 1);
    count.set(5);
    expect(heard.mock.calls).toEqual([[1]]);
  });
});

describe('what is refused, with nothing changed', () => {
  const refused = expect.objectContaining({ name: 'TypeError', code: 'FLOTILLA_ERR_INVALID_ARGUMENT' });
  const scopes = [
    ['a scope', createScope()],
    ['a server scope', createServerScope()],
    ['a managed scope', createServerScope().fork()],
  ];
  describe.each(scopes)('%s', (_which, scope) => {
    it.each([
      ['a number', 7],
      ['nothing', undefined],
      ['null', null],
      ['an object', {}],
      ['a scope', createScope()],
      ['something with get alone', { get: () => 1 }],
    ])('refuses to get %s', (_what, value) => {
      expect(() => scope.get(value)).toThrow(refused);
    });

    it.each([
      ['a computed', computed(() => 1)],
      ['something that looks like a signal', { get() {}, set() {}, update() {}, subscribe() {} }],
      ['nothing', undefined],
    ])('refuses to set %s', (_what, value) => {
      expect(() => scope.set(value, 1)).toThrow(refused);
      expect(scope.serialize()).toEqual({});
    });
  });

  it('gets what another library’s subscribable has, called in the scope', () => {
    const count = signal(0);
    const foreign = { get: () => count.get() + 1, subscribe: () => () => {} };
    const scope = createScope();
    scope.set(count, 5);
    expect(scope.get(foreign)).toBe(6);
  });

  it.each([
    ['runInScope in no scope', () => runInScope({}, () => 1)],
    ['runInScope without a function', () => runInScope(createScope(), 1)],
    ['createScope with options that are no object', () => createScope(1)],
    ['createScope with values that are no object', () => createScope({ values: [1] })],
  ])('%s', (_what, call) => {
    expect(call).toThrow(refused);
  });
});

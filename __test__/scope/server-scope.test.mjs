// The server scope: identity, capacity, expiry, eviction, the end; and callbacks that misbehave.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { computed, createScope, effect, runInScope, signal } from 'flotilla/core';
import { createServerScope } from 'flotilla/server';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
});

/** A server scope on a clock that only the test moves, and the ids that it has evicted. */
function onFakeClock(options) {
  vi.useFakeTimers();
  const evicted = [];
  const server = createServerScope({ onEvict: (id) => evicted.push(id), ...options });
  return { server, evicted };
}

/** The details of the process warnings from now on, which Node emits a moment later. */
function collectWarnings() {
  const details = [];
  const listen = (warning) => {
    expect(warning).toMatchObject({ name: 'FlotillaWarning', code: 'FLOTILLA_WARN_EVICTION' });
    details.push(warning.detail.split('\n')[0]);
  };
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  return async () => {
    await nextTurn();
    return details;
  };
}

const ids = (count, first = 0) => Array.from({ length: count }, (_, index) => `ss_${first + index}`);

describe('identity', () => {
  it('is counted per server scope, and never given twice', () => {
    const [a, b] = [createServerScope({ maxEntries: 2 }), createServerScope()];
    expect([a.fork().id, a.fork().id, b.fork().id, a.fork().id]).toEqual(['ss_0', 'ss_1', 'ss_0', 'ss_2']);
    a.dispose('ss_2');
    expect(a.fork().id).toBe('ss_3');
  });

  it('leads to the very scope that was forked', () => {
    const server = createServerScope();
    const scopes = Array.from({ length: 500 }, () => server.fork());
    for (const scope of scopes) expect(server.getScope(scope.id)).toBe(scope);
  });

  it.each([
    'ss_1',
    'ss_',
    'ss_00',
    'ss_-1',
    'ss_0x0',
    'ss_1e0',
    ' ss_0',
    'ss_0 ',
    'sx_0',
    '0',
    '',
    `ss_${'9'.repeat(40)}`,
  ])('is not %j', (id) => {
    const server = createServerScope();
    server.fork();
    expect([server.getScope(id), server.dispose(id), server.size]).toEqual([undefined, false, 1]);
  });

  it('of another server scope means nothing here', () => {
    const [a, b] = [createServerScope(), createServerScope()];
    a.fork();
    const { id } = a.fork();
    b.fork();
    expect(b.dispose(id)).toBe(false);
    expect(a.size).toBe(2);
  });
});

describe('capacity', () => {
  it('lets the least recently used go, before the new one comes', () => {
    const { server, evicted } = onFakeClock({ maxEntries: 3 });
    for (let count = 0; count < 3; count++) server.fork();
    server.getScope('ss_0');
    server.fork();
    expect([evicted, server.size]).toEqual([['ss_1'], 3]);
    server.fork();
    expect(evicted).toEqual(['ss_1', 'ss_2']);
    expect(server.getScope('ss_0')?.id).toBe('ss_0');
  });

  it('is not used up by scopes that were disposed of', () => {
    const { server, evicted } = onFakeClock({ maxEntries: 2 });
    server.fork();
    server.dispose('ss_0');
    server.fork();
    server.fork();
    expect([evicted, server.size]).toEqual([['ss_0'], 2]);
  });

  it('is not touched by reading and writing a scope, nor by using its forks', () => {
    const { server, evicted } = onFakeClock({ maxEntries: 2 });
    const count = signal(0);
    const first = server.fork();
    server.fork();
    first.set(count, 1);
    first.fork().fork().get(count);
    expect(server.size).toBe(2);
    server.fork();
    expect(evicted).toEqual(['ss_0']);
  });

  it('is 10000, and the time to live five minutes, unless said otherwise', () => {
    const { server, evicted } = onFakeClock();
    for (let count = 0; count < 10_001; count++) server.fork();
    expect([evicted, server.size]).toEqual([['ss_0'], 10_000]);
    vi.advanceTimersByTime(300_000);
    server.fork();
    expect(evicted.length).toBe(2);
    vi.advanceTimersByTime(1);
    server.fork();
    expect(server.size).toBe(2);
  });
});

describe('expiry', () => {
  it('happens at the next fork, and not before', () => {
    const { server, evicted } = onFakeClock({ ttl: 1_000 });
    server.fork();
    server.fork();
    vi.advanceTimersByTime(1_001);
    expect([evicted, server.size, vi.getTimerCount()]).toEqual([[], 2, 0]);
    server.fork();
    expect([evicted, server.size]).toEqual([['ss_0', 'ss_1'], 1]);
  });

  it('counts from the last time the scope was asked for', () => {
    const { server, evicted } = onFakeClock({ ttl: 1_000 });
    server.fork();
    server.fork();
    vi.advanceTimersByTime(900);
    server.getScope('ss_0');
    vi.advanceTimersByTime(900);
    server.fork();
    expect(evicted).toEqual(['ss_1']);
  });

  it('takes thousands at once, the oldest first', () => {
    const { server, evicted } = onFakeClock({ ttl: 10 });
    for (let count = 0; count < 5_000; count++) server.fork();
    vi.advanceTimersByTime(11);
    server.fork();
    expect(evicted).toEqual(ids(5_000));
    expect(server.size).toBe(1);
  });

  it('runs on a clock that no change of the date moves', () => {
    const { server, evicted } = onFakeClock({ ttl: 1_000 });
    vi.setSystemTime(new Date('2030-01-01'));
    server.fork();
    vi.setSystemTime(new Date('1990-01-01'));
    server.fork();
    vi.setSystemTime(new Date('2050-01-01'));
    server.fork();
    expect(evicted).toEqual([]);
  });

  it('runs on the real clock too', async () => {
    const evicted = [];
    const server = createServerScope({ ttl: 20, onEvict: (id) => evicted.push(id) });
    server.fork();
    const start = performance.now();
    // What is awaited is the clock itself.
    while (performance.now() - start <= 21) await new Promise((resolve) => setImmediate(resolve));
    server.fork();
    expect(evicted).toEqual(['ss_0']);
  });
});

describe('a scope that has left', () => {
  it('goes on working for who holds it', () => {
    const { server } = onFakeClock({ maxEntries: 1 });
    const [count, shared] = [signal(0), signal('global')];
    const scope = server.fork();
    scope.set(count, 1);
    server.fork();
    server.set(shared, 'of the server');
    scope.set(count, 2);
    expect([scope.get(count), scope.get(shared), scope.id]).toEqual([2, 'of the server', 'ss_0']);
    expect(runInScope(scope, () => count.get())).toBe(2);
    expect(scope.fork().get(count)).toBe(2);
    expect([server.getScope('ss_0'), server.dispose('ss_0')]).toEqual([undefined, false]);
  });

  it('goes on working after the end of the server scope', () => {
    const server = createServerScope();
    const shared = signal('global');
    server.set(shared, 'of the server');
    const scope = server.fork();
    server.destroy();
    expect(scope.get(shared)).toBe('of the server');
    expect(runInScope(scope, () => shared.get())).toBe('of the server');
  });

  it.each([
    ['by dispose', (server) => server.dispose('ss_0')],
    ['by eviction', (server) => server.fork()],
    ['by destroy', (server) => server.destroy()],
  ])('%s takes its effects with it, and those of its forks', (_how, leave) => {
    const server = createServerScope({ maxEntries: 1 });
    const count = signal(0);
    const doubled = computed(() => count.get() * 2);
    const [seen, cleaned] = [[], []];
    const scope = server.fork();
    for (const place of [scope, scope.fork().fork()]) {
      runInScope(place, () =>
        effect(() => {
          seen.push(doubled.get());
          return () => cleaned.push('cleaned');
        }),
      );
    }
    count.set(1);
    leave(server);
    count.set(2);
    scope.set(count, 3);
    expect(seen).toEqual([0, 0, 2, 2]);
    expect(cleaned.length).toBe(4);
  });

  it('runs an effect made in it once, and cleans up', () => {
    const server = createServerScope();
    const scope = server.fork();
    server.dispose(scope.id);
    const count = signal(0);
    const seen = [];
    runInScope(scope, () =>
      effect(() => {
        seen.push(count.get());
        return () => seen.push('cleaned');
      }),
    );
    count.set(1);
    expect(seen).toEqual([0, 'cleaned']);
  });
});

describe('onEvict', () => {
  it('is called once for each scope, however it leaves', () => {
    const { server, evicted } = onFakeClock({ ttl: 100, maxEntries: 2 });
    server.fork();
    server.dispose('ss_0');
    server.dispose('ss_0');
    server.fork();
    server.fork();
    server.fork();
    vi.advanceTimersByTime(101);
    server.fork();
    server.destroy();
    expect(evicted).toEqual(ids(5));
  });

  it('finds everything in order: the new scope is there, and the old one is not', () => {
    const found = [];
    const server = createServerScope({
      maxEntries: 2,
      onEvict: (id) => found.push([id, server.size, server.getScope(id), server.getScope('ss_2')?.id]),
    });
    for (let count = 0; count < 3; count++) server.fork();
    expect(found).toEqual([['ss_0', 2, undefined, 'ss_2']]);
  });

  it('that throws disturbs nobody: all are called, and a process warning says so', async () => {
    const called = [];
    const server = createServerScope({
      onEvict(id) {
        called.push(id);
        throw new Error(`no metrics for ${id}`);
      },
    });
    const warnings = collectWarnings();
    for (let count = 0; count < 3; count++) server.fork();
    expect(server.dispose('ss_1')).toBe(true);
    expect(await warnings()).toEqual(['Error: no metrics for ss_1']);
    expect(server.fork().id).toBe('ss_3');
    server.destroy();
    expect(called).toEqual(['ss_1', 'ss_0', 'ss_2', 'ss_3']);
    expect((await warnings()).length).toBe(4);
  });

  it('and the cleanup of an effect that throws disturb each other neither', async () => {
    const called = [];
    const server = createServerScope({ onEvict: (id) => called.push(id) });
    const warnings = collectWarnings();
    for (let count = 0; count < 2; count++) {
      runInScope(server.fork(), () =>
        effect(() => () => {
          throw new Error('cleanup failed');
        }),
      );
    }
    server.destroy();
    expect(await warnings()).toEqual(['Error: cleanup failed', 'Error: cleanup failed']);
    expect(called).toEqual(['ss_0', 'ss_1']);
  });

  it('may fork, dispose and ask, and each scope is still reported once', () => {
    const called = [];
    const server = createServerScope({
      maxEntries: 3,
      onEvict(id) {
        called.push(id);
        if (id === 'ss_0') {
          expect(server.fork().id).toBe('ss_4');
          expect(server.dispose('ss_3')).toBe(true);
          expect(server.size).toBe(2);
        }
      },
    });
    for (let count = 0; count < 4; count++) server.fork();
    expect(called).toEqual(['ss_0', 'ss_1', 'ss_3']);
    expect(['ss_2', 'ss_4'].map((id) => server.getScope(id)?.id)).toEqual(['ss_2', 'ss_4']);
    expect(server.size).toBe(2);
  });

  it('may destroy the server scope', () => {
    const called = [];
    const server = createServerScope({
      maxEntries: 2,
      onEvict(id) {
        called.push(id);
        if (id === 'ss_0') server.destroy();
      },
    });
    for (let count = 0; count < 2; count++) server.fork();
    const scope = server.fork();
    expect(called).toEqual(['ss_0', 'ss_1', 'ss_2']);
    expect(scope.id).toBe('ss_2');
    expect(() => server.fork()).toThrow('ServerScope has been destroyed');
  });

  it('that forks for each eviction is stopped before it takes for ever', async () => {
    let forks = 0;
    const warnings = collectWarnings();
    const server = createServerScope({
      maxEntries: 1,
      onEvict() {
        server.fork();
        forks++;
      },
    });
    server.fork();
    server.fork();
    expect(forks).toBe(10_000);
    expect(await warnings()).toEqual([expect.stringContaining('onEvict')]);
    expect(server.size).toBe(1);
  });
});

describe('destroy', () => {
  it('lets all go, the least recently used first, and refuses everything afterwards', () => {
    const { server, evicted } = onFakeClock();
    for (let count = 0; count < 3; count++) server.fork();
    server.getScope('ss_0');
    server.destroy();
    expect(evicted).toEqual(['ss_1', 'ss_2', 'ss_0']);
    const count = signal(0);
    const calls = [
      () => server.fork(),
      () => server.getScope('ss_0'),
      () => server.dispose('ss_0'),
      () => server.get(count),
      () => server.set(count, 1),
      () => server.serialize(),
      () => server.destroy(),
      () => runInScope(server, () => 1),
    ];
    for (const call of calls) {
      let caught;
      try {
        call();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(Error);
      expect(caught).toMatchObject({
        message: 'ServerScope has been destroyed',
        code: 'FLOTILLA_ERR_SCOPE_DESTROYED',
      });
    }
    expect(server.size).toBe(0);
  });

  it('refuses a fork from its own callbacks', () => {
    const caught = [];
    const server = createServerScope({
      onEvict() {
        try {
          server.fork();
        } catch (error) {
          caught.push(error.message);
        }
      },
    });
    server.fork();
    server.destroy();
    expect(caught).toEqual(['ServerScope has been destroyed']);
    expect(server.size).toBe(0);
  });

  it('ends the effects made in the root scope', () => {
    const server = createServerScope();
    const count = signal(0);
    const seen = [];
    runInScope(server, () => effect(() => void seen.push(count.get())));
    server.destroy();
    count.set(1);
    expect(seen).toEqual([0]);
  });
});

describe('what is refused, with nothing changed', () => {
  const numbers = [
    ['zero', 0, 'RangeError'],
    ['negative', -1, 'RangeError'],
    ['NaN', Number.NaN, 'RangeError'],
    ['infinite', Number.POSITIVE_INFINITY, 'RangeError'],
    ['text', '5m', 'TypeError'],
    ['null', null, 'TypeError'],
    ['a bigint', 10n, 'TypeError'],
    ['an object', {}, 'TypeError'],
  ];
  describe.each(['ttl', 'maxEntries'])('%s', (option) => {
    it.each(numbers)('that is %s', (_what, value, name) => {
      expect(() => createServerScope({ [option]: value })).toThrow(
        expect.objectContaining({ name, message: expect.stringContaining(`options.${option}`) }),
      );
    });
  });

  it('a capacity that is not whole', () => {
    expect(() => createServerScope({ maxEntries: 1.5 })).toThrow(RangeError);
  });

  it.each([
    [
      'createServerScope',
      { maxx: 1 },
      'createServerScope takes no option "maxx": it takes ttl, maxEntries, onEvict',
    ],
    ['createServerScope', { maxentries: 1 }, 'did you mean "maxEntries"?'],
    ['createScope', { value: {} }, 'createScope takes no option "value": did you mean "values"?'],
  ])('by %s: %o', (name, options, message) => {
    expect(() => ({ createServerScope, createScope })[name](options)).toThrow(
      expect.objectContaining({
        code: 'FLOTILLA_ERR_UNKNOWN_OPTION',
        message: expect.stringContaining(message),
      }),
    );
  });

  it('takes numbers as environment variables have them', () => {
    const server = createServerScope({ ttl: '1000', maxEntries: '1' });
    server.fork();
    server.fork();
    expect(server.size).toBe(1);
  });

  it('takes the largest numbers there are', () => {
    const server = createServerScope({ ttl: Number.MAX_VALUE, maxEntries: Number.MAX_SAFE_INTEGER });
    server.fork();
    server.fork();
    expect(server.size).toBe(2);
  });

  it.each([
    ['options that are no object', () => createServerScope(5)],
    ['null for options', () => createServerScope(null)],
    ['an onEvict that is no function', () => createServerScope({ onEvict: {} })],
    ['an id that is no string', () => createServerScope().getScope(0)],
    ['no id', () => createServerScope().dispose()],
  ])('%s', (_what, call) => {
    expect(call).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});

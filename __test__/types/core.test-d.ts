/**
 * The signals core against the design, which documents what `@stateloom/core` is used for in document 000.
 */

import {
  batch,
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  type Scope,
  type Signal,
  type SignalOptions,
  type Subscribable,
  serializeScope,
  serializeToScript,
  signal,
  untracked,
} from 'flotilla/core';
import { describe, expectTypeOf, test } from 'vitest';

describe('types', () => {
  test('Subscribable, Signal, SignalOptions and Scope are those of the design', () => {
    interface DesignedSubscribable<T> {
      get(): T;
      subscribe(cb: (value: T) => void): () => void;
    }
    interface DesignedSignal<T> extends DesignedSubscribable<T> {
      set(value: T): void;
      update(fn: (value: T) => T): void;
    }
    interface DesignedSignalOptions<T> {
      equals?(a: T, b: T): boolean;
      key?: string;
      serialize?: false | { write(v: T): unknown; read(j: unknown): T };
    }
    interface DesignedScope {
      fork(): DesignedScope;
      get<T>(s: DesignedSubscribable<T>): T;
      set<T>(s: DesignedSignal<T>, v: T): void;
      serialize(): Record<string, unknown>;
    }
    expectTypeOf<Subscribable<Date>>().toEqualTypeOf<DesignedSubscribable<Date>>();
    expectTypeOf<Signal<Date>>().toEqualTypeOf<DesignedSignal<Date>>();
    expectTypeOf<SignalOptions<Date>>().toEqualTypeOf<DesignedSignalOptions<Date>>();
    expectTypeOf<keyof Scope>().toEqualTypeOf<keyof DesignedScope>();
    expectTypeOf<Scope>().toExtend<DesignedScope>();
    expectTypeOf<DesignedScope>().toExtend<Scope>();
  });
});

describe('signal', () => {
  test('takes its type from the first value or from the caller', () => {
    expectTypeOf(signal(0)).toEqualTypeOf<Signal<number>>();
    expectTypeOf(signal<string | null>(null)).toEqualTypeOf<Signal<string | null>>();
  });

  test('takes its options', () => {
    const date = signal(new Date(0), {
      key: 'now',
      equals: (a, b) => a.getTime() === b.getTime(),
      serialize: { write: (v) => v.toISOString(), read: (j) => new Date(String(j)) },
    });
    expectTypeOf(date).toEqualTypeOf<Signal<Date>>();
    expectTypeOf(signal).toBeCallableWith(0, { serialize: false });
    // @ts-expect-error
    signal(0, { serialize: true });
    // @ts-expect-error
    signal(0, { key: 1 });
  });

  test('reads, writes and is watched by its type', () => {
    const count = signal(0);
    expectTypeOf(count.get()).toEqualTypeOf<number>();
    expectTypeOf(count.set).toEqualTypeOf<(value: number) => void>();
    expectTypeOf(count.update).toEqualTypeOf<(fn: (value: number) => number) => void>();
    expectTypeOf(count.subscribe).toEqualTypeOf<(cb: (value: number) => void) => () => void>();
    // @ts-expect-error
    count.set('1');
  });
});

describe('computed', () => {
  test('can be read and watched, not written', () => {
    const double = computed(() => signal(1).get() * 2, { equals: (a, b) => a === b });
    expectTypeOf(double).toEqualTypeOf<Subscribable<number>>();
    // @ts-expect-error
    double.set(1);
  });
});

describe('effect, batch and untracked', () => {
  test('an effect may return what cleans up, and returns what ends it', () => {
    // biome-ignore lint/suspicious/noConfusingVoidType: an effect may return nothing, or what cleans up.
    expectTypeOf(effect).toEqualTypeOf<(fn: () => void | (() => void)) => () => void>();
    expectTypeOf(effect(() => () => {})).toEqualTypeOf<() => void>();
  });

  test('batch and untracked return what the function returns', () => {
    expectTypeOf(batch(() => 'a' as string)).toEqualTypeOf<string>();
    expectTypeOf(untracked(() => 1 as number)).toEqualTypeOf<number>();
  });
});

describe('scopes', () => {
  test('are made, run in, serialized and hydrated', () => {
    expectTypeOf(createScope).toEqualTypeOf<(options?: { values?: Record<string, unknown> }) => Scope>();
    expectTypeOf(runInScope(createScope(), async () => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(serializeScope).toEqualTypeOf<(scope: Scope) => Record<string, unknown>>();
    expectTypeOf(hydrateScope).toEqualTypeOf<(scope: Scope, data: Record<string, unknown>) => void>();
  });

  test('fork, read and write by the types of signals', () => {
    const scope = createScope();
    const count = signal(0);
    expectTypeOf(scope.fork()).toEqualTypeOf<Scope>();
    expectTypeOf(scope.get(computed(() => count.get() > 0))).toEqualTypeOf<boolean>();
    expectTypeOf(scope.set(count, 1)).toEqualTypeOf<void>();
    expectTypeOf(scope.serialize()).toEqualTypeOf<Record<string, unknown>>();
    const one = computed(() => 1);
    // @ts-expect-error
    scope.set(one, 2);
    // @ts-expect-error
    scope.get(1);
  });

  test('become a script element', () => {
    expectTypeOf(serializeToScript).toEqualTypeOf<(scope: Scope, options?: { id?: string }) => string>();
  });
});

/** The server scope against document 000, and the ready-made middleware. */

import type { RequestHandler } from 'express';
import {
  createServerScope,
  type ManagedScope,
  runInScope,
  type Scope,
  type ScopedRequest,
  type ServerScope,
  type ServerScopeOptions,
  type Signal,
  type Subscribable,
  scopeMiddleware,
  scopePlugin,
  signal,
} from 'flotilla';
import { describe, expectTypeOf, test } from 'vitest';

describe('createServerScope', () => {
  test('takes and returns what the document says', () => {
    expectTypeOf(createServerScope).toEqualTypeOf<(options?: ServerScopeOptions) => ServerScope>();
    expectTypeOf<ServerScopeOptions>().toEqualTypeOf<{
      readonly ttl?: number;
      readonly maxEntries?: number;
      readonly onEvict?: (scopeId: string) => void;
    }>();
  });

  test('takes the example of the document', () => {
    expectTypeOf(createServerScope).toBeCallableWith({
      ttl: 60_000,
      maxEntries: 1_000,
      onEvict: (id) => {
        expectTypeOf(id).toEqualTypeOf<string>();
      },
    });
  });

  test('refuses a ttl and a capacity that are no numbers', () => {
    // @ts-expect-error
    createServerScope({ ttl: '5m' });
    // @ts-expect-error
    createServerScope({ maxEntries: null });
  });
});

describe('ServerScope', () => {
  interface DocumentedServerScope extends Scope {
    fork(): ManagedScope;
    getScope(id: string): ManagedScope | undefined;
    dispose(id: string): boolean;
    readonly size: number;
    destroy(): void;
    get<T>(subscribable: Subscribable<T>): T;
    set<T>(sig: Signal<T>, value: T): void;
    serialize(): Record<string, unknown>;
  }

  test('is the documented interface', () => {
    expectTypeOf<ServerScope>().toEqualTypeOf<DocumentedServerScope>();
    expectTypeOf<ServerScope>().toExtend<Scope>();
  });

  test('has a size that cannot be written', () => {
    const server = createServerScope();
    expectTypeOf(server.size).toEqualTypeOf<number>();
    // @ts-expect-error
    server.size = 0;
  });

  test('keeps the types of signals', () => {
    const server = createServerScope();
    const userId = signal<string | null>(null);
    const config = signal({ apiUrl: '' });
    server.set(config, { apiUrl: 'https://api.example.com' });
    const child = server.fork();
    expectTypeOf(child.get(config)).toEqualTypeOf<{ apiUrl: string }>();
    runInScope(child, () => {
      child.set(userId, 'ada' as string);
      expectTypeOf(child.get(userId)).toEqualTypeOf<string | null>();
    });
    // @ts-expect-error
    child.set(config, { apiUrl: 1 });
  });
});

describe('ManagedScope', () => {
  test('is a scope with an id that cannot be written', () => {
    interface DocumentedManagedScope extends Scope {
      readonly id: string;
    }
    expectTypeOf<ManagedScope>().toEqualTypeOf<DocumentedManagedScope>();
    const scope = createServerScope().fork();
    // @ts-expect-error
    scope.id = 'ss_1';
  });

  test('forks plain scopes, which have no id', () => {
    expectTypeOf<ManagedScope['fork']>().toEqualTypeOf<() => Scope>();
    expectTypeOf<Scope>().not.toHaveProperty('id');
  });
});

describe('middleware', () => {
  test('fits into Express', () => {
    expectTypeOf(scopeMiddleware(createServerScope())).toExtend<RequestHandler>();
    expectTypeOf(scopeMiddleware).toEqualTypeOf<
      (
        serverScope: ServerScope,
      ) => (request: object, response: object, next: (error?: unknown) => void) => void
    >();
  });

  test('fits into Fastify', () => {
    expectTypeOf(scopePlugin(createServerScope())).toExtend<
      (instance: { decorate: unknown }, options: object, done: (error?: Error) => void) => void
    >();
    expectTypeOf(scopePlugin).toEqualTypeOf<
      (
        serverScope: ServerScope,
      ) => (instance: object, options: unknown, done: (error?: Error) => void) => void
    >();
  });

  test('gives the request a scope', () => {
    expectTypeOf<ScopedRequest>().toEqualTypeOf<{ scope: ManagedScope }>();
  });
});

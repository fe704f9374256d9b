/**
 * The entry points as ES modules see them: the default exports, and that they are the same types as for CommonJS.
 */

import type * as root from 'flotilla';
import rootDefault from 'flotilla';
import type * as cache from 'flotilla/cache';
import cacheDefault from 'flotilla/cache';
import type * as core from 'flotilla/core';
import type * as balancer from 'flotilla/express';
import balancerDefault from 'flotilla/express';
import type * as scopes from 'flotilla/server';
import { describe, expectTypeOf, test } from 'vitest';

import type commonRoot = require('flotilla');
import type commonCache = require('flotilla/cache');
import type commonCore = require('flotilla/core');
import type commonBalancer = require('flotilla/express');
import type commonScopes = require('flotilla/server');

describe('default exports', () => {
  test('of the root and of flotilla/express are express', () => {
    expectTypeOf(rootDefault).toEqualTypeOf<typeof root.express>();
    expectTypeOf(balancerDefault).toEqualTypeOf<typeof root.express>();
  });

  test('of flotilla/cache is the class', () => {
    const made = new cacheDefault<string, number>({ max: 10 });
    expectTypeOf(made).toEqualTypeOf<root.LRUCacheClustered<string, number>>();
  });
});

describe('named exports', () => {
  test('are those of CommonJS', () => {
    expectTypeOf<keyof typeof root>().toEqualTypeOf<keyof typeof commonRoot>();
    expectTypeOf<keyof typeof cache>().toEqualTypeOf<keyof typeof commonCache>();
    expectTypeOf<keyof typeof core>().toEqualTypeOf<keyof typeof commonCore>();
    expectTypeOf<keyof typeof balancer>().toEqualTypeOf<keyof typeof commonBalancer>();
    expectTypeOf<keyof typeof scopes>().toEqualTypeOf<keyof typeof commonScopes>();
  });

  test('have the types of CommonJS', () => {
    expectTypeOf<Omit<typeof root, 'default'>>().toEqualTypeOf<Omit<typeof commonRoot, 'default'>>();
    expectTypeOf<Omit<typeof cache, 'default'>>().toEqualTypeOf<Omit<typeof commonCache, 'default'>>();
    expectTypeOf<typeof core>().toEqualTypeOf<typeof commonCore>();
    expectTypeOf<typeof scopes>().toEqualTypeOf<typeof commonScopes>();
    expectTypeOf<Omit<typeof balancer, 'default'>>().toEqualTypeOf<Omit<typeof commonBalancer, 'default'>>();
  });
});

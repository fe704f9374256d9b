import { createRequire } from 'node:module';
import { LRUCacheClustered, memoize } from 'flotilla/cache';
import { test } from 'vitest';

const { conformance } = createRequire(import.meta.url)('./cache.cjs');

conformance('vitest two', test, { LRUCacheClustered, memoize });

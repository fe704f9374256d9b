// What all contestants of the cache's benchmarks store and ask for.

import { createRequire } from 'node:module';

/** Loads a package whose own declarations `tsc` refuses. @type {(name: string) => any} */
export const untyped = createRequire(import.meta.url);

export const text = 'a value of twenty-eight char';
export const object = { id: 42, name: 'Ada Lovelace', email: 'ada@example.com', active: true, score: 9.5 };

const COUNT = 1024;
const keys = Array.from({ length: COUNT }, (_, index) => `user:${index}`);

/** A key for each turn: one that is asked for again and again would stay where V8 has it at hand. @param {number} turn */
export const keyOf = (turn) => /** @type {string} */ (keys[turn & (COUNT - 1)]);

/** @param {(key: string, value: string) => unknown} set */
export async function fill(set) {
  for (const key of keys) await set(key, text);
}

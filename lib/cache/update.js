/**
 * `update`: a value made from the one that is there, and stored only if no other was stored meanwhile; else made again
 * from what is there then. Nobody waits for anybody, and a process that dies in between has stored nothing.
 */

/** @import { UpdateOptions } from '../../index.js' */

const { setTimeout: pause } = require('node:timers/promises');
const { readUpdate } = require('./call-options.js');
const { conflict } = require('./given.js');

/** How long those who met on a key keep out of each other's way: at random, up to this. */
const LONGEST_PAUSE = 64;

/**
 * @param {{ look: () => Promise<{ value: any, version: string } | undefined>, store: (value: any, version: string | undefined, write: any) => Promise<boolean> }} there
 * @param {any} key
 * @param {(value: any) => any} fn
 * @param {UpdateOptions} [options]
 */
async function update({ look, store }, key, fn, options) {
  const { retries, write } = readUpdate(fn, options);
  for (let tried = 0; tried <= retries; tried++) {
    if (tried > 1) await pause(Math.random() * Math.min(2 ** tried, LONGEST_PAUSE));
    const seen = await look();
    const value = await fn(seen?.value);
    if (value === undefined) return seen?.value;
    if (await store(value, seen?.version, write)) return value;
  }
  throw conflict(key, retries);
}

module.exports = { update };

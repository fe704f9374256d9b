/** Remembers what a step was done with, so that it is not done again while nothing has changed. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './run.mjs';

/**
 * @param {string} place a file, or a folder with everything below it
 * @returns {string[]}
 */
function filesIn(place) {
  const full = path.join(root, place);
  if (!statSync(full, { throwIfNoEntry: false })) return [];
  if (statSync(full).isFile()) return [place];
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesIn(path.join(place, name)));
}

/**
 * @param {string[]} places
 * @param {string[]} facts what else the step depends on
 */
export function fingerprint(places, facts) {
  const hash = createHash('sha256');
  for (const file of places.flatMap(filesIn))
    hash.update(`${file}\0`).update(readFileSync(path.join(root, file)));
  for (const fact of facts) hash.update(`\0${fact}`);
  return hash.digest('hex');
}

/**
 * @param {string} stamp the stamp's file
 * @returns {string | undefined} what the step was done with last
 */
export function stampOf(stamp) {
  const file = path.join(root, stamp);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/**
 * Does a step unless its stamp says that it was done with the same things. The stamp is written last: a step
 * that was cut off is done again.
 *
 * @param {string} stamp the stamp's file
 * @param {string} value
 * @param {() => void} step
 */
export function onceFor(stamp, value, step) {
  if (stampOf(stamp) === value) return;
  step();
  const file = path.join(root, stamp);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, value);
}

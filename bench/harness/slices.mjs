// A round of several contestants at once: they run in turns of a slice, and whoever does not run is halted.
//
// A machine that is shared is now fast and now slow, for seconds. Contestants whose rounds last seconds meet different machines;
// those that take turns of a slice meet the same one.

import { setTimeout as pause } from 'node:timers/promises';
import { turns } from './turns.mjs';

/** @typedef {import('./types.d.ts').Sliced} Sliced */

/** Milliseconds: longer than processes take to get going again, shorter than the weather of a machine. */
export const SLICE = 50;
/** Of a quick run. */
const FEWEST = 4;
/** A round in which one of them got nothing done is made again, longer, up to this: the machine may have been busy elsewhere. */
const LONGEST = 10_000;

/**
 * @param {Sliced[]} contestants
 * @param {object} options
 * @param {number} options.milliseconds that each of them runs
 * @param {number} options.seed of the order
 * @param {() => void} options.goOn throws when the round is to end
 * @returns {Promise<any[]>} what each of them gave
 */
export async function slicedRound(contestants, { milliseconds, seed, goOn }) {
  const slices = Math.max(FEWEST, Math.ceil(milliseconds / SLICE));
  const ran = new Map(contestants.map((each) => [each, 0]));
  for (const each of contestants) await each.begin();
  for (const order of turns(contestants, slices, seed)) {
    for (const each of order) {
      goOn();
      await each.go();
      const since = performance.now();
      await pause(SLICE);
      each.halt();
      ran.set(each, (ran.get(each) ?? 0) + performance.now() - since);
    }
  }
  const figures = await Promise.all(contestants.map((each) => each.end(ran.get(each) ?? 0)));
  if (!figures.includes(undefined)) return figures;
  const longer = Math.min(LONGEST, slices * SLICE * 5);
  if (milliseconds >= longer) throw new Error('one of them got nothing done');
  return slicedRound(contestants, { milliseconds: longer, seed, goOn });
}

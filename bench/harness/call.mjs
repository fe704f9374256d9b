// Times a function of this process. Suites that measure inside a worker process import this there.

import v8 from 'node:v8';
import vm from 'node:vm';

const MOST_CALLS = 2 ** 31;
let loopsMade = 0;
/** @type {(() => void) | undefined} */
let collect;

/**
 * A full garbage collection before a round keeps the garbage of one contestant out of the figure of the
 * next. Bytecode flushing is turned off with it: so many collections in a row would otherwise throw away
 * the code of contestants that wait for their turn.
 */
function collectGarbage() {
  if (collect === undefined) {
    v8.setFlagsFromString('--expose-gc');
    v8.setFlagsFromString('--no-flush-bytecode');
    collect = /** @type {() => void} */ (vm.runInNewContext('gc'));
  }
  collect();
}

/**
 * How many calls make a round of the wanted length. The count doubles until a run is long enough to trust, and is then
 * scaled. The runs before the last also bring the code to V8's optimizing compiler, so the last one measures what the
 * rounds will measure.
 *
 * @param {(calls: number) => number | Promise<number>} run runs that many calls, gives the nanoseconds they took
 * @param {number} target in nanoseconds
 */
export async function calibrate(run, target) {
  for (let calls = 1; ; calls *= 2) {
    const elapsed = await run(calls);
    if (elapsed < target / 4 && calls < MOST_CALLS) continue;
    return Math.min(MOST_CALLS, Math.max(1, Math.round((calls * target) / Math.max(1, elapsed))));
  }
}

/**
 * Calibrates the function to rounds of the given length.
 *
 * @param {(turn: number) => unknown} call gets the number of the turn, so that its work can depend on it
 * @param {{ awaited: boolean, milliseconds: number, parts?: number }} options
 * @returns {Promise<{ calls: number, round: (isFirst?: boolean) => Promise<number> }>} the calls of a round or a part of one,
 *   and what runs that, the first of a round or another, and gives the nanoseconds of one call
 */
export async function timedCall(call, { awaited, milliseconds, parts = 1 }) {
  const first = call(0);
  if (!awaited && first instanceof Promise) {
    first.catch(() => {});
    throw new TypeError("the function returns a promise: give the contestant the kind 'awaited'");
  }
  await first;
  loopsMade += 1;
  const address = new URL(`./loop.mjs?loop=${loopsMade}`, import.meta.url).href;
  const module = /** @type {typeof import('./loop.mjs')} */ (await import(address));
  const timeLoop = awaited ? module.awaitedLoop : module.loop;
  const whole = await calibrate((count) => timeLoop(call, count), milliseconds * 1e6);
  const calls = Math.ceil(whole / parts);
  return {
    calls,
    async round(isFirst = true) {
      if (isFirst) collectGarbage();
      return (await timeLoop(call, calls)) / calls;
    },
  };
}

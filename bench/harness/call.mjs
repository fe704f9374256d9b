// Times a function of this process. Suites that measure inside a worker process import this there.

import v8 from 'node:v8';
import vm from 'node:vm';
import { calibrate } from './calibrate.mjs';

let loopsMade = 0;

/**
 * A full garbage collection before a round keeps the garbage of one contestant out of the figure of the
 * next. Bytecode flushing is turned off with it: so many collections in a row would otherwise throw away
 * the code of contestants that wait for their turn.
 *
 * @type {() => void}
 */
const collectGarbage = (() => {
  /** @type {(() => void) | undefined} */
  let collect;
  return () => {
    if (collect === undefined) {
      v8.setFlagsFromString('--expose-gc');
      v8.setFlagsFromString('--no-flush-bytecode');
      collect = /** @type {() => void} */ (vm.runInNewContext('gc'));
    }
    collect();
  };
})();

/**
 * @typedef {object} TimedCall
 * @property {number} calls how many calls make one round
 * @property {() => Promise<number>} round runs one round, gives the nanoseconds of one call
 */

/**
 * Calibrates the function to rounds of the given length.
 *
 * @param {(turn: number) => unknown} call gets the number of the turn, so that its work can depend on it
 * @param {{ awaited: boolean, milliseconds: number }} options
 * @returns {Promise<TimedCall>}
 */
export async function timedCall(call, { awaited, milliseconds }) {
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
  const calls = await calibrate((count) => timeLoop(call, count), milliseconds * 1e6);
  return {
    calls,
    async round() {
      collectGarbage();
      return (await timeLoop(call, calls)) / calls;
    },
  };
}

import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import { Meters } from '../../lib/cluster/meters.js';
import { constants } from '../../lib/native/loader.js';

const { GC_MS, GC_RUNS } = constants().meter;

/** @returns {() => void} what collects garbage at once */
function collector() {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

it('watches garbage collections for one second in ten, whose figures stand for all', async () => {
  const meters = new Meters();
  const meter = meters.meter(0);
  const words = /** @type {Float64Array} */ (meters.native.words(0));
  const collect = collector();
  meter.start();
  onTestFinished(() => meter.stop());
  /** @type {number[]} how many collections each second brought that had one and ended with a sample */
  const seconds = [];
  while (seconds.length < 12) {
    const before = Number(words[GC_RUNS]);
    collect();
    // Node.js tells of a collection in the turn after it.
    await turn();
    meter.sample();
    seconds.push(Number(words[GC_RUNS]) - before);
  }
  expect(seconds.map((runs) => runs >= 10 && runs % 10 === 0)).toEqual(seconds.map((_, at) => at % 10 === 1));
  expect(seconds.filter((_, at) => at % 10 !== 1)).toEqual(Array(10).fill(0));
  expect(words[GC_MS]).toBeGreaterThan(0);
});

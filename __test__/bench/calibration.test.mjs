import { describe, expect, it } from 'vitest';
import { calibrate, timedCall } from '../../bench/harness/call.mjs';

describe('calibration', () => {
  it.each([
    [0.3, 100e6],
    [50, 100e6],
    [1500, 10e6],
  ])('finds the calls of %d ns that fill a round', async (nanoseconds, target) => {
    const calls = await calibrate((count) => count * nanoseconds, target);
    expect(calls * nanoseconds).toBeGreaterThan(target * 0.99);
    expect(calls * nanoseconds).toBeLessThan(target * 1.01);
  });

  it('makes one call where a single one outlasts the round', async () => {
    expect(await calibrate((count) => count * 5e9, 1e6)).toBe(1);
  });

  it('ends when the clock does not move', async () => {
    expect(await calibrate(() => 0, 1e6)).toBeGreaterThan(0);
  });

  it('scales by the last run, when the code has warmed up', async () => {
    let runs = 0;
    const calls = await calibrate((count) => {
      runs += 1;
      return count * (runs < 5 ? 1000 : 10);
    }, 1e6);
    expect(calls).toBe(100_000);
  });
});

/**
 * @param {number} steps
 * @returns {(turn: number) => number}
 */
function work(steps) {
  return (turn) => {
    let value = turn;
    for (let step = 0; step < steps; step++) value = Math.imul(value, 31) + step;
    return value;
  };
}

/**
 * The shortest of some rounds, calibrated anew: a pause of a busy machine while it was calibrated leaves a round of
 * too few calls to tell anything.
 *
 * @param {(turn: number) => unknown} call
 * @returns {Promise<number>}
 */
async function shortestOf(call) {
  const { round } = await timedCall(call, { awaited: false, milliseconds: 5 });
  let shortest = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 8; count++) shortest = Math.min(shortest, await round());
  return shortest;
}

/**
 * Whether one call comes to cost `times` as much as another. A busy machine is late in compiling, and lengthens any
 * round, never shortens one: the shortest rounds are compared, for as long as it takes, ten seconds at most.
 *
 * @param {(turn: number) => unknown} more
 * @param {(turn: number) => unknown} less
 * @param {number} times
 * @returns {Promise<boolean>}
 */
async function comesToCost(more, less, times) {
  const end = Date.now() + 10_000;
  let longer = Number.POSITIVE_INFINITY;
  let shorter = Number.POSITIVE_INFINITY;
  do {
    shorter = Math.min(shorter, await shortestOf(less));
    longer = Math.min(longer, await shortestOf(more));
  } while (longer < times * shorter && Date.now() < end);
  return longer >= times * shorter;
}

describe('a timed call', () => {
  it('costs what its work costs, though nobody reads the result', async () => {
    const { sqrt } = Math;
    // Straight and pure: the kind of work that V8 leaves out when the result goes nowhere.
    const pure = (/** @type {number} */ turn) =>
      sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(turn + 0.5)))))))))))))));
    expect(await comesToCost(pure, (turn) => turn, 3)).toBe(true);
  });

  it('costs more where there is more to do', async () => {
    expect(await comesToCost(work(10_000), work(100), 10)).toBe(true);
  });

  it('hands the function the number of its turn', async () => {
    /** @type {Set<number>} */
    const turns = new Set();
    const { calls, round } = await timedCall((turn) => turns.add(turn).size, {
      awaited: false,
      milliseconds: 0.01,
    });
    await round();
    for (let turn = 0; turn < calls; turn++) expect(turns).toContain(turn);
  });

  it('waits for each call before the next when it is awaited', async () => {
    let running = 0;
    let most = 0;
    const call = async () => {
      running += 1;
      most = Math.max(most, running);
      await null;
      running -= 1;
    };
    const { round } = await timedCall(call, { awaited: true, milliseconds: 1 });
    expect(await round()).toBeGreaterThan(0);
    expect([most, running]).toEqual([1, 0]);
  });

  it('refuses to time a promise without awaiting it', async () => {
    await expect(timedCall(async () => 1, { awaited: false, milliseconds: 1 })).rejects.toThrow(/awaited/);
  });
});

import { describe, expect, it } from 'vitest';
import { calibrate } from '../../bench/harness/calibrate.mjs';
import { timedCall } from '../../bench/harness/call.mjs';

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
 * The shortest of some rounds: V8 has compiled the code by then, and a busy machine can only lengthen one.
 *
 * @param {import('../../bench/harness/call.mjs').TimedCall} timed
 * @returns {Promise<number>}
 */
async function shortestOf({ round }) {
  let shortest = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 8; count++) shortest = Math.min(shortest, await round());
  return shortest;
}

describe('a timed call', () => {
  it('costs what its work costs, though nobody reads the result', async () => {
    const { sqrt } = Math;
    // Straight and pure: the kind of work that V8 leaves out when the result goes nowhere.
    const pure = (/** @type {number} */ turn) =>
      sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(sqrt(turn + 0.5)))))))))))))));
    const nothing = await timedCall((turn) => turn, { awaited: false, milliseconds: 5 });
    const something = await timedCall(pure, { awaited: false, milliseconds: 5 });
    expect(await shortestOf(something)).toBeGreaterThan(3 * (await shortestOf(nothing)));
  });

  it('costs more where there is more to do', async () => {
    const short = await timedCall(work(100), { awaited: false, milliseconds: 5 });
    const long = await timedCall(work(10_000), { awaited: false, milliseconds: 5 });
    expect(await shortestOf(long)).toBeGreaterThan(10 * (await shortestOf(short)));
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

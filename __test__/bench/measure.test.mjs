import { describe, expect, it } from 'vitest';
import { Interrupted, measure } from '../../bench/harness/measure.mjs';

/** @typedef {import('../../bench/harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../../bench/harness/types.d.ts').Suite} Suite */

/**
 * @param {Contestant[]} contestants
 * @param {object} [options]
 * @param {boolean} [options.quick]
 * @param {string} [options.unit]
 * @param {() => boolean} [options.interrupted]
 */
function run(contestants, { quick = false, unit = 'ns', interrupted = () => false } = {}) {
  /** @type {Suite} */
  const suite = {
    title: 'A suite',
    measures: 'Something',
    unit,
    direction: 'lower is better',
    rounds: 6,
    milliseconds: 1,
    contestants,
    rows: [],
  };
  return measure(suite, { root: process.cwd(), quick, contestants, progress: () => {}, interrupted });
}

/**
 * @param {string} id
 * @param {string[]} log gets what the contestant does
 * @param {() => number} [round]
 * @returns {Contestant}
 */
function logged(id, log, round = () => 1) {
  return {
    id,
    label: id,
    kind: 'round',
    prepare: () => {
      log.push(`prepare ${id}`);
      return {
        round: () => {
          log.push(id);
          return round();
        },
        close: () => log.push(`close ${id}`),
      };
    },
  };
}

describe('a measurement', () => {
  it('prepares all, runs them in turns, and closes all', async () => {
    /** @type {string[]} */
    const log = [];
    await run([logged('a', log), logged('b', log)]);
    expect(log.slice(0, 2)).toEqual(['prepare a', 'prepare b']);
    expect(log.slice(-2)).toEqual(['close b', 'close a']);
    const turns = log.slice(2, -2);
    for (let turn = 0; turn < turns.length; turn += 2) {
      expect(turns.slice(turn, turn + 2).sort()).toEqual(['a', 'b']);
    }
  });

  it('leaves the warm-up out of the figures', async () => {
    let turn = 0;
    /** @type {string[]} */
    const log = [];
    const [measured] = await run([logged('a', log, () => turn++)]);
    expect(measured?.rounds).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('closes what was prepared when a later contestant fails, and names that one', async () => {
    /** @type {string[]} */
    const log = [];
    const failing = logged('b', log);
    failing.prepare = () => {
      throw new Error('no port left');
    };
    await expect(run([logged('a', log), failing])).rejects.toThrow("'b' failed: no port left");
    expect(log).toEqual(['prepare a', 'close a']);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('refuses %d for a figure', async (figure) => {
    /** @type {string[]} */
    const log = [];
    await expect(run([logged('a', log, () => figure)])).rejects.toThrow('is no figure');
    expect(log.at(-1)).toBe('close a');
  });

  it('ends at an interrupt, closes all and gives no figures', async () => {
    /** @type {string[]} */
    const log = [];
    const interrupted = () => log.includes('a');
    await expect(run([logged('a', log)], { interrupted })).rejects.toBeInstanceOf(Interrupted);
    expect(log).toEqual(['prepare a', 'a', 'close a']);
  });

  it('leaves out whoever gives a reason, without preparing them', async () => {
    /** @type {string[]} */
    const log = [];
    const [, absent] = await run([logged('a', log), { ...logged('b', log), absent: () => 'no server here' }]);
    expect(absent).toMatchObject({ leftOut: 'no server here', rounds: [] });
    expect(log).not.toContain('prepare b');
  });
});

it('times a contestant that is a function in the unit of the suite', async () => {
  /** @type {Contestant} */
  const loop = {
    id: 'loop',
    label: 'loop',
    kind: 'call',
    prepare: () => ({ call: (turn) => [turn].concat([turn, turn]) }),
  };
  const [inNanoseconds] = await run([loop]);
  const [inSeconds] = await run([loop], { unit: 's' });
  expect(inNanoseconds?.calls).toBeGreaterThan(1);
  const shortest = (/** @type {typeof inSeconds} */ measured) => Math.min(...(measured?.rounds ?? []));
  // A busy machine may lengthen all rounds of one of the two a hundredfold; the units differ by a thousand million.
  const ratio = shortest(inNanoseconds) / shortest(inSeconds);
  expect(ratio).toBeGreaterThan(1e7);
  expect(ratio).toBeLessThan(1e11);
});

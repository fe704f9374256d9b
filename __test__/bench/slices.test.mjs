// Contestants that share their rounds: what they are told, and when.

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Interrupted, measure } from '../../bench/harness/measure.mjs';
import { slicedRound } from '../../bench/harness/slices.mjs';

/** @typedef {import('../../bench/harness/types.d.ts').Contestant} Contestant */

/**
 * A quick run: a round to warm up, and one that counts.
 *
 * @param {Contestant[]} contestants
 * @param {() => boolean} [interrupted]
 */
function run(contestants, interrupted = () => false) {
  /** @type {import('../../bench/harness/types.d.ts').Suite} */
  const suite = {
    title: 'A suite',
    measures: 'Something',
    unit: 'requests/s',
    direction: 'higher is better',
    contestants,
    rows: [],
  };
  return measure(suite, {
    root: process.cwd(),
    quick: true,
    contestants,
    progress: () => {},
    interrupted,
  });
}

/**
 * @param {string} id
 * @param {string[]} log gets what the contestant is told
 * @param {(ran: number) => any} [figure]
 * @param {string} [together]
 * @returns {Contestant}
 */
const sliced = (id, log, figure = (ran) => ran, together = 'all') => ({
  id,
  label: id,
  kind: 'sliced',
  together,
  prepare: () => ({
    begin: () => log.push(`begin ${id}`),
    go: () => log.push(`go ${id}`),
    halt: () => log.push(`halt ${id}`),
    end: (ran) => {
      log.push(`end ${id}`);
      return figure(ran);
    },
    close: () => log.push(`close ${id}`),
  }),
});

/** @param {string[]} log @param {string} entry */
const count = (log, entry) => log.filter((each) => each === entry).length;

describe('contestants that are sliced together', () => {
  it('are measured from when they run', async () => {
    let ran = Number.POSITIVE_INFINITY;
    const contestant = {
      begin() {},
      go: () => pause(300),
      halt() {},
      end: (/** @type {number} */ time) => (ran = time),
    };
    const since = performance.now();
    await slicedRound([contestant], { milliseconds: 1, seed: 1, goOn() {} });
    expect(ran).toBeLessThan(performance.now() - since - 300);
  });

  it('run one at a time, all of them as often, between the beginning and the end of their round', async () => {
    /** @type {string[]} */
    const log = [];
    await run(['a', 'b', 'c'].map((id) => sliced(id, log)));
    const round = log.slice(0, log.indexOf('end c') + 1);
    expect(round.slice(0, 3)).toEqual(['begin a', 'begin b', 'begin c']);
    expect(round.slice(-3)).toEqual(['end a', 'end b', 'end c']);
    const slices = round.slice(3, -3);
    for (let at = 0; at < slices.length; at += 2)
      expect(slices[at + 1]).toBe(slices[at].replace('go', 'halt'));
    const often = count(slices, 'go a');
    expect(often).toBeGreaterThan(2);
    expect([count(slices, 'go b'), count(slices, 'go c')]).toEqual([often, often]);
    expect(log.slice(-3)).toEqual(['close c', 'close b', 'close a']);
  });

  it('take their turns in another order in each round', async () => {
    /** @type {string[]} */
    const log = [];
    await run(['a', 'b', 'c', 'd'].map((id) => sliced(id, log)));
    const going = log.filter((entry) => entry.startsWith('go'));
    expect(going.slice(0, going.length / 2)).not.toEqual(going.slice(going.length / 2));
  });

  it('give their figures by the time that each was let run', async () => {
    /** @type {string[]} */
    const log = [];
    const began = performance.now();
    const measured = await run([sliced('a', log), sliced('b', log, (ran) => 2 * ran)]);
    const [a = 0, b = 0] = measured.map(({ rounds }) => rounds[0]);
    const often = log.filter((entry) => entry === 'go a').length / 2;
    // A timer may fire a millisecond early.
    expect(a).toBeGreaterThan(often * 48);
    expect(a + b / 2).toBeLessThan(performance.now() - began);
  });

  it('leave the rounds of others alone', async () => {
    /** @type {string[]} */
    const log = [];
    const [, , other] = await run([
      sliced('a', log),
      sliced('b', log, undefined, 'others'),
      { id: 'c', label: 'c', kind: 'round', prepare: () => ({ round: () => log.push('c') && 7 }) },
    ]);
    expect(other?.rounds).toEqual([7]);
    for (let at = log.indexOf('begin a'); at >= 0; at = log.indexOf('begin a', at + 1)) {
      const round = log.slice(at, log.indexOf('end a', at));
      expect(round.filter((entry) => !entry.endsWith(' a'))).toEqual([]);
    }
  });

  it('make a round again, and longer, in which one of them got nothing done', async () => {
    /** @type {string[]} */
    const log = [];
    let ends = 0;
    await run([sliced('a', log, () => (ends++ === 0 ? undefined : 1))]);
    const [first, again] = log
      .join()
      .split('end a')
      .map((round) => round.split('go a').length - 1);
    expect(again).toBe(5 * first);
  });

  it('end at an interrupt after the slice, and are closed', async () => {
    /** @type {string[]} */
    const log = [];
    const interrupted = () => log.includes('go a');
    await expect(run([sliced('a', log)], interrupted)).rejects.toBeInstanceOf(Interrupted);
    expect(log).toEqual(['begin a', 'go a', 'halt a', 'close a']);
  });

  it('are all closed when one fails, which is named', async () => {
    /** @type {string[]} */
    const log = [];
    const failing = sliced('b', log, () => {
      throw new Error('not answered');
    });
    await expect(run([sliced('a', log), failing])).rejects.toThrow("'b' failed: not answered");
    expect(log.slice(-2)).toEqual(['close b', 'close a']);
  });
});

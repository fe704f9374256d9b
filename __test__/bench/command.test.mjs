import { describe, expect, it } from 'vitest';
import { Progress } from '../../bench/harness/progress.mjs';
import { bench, figuresSuite, makeRepository } from './repository.mjs';

describe('the command of this repository', () => {
  it('lists its suites when none is named', async () => {
    const { code, stdout } = await bench();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}boundary +\S/m);
    expect(stdout).toMatch(/^ {2}load +\S/m);
  });

  it('refuses a suite it does not have and names those it has', async () => {
    const { code, stdout, stderr } = await bench('boundry');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/no suite 'boundry'; the suites are: .*boundary.*load/);
  });

  it.each([
    [['load', '--fast'], /--fast/],
    [['load', 'boundary'], /one suite at a time/],
    [['load', '--out', 'result.txt'], /ends in \.json/],
    [['load', '--only', 'a:b'], /no row 'a:b'; the rows are: .*require:nothing/],
    [['load', '--check'], /--check goes with/],
    [['--quick'], /--quick needs the name of a suite/],
    [['load', '--charts'], /leave out 'load'/],
    [['--tables', '--quick'], /--quick goes with a suite/],
    [['load', '--quick', '--out', 'bench/results/load.json'], /only full runs/],
  ])('refuses %j before it measures anything', async (args, reason) => {
    const { code, stdout, stderr } = await bench(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(reason);
  });
});

describe('a full run', () => {
  const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at least 0.97' }];

  it('writes the result with every round, and the chart, and ends with 0 when the bars are met', async () => {
    const suite = figuresSuite({ figures: { ours: 98, theirs: 100 }, rows });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stdout } = await repository.bench('set');
    expect(code).toBe(0);
    expect(stdout).toMatch(/label of ours : label of theirs +0\.980 .*at least 0\.97 +met/);
    const result = JSON.parse(await repository.read('bench/results/set.json'));
    expect(result).toMatchObject({ suite: 'set', quick: false, unit: 'requests/s', rounds: 5 });
    expect(result.contestants[0]).toMatchObject({ id: 'ours', median: 98, rounds: [98, 98, 98, 98, 98] });
    expect(result.rows[0]).toMatchObject({ value: 0.98, bar: 'at least 0.97', verdict: 'met' });
    expect(await repository.read('bench/results/set.svg')).toContain('98.0 requests/s');
  });

  it('says nothing of whose machine it was', async () => {
    const suite = figuresSuite({ figures: { ours: 1 } });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    await repository.bench('set');
    const result = await repository.read('bench/results/set.json');
    expect(Object.keys(JSON.parse(result).machine).sort()).toEqual(
      ['cores', 'cpu', 'loadAtStart', 'memoryGiB', 'node', 'platform'].sort(),
    );
    expect(result).not.toContain(repository.root);
  });

  it('ends with 1 when a bar is missed, and says which', async () => {
    const suite = figuresSuite({ figures: { ours: 96, theirs: 100 }, rows });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stderr } = await repository.bench('set');
    expect(code).toBe(1);
    expect(stderr).toContain('missed: label of ours : label of theirs, at least 0.97');
  });

  it('reports who was left out and why, and does not pass the bar that needed them', async () => {
    const suite = figuresSuite({
      figures: { ours: 96, theirs: 100, third: 5 },
      rows,
      needs: {
        theirs: { packages: ['a-package-nobody-has'] },
        third: { programs: ['a-program-nobody-has'] },
      },
    });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stdout } = await repository.bench('set');
    expect(code).toBe(1);
    expect(stdout).toMatch(/label of theirs +left out: the package a-package-nobody-has is not installed/);
    expect(stdout).toMatch(/label of third +left out: the program a-program-nobody-has is not on the PATH/);
    expect(stdout).toMatch(/not measured .*not judged/);
    const result = JSON.parse(await repository.read('bench/results/set.json'));
    expect(result.contestants[1].leftOut).toContain('a-package-nobody-has');
    expect(result.contestants[1]).not.toHaveProperty('median');
  });

  it('records the version of the packages that took part', async () => {
    const repository = await makeRepository({
      'bench/suites/set.mjs': figuresSuite({ figures: { ours: 1 }, needs: { ours: { packages: ['@a/b'] } } }),
      'node_modules/@a/b/package.json': '{ "name": "@a/b", "version": "4.5.6" }',
    });
    await repository.bench('set');
    const result = JSON.parse(await repository.read('bench/results/set.json'));
    expect(result.contestants[0].packages).toEqual({ '@a/b': '4.5.6' });
  });

  it('of one row measures its two sides alone and leaves the committed results be', async () => {
    const suite = figuresSuite({ figures: { ours: 98, theirs: 100, third: 5 }, rows });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stdout } = await repository.bench('set', '--only', 'ours:theirs');
    expect(code).toBe(0);
    expect(stdout).not.toContain('label of third');
    expect(await repository.has('bench/results/set.json')).toBe(false);
    expect(await repository.has('target/bench/set.json')).toBe(true);
  });

  it('writes where --out says', async () => {
    const suite = figuresSuite({ figures: { ours: 1 } });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    await repository.bench('set', '--out', 'elsewhere/mine.json');
    expect(await repository.has('elsewhere/mine.json')).toBe(true);
    expect(await repository.has('elsewhere/mine.svg')).toBe(true);
    expect(await repository.has('bench/results/set.json')).toBe(false);
  });
});

describe('a quick run', () => {
  it('judges no bar and writes nothing under bench/results', async () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at least 0.97' }];
    const suite = figuresSuite({ figures: { ours: 1, theirs: 100 }, rows });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stdout } = await repository.bench('set', '--quick');
    expect(code).toBe(0);
    expect(stdout).toMatch(/at least 0\.97 +not judged \(quick run\)/);
    expect(await repository.has('bench/results/set.json')).toBe(false);
    expect(await repository.has('bench/results/set.svg')).toBe(false);
    expect(JSON.parse(await repository.read('target/bench/set.json')).quick).toBe(true);
  });
});

describe('a mistaken suite', () => {
  it.each([
    ['no contestants', figuresSuite({ figures: {} }), 'it has no contestants'],
    [
      'an unknown contestant in a row',
      figuresSuite({ figures: { a: 1 }, rows: [{ subject: 'a', reference: 'b' }] }),
      "names the contestant 'b'",
    ],
    [
      'a bar against the direction',
      figuresSuite({ figures: { a: 1, b: 1 }, rows: [{ subject: 'a', reference: 'b', bar: 'at most 1' }] }),
      'rewards the worse side',
    ],
    ['an id with capitals', figuresSuite({ figures: { A: 1 } }), "'A' is no id"],
    ['an unknown kind', figuresSuite({ figures: { a: 1 }, needs: { a: { kind: 'x' } } }), 'the kind of'],
    [
      'a process in requests/s',
      figuresSuite({ figures: { a: 1 }, needs: { a: { kind: 'process' } } }),
      'not measured in',
    ],
    ['no export', 'export const suite = 1;', 'no default export'],
  ])('is refused for %s', async (_mistake, suite, reason) => {
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stderr } = await repository.bench('set', '--quick');
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
  });
});

describe('the progress line', () => {
  /**
   * @param {boolean} isTTY
   */
  function watch(isTTY) {
    /** @type {string[]} */
    const written = [];
    let time = 0;
    const stream = { isTTY, columns: 30, write: (/** @type {string} */ text) => written.push(text) };
    const progress = new Progress(stream, 'bench set', () => time);
    return {
      written,
      show: (/** @type {number} */ at, /** @type {string} */ text) => {
        time = at;
        progress.show(text);
      },
    };
  }

  it('is rewritten in place on a terminal, and never longer than the terminal is wide', () => {
    const { written, show } = watch(true);
    show(0, 'one');
    show(1, 'a long text that does not fit at all');
    expect(written).toEqual(['\r\u001b[Kbench set: one', '\r\u001b[Kbench set: a long text that d']);
  });

  it('is a plain line every few seconds elsewhere', () => {
    const { written, show } = watch(false);
    for (const at of [0, 1000, 2999, 3001, 3500, 7000]) show(at, `at ${at}`);
    expect(written).toEqual(['bench set: at 0\n', 'bench set: at 3001\n', 'bench set: at 7000\n']);
  });
});

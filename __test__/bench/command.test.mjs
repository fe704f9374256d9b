import { describe, expect, it } from 'vitest';
import { bench, figuresSuite, makeRepository } from './repository.mjs';

describe('the command of this repository', () => {
  it('lists its suites', async () => {
    const { code, stdout } = await bench('--list');
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
    [['load', '--only', 'a:b'], /no row 'a:b'; the rows are: root, cache/],
    [['load', '--node', '22,24', '--out', 'result.json'], /one version of Node\.js/],
    [['load', '--node', '22', '--only', 'a:b'], /no row 'a:b'/],
    [['--check'], /--check goes with --charts or --tables/],
    [['--only', 'root'], /--only goes with the name of a suite/],
    [['load', '--charts'], /--charts goes without the name of a suite/],
    [['--tables', '--quick'], /--quick goes with the name of a suite/],
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
    const needs = { ours: { packages: ['@a/b'] } };
    const suite = figuresSuite({ figures: { ours: 98, theirs: 100 }, rows, needs });
    const repository = await makeRepository({
      'bench/suites/set.mjs': suite,
      'node_modules/@a/b/package.json': '{ "name": "@a/b", "version": "4.5.6" }',
    });
    const { code, stdout, stderr } = await repository.bench('set');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'bench set: preparing label of ours\n' });
    expect(stdout).toMatch(/label of ours : label of theirs +0\.980 .*at least 0\.97: met/);
    const text = await repository.read('bench/results/set.json');
    const result = JSON.parse(text);
    expect(result).toMatchObject({ suite: 'set', quick: false, unit: 'requests/s', rounds: 5 });
    expect(result.contestants[0].packages).toEqual({ '@a/b': '4.5.6' });
    expect(result.contestants[0]).toMatchObject({ id: 'ours', median: 98, rounds: [98, 98, 98, 98, 98] });
    expect(result.rows[0]).toMatchObject({ value: 0.98, bar: 'at least 0.97', verdict: 'met' });
    expect(await repository.read('bench/results/set.svg')).toContain('98.0 requests/s');
    // Nothing says whose machine it was.
    const facts = ['cores', 'cpu', 'loadAtStart', 'memoryGiB', 'node', 'platform'];
    expect(Object.keys(result.machine).sort()).toEqual(facts);
    expect(text).not.toContain(repository.root);
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
    expect(stdout).toMatch(/label of theirs +left out +the package a-package-nobody-has is not installed/);
    expect(stdout).toMatch(/label of third +left out +the program a-program-nobody-has is not on the PATH/);
    expect(stdout).toMatch(/not measured .*not judged/);
    const result = JSON.parse(await repository.read('bench/results/set.json'));
    expect(result.contestants[1].leftOut).toContain('a-package-nobody-has');
    expect(result.contestants[1]).not.toHaveProperty('median');
  });

  it('keeps the figures that are there where all are left out, and says why', async () => {
    const missing = { programs: ['a-program-nobody-has'] };
    const needs = { ours: missing, theirs: missing };
    const suite = figuresSuite({ figures: { ours: 96, theirs: 100 }, rows, needs });
    const repository = await makeRepository({
      'bench/suites/set.mjs': suite,
      'bench/results/set.json': 'of an earlier run',
    });
    const { code, stdout, stderr } = await repository.bench('set');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/nobody to measure.*: the program a-program-nobody-has is not on the PATH\n$/);
    expect(await repository.read('bench/results/set.json')).toBe('of an earlier run');
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

describe('a suite whose rounds are in parts', () => {
  const suite = `
    import { spawn } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    const cores = (process) =>
      readFileSync('/proc/' + process + '/status', 'utf8').match(/Cpus_allowed_list:\\s*(.*)/)[1].split(/[,-]/).length;
    const helper = spawn('sleep', ['60']);
    const counts = { third: 0, fourth: 0 };
    const rounds = {
      first: () => cores('thread-self') + cores(helper.pid),
      second: (milliseconds) => milliseconds,
      third: () => counts.third++ % 10,
      fourth: () => Math.abs(++counts.fourth - counts.third) / 10,
      fifth: (_, isFirst) => Number(isFirst),
    };
    const contestant = ([id, round]) => ({
      id, label: id, kind: 'round', prepare: ({ milliseconds, parts }) => ({
        round: (isFirst) => round(milliseconds / parts, isFirst), pid: helper.pid, close: () => helper.kill(),
      }),
    });
    export default {
      title: 'In parts', measures: 'what parts are', unit: 'ns', direction: 'lower is better', rounds: 5,
      milliseconds: 100, parts: 10, contestants: Object.entries(rounds).map(contestant),
      rows: [{ subject: 'second', reference: 'third', bar: 'at most 3' }],
    };`;

  it.runIf(process.platform === 'linux')(
    'has all take them in turns, with their processes on one core, and compares rounds',
    async () => {
      const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
      const { code, stdout } = await repository.bench('set');
      expect(code).toBe(0);
      expect(stdout).toMatch(/median of ratios.*\n *second : third +2\.22 /);
      const { parts, contestants } = JSON.parse(await repository.read('bench/results/set.json'));
      const [cores, length, mean, apart, first] = contestants.map((/** @type {any} */ { median }) => median);
      expect({ parts, cores, length, mean }).toEqual({ parts: 10, cores: 2, length: 10, mean: 4.5 });
      expect(first).toBe(0.1);
      expect(apart).toBeLessThanOrEqual(0.1);
    },
  );
});

describe('a suite whose rounds give the figures of another, too', () => {
  const suite = (/** @type {string} */ second) => `
    const shared = { measures: 'Two things', rounds: 5, contestants: [{
      id: 'one', label: 'one', kind: 'round', prepare: () => ({ round: () => ({ first: 3, second: ${second} }) }),
    }] };
    export default {
      ...shared, title: 'First', unit: 'requests/s', direction: 'higher is better', rows: [],
      figure: ({ first }) => first,
      also: { 'set-cpu': {
        ...shared, title: 'Second', unit: 'µs', direction: 'lower is better',
        figure: ({ second }) => second, rows: [{ subject: 'one', bar: 'at most 1.0' }],
      } },
    };`;

  it('writes the results of both, and ends with 1 when a bar of the second is missed', async () => {
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite('7') });
    const { code, stderr } = await repository.bench('set');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('missed: one') });
    const [first, second] = await Promise.all(
      ['set', 'set-cpu'].map(async (name) => JSON.parse(await repository.read(`bench/results/${name}.json`))),
    );
    expect(first).toMatchObject({ suite: 'set', title: 'First', contestants: [{ rounds: [3, 3, 3, 3, 3] }] });
    expect(second).toMatchObject({ suite: 'set-cpu', unit: 'µs', contestants: [{ median: 7 }] });
    expect(await repository.has('bench/results/set-cpu.svg')).toBe(true);
  });

  it('fails where a round gives no figure for the second', async () => {
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite('undefined') });
    const { code, stderr } = await repository.bench('set');
    expect(code).toBe(1);
    expect(stderr).toContain("the contestant 'one' failed: a round gave undefined");
    expect(await repository.has('bench/results/set.json')).toBe(false);
  });
});

describe('a run of some rows', () => {
  it('takes all rows whose name has the word in it', async () => {
    const figures = { 'ours-a': 1, 'theirs-a': 2, 'ours-b': 3, 'theirs-b': 4, 'ours-ab': 5, 'theirs-ab': 6 };
    const rows = ['a', 'b', 'ab'].map((end) => ({ subject: `ours-${end}`, reference: `theirs-${end}` }));
    const repository = await makeRepository({ 'bench/suites/set.mjs': figuresSuite({ figures, rows }) });
    const measured = async (/** @type {string} */ only) => {
      await repository.bench('set', `--only=${only}`);
      const { contestants } = JSON.parse(await repository.read('target/bench/set.json'));
      return contestants.map((/** @type {{ id: string }} */ { id }) => id);
    };
    expect(await measured('-b')).toEqual(['ours-b', 'theirs-b']);
    expect(await measured('-a')).toEqual(['ours-a', 'theirs-a', 'ours-ab', 'theirs-ab']);
    // A whole name is that row alone, also where others hold it.
    expect(await measured('ours-a:theirs-a')).toEqual(['ours-a', 'theirs-a']);
    expect(await repository.has('bench/results/set.json')).toBe(false);
  });
});

describe('a run on several versions of Node.js', () => {
  /** Gives the version that a program started by its name, `node`, stands for. */
  const whichNode = `import { execFileSync } from 'node:child_process';
    const asked = ['-p', 'process.env.STANDS_FOR'];
    export default {
      title: 'Which', measures: 'It', unit: 'versions', rounds: 5, direction: 'higher is better', rows: [],
      contestants: [{
        id: 'which', label: 'which', kind: 'round',
        prepare: () => ({ round: () => Number(execFileSync('node', asked, { encoding: 'utf8' })) }),
      }],
    };`;
  const repositoryOf = async (/** @type {string[]} */ ...fetched) => {
    const repository = await makeRepository({
      'bench/suites/set.mjs': whichNode,
      'node_modules/flotilla/index.js':
        "if (process.env.STANDS_FOR === '18') throw new Error('The addon is for later versions.');",
    });
    await repository.writeProgram('bin/npm', '#!/bin/sh\necho "npm has no such thing" >&2\nexit 1\n');
    for (const version of fetched) await repository.fetched(version);
    return repository;
  };

  it('measures on each, with all that the contestants start, and keeps the results of each', async () => {
    const repository = await repositoryOf('22', '24');
    const { code, stdout } = await repository.bench('set', '--node', '22,24');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Node v22\.0\.0.*22\.0.*Node v24\.0\.0.*24\.0/s);
    const kept = { 'set.json': 24, 'node-22/set.json': 22 };
    for (const [file, version] of Object.entries(kept)) {
      const { machine, contestants } = JSON.parse(await repository.read(`bench/results/${file}`));
      expect(machine.node).toBe(`v${version}.0.0`);
      expect(contestants[0].median).toBe(version);
    }
    expect(await repository.read('bench/results/node-22/set.svg')).toContain('Node v22.0.0');
    expect(await repository.bench('--charts', '--check')).toMatchObject({ code: 0 });
  });

  it('says in a sentence what is wrong with one, measures the others, and does not end well', async () => {
    const repository = await repositoryOf('18', '24');
    const { code, stderr } = await repository.bench('set', '--quick', '--node', 'newest,99,18,24');
    expect(code).toBe(1);
    expect(stderr).toContain("bench: 'newest' is no version of Node.js: give its major, such as 24\n");
    expect(stderr).toContain('npm has no such thing\nbench: Node.js 99 could not be fetched\n');
    expect(stderr).toContain(
      'bench: flotilla does not load in Node.js 18: The addon is for later versions.\n',
    );
    expect(JSON.parse(await repository.read('target/bench/set.json')).machine.node).toBe('v24.0.0');
  });
});

describe('a run of all suites', () => {
  const rows = [{ subject: 'ours', bar: 'at least 50' }];
  const suite = (/** @type {number} */ ours) => figuresSuite({ figures: { ours }, rows });

  it('measures each, says how far it is, and renews charts and tables', async () => {
    const repository = await makeRepository({
      'bench/suites/first.mjs': suite(98),
      'bench/suites/second.mjs': suite(99),
      'bench/suites/second-cpu.mjs': `export { cpu as default } from './third.mjs';`,
      'bench/suites/third.mjs': `
        const [first, cpu] = [98, 99].map((figure) => ({
          title: 'Some', measures: 'it', unit: 'requests/s', direction: 'higher is better', rounds: 5, rows: [],
          contestants: [{ id: 'ours', label: 'ours', kind: 'round', prepare: () => ({ round: () => figure }) }],
        }));
        export { cpu };
        export default { ...first, also: { 'second-cpu': cpu } };`,
      'README.md': '<!-- bench:first -->\n<!-- /bench -->\n',
      'docs/none.md': '',
      'node_modules/flotilla/index.js': '',
    });
    await repository.fetched('24');
    const { code, stderr } = await repository.bench('--node', '24');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/first, suite 1 of 3\n/) });
    expect(stderr).toContain('bench: third, suite 3 of 3\n');
    for (const name of ['first', 'second', 'second-cpu', 'third']) {
      expect(await repository.has(`bench/results/${name}.svg`), name).toBe(true);
    }
    expect(await repository.read('README.md')).toContain('| label of ours | 98.0 |');
  });

  it('goes on after a suite that failed, and does not end well', async () => {
    const repository = await makeRepository({
      'bench/suites/first.mjs': suite(1),
      'bench/suites/second.mjs': suite(99),
      'node_modules/flotilla/index.js': '',
    });
    await repository.fetched('24');
    const { code, stderr } = await repository.bench('--node', '24');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('missed: label of ours') });
    expect(await repository.has('bench/results/second.json')).toBe(true);
  });
});

describe('a quick run', () => {
  it('judges no bar and writes nothing under bench/results', async () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at least 0.97' }];
    const suite = figuresSuite({ figures: { ours: 1, theirs: 100 }, rows });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stdout } = await repository.bench('set', '--quick');
    expect(code).toBe(0);
    expect(stdout).toMatch(/at least 0\.97: not judged \(quick run\)/);
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
    [
      'a timed call in requests/s',
      figuresSuite({ figures: { a: 1 }, needs: { a: { kind: 'call' } } }),
      "'a' is timed, which is not measured in requests/s",
    ],
    ['no export', 'export const suite = 1;', 'it has no contestants'],
  ])('is refused for %s', async (_mistake, suite, reason) => {
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    const { code, stderr } = await repository.bench('set', '--quick');
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
  });
});

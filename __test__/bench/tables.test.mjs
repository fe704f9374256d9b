import { describe, expect, it } from 'vitest';
import { renderSideBySide, renderTable, rewriteTables } from '../../bench/harness/tables.mjs';
import { figuresSuite, makeRepository } from './repository.mjs';
import { sampleResult } from './sample-result.mjs';

/** @type {(name: string) => string} */
const tableOf = (name) => `table of ${name}`;

describe('rewriting a document', () => {
  it('replaces what stands between the markers and nothing else', () => {
    const text = 'before\n<!-- bench:one -->\nold\nlines\n<!-- /bench -->\nafter  \n';
    const renewed = rewriteTables(text, tableOf);
    expect(renewed).toBe('before\n<!-- bench:one -->\n\ntable of one\n\n<!-- /bench -->\nafter  \n');
    expect(rewriteTables(renewed, tableOf)).toBe(renewed);
  });

  it('fills every table of a document with its own suite', () => {
    const text = '<!-- bench:a -->\n<!-- /bench -->\n\n<!-- bench:b-2 -->\n<!-- /bench -->';
    expect(rewriteTables(text, tableOf)).toMatch(/table of a\n[\s\S]*table of b-2\n/);
  });

  it('asks for several suites at once where a marker names several', () => {
    const text = '<!-- bench:a b-2 -->\n<!-- /bench -->';
    expect(rewriteTables(text, tableOf)).toContain('table of a b-2\n');
  });

  it('leaves markers in fenced code and inside a line alone', () => {
    const text = 'a `<!-- bench:x -->` here\n```md\n<!-- bench:x -->\nkept\n<!-- /bench -->\n```\nend';
    expect(rewriteTables(text, tableOf)).toBe(text);
    const longer = '````\n```\n<!-- bench:x -->\n````\n<!-- bench:y -->\n<!-- /bench -->';
    expect(rewriteTables(longer, tableOf)).toContain(
      '<!-- bench:x -->\n````\n<!-- bench:y -->\n\ntable of y',
    );
  });

  it('refuses markers that do not pair', () => {
    expect(() => rewriteTables('<!-- bench:a -->\ntext', tableOf)).toThrow('bench:a has no');
    expect(() => rewriteTables('<!-- bench:a -->\n<!-- bench:b -->\n', tableOf)).toThrow('bench:a has no');
    expect(() => rewriteTables('<!-- /bench -->', tableOf)).toThrow('closes nothing');
  });
});

describe('suites side by side', () => {
  it('have a column each, the contestants in rows, and an empty cell where one has no figure', () => {
    const one = sampleResult({ title: 'Any: speed', unit: 'requests/s' });
    const other = sampleResult({
      title: 'Any: memory',
      unit: 'MiB',
      rounds: { ours: [1, 2, 3], theirs: 'missing' },
    });
    expect(renderSideBySide([one, other]).split('\n')).toEqual([
      '| median | speed, requests/s | memory, MiB |',
      '| --- | ---: | ---: |',
      '| the ours | 10.0 | 2.00 |',
      '| the theirs | 20.0 |  |',
      '',
      expect.stringContaining('npm run bench -- sample'),
    ]);
  });
});

describe('a measured table', () => {
  it('has figures, ratio, bar, verdict, the command and the machine', () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at most 3.0' }];
    const table = renderTable(sampleResult({ rows }));
    expect(table).toContain('| the ours | 10.0 | 9.50 to 10.5 |');
    expect(table).toContain('| the ours : the theirs | 0.500 | 0.475 to 0.513 | at most 3.0: met |');
    expect(table).toContain('`npm run bench -- sample`');
    expect(table).toContain('A processor, 2 cores');
  });

  it('compares those that shared their rounds by the median of the ratios, and says so', () => {
    const rounds = { ours: [10, 100, 30], theirs: [10, 50, 60] };
    const rows = [{ subject: 'ours', reference: 'theirs' }];
    expect(renderTable(sampleResult({ rounds, rows, kind: 'sliced' }))).toMatch(
      /compared \| median of ratios \|.*?the ours : the theirs \| 1\.00 \| 0\.750 to 1\.50/s,
    );
    expect(renderTable(sampleResult({ rounds, rows }))).toMatch(
      /compared \| ratio of medians \|.*?the ours : the theirs \| 0\.600 \| 0\.750 to 1\.50/s,
    );
  });

  it('shows who was left out and which bar was not judged', () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at most 3.0' }];
    const table = renderTable(sampleResult({ rows, rounds: { ours: [1], theirs: 'a | b < c' } }));
    expect(table).toContain('| the theirs | left out | a \\| b &lt; c |');
    expect(table).toContain('| not measured |  | at most 3.0: not judged (not measured) |');
  });

  it('has the ratios of other versions beside, and says where a bar is missed there', () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at most 3.0' }, { subject: 'ours' }];
    const slower = sampleResult({
      rows: rows.slice(0, 1),
      rounds: { ours: [35], theirs: [10] },
      node: 'v26.1.0',
    });
    const table = renderTable(sampleResult({ rows }), [slower]);
    expect(table).toContain('| compared | ratio of medians | middle half of the rounds | bar | Node 26 |');
    expect(table).toContain('| 0.500 | 0.475 to 0.513 | at most 3.0: met | 3.50, missed |');
    expect(table).toContain('| none | not measured |');
    expect(table).toContain('Beside it: Node v26.1.0, 2026-01-02');
  });
});

describe('npm run bench -- --tables', () => {
  const document = 'Text.\n\n<!-- bench:set -->\n<!-- /bench -->\n';
  const suite = figuresSuite({ figures: { fast: 200, slow: 100 } });

  it('writes the tables of the README and of all documents, which --check then accepts', async () => {
    const repository = await makeRepository({
      'bench/suites/set.mjs': suite,
      'README.md': document,
      'docs/deep/er.md': document,
      'docs/other.md': 'no table\n',
    });
    expect(await repository.bench('set')).toMatchObject({ code: 0 });
    const stale = await repository.bench('--tables', '--check');
    expect(stale.code).toBe(1);
    expect(stale.stderr).toContain('README.md differs');
    expect(await repository.read('README.md')).toBe(document);

    expect(await repository.bench('--tables')).toMatchObject({ code: 0 });
    for (const file of ['README.md', 'docs/deep/er.md']) {
      expect(await repository.read(file)).toContain('| label of fast | 200 | 200 to 200 |');
    }
    expect(await repository.read('docs/other.md')).toBe('no table\n');
    expect(await repository.bench('--tables', '--check')).toMatchObject({ code: 0, stderr: '' });
  });

  it('finds a figure that was changed by hand', async () => {
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite, 'README.md': document });
    await repository.bench('set');
    await repository.bench('--tables');
    const flattered = (await repository.read('README.md')).replace('| 200 |', '| 900 |');
    await repository.write('README.md', flattered);
    expect(await repository.bench('--tables', '--check')).toMatchObject({ code: 1 });
  });

  it('fails for a table that no result stands behind, and names the command that makes one', async () => {
    const repository = await makeRepository({ 'README.md': document });
    for (const args of [['--tables'], ['--tables', '--check']]) {
      const { code, stderr } = await repository.bench(...args);
      expect(code).toBe(1);
      expect(stderr).toContain("README.md: bench:set has no result: run 'npm run bench -- set --node 24'");
    }
  });
});

describe('npm run bench -- --charts', () => {
  it('redraws a chart that does not show its result', async () => {
    const suite = figuresSuite({ figures: { fast: 200, slow: 100 } });
    const repository = await makeRepository({ 'bench/suites/set.mjs': suite });
    await repository.bench('set');
    const drawn = await repository.read('bench/results/set.svg');
    expect(await repository.bench('--charts', '--check')).toMatchObject({ code: 0 });

    await repository.write('bench/results/set.svg', drawn.replace('200 requests/s', '900 requests/s'));
    expect(await repository.bench('--charts', '--check')).toMatchObject({ code: 1 });
    expect(await repository.bench('--charts')).toMatchObject({ code: 0 });
    expect(await repository.read('bench/results/set.svg')).toBe(drawn);
  });
});

// docs/conformance.md names tests: each of them is there.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const page = readFileSync(path.join(root, 'docs/conformance.md'), 'utf8');
const endings = ['.test.mjs', '.test-d.ts', '.test-d.mts'];

/** The rows of the tables that have this head. @param {string} head */
const rowsUnder = (head) =>
  page
    .split('\n\n')
    .filter((table) => table.startsWith(`| ${head} |`))
    .flatMap((table) => table.trim().split('\n').slice(2));
const statements = rowsUnder('The document says');
const deviations = rowsUnder('Otherwise here');

/** What a row names: `part/file: title`. @param {string} row */
const namedBy = (row) =>
  [...row.matchAll(/`((?:[a-z-]+\/[\w.-]+)|bench): ([^`]+)`/g)].map(([, file, title]) => ({ file, title }));

/** @param {{ file: string, title: string }} named */
function isThere({ file, title }) {
  if (file === 'bench') return existsSync(path.join(root, `bench/suites/${title}.mjs`));
  const places = endings.map((ending) => path.join(root, '__test__', file + ending));
  // Cases that several test files run.
  places.push(path.join(root, '__test__/fixtures', `${file.replace('/', '-')}.mjs`));
  const text = places
    .filter((place) => existsSync(place))
    .map((place) => readFileSync(place, 'utf8'))
    .join('\n');
  if (["'", '"', '`'].some((quote) => text.includes(quote + title + quote))) return true;
  // What the tests of a document run are its blocks, by their headings.
  const [, part] = file.split('/');
  const fixture = part === 'document' && { scope: '000', lifecycle: '002' }[file.split('/')[0]];
  const blocks = fixture
    ? readFileSync(path.join(root, `__test__/fixtures/document-${fixture}.md`), 'utf8')
    : '';
  return blocks.includes(`## ${title}\n`);
}

describe('the page of conformance', () => {
  it('names for each statement of a document a test that is there', () => {
    expect(statements.length).toBeGreaterThan(90);
    expect(statements.filter((row) => namedBy(row).length === 0)).toEqual([]);
  });

  it('names no test that there is not', () => {
    const named = [...statements, ...deviations].flatMap(namedBy);
    expect(named.length).toBeGreaterThan(130);
    expect(named.filter((each) => !isThere(each)).map(({ file, title }) => `${file}: ${title}`)).toEqual([]);
  });

  it('would notice a test that has gone', () => {
    expect(isThere({ file: 'cache/document', title: 'setIfAbsent stores twice' })).toBe(false);
    expect(isThere({ file: 'cache/nothing', title: 'setIfAbsent stores once' })).toBe(false);
  });
});

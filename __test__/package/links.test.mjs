// The documents: each link leads to something that is there, in a clone and in the package alike; each block of code can be
// read, and imports what there is.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'examples/README.md'],
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (file) => readFileSync(path.join(root, file), 'utf8');
const withoutCode = (text) => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');

/** The anchors that GitHub gives the headings of a document. */
const anchorsOf = (text) =>
  [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );

/** What a document leads to within the repository: a file, and a heading in it. */
const linksOf = (file) =>
  [...withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [place, anchor] = target.split('#');
      return { target, place: place === '' ? file : path.join(path.dirname(file), place), anchor };
    });

describe.each(documents)('%s', (file) => {
  it('leads to files and headings that are there', () => {
    const dead = linksOf(file).filter(
      ({ place, anchor }) =>
        !existsSync(path.join(root, place)) ||
        (anchor !== undefined && place.endsWith('.md') && !anchorsOf(read(place)).includes(anchor)),
    );
    expect(dead.map(({ target }) => target)).toEqual([]);
  });

  it('has code that can be read, and imports of the package what it exports', async () => {
    const blocks = [...read(file).matchAll(/^```(js|ts|json)\n([\s\S]*?)^```$/gm)];
    for (const [, language, code] of blocks) {
      if (language === 'json') JSON.parse(code);
      else await transform(code, { loader: 'ts', format: 'esm' });
      for (const [, names, module] of code.matchAll(/^import (.*) from '(flotilla[^']*)';$/gm)) {
        const exported = await import(module);
        const wanted = /\{(.*)\}/.exec(names)?.[1].split(',') ?? [];
        for (const name of wanted.map((each) => each.trim().split(' as ')[0]).filter(Boolean)) {
          expect(Object.keys(exported), `${module} in: ${code}`).toContain(name);
        }
      }
    }
  });
});

describe('the package', () => {
  /** @type {Set<string>} */
  let carried;
  beforeAll(() => {
    const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    carried = new Set(JSON.parse(said)[0].files.map((each) => each.path));
  });

  it.each(documents)('has what %s leads to', (file) => {
    expect(carried.has(file)).toBe(true);
    const isThere = (place) =>
      carried.has(place) || [...carried].some((each) => each.startsWith(`${place.replace(/\/$/, '')}/`));
    expect(linksOf(file).filter(({ place }) => !isThere(place))).toEqual([]);
  });

  it('says where it comes from when it is published, as does that of each platform', () => {
    const release = read('.github/workflows/release.yml');
    for (const field of [
      'repository.url=git+$address.git',
      'homepage=$address#readme',
      'bugs.url=$address/issues',
    ]) {
      expect(release).toContain(field);
    }
    expect(release.indexOf('pkg set')).toBeLessThan(release.indexOf('npm publish'));
  });
});

// The floors of `lib/`, which docs/architecture.md draws from the same table: what a file imports lies on its own floor or on one below
// that its floor may use. `tests/walls.rs` holds the same for the Rust side.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { floors } from '../../scripts/floors.mjs';
import { root } from '../fixtures/folders.mjs';

/** What may be imported from anywhere: the manifest; and the contract, for its types alone. */
const isManifest = (target) => target === path.join(root, 'package.json');
const isContract = (target) =>
  target === path.join(root, 'index.js') || existsSync(target.replace(/\.js$/, '.d.ts'));

const lib = path.join(root, 'lib');

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|mjs|d\.m?ts)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

/** Every relative import of a source text. What stands in a comment is for a type alone. */
const importsOf = (source) =>
  source.split('\n').flatMap((line) => {
    const found = line.matchAll(/(?:require|import)\(\s*'(\.[^']*)'\s*\)|(?:from|import) '(\.[^']*)'/g);
    const comment = line.search(/^\s*\*|\/\*\*/);
    return [...found].map(({ index, 1: called, 2: declared }) => ({
      specifier: called ?? declared,
      isType: comment >= 0 && comment < index && !line.slice(comment, index).includes('*/'),
    }));
  });

const floorOf = (file) => path.relative(lib, file).split(path.sep)[0].replace(/\.js$/, '');

/** What a file imports that its floor may not use, each as a sentence. */
function broken(file, source) {
  const floor = floorOf(file);
  if (!Object.hasOwn(floors, floor)) return [`${path.relative(root, file)}: ${floor} is no floor`];
  return importsOf(source).flatMap(({ specifier, isType }) => {
    const target = path.resolve(path.dirname(file), specifier);
    if (isManifest(target) || ((isType || /\.d\.m?ts$/.test(file)) && isContract(target))) return [];
    const below = floorOf(target);
    if (below === floor || floors[floor].includes(below)) return [];
    return [`${path.relative(root, file)} imports ${specifier}: ${floor} may not use ${below}`];
  });
}

describe('the floors of lib', () => {
  it('are used from above alone', () => {
    const sentences = filesOf(lib).flatMap((file) => broken(file, readFileSync(file, 'utf8')));
    expect(sentences).toEqual([]);
  });

  it('are listed from the ground up, and each uses only those before it', () => {
    const names = Object.keys(floors);
    for (const [index, name] of names.entries()) {
      for (const used of floors[name]) expect(names.slice(0, index), `${name} uses ${used}`).toContain(used);
    }
  });

  it.each([
    ['a call', "const { Pool } = require('../cluster/pool.js');"],
    ['a type', "/** @import { Instance } from '../cluster/pool.js' */"],
    ['a type in its place', "/** @type {import('../cluster/pool.js').Instance} */"],
    ['a module', "import { Pool } from '../cluster/pool.js';"],
  ])('notice an arrow that goes up, written as %s', (_how, source) => {
    expect(broken(path.join(lib, 'http/listener.js'), source)).toEqual([
      'lib/http/listener.js imports ../cluster/pool.js: http may not use cluster',
    ]);
  });

  it('notice a folder that is none of them', () => {
    expect(broken(path.join(lib, 'attic/trunk.js'), '')).toEqual(['lib/attic/trunk.js: attic is no floor']);
  });
});

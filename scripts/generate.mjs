/**
 * `npm run generate`: writes every file that follows from another one. With `--check` it writes nothing and
 * fails when one of them is stale.
 *
 * | written | from |
 * | --- | --- |
 * | `npm/<platform>/` | the list of platforms in `lib/native/platforms.js` |
 * | the optional dependencies in `package.json` and `package-lock.json` | the same, and the version |
 * | the version in `Cargo.toml` and `Cargo.lock` | the one in `package.json` |
 * | the version in `lib/base/loading.js` | the same |
 * | the charts of `docs/architecture.md` | `scripts/floors.mjs` and `tests/walls.rs` |
 * | `docs/errors.md` | the table in `lib/errors.js` |
 * | `index.mjs`, `lib/doors/*.mjs` | what the `.js` beside each exports |
 * | the entry points in `package.json` | the `.d.mts` files of `lib/doors` |
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { errorsPage } from './errors-page.mjs';
import { esmEntry } from './esm-entry.mjs';
import { completeLock } from './lockfile.mjs';
import { withCharts } from './map.mjs';
import { fail, root } from './run.mjs';

const require = createRequire(import.meta.url);
const { packageName, platforms, addonFile } = require('../lib/native/platforms.js');
const { table } = require('../lib/errors.js');

/** @param {string} file */
const read = (file) => readFileSync(path.join(root, file), 'utf8');

/** @param {unknown} value */
const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

const manifest = JSON.parse(read('package.json'));
const { version, license, engines } = manifest;

/** The entry points beside the root, by the types that each has for ES modules. */
const doors = readdirSync(path.join(root, 'lib/doors'))
  .filter((file) => file.endsWith('.d.mts'))
  .map((file) => file.replace('.d.mts', ''));

/** What the manifest says of the entry points: those that are there keep their places and what is their own. */
function entries() {
  const { '.': main, './package.json': self, ...others } = manifest.exports;
  const known = Object.keys(others).map((entry) => entry.slice('./'.length));
  const all = [
    ...known.filter((door) => doors.includes(door)),
    ...doors.filter((door) => !known.includes(door)),
  ];
  const exported = all.map((door) => {
    const { browser } = others[`./${door}`] ?? {};
    const ways = {
      import: { types: `./lib/doors/${door}.d.mts`, default: `./lib/doors/${door}.mjs` },
      require: { types: `./lib/doors/${door}.d.ts`, default: `./lib/doors/${door}.js` },
    };
    return [`./${door}`, { ...(browser && { browser }), ...ways }];
  });
  return {
    exports: { '.': main, ...Object.fromEntries(exported), './package.json': self },
    typesVersions: { '*': Object.fromEntries(all.map((door) => [door, [`./lib/doors/${door}.d.ts`]])) },
  };
}

/** @param {import('../lib/native/platforms.js').Platform} platform */
function platformFiles({ id, os, cpu, libc, target }) {
  const name = packageName(id);
  return {
    [`npm/${id}/package.json`]: json({
      name,
      version,
      description: `The native addon of flotilla for ${id}`,
      license,
      engines,
      os: [os],
      cpu: [cpu],
      ...(libc && { libc: [libc] }),
      main: `./${addonFile}`,
      files: [addonFile],
    }),
    [`npm/${id}/README.md`]:
      `# ${name}\n\nThe native addon of the package \`flotilla\`, built for \`${target}\`. ` +
      'npm installs it by itself where it fits; there is nothing in it to import.\n',
    [`npm/${id}/LICENSE`]: read('LICENSE'),
  };
}

function generated() {
  const optionalDependencies = Object.fromEntries(platforms.map(({ id }) => [packageName(id), version]));
  const withVersion = (/** @type {string} */ toml) =>
    toml.replace(/(^name = "flotilla"\nversion = )".*"$/m, `$1"${version}"`);
  return {
    'package.json': json({ ...manifest, ...entries(), optionalDependencies }),
    'package-lock.json': completeLock({ version, optionalDependencies }),
    'Cargo.toml': withVersion(read('Cargo.toml')),
    'Cargo.lock': withVersion(read('Cargo.lock')),
    'lib/base/loading.js': read('lib/base/loading.js').replace(/(?<=^const version = )'.*'/m, `'${version}'`),
    'docs/architecture.md': withCharts(read('docs/architecture.md'), read('tests/walls.rs')),
    'docs/errors.md': errorsPage(table),
    ...Object.fromEntries(
      ['index', ...doors.map((door) => `lib/doors/${door}`)].map((entry) => [
        `${entry}.mjs`,
        esmEntry(`${entry}.js`),
      ]),
    ),
    ...Object.assign({}, ...platforms.map(platformFiles)),
  };
}

const stale = Object.entries(generated()).filter(
  ([file, text]) => !existsSync(path.join(root, file)) || read(file) !== text,
);
if (process.argv.includes('--check')) {
  if (stale.length > 0) fail(`Stale: ${stale.map(([file]) => file).join(', ')}.\nRun "npm run generate".`);
} else {
  for (const [file, text] of stale) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    console.log(`wrote ${file}`);
  }
}

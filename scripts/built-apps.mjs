/**
 * `npm run test:apps [-- nest next ...]`: apps of the frameworks that are built first, by their own generators where those need nothing but npm,
 * else from the smallest example of their documentation. Each is built once, into `target/apps-built`; then it and the examples that
 * need no build are replaced 20 times under load. Names choose among those that are built, and nothing else is run then. Needs
 * Node.js 22 or later, the network, and half an hour.
 */

import { cpSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { bin, root, run, runs } from './run.mjs';

/** The generators of most refuse what is older. */
const OLDEST = 22;
const fixtures = path.join(root, '__test__/fixtures/apps-built');
const folder = path.join(root, 'target/apps-built');
const next = [
  'create-next-app@16',
  [
    '--ts',
    '--app',
    '--no-tailwind',
    '--no-eslint',
    '--no-src-dir',
    '--no-import-alias',
    '--use-npm',
    '--skip-install',
  ],
];

/**
 * @typedef {object} BuiltApp
 * @property {string} name
 * @property {string} folder among those that are built
 * @property {string} entry what Node is started with, from there
 * @property {Record<string, string>} [env]
 */
/** @type {BuiltApp[]} */
export const builtApps = [
  { name: 'NestJS, Express', folder: 'nest', entry: 'dist/main.js' },
  { name: 'NestJS, Fastify', folder: 'nest', entry: 'dist/fastify.js' },
  { name: 'Next, custom server', folder: 'next', entry: 'server.js' },
  { name: 'Next, standalone', folder: 'next', entry: '.next/standalone/server.js' },
  { name: 'Nuxt', folder: 'nuxt', entry: '.output/server/index.mjs' },
  { name: 'SvelteKit', folder: 'sveltekit', entry: 'build/index.js' },
  { name: 'Astro', folder: 'astro', entry: 'dist/server/entry.mjs' },
];

/** @param {BuiltApp} app */
export const fileOf = ({ folder: name, entry }) => path.join(folder, name, entry);

/** What makes each: its generator with its arguments, what is installed beside, and what builds it. */
const recipes = {
  nest: {
    generator: [
      '@nestjs/cli@12',
      ['--package-manager', 'npm', '--skip-git', '--skip-install', '--language', 'TypeScript'],
      'new',
    ],
    packages: ['@nestjs/platform-fastify'],
    build: ['nest', 'build'],
  },
  next: { generator: next, packages: [], build: ['next', 'build'] },
  sveltekit: {
    generator: ['sv@0', ['--template', 'minimal', '--types', 'ts', '--no-add-ons', '--no-install'], 'create'],
    packages: ['@sveltejs/adapter-node@5'],
    build: ['vite', 'build'],
  },
  astro: { packages: [], build: ['astro', 'build'] },
  nuxt: { packages: [], build: ['nuxt', 'build'] },
};

/** @param {string} name */
function make(name) {
  const { generator, packages, build: words } = /** @type {Record<string, any>} */ (recipes)[name];
  const place = path.join(folder, name);
  const apps = builtApps.filter((app) => app.folder === name);
  if (apps.every((app) => existsSync(fileOf(app)))) return;
  const env = {
    ...process.env,
    CI: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1',
    NUXT_TELEMETRY_DISABLED: '1',
  };
  const npm = (/** @type {string[]} */ args, cwd = place) => run('npm', args, { cwd, env });
  if (generator) {
    const [what, options, verb] = generator;
    npm(['exec', '--yes', '--', what, ...(verb ? [verb] : []), name, ...options], folder);
  }
  cpSync(path.join(fixtures, name), place, { recursive: true });
  npm(['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages]);
  npm(['exec', '--', ...words]);
}

/** Builds those that are not there yet. @param {string[]} [names] all of them, where none are given */
export function buildApps(names = Object.keys(recipes)) {
  mkdirSync(folder, { recursive: true });
  for (const name of names) make(name);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST)
    throw new Error(`these apps need Node.js ${OLDEST} or later, and this is ${process.versions.node}`);
  const all = Object.keys(recipes);
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !all.includes(name));
  if (unknown) throw new Error(`there is no app "${unknown}"; there are ${all.join(', ')}`);
  build();
  const names = chosen.length > 0 ? chosen : all;
  buildApps(names);
  const env = { ...process.env, FLOTILLA_TEST_RELOADS: '20', FLOTILLA_TEST_APPS: names.join() };
  const built = '__test__/any-app/built-apps.test.mjs';
  // Those of the adapters build what they need themselves.
  const adapters = ['next', 'types'].map((name) => `__test__/adapters/${name}.test.mjs`);
  const others =
    chosen.length > 0 ? [] : ['__test__/any-app/frameworks.test.mjs', '__test__/apps', ...adapters];
  const args = ['run', '--typecheck.enabled=false', '--no-file-parallelism', built, ...others];
  process.exitCode = runs(bin('vitest'), args, { env }) ? 0 : 1;
}

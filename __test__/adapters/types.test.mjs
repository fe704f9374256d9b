// The types of the adapters, as TypeScript compares them with those of the packages that they plug into.

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { project } from '../fixtures/peers.mjs';

const fixtures = new URL('../fixtures/plugged/', import.meta.url);
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
const compiler = path.join(modules, 'typescript/bin/tsc');

/** Every package that the program takes something of. */
const packages = [
  '@apollo/utils.keyvaluecache',
  'bentocache',
  'cache-manager',
  'got',
  'keyv',
  'rate-limiter-flexible',
  'socket.io',
  'undici',
  'unstorage',
];

/** What TypeScript says of a program beside these packages. */
async function saidOf(program, names, list) {
  const folder = await project(names, list);
  const copy = path.join(folder, program);
  copyFileSync(new URL(program, fixtures), copy);
  const how = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
  const types = ['--types', 'node', '--typeRoots', path.join(modules, '@types')];
  try {
    return execFileSync(process.execPath, [compiler, ...how, ...types, copy], {
      cwd: folder,
      encoding: 'utf8',
    });
  } catch ({ stdout }) {
    return stdout;
  }
}

it('adapters are what the packages that they plug into take, and misspelt options are not', async () => {
  expect(await saidOf('typed.mts', packages)).toBe('');
}, 120_000);

// Its packages are 340 MB: by `npm run test:apps`.
it.runIf(process.env.FLOTILLA_TEST_APPS)(
  'the handler is both caches of Next',
  async () => {
    expect(await saidOf('typed-next.mts', ['next'], 'next-app')).toBe('');
  },
  600_000,
);

// The types of the adapters, as TypeScript compares them with those of the packages that they plug into.

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { project } from '../fixtures/peers.mjs';

const program = new URL('../fixtures/plugged/typed.mts', import.meta.url);
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

it('adapters are what the packages that they plug into take, and misspelt options are not', async () => {
  const folder = await project(packages);
  const copy = path.join(folder, 'typed.mts');
  copyFileSync(program, copy);
  const how = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
  const types = ['--types', 'node', '--typeRoots', path.join(modules, '@types')];
  let said = '';
  try {
    execFileSync(process.execPath, [compiler, ...how, ...types, copy], { cwd: folder, encoding: 'utf8' });
  } catch ({ stdout }) {
    said = stdout;
  }
  expect(said).toBe('');
}, 120_000);

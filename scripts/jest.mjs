/**
 * `npm run test:jest`: runs the cache's conformance in jest, which is fetched from the registry for it: it is too large to
 * be there for all.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from './build.mjs';
import { root } from './run.mjs';

build();
const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-jest-'));
try {
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  const config = {
    rootDir: path.join(root, '__test__/conformance'),
    testMatch: ['**/*.jest.cjs'],
    testEnvironment: 'node',
    modulePaths: [path.join(folder, 'node_modules')],
  };
  writeFileSync(path.join(folder, 'jest.json'), JSON.stringify(config));
  const jest = path.join(folder, 'node_modules/jest/bin/jest.js');
  const steps = /** @type {const} */ ([
    ['npm', ['install', '--no-audit', '--no-fund', 'jest@30'], folder],
    [process.execPath, [jest, '--config', path.join(folder, 'jest.json'), '--runInBand'], root],
  ]);
  for (const [command, args, cwd] of steps) {
    const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
    if (status !== 0) break;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The cache's own conformance inside of other runners of tests, two files in one thread where they do that. */

import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const folder = path.join(root, '__test__/conformance');
const vitest = path.join(
  path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
const env = {
  ...process.env,
  NO_COLOR: '1',
  VITEST: undefined,
  VITEST_WORKER_ID: undefined,
  VITEST_POOL_ID: undefined,
  NODE_TEST_CONTEXT: undefined,
};

describe('the cache keeps its promises', () => {
  it.each(['threads', 'forks', 'vmThreads'])('in the pool %s of vitest', async (pool) => {
    const args = [
      'run',
      '--root',
      folder,
      '--config',
      path.join(folder, 'vitest.config.mjs'),
      '--pool',
      pool,
    ];
    const { code, stdout, stderr } = await node([vitest, ...args, '--no-isolate', '--maxWorkers=1'], {
      env,
      cwd: folder,
    });
    expect(stdout + stderr).toMatch(/Tests\s+12 passed/);
    expect(code).toBe(0);
  });

  it('in node:test, with files that are run in one process and load the library anew', async () => {
    const files = ['one', 'two'].map((name) => path.join(folder, `${name}.node.cjs`));
    const { code, stdout } = await node(files.flatMap((file) => ['--require', file]).concat(['-e', '0']), {
      env,
    });
    expect(stdout).toMatch(/# pass 12\b|pass 12\b/);
    expect(code).toBe(0);
  });
});

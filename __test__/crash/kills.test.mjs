// Workers killed at random moments under load. Most kills of the default run are those of `tests/kills.rs`, whose
// processes start a hundred times faster; these go through Node and the whole of JavaScript.
// `npm run test:kills` does 100,000 and more.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const run = fileURLToPath(new URL('../fixtures/kill-run.mjs', import.meta.url));
const kills = Number(process.env.FLOTILLA_TEST_KILLS ?? 100);
const seed = Number(process.env.FLOTILLA_TEST_SEED ?? Date.now() % 1e6);

it(
  `${kills} kills tear no value, lose no key of another namespace, leak no block and hang nobody (seed ${seed})`,
  async () => {
    const { stdout, stderr } = await node([run, String(kills), String(seed)], { cwd: root });
    expect(stderr).toBe('');
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ problems: [], lost: 0 });
    expect(result.kills).toBeGreaterThanOrEqual(kills);
  },
  60_000 + kills * 1000,
);

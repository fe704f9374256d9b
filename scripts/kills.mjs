/**
 * `npm run test:kills`: the long run of the tests that kill workers. 100,000 kills of processes that start fast, in
 * Rust, and some thousand of Node's; `npm run test:kills -- <kills> <kills of Node>` for other numbers.
 */

import { build } from './build.mjs';
import { bin, runs } from './run.mjs';

const [kills = '100000', ofNode = '3000'] = process.argv.slice(2);

build();
const ended = [
  runs('cargo', ['test', '--locked', '--release', '--test', 'kills'], {
    env: { ...process.env, FLOTILLA_KILLS: kills },
  }),
  runs(bin('vitest'), ['run', '__test__/crash/kills.test.mjs'], {
    env: { ...process.env, FLOTILLA_TEST_KILLS: ofNode },
  }),
];
process.exitCode = ended.every(Boolean) ? 0 : 1;

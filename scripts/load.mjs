/**
 * `npm run test:load`: the long run of the tests that give the balancer much to do: a million connections handed over,
 * 100,000 moves of 1,000 connections, 200 restarts, 100 workers killed, 50 replaced for their memory, 10,000 bad visitors of each
 * kind. Half an hour, about.
 */

import { build } from './build.mjs';
import { installPrograms } from './programs.mjs';
import { bin, runs } from './run.mjs';

const env = {
  ...process.env,
  FLOTILLA_TEST_HANDOFFS: '1000000',
  FLOTILLA_TEST_MOVES: '100000',
  FLOTILLA_TEST_RECYCLES: '50',
  FLOTILLA_TEST_RESTARTS: '200',
  FLOTILLA_TEST_VISITORS: '10000',
  FLOTILLA_TEST_WORKER_KILLS: '100',
};
const files = ['under-load', 'bad-visitors', 'starting', 'handing-over', 'native-front', 'killed-workers'];

build();
installPrograms();
const all = [...files.map((name) => `server/${name}`), 'any-app/recycling'];
const args = ['run', '--no-file-parallelism', ...all.map((name) => `__test__/${name}.test.mjs`)];
process.exitCode = runs(bin('vitest'), args, { env }) ? 0 : 1;

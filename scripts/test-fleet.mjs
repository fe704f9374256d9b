/** `npm run test:fleet -- <minutes>`: holds a fleet against its promise for longer than the suite does, and takes it through a failover. */

import { fail, run } from './run.mjs';

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0)) fail('Usage: npm run test:fleet -- <minutes>, by default 10.');
run(
  'npx',
  ['vitest', 'run', ...['promise', 'cluster', 'sentinel'].map((name) => `__test__/tier/${name}.test.mjs`)],
  {
    env: { ...process.env, FLEET_MINUTES: String(minutes / 2) },
  },
);

/**
 * `npm run test:history`: a cluster whose processes do random things to one cache and are killed meanwhile, for as long as is
 * asked for; each history is judged. `npm run test:history -- <minutes> <seed>`; ten minutes if nothing is said. Every fifth
 * minute is on the IPC transport. A seed gives the same schedules again, if not the same races.
 */

import { runHistory } from '../__test__/fixtures/history/run.mjs';
import { build } from './build.mjs';

const MINUTE = 60_000;
const [minutes = process.env.FLOTILLA_HISTORY_MINUTES ?? '10', seed = String(Date.now() % 2 ** 31)] =
  process.argv.slice(2);

build();
/** @type {Record<string, number>} */
const total = { rounds: 0, operations: 0, histories: 0, undecided: 0, kills: 0, violations: 0 };
const until = performance.now() + Number(minutes) * MINUTE;
for (let minute = 0; performance.now() < until; minute++) {
  const transport = minute % 5 === 4 ? 'ipc' : 'shared';
  const part = Number(seed) + minute;
  const milliseconds = Math.min(MINUTE, until - performance.now());
  const { sum, violations, stderr } = await runHistory({ transport, milliseconds, seed: part });
  for (const violation of violations) console.log(`${transport}: ${violation}\n`);
  if (sum === undefined) throw new Error(`the cluster of seed ${part} did not end well: ${stderr}`);
  for (const name of Object.keys(total)) total[name] += sum[name];
  const figures = Object.entries(total).map(([name, count]) => `${count} ${name}`);
  console.log(`after ${minute + 1} minutes, seed ${part}, ${transport}: ${figures.join(', ')}`);
}
process.exitCode = total.violations === 0 ? 0 : 1;

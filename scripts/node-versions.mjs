/**
 * Runs a part of the tests on every Node.js that Flotilla supports, and sees that one that is too old is told so. The
 * version that runs this is left out: all tests ran on it.
 */

import { majorOf, nodeProgram, supported, testOn } from './node-programs.mjs';
import { fail, output } from './run.mjs';

const tooOld = '18';

/** What takes long and asks nothing of Node.js that the rest does not ask. */
const leftOut = [
  '__test__/scope/memory.test.mjs',
  '__test__/scope/signals.test.mjs',
  '__test__/package/bundlers.test.mjs',
  '__test__/package/links.test.mjs',
  '__test__/package/packed.test.mjs',
  '__test__/package/runtimes.test.mjs',
  '__test__/lifecycle/cluster.test.mjs',
  '__test__/lifecycle/cluster-restarts.test.mjs',
  '__test__/lifecycle/cluster-whole.test.mjs',
  '__test__/lifecycle/recipes.test.mjs',
  '__test__/lifecycle/test-server.test.mjs',
  '__test__/server/bad-visitors.test.mjs',
  '__test__/server/balanced.test.mjs',
  '__test__/server/killed-workers.test.mjs',
  '__test__/server/load-balancers.test.mjs',
  '__test__/server/scarcity.test.mjs',
  '__test__/server/starting.test.mjs',
  '__test__/server/ultimate-express.test.mjs',
  '__test__/server/under-load.test.mjs',
];

const tests = [
  '__test__/package',
  '__test__/errors',
  '__test__/scope',
  '__test__/cache/copies.test.mjs',
  '__test__/lifecycle',
  '__test__/server',
  '__test__/stores',
];

/** What is asked of the newest alone: packages of others that say themselves which versions they run on. */
const ofTheNewest = ['__test__/adapters'];

const without = leftOut.map((file) => `--exclude=${file}`);
const newest = supported[supported.length - 1];
for (const major of supported) {
  if (major === majorOf(process.version)) continue;
  testOn(major, [...without, ...tests, ...(major === newest ? ofTheNewest : [])]);
}

const old = nodeProgram(tooOld) ?? fail(`Node.js ${tooOld} could not be fetched.`);
const refusal = output(old, [
  '-e',
  "try { require('./index.js') } catch ({ code, message }) { console.log(code, message) }",
]);
console.log(`Node.js ${output(old, ['--version'])}: ${refusal}`);
if (!refusal?.startsWith('FLOTILLA_ERR_NODE_VERSION')) fail('It should have been refused by its version.');

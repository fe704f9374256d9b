/**
 * Runs a part of the tests on every Node.js that Flotilla supports, and sees that one that is too old is told so. The
 * version that runs this is left out: all tests ran on it.
 */

import path from 'node:path';
import { majorOf, nodeProgram, supported, withNode } from './node-programs.mjs';
import { fail, output, root, run } from './run.mjs';

const tooOld = '18';

/** What takes long and asks nothing of Node.js that the rest does not ask. */
const leftOut = [
  '__test__/scope/memory.test.mjs',
  '__test__/scope/signals.test.mjs',
  '__test__/package/packed.test.mjs',
  '__test__/examples/clustered.test.mjs',
  '__test__/lifecycle/cluster-restarts.test.mjs',
];

/** @param {string} major */
function install(major) {
  return nodeProgram(major) ?? fail(`Node.js ${major} could not be fetched.`);
}

for (const major of supported.filter((each) => each !== majorOf(process.version))) {
  const program = install(major);
  console.log(`Node.js ${output(program, ['--version'])}`);
  const tests = [
    '__test__/package',
    '__test__/errors',
    '__test__/scope',
    '__test__/cache/copies.test.mjs',
    '__test__/lifecycle',
    '__test__/server',
    '__test__/stores',
    '__test__/examples',
  ];
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const without = leftOut.map((file) => `--exclude=${file}`);
  const args = ['run', '--typecheck.enabled=false', '--reporter=dot', ...without, ...tests];
  run(program, [vitest, ...args], { env: withNode(program) });
}

const old = install(tooOld);
const refusal = output(old, [
  '-e',
  "try { require('./index.js') } catch ({ code, message }) { console.log(code, message) }",
]);
console.log(`Node.js ${output(old, ['--version'])}: ${refusal}`);
if (!refusal?.startsWith('FLOTILLA_ERR_NODE_VERSION')) fail('It should have been refused by its version.');

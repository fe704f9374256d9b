/**
 * Runs a part of the tests on every Node.js that Flotilla supports, and sees that one that is too old is told so.
 * The npm package `node` brings each version; what is fetched once is kept in `target/`. The version that runs this is left
 * out: all tests ran on it.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fail, output, root, run } from './run.mjs';

const supported = ['20', '22', '24'];
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
  const folder = path.join(root, 'target', `node-${major}`);
  const program = path.join(folder, 'node_modules/node/bin/node');
  if (!existsSync(program)) {
    const args = ['install', '--prefix', folder, '--no-save', '--no-package-lock', '--loglevel=error'];
    run('npm', [...args, `node@${major}`]);
  }
  return program;
}

/**
 * The same environment with another Node.js in front, for the processes that tests start by name.
 *
 * @param {string} program
 */
function withNode(program) {
  return { ...process.env, PATH: `${path.dirname(program)}${path.delimiter}${process.env.PATH}` };
}

const running = process.versions.node.split('.', 1)[0];

for (const major of supported.filter((each) => each !== running)) {
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

// What loading the library costs when a process starts. Node loads it by its own name from the root of the
// repository, as an application would from its node_modules.

import { spawn } from 'node:child_process';

/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */

const common = ['-e'];
const module = ['--input-type=module', '-e'];

/**
 * Milliseconds until a process has ended. One that fails measures nothing.
 *
 * @param {string} cwd
 * @param {string[]} args of node
 * @returns {Promise<number>}
 */
function time(cwd, args) {
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('exit', (code, signal) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`the process ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/**
 * What a process takes longer than one that does nothing, each round one after the other.
 *
 * @param {string} id
 * @param {string} code
 * @param {string[]} [how]
 * @returns {Contestant}
 */
const over = (id, code, how = common) => ({
  id,
  label: code,
  kind: 'round',
  ours: true,
  prepare: ({ root }) => ({
    round: async () => Math.max(0, (await time(root, [...how, code])) - (await time(root, [...how, '']))),
  }),
});

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Loading the library',
  measures: 'Time of a whole Node process that does so, less that of one that does nothing',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 31,
  contestants: [
    over('root', "require('flotilla')"),
    over('cache', "require('flotilla/cache')"),
    over('cache-class', "require('flotilla').LRUCacheClustered"),
    over('server', "require('flotilla').createServer"),
    over('import-cache', "import 'flotilla/cache'", module),
    over('import', "import 'flotilla'", module),
    {
      id: 'nothing',
      label: 'the process that does nothing, itself',
      kind: 'round',
      prepare: ({ root }) => ({ round: () => time(root, [...common, '']) }),
    },
  ],
  rows: [
    { subject: 'root', bar: 'at most 15' },
    { subject: 'cache', bar: 'at most 8' },
    { subject: 'cache-class' },
    { subject: 'server' },
    { subject: 'import' },
  ],
};

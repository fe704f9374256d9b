// What loading the library costs when a process starts. Node loads it by its own name from the root of the
// repository, as an application would from its node_modules.

/** @typedef {import('../harness/suite.mjs').ProcessContestant} ProcessContestant */

/**
 * @param {string[]} args of node
 * @returns {ProcessContestant['prepare']}
 */
function node(...args) {
  return ({ root }) => ({ command: { program: process.execPath, args, cwd: root } });
}

/** @type {import('../harness/suite.mjs').Suite} */
export default {
  title: 'Loading the library',
  measures: 'Time from spawning a Node process until it has ended, with and without loading flotilla',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 31,
  contestants: [
    { id: 'nothing', label: 'node -e ""', kind: 'process', prepare: node('-e', '') },
    {
      id: 'require',
      label: `node -e "require('flotilla')"`,
      kind: 'process',
      ours: true,
      prepare: node('-e', "require('flotilla')"),
    },
    {
      id: 'empty-module',
      label: 'node --input-type=module -e ""',
      kind: 'process',
      prepare: node('--input-type=module', '-e', ''),
    },
    {
      id: 'import',
      label: `node --input-type=module -e "import 'flotilla'"`,
      kind: 'process',
      ours: true,
      prepare: node('--input-type=module', '-e', "import 'flotilla'"),
    },
  ],
  rows: [
    { subject: 'require', reference: 'nothing' },
    { subject: 'import', reference: 'empty-module' },
  ],
};

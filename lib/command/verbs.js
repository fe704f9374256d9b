/** The verbs of the command, in one table: what each takes, what it is for, and which module does it. */

const { flags } = require('./knobs.js');
const { duration } = require('./units.js');
const check = require('../base/check.js');

/** @import { Kind } from './knobs.js' */

/**
 * @typedef {object} Option
 * @property {string} flag
 * @property {string} key
 * @property {string} [short]
 * @property {string} [takes]
 * @property {Kind} kind
 * @property {string} help
 */
/**
 * @typedef {object} Verb
 * @property {string} name
 * @property {string} [takes] what stands behind it
 * @property {readonly string[]} [words] what that may be
 * @property {boolean} [needs] whether it has to be there
 * @property {boolean} [passes] whether arguments behind `--` are taken
 * @property {string} summary
 * @property {readonly string[]} [more] lines of its help
 * @property {readonly Option[]} options
 * @property {() => (call: Call) => Promise<number>} load gives what does it, which brings the exit code
 */
/**
 * @typedef {object} Call one call of the command
 * @property {Verb} verb
 * @property {string | undefined} target what stands behind the verb
 * @property {Record<string, any>} given the options, by their keys
 * @property {string[]} passed what stands behind `--`
 */

/** @type {Kind} */
const yes = { type: 'boolean', read: check.flag };
/** @param {string} name @returns {Option} */
const knobOption = (name) => /** @type {Option} */ (flags.find(({ flag }) => flag === name));

const whom = [knobOption('name'), knobOption('control')];
/** @type {Option} */
const json = { flag: 'json', key: 'json', kind: yes, help: 'as JSON, for programs' };
/** @type {Option} */
const interval = {
  flag: 'interval',
  key: 'interval',
  takes: 'TIME',
  kind: { type: 'string', read: duration },
  help: 'how often (1s)',
};

const kinds = /** @type {const} */ (['systemd', 'docker', 'kubernetes']);
const shells = /** @type {const} */ (['bash', 'zsh', 'fish']);

/** @type {Verb[]} */
const verbs = [
  {
    name: 'start',
    takes: 'app.js',
    passes: true,
    summary: 'run a server on every core, in the foreground',
    options: /** @type {Option[]} */ (flags),
    load: () => require('./start.js').start,
  },
  {
    name: 'reload',
    summary: 'new code and environment, nothing dropped',
    more: [
      'It returns when it is done, and says what it moved.',
      'If the new code fails, the old workers serve on, and the exit code is 1.',
      'SIGUSR2 does the same, and SIGHUP where there is no terminal.',
    ],
    options: [...whom, json],
    load: () => require('./steer.js').reload,
  },
  {
    name: 'stop',
    summary: 'answer what is under way, and end',
    options: [...whom, json],
    load: () => require('./steer.js').stop,
  },
  {
    name: 'scale',
    takes: 'N',
    needs: true,
    summary: 'have N workers; auto is one for each core',
    options: [...whom, json],
    load: () => require('./steer.js').scale,
  },
  {
    name: 'restart-worker',
    takes: 'N',
    needs: true,
    summary: 'replace one worker by a fresh one',
    options: [...whom, json],
    load: () => require('./steer.js').restartWorker,
  },
  {
    name: 'status',
    summary: 'what runs, and how each worker is',
    options: [...whom, json],
    load: () => require('./steer.js').status,
  },
  {
    name: 'top',
    summary: 'the same as a live table; q ends it',
    options: [...whom, interval],
    load: () => require('./top.js').top,
  },
  {
    name: 'logs',
    summary: 'follow what the workers write',
    options: [
      ...whom,
      {
        flag: 'worker',
        key: 'worker',
        takes: 'N',
        kind: { type: 'string', read: check.text },
        help: 'of one worker',
      },
      json,
    ],
    load: () => require('./logs.js').logs,
  },
  {
    name: 'inspect',
    summary: 'the shared memory of the caches',
    options: [...whom, json],
    load: () => require('./steer.js').inspect,
  },
  {
    name: 'init',
    takes: kinds.join('|'),
    words: kinds,
    needs: true,
    summary: 'deployment files, to standard output',
    options: ['name', 'port', 'workers', 'grace', 'cwd'].map(knobOption),
    load: () => require('./init.js').init,
  },
  {
    name: 'completion',
    takes: shells.join('|'),
    words: shells,
    needs: true,
    summary: 'a script for your shell',
    options: [],
    load: () => require('./completion.js').completion,
  },
  {
    name: 'help',
    takes: 'VERB',
    summary: 'what a verb takes',
    options: [],
    load: () => require('./help.js').help,
  },
];

module.exports = { verbs };

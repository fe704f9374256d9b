/** The help of the command: each page fits a screen of 80 columns and 24 lines. */

/** @import { Call, Option, Verb } from './verbs.js' */

const { nearest } = require('../base/nearest.js');
const { createError } = require('../errors.js');
const { everywhere } = require('./arguments.js');
const { flags } = require('./knobs.js');
const { verbs } = require('./verbs.js');

/** The options of `start` that do not fit its own page. @type {Record<string, string>} */
const topics = {
  balancing: 'which worker takes a connection, and how it gets there',
  readiness: 'when a worker is ready, and who is told',
  recycling: 'when a worker is replaced by a fresh one, with nothing dropped',
};

/** @param {[string, string][]} rows */
function columns(rows) {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/** @param {readonly Option[]} options */
const optionRows = (options) =>
  columns(
    options.map(({ flag, short, takes, help }) => [
      `${short ? `-${short}, ` : '    '}--${flag}${takes ? ` ${takes}` : ''}`,
      help,
    ]),
  );

/** @returns {string} */
function overview() {
  const rows = columns(
    verbs.map(({ name, takes, summary }) => [`${name}${takes ? ` ${takes}` : ''}`, summary]),
  );
  return [
    'flotilla runs a Node.js server on every core, as it is, and reloads it with',
    'nothing dropped.',
    '',
    '  npx flotilla start app.js',
    '',
    ...rows,
    '',
    'Exit codes: 0 done; 1 failed; 2 the call was not understood; 3 nothing runs by',
    'that name. "flotilla VERB --help" says what a verb takes.',
  ].join('\n');
}

/** @param {Verb} verb */
function pageOf(verb) {
  const own = /** @type {(Option & { topic?: string })[]} */ ([...verb.options]);
  const shown = own.filter(({ topic }) => verb.name !== 'start' || topic === 'start');
  const takes = verb.takes ? ` ${verb.needs || verb.passes ? verb.takes : `[${verb.takes}]`}` : '';
  const head = `flotilla ${verb.name}${takes}${shown.length > 0 ? ' [options]' : ''}${verb.passes ? ' [-- arguments of the app]' : ''}`;
  const also = verb.name === 'start' ? [`More: flotilla help ${Object.keys(topics).join(' | ')}`] : [];
  const help = shown.length > 0 ? ['', ...optionRows([...shown, everywhere[0]])] : [];
  return [head, `  ${verb.summary}`, ...(verb.more ?? []).map((line) => `  ${line}`), ...help, ...also].join(
    '\n',
  );
}

/** @param {string} topic */
function pageOfTopic(topic) {
  const knobs = /** @type {Option[]} */ (flags.filter((knob) => knob.topic === topic));
  return [`flotilla start: ${topics[topic]}`, '', ...optionRows(knobs)].join('\n');
}

/**
 * @param {string} [about] a verb or a topic
 * @returns {string}
 */
function helpText(about) {
  if (about === undefined) return overview();
  const verb = verbs.find(({ name }) => name === about);
  if (verb) return pageOf(verb);
  if (Object.hasOwn(topics, about)) return pageOfTopic(about);
  const known = [...verbs.map(({ name }) => name), ...Object.keys(topics)];
  const meant = nearest(about, known);
  const advice = meant ? `did you mean "${meant}"?` : `there is help for ${known.join(', ')}`;
  throw createError('FLOTILLA_ERR_USAGE', [`there is no help for "${about.slice(0, 60)}"`, advice]);
}

/** @param {Call} call */
async function help({ target }) {
  process.stdout.write(`${helpText(target)}\n`);
  return 0;
}

module.exports = { help, helpText, topics };

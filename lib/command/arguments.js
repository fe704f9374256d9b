/**
 * The arguments of the command: cut by `parseArgs`, then each looked at. What is misspelt is refused with the nearest name,
 * and nothing has happened by then.
 */

/** @import { Call, Option, Verb } from './verbs.js' */

const { parseArgs } = require('node:util');
const { nearest } = require('../base/nearest.js');
const { createError } = require('../errors.js');
const { verbs } = require('./verbs.js');

/** @type {Option[]} */
const everywhere = [
  {
    flag: 'help',
    key: 'help',
    short: 'h',
    kind: { type: 'boolean', read: (_, value) => value },
    help: 'this',
  },
  {
    flag: 'version',
    key: 'version',
    short: 'v',
    kind: { type: 'boolean', read: (_, value) => value },
    help: 'the version',
  },
];

/** @param {string} what @param {string} advice */
const misused = (what, advice) => createError('FLOTILLA_ERR_USAGE', [what, advice]);

/** @param {readonly Option[]} options */
function forParser(options) {
  /** @type {Record<string, { type: 'string' | 'boolean', short?: string }>} */
  const config = {};
  for (const { flag, short, kind } of options) {
    config[flag] = short ? { type: kind.type, short } : { type: kind.type };
    if (kind.type === 'boolean') config[`no-${flag}`] = { type: 'boolean' };
  }
  return config;
}

/** @param {string} name @param {Verb | undefined} verb @param {readonly Option[]} options @param {string} raw */
function refuseOption(name, verb, options, raw) {
  const meant = nearest(
    name,
    options.map(({ flag }) => flag),
  );
  const help = `flotilla ${verb ? `${verb.name} ` : ''}--help`;
  const advice = meant ? `did you mean "--${meant}"?` : `"${help}" lists what it takes`;
  return createError('FLOTILLA_ERR_UNKNOWN_OPTION', [
    `flotilla${verb ? ` ${verb.name}` : ''}`,
    raw.slice(0, 60),
    advice,
  ]);
}

/**
 * @param {any} token
 * @param {Verb | undefined} verb
 * @param {readonly Option[]} options
 * @returns {[Option, unknown]}
 */
function readOption(token, verb, options) {
  const { name, rawName, value } = token;
  const negative =
    name.startsWith('no-') &&
    options.find(({ flag, kind }) => kind.type === 'boolean' && `no-${flag}` === name);
  const option = negative || options.find(({ flag }) => flag === name);
  if (!option) throw refuseOption(name, verb, options, rawName);
  if (option.kind.type === 'boolean') {
    if (value !== undefined)
      throw misused(`${rawName} takes no value`, `write ${rawName}, or --no-${option.flag}`);
    return [option, !negative];
  }
  if (value === undefined || value === '') {
    throw misused(`${rawName} needs a value`, `write ${rawName}=${option.takes ?? 'VALUE'}`);
  }
  return [option, value];
}

/**
 * @param {any[]} tokens
 * @param {Verb | undefined} verb
 * @returns {Record<string, any>} by the keys of the options
 */
function readOptions(tokens, verb) {
  const options = [...everywhere, ...(verb?.options ?? [])];
  /** @type {Record<string, any>} */
  const given = {};
  for (const token of tokens.filter(({ kind }) => kind === 'option')) {
    const [option, value] = readOption(token, verb, options);
    const read = option.kind.read(`--${option.flag}`, option.kind.many ? [value] : value);
    given[option.key] = option.kind.many ? [...(given[option.key] ?? []), ...read] : read;
  }
  return given;
}

/** @param {string} name */
function verbOf(name) {
  const verb = verbs.find((each) => each.name === name);
  if (verb) return verb;
  const meant = nearest(
    name,
    verbs.map((each) => each.name),
  );
  const isFile = /[./\\]/.test(name);
  if (isFile) throw misused(`"${name}" is no verb`, `to run it, write: flotilla start ${name}`);
  const advice = meant
    ? `did you mean "${meant}"?`
    : `the verbs are ${verbs.map((each) => each.name).join(', ')}`;
  throw misused(`"${name.slice(0, 60)}" is no verb`, advice);
}

/** @param {Verb} verb @param {string | undefined} target */
function checkTarget(verb, target) {
  const { name, takes, needs, words } = verb;
  if (target === undefined) {
    if (needs)
      throw misused(`flotilla ${name} needs ${takes}`, `write: flotilla ${name} ${words?.[0] ?? takes}`);
    return;
  }
  if (!words || words.includes(target)) return;
  const meant = nearest(target, words);
  const advice = meant ? `did you mean "${meant}"?` : `it takes ${words.join(', ')}`;
  throw misused(`flotilla ${name} does not know "${target.slice(0, 60)}"`, advice);
}

/** @param {Verb} verb @param {string[]} operands @param {string[]} passed */
function checkOperands(verb, operands, passed) {
  if (passed.length > 0 && !verb.passes) {
    throw misused(`flotilla ${verb.name} passes no arguments on`, 'leave out "--" and what follows it');
  }
  const extra = operands[verb.takes ? 1 : 0];
  if (extra !== undefined) {
    const advice = verb.passes
      ? 'arguments for the app stand behind "--"'
      : `"flotilla ${verb.name} --help" shows what it takes`;
    throw misused(`flotilla ${verb.name} does not take "${extra.slice(0, 60)}"`, advice);
  }
  checkTarget(verb, operands[0]);
}

/**
 * @param {string[]} args those behind the name of the command
 * @returns {Omit<Call, 'verb'> & { verb: Verb | undefined }}
 */
function readArguments(args) {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const passed = end < 0 ? [] : args.slice(end + 1);
  // A first look finds the verb, whose options say which of the words are values.
  const first = parseArgs({
    args: own,
    strict: false,
    tokens: true,
    options: forParser([...everywhere, ...verbs.flatMap(({ options }) => options)]),
  });
  const word = first.tokens.find(({ kind }) => kind === 'positional');
  const verb = word && verbOf(/** @type {any} */ (word).value);
  const options = forParser([...everywhere, ...(verb?.options ?? [])]);
  const { tokens } = parseArgs({ args: own, strict: false, tokens: true, options });
  const given = readOptions(tokens, verb);
  const [, ...operands] = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  if (verb && !given.help) checkOperands(verb, operands, passed);
  return { verb, target: operands[0], given, passed };
}

module.exports = { everywhere, readArguments };

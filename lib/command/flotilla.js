#!/usr/bin/env node
/** The command `flotilla`: reads its arguments, and hands the call to the module of its verb. */

require('../base/compiled.js').keepCompiled();
const { everywhere, readArguments } = require('./arguments.js');
const { complain, exitCodeOf } = require('./voice.js');

/** @param {string[]} args */
async function run(args) {
  const call = readArguments(args);
  if (call.given.version) {
    process.stdout.write(`${require('../../package.json').version}\n`);
    return 0;
  }
  if (call.given.help || !call.verb) {
    const { helpText } = require('./help.js');
    const text = `${helpText(call.verb?.name)}\n`;
    if (call.given.help) process.stdout.write(text);
    else process.stderr.write(text);
    return call.given.help ? 0 : 2;
  }
  for (const { key } of everywhere) delete call.given[key];
  return call.verb.load()(/** @type {import('./verbs.js').Call} */ (call));
}

run(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    complain(error);
    process.exitCode = exitCodeOf(error);
  },
);

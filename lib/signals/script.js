/**
 * Puts a scope's values into a page, as a data block: `<script type="application/json">`.
 *
 * A data block is not executed, so it works under any Content-Security-Policy, and `JSON.parse` reads `__proto__`
 * as a plain key. Nothing in it can end the element or open a comment: every `<` and `>` is escaped, `&` too for
 * pages served as XML, and the two line separators that older JavaScript refuses in a string.
 */

const { invalidArgument } = require('../base/argument.js');
const { checkNames } = require('../base/option-names.js');
const { serializeScope } = require('./scope.js');

const DEFAULT_ID = 'flotilla-scope';

/** @param {string} character */
function escapeCharacter(character) {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * @param {import('../../index.js').Scope} scope
 * @param {{ id?: string }} [options]
 * @returns {string} a script element whose text is JSON
 */
function serializeToScript(scope, options = {}) {
  checkNames('serializeToScript', options, ['id']);
  const { id = DEFAULT_ID } = options;
  if (typeof id !== 'string' || !/^[\w-]+$/.test(id)) {
    throw invalidArgument('serializeToScript(scope, options): options.id', 'letters, digits, _ and -', id);
  }
  const json = JSON.stringify(serializeScope(scope)).replace(/[<>&\u2028\u2029]/g, escapeCharacter);
  return `<script type="application/json" id="${id}">${json}</script>`;
}

module.exports = { serializeToScript };

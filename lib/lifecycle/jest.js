/**
 * What Jest has in the place of a callback for the end of a test: a hook that is registered while its file is loaded, and
 * called after each test. Within a test nothing can be registered any more, so this is loaded with the library.
 */

const { createError } = require('../errors.js');

/** @type {(() => Promise<void>)[]} those of the test that runs */
const callbacks = [];
let isHooked = false;

async function end() {
  const results = await Promise.allSettled(callbacks.splice(0).map((callback) => callback()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** @returns {any} what Jest knows of its tests, under a symbol that it has for itself */
function state() {
  const key = Object.getOwnPropertySymbols(globalThis).find(
    ({ description }) => description === 'JEST_STATE_SYMBOL',
  );
  return key && /** @type {any} */ (globalThis)[key];
}

/** Once in each file of tests, for Jest gives each a world of its own. Once tests run, Jest takes a hook for a mistake. */
function hook() {
  const { afterEach } = /** @type {any} */ (globalThis);
  if (typeof afterEach !== 'function' || state()?.hasStarted !== false) return;
  afterEach(end);
  isHooked = true;
}

/** @param {any} block of tests @returns {boolean} whether some of them run at the same time */
const isConcurrent = ({ children }) =>
  children.some((/** @type {any} */ child) => child.concurrent || (child.children && isConcurrent(child)));

/** @param {() => Promise<void>} callback called when the test has ended that runs now */
function onTestEnd(callback) {
  const refused = (/** @type {string} */ reason) => createError('FLOTILLA_ERR_TEST_UNKNOWN', [reason]);
  if (!isHooked)
    throw refused('flotilla was first loaded within a test of Jest, and not at the top of its file');
  if (isConcurrent(state().rootDescribeBlock)) throw refused('Jest runs tests of this file at the same time');
  if (!state().currentlyRunningTest) throw refused('no test of Jest is running');
  callbacks.push(callback);
}

module.exports = { hook, isJest: () => state() !== undefined, onTestEnd };

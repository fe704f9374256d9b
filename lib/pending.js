/**
 * What the contract in `index.d.ts` promises and this version does not have yet. Each stands here by its name
 * and throws `FLOTILLA_ERR_NOT_IMPLEMENTED`, so that a program learns it where it calls, and not from an
 * `undefined is not a function` somewhere else.
 */

const { createError } = require('./errors.js');

/**
 * @param {string} name
 * @returns {any} a function, also callable with `new`, that throws
 */
function pending(name) {
  return function notYet() {
    throw createError('FLOTILLA_ERR_NOT_IMPLEMENTED', [name]);
  };
}

module.exports = {
  getServerConfig: pending('getServerConfig'),
  restartServer: pending('restartServer'),
  setServerConfig: pending('setServerConfig'),
  startServer: pending('startServer'),
  stopServer: pending('stopServer'),
};

/** What arguments of the balancer are checked for at the door. */

const { describe, invalidArgument } = require('../signals/graph.js');

/**
 * @param {string} name
 * @param {unknown} value
 */
function checkObject(name, value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
}

module.exports = { checkObject, describe, invalidArgument };

/** A view of the memory of this machine, through which nothing is written: a write would have to wait for Redis. */

const { createError } = require('../errors.js');

const writers = [
  ...[
    'set',
    'setIfAbsent',
    'delete',
    'clear',
    'mSet',
    'mDelete',
    'load',
    'incr',
    'decr',
    'incrWithTtl',
    'touch',
  ],
  ...['take', 'setIfVersion', 'update', 'invalidateTags'],
];

/** @param {object} view */
function readOnly(view) {
  for (const name of writers) {
    if (!(name in view)) continue;
    const value = () => {
      throw createError('FLOTILLA_ERR_TIER_SYNC', [name]);
    };
    Object.defineProperty(view, name, { value });
  }
}

module.exports = { readOnly };

/** What `FLOTILLA_TRACE` asks for: native threads that tell on stderr what they do, by their names, or `*` for all of them. */

/** @typedef {typeof import('./addon.js')} Addon */

const { createError } = require('../errors.js');
const { nearest } = require('../base/nearest.js');

/** @param {Addon} addon @param {string} wanted */
function traceThreads(addon, wanted) {
  const places = addon.constants().traced;
  const names = Object.keys(places);
  let bits = 0;
  for (const name of wanted.split(/[\s,]+/).filter(Boolean)) {
    if (name === '*') for (const each of names) bits |= 1 << places[each];
    else if (names.includes(name)) bits |= 1 << places[name];
    else {
      const meant = nearest(name, names);
      const said = JSON.stringify(name) + (meant ? `: did you mean "${meant}"?` : '');
      throw createError('FLOTILLA_ERR_INVALID_ARGUMENT', [
        'FLOTILLA_TRACE',
        `* or some of ${names.join(', ')}`,
        said,
      ]);
    }
  }
  addon.traceThreads(bits);
}

module.exports = { traceThreads };

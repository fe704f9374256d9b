/** `flotilla/undici`: a store for the HTTP cache of undici. */

require('./library.js');
const { UndiciFlotilla } = require('../adapters/undici.js');

module.exports = { UndiciFlotilla, default: UndiciFlotilla, __esModule: true };

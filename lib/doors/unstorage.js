/** `flotilla/unstorage`: a driver for unstorage. */

require('./library.js');
const { unstorageFlotilla } = require('../adapters/unstorage.js');

module.exports = { unstorageFlotilla, default: unstorageFlotilla, __esModule: true };

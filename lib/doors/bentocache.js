/** `flotilla/bentocache`: a driver for the first layer of Bentocache. */

require('./library.js');
const { flotillaDriver } = require('../adapters/bentocache.js');

module.exports = { flotillaDriver, default: flotillaDriver, __esModule: true };

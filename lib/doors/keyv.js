/** `flotilla/keyv`: a store for Keyv, and for what keeps its values by Keyv. */

require('./library.js');
const { KeyvFlotilla } = require('../adapters/keyv.js');

module.exports = { KeyvFlotilla, default: KeyvFlotilla, __esModule: true };

/** `flotilla/express-rate-limit`: a store for express-rate-limit. */

require('./library.js');
const { FlotillaRateLimitStore } = require('../adapters/rate-limit-store.js');

module.exports = { FlotillaRateLimitStore, default: FlotillaRateLimitStore, __esModule: true };

/** `flotilla/rate-limiter-flexible`: a limiter of that package. */

require('./library.js');
const { RateLimiterFlotilla } = require('../adapters/rate-limiter-flexible.js');

module.exports = { RateLimiterFlotilla, default: RateLimiterFlotilla, __esModule: true };

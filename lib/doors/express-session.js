/** `flotilla/express-session`: a store for express-session and @fastify/session. */

require('./library.js');
const { FlotillaStore } = require('../adapters/session-store.js');

module.exports = { FlotillaStore, default: FlotillaStore, __esModule: true };

/** `flotilla/socket.io`: an adapter for socket.io. */

require('./library.js');
const { createAdapter } = require('../adapters/socket.io.js');

module.exports = { createAdapter, default: createAdapter, __esModule: true };

/** `flotilla/apollo`: a cache for Apollo Server. */

require('./library.js');
const { ApolloFlotilla } = require('../adapters/apollo.js');

module.exports = { ApolloFlotilla, default: ApolloFlotilla, __esModule: true };

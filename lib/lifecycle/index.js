/** The lifecycle: contexts, servers over them, and servers for tests. */

module.exports = {
  createContext: require('./context.js').createContext,
  ...require('./servers.js'),
  testServer: require('./test-server.js').testServer,
};

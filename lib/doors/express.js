/** `flotilla/express`: the balancer and `express` alone, for programs that import `defuss-express`. */

const {
  createOpenTelemetrySink,
  createResourceAwareLoadBalancer,
  defaultLoadBalancer,
  express,
  expressDefault,
  getServerConfig,
  leastConnectionsLoadBalancer,
  leastLoadedLoadBalancer,
  noopTelemetrySink,
  resourceAwareLoadBalancer,
  restartServer,
  roundRobinLoadBalancer,
  setServerConfig,
  startServer,
  stopServer,
} = require('../library.js');

module.exports = {
  createOpenTelemetrySink,
  createResourceAwareLoadBalancer,
  defaultLoadBalancer,
  express,
  expressDefault,
  getServerConfig,
  leastConnectionsLoadBalancer,
  leastLoadedLoadBalancer,
  noopTelemetrySink,
  resourceAwareLoadBalancer,
  restartServer,
  roundRobinLoadBalancer,
  setServerConfig,
  startServer,
  stopServer,
  default: express,
  __esModule: true,
};

/** `flotilla/express`: the balancer and `express` alone, for programs that import `defuss-express`. */

const { door } = require('./door.js');

const balancer = door([
  '__esModule',
  'createOpenTelemetrySink',
  'createResourceAwareLoadBalancer',
  'defaultLoadBalancer',
  'express',
  'expressDefault',
  'getServerConfig',
  'leastConnectionsLoadBalancer',
  'leastLoadedLoadBalancer',
  'noopTelemetrySink',
  'resourceAwareLoadBalancer',
  'restartServer',
  'roundRobinLoadBalancer',
  'setServerConfig',
  'startServer',
  'stopServer',
]);
Object.defineProperty(balancer, 'default', { enumerable: true, get: () => balancer.express });
module.exports = balancer;

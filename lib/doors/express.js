/** `flotilla/express`: the balancer and `express` alone, for programs that import `defuss-express`. */

const { partOf } = require('../base/loading.js');
const library = require('./library.js');

const balancer = partOf(library, [
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

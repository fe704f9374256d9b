// Generated from express.js by "npm run generate".

import door from './express.js';

export const {
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
} = door;

export default door.default;

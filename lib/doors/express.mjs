// Generated from express.js by "npm run generate".

import entry from './express.js';

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
} = entry;

export default entry.default;

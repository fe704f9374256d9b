/**
 * The whole library, as one object: what every door leads to. `tsc` checks it here against the contract; a
 * file beside a declaration of its own name, as `index.js` is, it would pass over.
 */

const { oneInstance } = require('./instance.js');

/** @type {typeof import('../index.js')} */
const library = oneInstance(() => {
  const express = require('./server/express.js');
  const { LRUCacheClustered } = require('./cache/lru-cache-clustered.js');
  const strategies = require('./server/load-balancers.js');
  const telemetry = require('./server/telemetry.js');
  const configuration = require('./server/config.js');
  return {
    ...require('./signals/core.js'),
    createServerScope: require('./signals/server-scope.js').createServerScope,
    ...require('./signals/request-scope.js'),
    FlotillaError: require('./errors.js').FlotillaError,
    versions: require('./versions.js'),
    LRUCacheClustered,
    LRUCacheForClustersAsPromised: LRUCacheClustered,
    memoize: require('./cache/memoize.js').memoize,
    wrap: require('./cache/wrap.js').wrap,
    createOpenTelemetrySink: telemetry.createOpenTelemetrySink,
    noopTelemetrySink: telemetry.noopTelemetrySink,
    createResourceAwareLoadBalancer: strategies.createResourceAwareLoadBalancer,
    defaultLoadBalancer: strategies.defaultLoadBalancer,
    leastConnectionsLoadBalancer: strategies.leastConnectionsLoadBalancer,
    leastLoadedLoadBalancer: strategies.leastLoadedLoadBalancer,
    resourceAwareLoadBalancer: strategies.resourceAwareLoadBalancer,
    roundRobinLoadBalancer: strategies.roundRobinLoadBalancer,
    getServerConfig: configuration.getServerConfig,
    setServerConfig: configuration.setServerConfig,
    ...require('./server/start.js'),
    ...require('./lifecycle/index.js'),
    express,
    expressDefault: express,
    default: express,
    __esModule: true,
  };
});

module.exports = library;

/**
 * The whole library, as one object: what every door leads to. `tsc` checks it here against the contract; a
 * file beside a declaration of its own name, as `index.js` is, it would pass over.
 *
 * What must be there before anything is used is loaded at once: the addon, so that a broken installation is told of here;
 * the segment of a primary; and what a worker's environment tells it. All else is loaded when it is asked for.
 */

const { oneInstance } = require('./instance.js');

/** @type {typeof import('../index.js')} */
const library = oneInstance(() => {
  const { amongLoaded, lazily } = require('./lazy.js');
  const parts = lazily({
    batch: () => require('./signals/core.js').batch,
    computed: () => require('./signals/core.js').computed,
    createScope: () => require('./signals/core.js').createScope,
    effect: () => require('./signals/core.js').effect,
    hydrateScope: () => require('./signals/core.js').hydrateScope,
    runInScope: () => require('./signals/core.js').runInScope,
    serializeScope: () => require('./signals/core.js').serializeScope,
    serializeToScript: () => require('./signals/core.js').serializeToScript,
    signal: () => require('./signals/core.js').signal,
    untracked: () => require('./signals/core.js').untracked,
    createServerScope: () => require('./signals/server-scope.js').createServerScope,
    scopeMiddleware: () => require('./signals/request-scope.js').scopeMiddleware,
    scopePlugin: () => require('./signals/request-scope.js').scopePlugin,
    FlotillaError: () => require('./errors.js').FlotillaError,
    LRUCacheClustered: () => require('./cache/lru-cache-clustered.js').LRUCacheClustered,
    LRUCacheForClustersAsPromised: () => require('./cache/lru-cache-clustered.js').LRUCacheClustered,
    memoize: () => require('./cache/memoize.js').memoize,
    wrap: () => require('./cache/wrap.js').wrap,
    createOpenTelemetrySink: () => require('./server/telemetry.js').createOpenTelemetrySink,
    noopTelemetrySink: () => require('./server/telemetry.js').noopTelemetrySink,
    createResourceAwareLoadBalancer: () =>
      require('./server/load-balancers.js').createResourceAwareLoadBalancer,
    defaultLoadBalancer: () => require('./server/load-balancers.js').defaultLoadBalancer,
    leastConnectionsLoadBalancer: () => require('./server/load-balancers.js').leastConnectionsLoadBalancer,
    leastLoadedLoadBalancer: () => require('./server/load-balancers.js').leastLoadedLoadBalancer,
    resourceAwareLoadBalancer: () => require('./server/load-balancers.js').resourceAwareLoadBalancer,
    roundRobinLoadBalancer: () => require('./server/load-balancers.js').roundRobinLoadBalancer,
    getServerConfig: () => require('./server/config.js').getServerConfig,
    setServerConfig: () => require('./server/config.js').setServerConfig,
    restartServer: () => require('./server/start.js').restartServer,
    startServer: () => require('./server/start.js').startServer,
    stopServer: () => require('./server/start.js').stopServer,
    createContext: () => require('./lifecycle/index.js').createContext,
    createServer: () => require('./lifecycle/index.js').createServer,
    createServers: () => require('./lifecycle/index.js').createServers,
    testServer: () => require('./lifecycle/index.js').testServer,
    versions: () => require('./versions.js'),
    express: () => require('./server/express.js'),
    expressDefault: () => require('./server/express.js'),
    default: () => require('./server/express.js'),
    __esModule: () => true,
  });
  amongLoaded(() => loadAtOnce(parts));
  return parts;
});

/** @param {{ LRUCacheClustered: unknown }} parts */
function loadAtOnce(parts) {
  require('./cache/segment.js');
  require('./server/seat.js');
  require('./lifecycle/cluster/seat.js');
  const cluster = /** @type {import('node:cluster').Cluster} */ (
    /** @type {unknown} */ (require('node:cluster'))
  );
  // A worker may ask for a cache that its primary has never used: the class listens for that.
  cluster.once('fork', () => void parts.LRUCacheClustered);
}

module.exports = library;

/**
 * The whole library, as one object: what every entry point exports a part of. `tsc` checks it here against the contract; a
 * file beside a declaration of its own name, as `index.js` is, it would pass over.
 *
 * What must be there before anything is used is loaded at once: the addon, so that a broken installation is told of here;
 * the segment of a primary; and what a worker's environment tells it. All else is loaded when it is asked for.
 */

const { amongLoaded, lazily, oneInstance } = require('../base/loading.js');

const core = () => oneInstance(() => require('../signals/core.js'), ' core');

const settle = () => require('../base/async-context.js').settleAsyncContext();

/** @type {typeof import('../../index.js')} */
const library = oneInstance(() => {
  const parts = lazily(settle, {
    batch: () => core().batch,
    computed: () => core().computed,
    createScope: () => core().createScope,
    effect: () => core().effect,
    hydrateScope: () => core().hydrateScope,
    runInScope: () => core().runInScope,
    serializeScope: () => core().serializeScope,
    serializeToScript: () => core().serializeToScript,
    signal: () => core().signal,
    untracked: () => core().untracked,
    createServerScope: () => require('../signals/server-scope.js').createServerScope,
    scopeMiddleware: () => require('../signals/request-scope.js').scopeMiddleware,
    scopePlugin: () => require('../signals/request-scope.js').scopePlugin,
    FlotillaError: () => require('../errors.js').FlotillaError,
    LRUCacheClustered: () => require('../cache/lru-cache-clustered.js').LRUCacheClustered,
    LRUCacheForClustersAsPromised: () => require('../cache/lru-cache-clustered.js').LRUCacheClustered,
    createBus: () => require('../cache/bus.js').createBus,
    memoize: () => require('../cache/memoize.js').memoize,
    redisTier: () => require('../tier/redis-tier.js').redisTier,
    wrap: () => require('../cache/wrap.js').wrap,
    createOpenTelemetrySink: () => require('../cluster/telemetry.js').createOpenTelemetrySink,
    noopTelemetrySink: () => require('../cluster/telemetry.js').noopTelemetrySink,
    createResourceAwareLoadBalancer: () =>
      require('../cluster/strategies.js').createResourceAwareLoadBalancer,
    defaultLoadBalancer: () => require('../cluster/strategies.js').defaultLoadBalancer,
    leastConnectionsLoadBalancer: () => require('../cluster/strategies.js').leastConnectionsLoadBalancer,
    leastLoadedLoadBalancer: () => require('../cluster/strategies.js').leastLoadedLoadBalancer,
    resourceAwareLoadBalancer: () => require('../cluster/strategies.js').resourceAwareLoadBalancer,
    roundRobinLoadBalancer: () => require('../cluster/strategies.js').roundRobinLoadBalancer,
    stickyLoadBalancer: () => require('../cluster/strategies.js').stickyLoadBalancer,
    getServerConfig: () => require('../cluster/config.js').getServerConfig,
    setServerConfig: () => require('../cluster/config.js').setServerConfig,
    restartServer: () => require('../lifecycle/start-server.js').restartServer,
    startServer: () => require('../lifecycle/start-server.js').startServer,
    stopServer: () => require('../lifecycle/start-server.js').stopServer,
    createContext: () => require('../lifecycle/context.js').createContext,
    createServer: () => require('../lifecycle/servers.js').createServer,
    createServers: () => require('../lifecycle/servers.js').createServers,
    testServer: () => require('../lifecycle/test-server.js').testServer,
    versions: () => require('./versions.js'),
    express: () => require('../adapters/express.js'),
    expressDefault: () => require('../adapters/express.js'),
    default: () => require('../adapters/express.js'),
    __esModule: () => true,
  });
  amongLoaded(() => loadAtOnce(parts));
  return parts;
});

/** @param {{ LRUCacheClustered: unknown }} parts */
function loadAtOnce(parts) {
  const { beforeFirstChild } = require('../cache/segment.js');
  // What a primary says of a seat is for this process, and not for its children.
  if (process.env.FLOTILLA_SEAT !== undefined) {
    settle();
    require('../cluster/seat.js');
  }
  if (process.env.JEST_WORKER_ID !== undefined) require('../lifecycle/jest.js').hook();
  // A worker may ask for a cache that its primary has never used: the class listens for that.
  beforeFirstChild(() => {
    const cluster = /** @type {import('node:cluster').Cluster} */ (
      /** @type {any} */ (require('node:cluster'))
    );
    cluster.once('fork', () => void parts.LRUCacheClustered);
  });
}

module.exports = library;

/**
 * Proxy mode: the thread forwards bytes to the workers' ports, and back. Workers need not know of it.
 *
 * If the primary dies, so do all connections. If a worker dies, its connections end as they would without a proxy.
 */

/** @import { ResolvedServerConfig } from '../../../index.js' */
/** @import { Carrier } from './native.js' */

const headers = { v1: 1, v2: 2 };

/**
 * @param {ResolvedServerConfig} config
 * @returns {Carrier}
 */
function proxy({ allowHalfOpen, proxyProtocol }) {
  return {
    options: {
      proxy: { halfOpen: allowHalfOpen, header: proxyProtocol ? headers[proxyProtocol] : 0 },
    },
    meets: false,
    tellsOfRequests: false,
    hasOwnConnections: true,
  };
}

module.exports = { proxy };

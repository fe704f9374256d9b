/**
 * The hand-off: the thread gives connections themselves to the workers, and takes back what they do not take in time.
 *
 * If the primary dies, connections that workers have taken stay theirs. If a worker dies, what it had not taken goes to
 * the others.
 */

/** @import { ResolvedServerConfig } from '../../../index.js' */
/** @import { Carrier } from './native.js' */

const { leastLoadedLoadBalancer } = require('../strategies.js');

/**
 * @param {ResolvedServerConfig} config
 * @returns {Carrier}
 */
function handoff({ rebalance, loadBalancer }) {
  return {
    options: { handoff: { rebalance: rebalance ?? loadBalancer === leastLoadedLoadBalancer } },
    meets: true,
    tellsOfRequests: true,
    hasOwnConnections: false,
  };
}

module.exports = { handoff };

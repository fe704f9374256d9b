/**
 * The hand-off: the thread gives connections themselves to the workers, and takes back what they do not take in time.
 *
 * If the primary dies, connections that workers have taken stay theirs. If a worker dies, what it had not taken goes to
 * the others.
 */

/** @import { ResolvedServerConfig } from '../../../index.js' */
/** @import { Carrier } from './native.js' */

const { randomBytes } = require('node:crypto');
const { leastLoadedLoadBalancer } = require('../strategies.js');

/**
 * @param {ResolvedServerConfig} config
 * @returns {Carrier}
 */
function handoff({ rebalance, loadBalancer }) {
  // No other process of the machine has a rendezvous of this name, and none can guess it.
  const rendezvous = `flotilla-${process.pid}-${randomBytes(9).toString('base64url')}`;
  return {
    options: {
      handoff: { rendezvous, rebalance: rebalance ?? loadBalancer === leastLoadedLoadBalancer },
    },
    environment: { FLOTILLA_RENDEZVOUS: rendezvous },
    tellsOfRequests: true,
    hasOwnConnections: false,
  };
}

module.exports = { handoff };

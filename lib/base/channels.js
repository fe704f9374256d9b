/**
 * What happens, for those who listen on Node's diagnostics channels. Where nobody subscribes, nothing is made to be told: a look at
 * one property is all that it costs.
 */

const { channel } = require('node:diagnostics_channel');

const channels = {
  /** A request came: `{ request, response }`. */
  requestStart: channel('flotilla:request:start'),
  /** Its response is over, written or cut: the same, and `isAnswered`. */
  requestEnd: channel('flotilla:request:end'),
  /** A connection came from another worker, or was given away: `{ direction: 'in' | 'out', remoteAddress, remotePort }`. */
  move: channel('flotilla:move'),
  /** Servers are to be replaced by a new generation: `{ servers, generation }`. */
  restartStart: channel('flotilla:restart:start'),
  /** They were, or were not: the same, `durationMs`, and the `error` where there is one. */
  restartEnd: channel('flotilla:restart:end'),
  /** A fetcher of the cache begins for all who ask: `{ namespace, key }`. */
  flightStart: channel('flotilla:flight:start'),
  /** It has ended: the same, `durationMs`, and the `error` where there is one. */
  flightEnd: channel('flotilla:flight:end'),
};

module.exports = { channels };

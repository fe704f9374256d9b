/**
 * Asking a strategy of the user's own. Whatever it does, the connection is served: if it throws, takes too long or
 * returns what is no candidate, the default strategy chooses, and the logger hears of it.
 */

/** @import { BackendCandidate, LoadBalancerContext, LoadBalancerFunction, LoggerLike } from '../../index.js' */

const { describe } = require('../base/argument.js');
const within = require('../base/within.js');

/** @typedef {BackendCandidate | undefined} Chosen the candidate, or nothing where the default is to choose */

/**
 * @param {LoadBalancerFunction} loadBalancer
 * @param {LoadBalancerContext} context
 * @param {{ logger: Pick<LoggerLike, 'warn'>, timeoutMs: number }} options
 * @returns {Chosen | Promise<Chosen>} a promise only where the strategy returns one
 */
function askStrategy(loadBalancer, context, { logger, timeoutMs }) {
  const { candidates } = context;
  const refuse = (/** @type {string} */ what, /** @type {unknown[]} */ ...details) => {
    logger.warn(`flotilla: the load balancer ${what}; the default one chooses`, ...details);
    return undefined;
  };
  const check = (/** @type {unknown} */ answer) =>
    candidates.find((candidate) => candidate === answer) ??
    candidates.find((candidate) => candidate.id === /** @type {any} */ (answer)?.id) ??
    refuse(`returned ${describe(answer)}, which is none of its candidates`);
  const threw = (/** @type {unknown} */ error) => refuse('threw', error);
  try {
    const answer = loadBalancer(context);
    if (typeof (/** @type {any} */ (answer)?.then) !== 'function') return check(answer);
    const late = () => refuse(`did not answer within ${timeoutMs} ms`);
    return within(timeoutMs, Promise.resolve(answer).then(check, threw), late);
  } catch (error) {
    return threw(error);
  }
}

module.exports = { askStrategy };

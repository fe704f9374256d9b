/**
 * Asking a strategy of the user's own. Whatever it does, the connection is served: if it throws, takes too long or
 * returns what is no candidate, the default strategy chooses, and the logger hears of it.
 */

/** @import { BackendCandidate, LoadBalancerContext, LoadBalancerFunction, LoggerLike, ResolvedServerConfig } from '../../index.js' */

const { describe } = require('../base/argument.js');
const within = require('../base/within.js');
const { parseRequestHead } = require('./request-head.js');
const { defaultLoadBalancer } = require('./strategies.js');

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

/** How long a strategy of the user's own may take. */
const ANSWER_MS = 1000;

/** Has the strategy of a configuration choose for one connection after the other. */
class Choice {
  #config;
  #otherwise;
  #asked = 0;

  /**
   * @param {ResolvedServerConfig} config
   * @param {(context: LoadBalancerContext) => Chosen | Promise<Chosen>} otherwise chooses where the strategy has not
   */
  constructor(config, otherwise = () => undefined) {
    this.#config = config;
    this.#otherwise = otherwise;
  }

  /**
   * @param {BackendCandidate[]} candidates
   * @param {Buffer} head what is known of the first request
   * @param {import('node:net').Socket} socket
   */
  async among(candidates, head, socket) {
    const { loadBalancer = defaultLoadBalancer, maxHeaderBytes: limit, logger } = this.#config;
    const { remoteAddress, remotePort } = socket;
    const request = parseRequestHead(head, { remoteAddress, remotePort, limit });
    const context = { candidates, request, socket, previousIndex: this.#asked++ };
    const chosen = await askStrategy(loadBalancer, context, { logger, timeoutMs: ANSWER_MS });
    return chosen ?? this.#otherwise(context);
  }
}

module.exports = { ANSWER_MS, Choice, askStrategy };

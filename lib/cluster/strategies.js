/**
 * The strategies that come with Flotilla, as functions of the documented context. Each is scored in Rust; where
 * connections are assigned in Rust too, the front asks `builtInStrategy` and never calls these.
 *
 * A figure that a candidate lacks counts as nothing: a worker that has not reported yet is taken for an idle
 * one. Among equals `previousIndex` decides.
 */

const { createError } = require('../errors.js');
const { describe, invalidArgument } = require('../base/argument.js');
const check = require('../base/check.js');
const native = require('../native/loader.js');

/** @import { BackendCandidate, LoadBalancerContext, LoadBalancerFunction, ResourceAwareWeights } from '../../index.js' */

/** The numbers by which `src/bindings/balance.rs` knows the strategies. */
const numbers = { roundRobin: 0, leastConnections: 1, resourceAware: 2, leastLoaded: 3 };

/** @typedef {keyof typeof numbers} StrategyName */
/** @typedef {{ name: StrategyName, number: number, weights: Float64Array }} BuiltInStrategy */

const FIGURES_A_ROW = 6;
const noWeights = new Float64Array(0);
const defaultWeights = { connectionWeight: 10, cpuWeight: 2, heapWeight: 100 };

/** @type {WeakMap<Function, BuiltInStrategy>} */
const builtIns = new WeakMap();
let table = new Float64Array(16 * FIGURES_A_ROW);

/**
 * What a front needs to choose by itself; nothing for a function of the user's own.
 *
 * @param {Function} loadBalancer
 * @returns {BuiltInStrategy | undefined}
 */
const builtInStrategy = (loadBalancer) => builtIns.get(loadBalancer);

/** @param {unknown} value */
const figure = (value) => (typeof value === 'number' ? value : 0);

/**
 * @param {BackendCandidate} candidate
 * @param {number} at where its row begins
 */
function fillRow(candidate, at) {
  const { activeProxyConnections, stats } = candidate;
  table[at] = figure(activeProxyConnections);
  // Where requests are not counted, each connection is taken for one.
  table[at + 1] = figure(stats?.inFlightRequests ?? activeProxyConnections);
  table[at + 2] = figure(stats?.eventLoopLagMs);
  table[at + 3] = figure(stats?.cpuPercent);
  table[at + 4] = figure(stats?.heapUsedBytes);
  table[at + 5] = figure(stats?.heapTotalBytes);
}

/** @param {BackendCandidate[]} candidates */
function fillTable(candidates) {
  const needed = candidates.length * FIGURES_A_ROW;
  if (table.length < needed) table = new Float64Array(needed * 2);
  candidates.forEach((candidate, index) => {
    check.record(`candidates[${index}]`, candidate);
    fillRow(candidate, index * FIGURES_A_ROW);
  });
}

/**
 * @param {BuiltInStrategy} strategy
 * @param {LoadBalancerContext} context
 * @returns {BackendCandidate}
 */
function choose({ number, weights }, context) {
  check.record('context', context);
  const { candidates, previousIndex } = context;
  if (!Array.isArray(candidates)) {
    throw invalidArgument('candidates', 'an array of workers', candidates);
  }
  if (candidates.length === 0) throw createError('FLOTILLA_ERR_NO_CANDIDATES');
  fillTable(candidates);
  return candidates[native.chooseBackend(number, figure(previousIndex), candidates.length, table, weights)];
}

/**
 * @param {StrategyName} name
 * @param {Float64Array} [weights]
 * @returns {LoadBalancerFunction}
 */
function builtIn(name, weights = noWeights) {
  const strategy = { name, number: numbers[name], weights };
  const label = `${name}LoadBalancer`;
  // The computed key names the function, for stack traces and logs.
  const { [label]: loadBalancer } = {
    [label]: (/** @type {LoadBalancerContext} */ context) => choose(strategy, context),
  };
  builtIns.set(loadBalancer, strategy);
  return loadBalancer;
}

/**
 * @param {ResourceAwareWeights} [weights]
 * @returns {LoadBalancerFunction}
 */
function createResourceAwareLoadBalancer(weights = {}) {
  check.record('weights', weights);
  const given = { ...defaultWeights, ...definedOnly(weights) };
  const values = Object.keys(defaultWeights).map((name) => {
    const value = given[/** @type {keyof typeof defaultWeights} */ (name)];
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
    const details = [name, 'a number that is finite and not negative', describe(value)];
    throw createError(
      typeof value === 'number' ? 'FLOTILLA_ERR_OUT_OF_RANGE' : 'FLOTILLA_ERR_INVALID_ARGUMENT',
      details,
    );
  });
  return builtIn('resourceAware', Float64Array.from(values));
}

/** @param {ResourceAwareWeights} weights */
const definedOnly = (weights) =>
  Object.fromEntries(Object.entries(weights).filter(([, value]) => value !== undefined));

const roundRobinLoadBalancer = builtIn('roundRobin');

module.exports = {
  builtInStrategy,
  createResourceAwareLoadBalancer,
  defaultLoadBalancer: roundRobinLoadBalancer,
  leastConnectionsLoadBalancer: builtIn('leastConnections'),
  leastLoadedLoadBalancer: builtIn('leastLoaded'),
  resourceAwareLoadBalancer: createResourceAwareLoadBalancer(),
  roundRobinLoadBalancer,
};

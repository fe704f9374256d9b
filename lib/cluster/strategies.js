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
const { checkNames } = require('../base/option-names.js');
const native = require('../native/loader.js');

/** @import { BackendCandidate, LoadBalancerContext, LoadBalancerFunction, ResourceAwareWeights } from '../../index.js' */

/** How long a head is waited for where it says whose the connection is: a client may connect long before it asks. */
const STICKY_HEAD_MS = 10_000;

/** The numbers by which `src/bindings/balance.rs` knows the strategies. */
const numbers = { roundRobin: 0, leastConnections: 1, resourceAware: 2, leastLoaded: 3 };

/** @typedef {keyof typeof numbers} StrategyName */
/**
 * @typedef {object} BuiltInStrategy
 * @property {StrategyName} name
 * @property {number} number
 * @property {Float64Array} weights
 * @property {string} [by] what visitors are told apart by, where each has its worker; who cannot be told has the strategy
 */

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

/**
 * Whether a strategy looks at the heads of requests.
 *
 * @param {Function} loadBalancer
 */
function needsHead(loadBalancer) {
  const known = builtIns.get(loadBalancer);
  return known === undefined || (known.by !== undefined && known.by !== 'ip');
}

/**
 * How long the head of a request is waited for.
 *
 * @param {import('../../index.js').ResolvedServerConfig} config
 */
function headMs({ loadBalancer, requestInspectionTimeoutMs }) {
  const isSticky = loadBalancer && builtIns.get(loadBalancer)?.by !== undefined;
  return isSticky ? Math.max(requestInspectionTimeoutMs, STICKY_HEAD_MS) : requestInspectionTimeoutMs;
}

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
  checkNames(
    'createResourceAwareLoadBalancer',
    check.record('weights', weights),
    Object.keys(defaultWeights),
  );
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

/** What a visitor may be told by, and whether that has a name. */
const kinds = { ip: false, header: true, cookie: true, query: true };
const kindsText = "'ip', 'header:name', 'cookie:name' or 'query:name'";
/** What a name of these may be made of. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * @param {unknown} by
 * @returns {string}
 */
function checkBy(by) {
  const [kind, ...rest] = typeof by === 'string' ? by.split(':') : [];
  const name = rest.join(':');
  const isKnown =
    Object.hasOwn(kinds, kind) &&
    (kinds[/** @type {keyof typeof kinds} */ (kind)] ? NAME.test(name) : by === kind);
  if (isKnown) return /** @type {string} */ (by);
  throw invalidArgument('by', kindsText, by);
}

/**
 * @param {LoadBalancerContext} context
 * @param {string} by
 */
function chooseSticky(context, by) {
  check.record('context', context);
  const { candidates, request, socket } = context;
  if (!Array.isArray(candidates) || candidates.length === 0) return roundRobinLoadBalancer(context);
  const head = Buffer.from(request?.rawHead ?? '', 'latin1');
  const address = request?.remoteAddress ?? socket?.remoteAddress;
  const workers = Uint32Array.from(candidates, ({ workerIndex }) => workerIndex);
  const place = native.chooseSticky(by, head, address, workers);
  return place < 0 ? roundRobinLoadBalancer(context) : candidates[place];
}

/**
 * @param {import('../../index.js').StickyOptions} options
 * @returns {LoadBalancerFunction}
 */
function stickyLoadBalancer(options) {
  checkNames('stickyLoadBalancer', check.record('options', options), ['by']);
  const by = checkBy(options.by);
  /** @type {LoadBalancerFunction} */
  const sticky = (context) => chooseSticky(context, by);
  builtIns.set(sticky, { name: 'roundRobin', number: numbers.roundRobin, weights: noWeights, by });
  return sticky;
}

/** @param {ResourceAwareWeights} weights */
const definedOnly = (weights) =>
  Object.fromEntries(Object.entries(weights).filter(([, value]) => value !== undefined));

const roundRobinLoadBalancer = builtIn('roundRobin');

module.exports = {
  builtInStrategy,
  createResourceAwareLoadBalancer,
  defaultLoadBalancer: roundRobinLoadBalancer,
  headMs,
  leastConnectionsLoadBalancer: builtIn('leastConnections'),
  leastLoadedLoadBalancer: builtIn('leastLoaded'),
  needsHead,
  resourceAwareLoadBalancer: createResourceAwareLoadBalancer(),
  roundRobinLoadBalancer,
  stickyLoadBalancer,
};

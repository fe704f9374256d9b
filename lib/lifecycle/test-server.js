/**
 * `testServer`: a started server for one test, which stops when that test has ended.
 *
 * The test runner is found by what it leaves in the process: vitest its interface in a global, node:test its
 * module, Jest its state under a symbol. None is loaded by us, so that a program without tests never pays for one.
 */

/** @import { TestServer as Contract, TestServerOptions } from '../../index.js' */

const check = require('../base/check.js');
const { createContext } = require('./context.js');
const { createError } = require('../errors.js');
const { factoryOf } = require('../http/kinds.js');
const { Fleet } = require('./fleet.js');
// Jest has a name of its own in every module.
const ofJestItself = require('./jest.js');
const { resolveOptions } = require('./options.js');
const { Server } = require('./server.js');
const { Service } = require('./service.js');

/** @typedef {(callback: () => Promise<void>) => void} Register */

/** @param {string} reason */
const unattached = (reason) => createError('FLOTILLA_ERR_TEST_UNKNOWN', [reason]);

/**
 * @param {any} context what a runner passes to a test function
 * @returns {Register}
 */
function ofContext(context) {
  const register = context?.onTestFinished ?? context?.after;
  if (typeof register !== 'function') {
    throw check.invalid('options.test', 'the context that the runner passes to a test', context);
  }
  return (callback) => register.call(context, callback);
}

/** @returns {Register | undefined} */
function ofVitest() {
  const vitest = /** @type {any} */ (globalThis).__vitest_index__;
  if (vitest === undefined) return undefined;
  if (vitest.TestRunner?.getCurrentTest?.()?.concurrent) {
    // Which of the tests that run at once this is, vitest knows only by the context that it passed to it.
    throw unattached('several tests run at once');
  }
  return (callback) => {
    try {
      vitest.onTestFinished(callback);
    } catch (cause) {
      throw createError('FLOTILLA_ERR_TEST_UNKNOWN', ['no test is running'], { cause });
    }
  };
}

/** @returns {Register | undefined} */
function ofNodeTest() {
  const loaded = /** @type {any} */ (process).moduleLoadList ?? [];
  if (!loaded.includes('NativeModule internal/test_runner/harness')) return undefined;
  // A hook counts as a test of its own there, at whose end the server would stop: before the test has begun.
  if (/\bTestHook\./.test(wholeStack())) throw unattached('a hook is running, and not a test');
  return (callback) => require('node:test').after(callback);
}

/** @returns {Register | undefined} */
const ofJest = () => (ofJestItself.isJest() ? ofJestItself.onTestEnd : undefined);

function wholeStack() {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const { stack } = new Error('to see who calls');
  Error.stackTraceLimit = stackTraceLimit;
  return String(stack);
}

class TestServer extends Server {
  #host;

  /**
   * @param {InstanceType<typeof Fleet>} fleet
   * @param {InstanceType<typeof Service>} service
   */
  constructor(fleet, service) {
    super(fleet, service);
    this.#host = service.options.host;
  }

  get url() {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return `http://${host}:${this.getPort()}`;
  }
}

/**
 * @param {any} app
 * @param {TestServerOptions} [options]
 * @returns {Promise<Contract>}
 */
async function testServer(app, { test, ...options } = {}) {
  for (const name of ['app', 'port', 'workers']) {
    if (name in options)
      throw check.invalid(`options.${name}`, 'left out', /** @type {any} */ (options)[name]);
  }
  const register = test === undefined ? (ofVitest() ?? ofNodeTest() ?? ofJest()) : ofContext(test);
  const context = createContext({ port: 0, app: factoryOf(app) });
  const ofTests = { host: '127.0.0.1', installSignalHandlers: false, systemd: false };
  const decided = resolveOptions(context, { ...ofTests, ...options }, 'testServer');
  const service = new Service(decided);
  // What a test says is its own.
  service.log = () => {};
  const server = new TestServer(new Fleet(context, [service]), service);
  register?.(() => server.stop());
  await server.start();
  return /** @type {any} */ (server);
}

module.exports = { testServer };

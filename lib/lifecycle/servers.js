/** `createServer` and `createServers`: one server over a context, or several, together and each by its name. */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const check = require('../base/check.js');
const { lifetimeOf } = require('./context.js');
const { refuseWorker } = require('../cluster/foreign.js');
const { Fleet } = require('./fleet.js');
const { resolveOptions } = require('./options.js');
const { Lifecycle, Server } = require('./server.js');
const { Service } = require('./service.js');
const { AbsentService } = require('./absent-service.js');
const { ClusteredService } = require('./clustered-service.js');
const { lifecycleSeat, nextServer } = require('../cluster/seat.js');
const { WorkerService } = require('./worker-service.js');

/**
 * A server as this process has it: whole, or its part in a clustered one.
 *
 * @param {any} context
 * @param {any} given
 * @param {string} [name]
 * @returns {import('./life.js').AnyService}
 */
function makeService(context, given, name) {
  const what = name === undefined ? 'createServer' : `the server "${name}" of createServers`;
  const options = resolveOptions(context, given, what);
  const number = nextServer();
  if (lifecycleSeat?.server === number) return new WorkerService(options, name, lifecycleSeat);
  if (lifecycleSeat) return new AbsentService(options, name);
  // A worker of somebody else's cluster, PM2's for one, cannot have workers of its own.
  if (options.balance && cluster.isWorker) {
    throw refuseWorker('a server with `workers`');
  }
  return options.balance ? new ClusteredService(options, name, number) : new Service(options, name);
}

/** @param {any} servers */
function checkNames(servers) {
  const names = Object.keys(check.record('servers', servers));
  if (names.length === 0) throw check.invalid('servers', 'an object with a server or more', servers);
  const taken = names.find((name) => name in Lifecycle.prototype || name === 'then');
  if (taken === undefined) return names;
  const methods = Object.getOwnPropertyNames(Lifecycle.prototype).filter((name) => name !== 'constructor');
  throw check.invalid('the name of a server', `none of ${methods.join(', ')}, then`, taken);
}

/** @type {typeof import('../../index.js').createServer} */
function createServer(context, options = {}) {
  lifetimeOf(context);
  const service = makeService(context, options);
  return /** @type {any} */ (new Server(new Fleet(context, [service]), service));
}

/** @type {typeof import('../../index.js').createServers} */
function createServers(context, servers) {
  lifetimeOf(context);
  const names = checkNames(servers);
  const services = names.map((name) => makeService(context, /** @type {any} */ (servers)[name], name));
  const fleet = new Fleet(context, services);
  const all = new Lifecycle(fleet, services);
  for (const [index, name] of names.entries()) {
    Object.defineProperty(all, name, { value: new Server(fleet, services[index]), enumerable: true });
  }
  return /** @type {any} */ (all);
}

module.exports = { createServer, createServers };

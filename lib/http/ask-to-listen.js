/**
 * Asking an application to listen that can do nothing else: NestJS, polka, a `listen` around another.
 *
 * Where it has a server of Node's for HTTP listen, that is caught: it seems to listen, has no socket, and is given connections
 * like the server of any other application. Any other server of Node's is made to listen in this process, for in a worker of a
 * cluster Node would listen in the primary instead: every connection would cross the primary's event loop, and come to any
 * worker. What else listens meanwhile is left alone.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const net = require('node:net');
const { capture } = require('./capture.js');
const within = require('../base/within.js');

const listenMs = 10_000;

/**
 * The arguments of `net.Server#listen`, with an object in the place of a port, a host and a backlog.
 *
 * @param {any[]} args
 * @returns {[any, ...any[]]}
 */
function withOptions(args) {
  if (typeof args[0] === 'object' && args[0] !== null) return [args[0], ...args.slice(1)];
  const [port, ...rest] = args;
  const host = typeof rest[0] === 'string' ? rest[0] : undefined;
  const backlog = rest.find((each) => typeof each === 'number');
  return [{ port, host, backlog }, ...rest.filter((each) => typeof each === 'function')];
}

/**
 * Lets servers of Node's that listen on this port from now on do so in this process.
 *
 * @param {number} port
 * @returns {() => void} ends that
 */
function listenHere(port) {
  const { prototype } = net.Server;
  const { listen } = prototype;
  let isOver = false;
  /** @this {net.Server} @param {any[]} args */
  function here(...args) {
    const [options, ...rest] = withOptions(args);
    const isIt = !isOver && Number(options.port) === port;
    return Reflect.apply(listen, this, isIt ? [{ ...options, exclusive: true }, ...rest] : args);
  }
  prototype.listen = /** @type {any} */ (here);
  return () => {
    isOver = true;
    // Whoever has wrapped it meanwhile goes on to call it.
    if (prototype.listen === /** @type {any} */ (here)) prototype.listen = listen;
  };
}

/**
 * Catches a server that answers requests, and listens on this port from now on.
 *
 * @param {number} port
 * @param {string} host
 */
function catchServer(port, host) {
  /** @type {net.Server | undefined} */
  let server;
  const sockname = { address: host, family: net.isIP(host) === 6 ? 'IPv6' : 'IPv4', port };
  const end = capture({
    wants: (each, wish) => Number(wish.port) === port && each.listenerCount('request') > 0,
    async seat(each) {
      server = each;
      return { sockname, close() {} };
    },
  });
  return { end, caught: () => server };
}

/**
 * @param {any} app that has `listen(port, host, callback)`
 * @param {number} port
 * @param {string} host
 * @param {boolean} [catches] whether its server is caught
 * @returns {Promise<{ returned: any, server?: net.Server }>} what its `listen` returned, and what was caught
 */
async function askToListen(app, port, host, catches = false) {
  const { end: endCatching, caught } = catches
    ? catchServer(port, host)
    : { end: () => {}, caught: () => undefined };
  const end = cluster.isWorker ? listenHere(port) : () => {};
  try {
    const listening = new Promise((resolve, reject) => {
      const returned = app.listen(port, host, (/** @type {unknown} */ error) =>
        error instanceof Error ? reject(error) : setImmediate(() => resolve(returned)),
      );
      returned?.once?.('error', reject);
      returned?.then?.(undefined, reject);
    });
    const returned = await within(listenMs, listening, () => {
      throw new Error(`its listen(port, host, callback) did not call back within ${listenMs} ms`);
    });
    return { returned, server: caught() };
  } finally {
    end();
    endCatching();
  }
}

module.exports = { askToListen };

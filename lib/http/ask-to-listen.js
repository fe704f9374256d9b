/**
 * Asking an application to listen that can do nothing else.
 *
 * Where it has a server of Node's listen, in a worker of a cluster, Node would listen in the primary instead: every connection
 * would cross the primary's event loop, and come to any worker. So that server is made to listen in this process, while
 * it is asked to; what else listens meanwhile is left alone.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const net = require('node:net');
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
 * @param {any} app that has `listen(port, host, callback)`
 * @param {number} port
 * @param {string} host
 * @returns {Promise<any>} what its `listen` returned
 */
async function askToListen(app, port, host) {
  const end = cluster.isWorker ? listenHere(port) : () => {};
  try {
    const listening = new Promise((resolve, reject) => {
      const returned = app.listen(port, host, (/** @type {unknown} */ error) =>
        error instanceof Error ? reject(error) : setImmediate(() => resolve(returned)),
      );
      returned?.once?.('error', reject);
      returned?.then?.(undefined, reject);
    });
    return await within(listenMs, listening, () => {
      throw new Error(`its listen(port, host, callback) did not call back within ${listenMs} ms`);
    });
  } finally {
    end();
  }
}

module.exports = { askToListen };

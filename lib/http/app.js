/**
 * Any application, as something that listens on a worker's port: by looking at what it is.
 *
 * Express, Connect and plain functions answer requests, Koa makes such a function, Fastify has a server and has to be made
 * ready, an HTTP server is one already. Anything else that has `listen(port, host, callback)` is asked to listen.
 */

/** @import { AddressInfo, Server as NetServer } from 'node:net' */
/** @import { Server } from 'node:http' */

const { once } = require('node:events');
const { createServer: createHttpServer } = require('node:http');
const net = require('node:net');
const { createError, FlotillaError, reasonOf } = require('../errors.js');
const { askToListen } = require('./ask-to-listen.js');
const { makeOwnMessages } = require('./own-messages.js');
const { invalidArgument } = require('../base/argument.js');

/**
 * @typedef {object} Served
 * @property {Server} [server] where the application is one of Node's servers, or made into one
 * @property {(host: string, port: number) => Promise<number>} listen brings the port
 * @property {() => Promise<void>} close what listens, and what the application wants to close
 */

/** @param {any} app */
const isFastify = (app) => app?.server instanceof net.Server && typeof app.ready === 'function';

/**
 * Refuses at the door what cannot be served.
 *
 * @param {any} app
 */
function checkApp(app) {
  const methods = ['listen', 'callback'].some((name) => typeof app?.[name] === 'function');
  if (typeof app === 'function' || app instanceof net.Server || methods) return;
  const expected =
    'an Express, Koa or Fastify application, a function of request and response, an http.Server, or something that has listen(port, host, callback)';
  throw invalidArgument('app', expected, app);
}

/**
 * Whether an accepted socket can be given to what serves this application: to Node's own servers.
 *
 * @param {any} app one that was checked
 */
function takesSockets(app) {
  if (isFastify(app) || app instanceof net.Server) return true;
  return typeof app === 'function' || typeof app.callback === 'function';
}

/** @param {unknown} cause */
function appFailure(cause) {
  if (cause instanceof FlotillaError) return cause;
  return createError('FLOTILLA_ERR_APP_FAILED', [reasonOf(cause)], { cause });
}

/** @param {unknown} error */
const inUse = (error) => /** @type {any} */ (error)?.code === 'EADDRINUSE';

/**
 * @param {string} host
 * @param {number} port
 * @param {unknown} cause
 */
function listenFailure(host, port, cause) {
  return createError('FLOTILLA_ERR_LISTEN_FAILED', [`port ${port} of ${host}`, reasonOf(cause)], { cause });
}

/**
 * Listens in this process itself: Node's cluster would listen in the primary, and pass every connection on from there.
 *
 * @param {NetServer} server
 * @param {string} host
 * @param {number} port
 */
async function listenAlone(server, host, port) {
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return /** @type {AddressInfo} */ (server.address()).port;
}

/** @param {NetServer} server */
function closed(server) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      server.close(() => resolve());
    })
  );
}

/**
 * The port if it is free, else any other: a worker's port is nobody's address.
 *
 * @param {string} host
 * @param {number} port
 */
async function freePort(host, port) {
  const server = net.createServer();
  const free = await listenAlone(server, host, port).catch((error) => {
    if (inUse(error)) return listenAlone(server, host, 0);
    throw listenFailure(host, port, error);
  });
  await closed(server);
  return free;
}

/**
 * @param {Server} server
 * @param {() => Promise<void>} close
 * @returns {Served}
 */
function served(server, close) {
  if (server.listening)
    throw appFailure('it listens already: give it to startServer without calling listen()');
  const listen = async (/** @type {string} */ host, /** @type {number} */ port) => {
    makeOwnMessages(server);
    try {
      // An application may take an error of its server for the end: none is tried out on it.
      return await listenAlone(server, host, port === 0 ? 0 : await freePort(host, port));
    } catch (error) {
      throw error instanceof FlotillaError ? error : listenFailure(host, port, error);
    }
  };
  return { server, listen, close };
}

/**
 * What can do nothing but listen. Its connections are its own.
 *
 * @param {any} app
 * @returns {Served}
 */
function listening(app) {
  /** @type {any} */
  let returned;
  return {
    async listen(host, port) {
      // It could not say which one it got.
      const free = await freePort(host, port);
      returned = await askToListen(app, free, host).catch((cause) => {
        throw listenFailure(host, free, cause);
      });
      return free;
    },
    async close() {
      const closing = typeof returned?.close === 'function' ? returned : app;
      closing.close?.();
    },
  };
}

/**
 * @param {any} app
 * @returns {Promise<Served>}
 */
async function adapt(app) {
  checkApp(app);
  try {
    if (app instanceof net.Server) {
      const server = /** @type {Server} */ (app);
      return served(server, () => closed(server));
    }
    if (isFastify(app)) {
      await app.ready();
      return served(app.server, async () => app.close());
    }
    const answer = typeof app === 'function' ? app : app.callback?.();
    if (typeof answer !== 'function') return listening(app);
    const server = createHttpServer(answer);
    return served(server, () => closed(server));
  } catch (error) {
    throw appFailure(error);
  }
}

module.exports = { adapt, checkApp, takesSockets };

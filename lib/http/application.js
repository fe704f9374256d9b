/**
 * Any application, by looking at what it is: as an HTTP server that connections can be given to, or as something that can
 * only listen.
 *
 * Express, Connect and plain functions answer requests, Koa makes such a function, Fastify has a server and has to be made
 * ready, an HTTP server is one already. Anything else that has `listen(port, host, callback)` is asked to listen.
 */

/** @import { Server as HttpServer } from 'node:http' */

const { createServer } = require('node:http');
const net = require('node:net');
const { invalidArgument } = require('../base/argument.js');
const { createError, FlotillaError, reasonOf } = require('../errors.js');
const { askToListen } = require('./ask-to-listen.js');
const { isBorrowed } = require('./borrowed.js');
const { bridge } = require('./bridge.js');
const { freePort } = require('./free-port.js');

/**
 * @typedef {object} Application
 * @property {HttpServer} [server] what connections can be given to
 * @property {(host: string, port: number) => Promise<number>} [listen] of one without a server, whose connections are its
 *   own: brings the port that it listens on
 * @property {() => Promise<void>} close
 * @property {(socket: net.Socket) => boolean} [carries] of a server that reads no requests: whether a connection is quiet
 */

const kinds =
  'an Express, Koa or Fastify application, a function of request and response, an http.Server, or something that has listen(port, host, callback)';

/** @param {any} app */
const isFastify = (app) => app?.server instanceof net.Server && typeof app.ready === 'function';

/** @param {any} app @returns {((...args: any[]) => void) | undefined} what answers requests, if it has such a function */
function listenerOf(app) {
  if (typeof app === 'function') return app;
  return typeof app?.callback === 'function' ? app.callback() : undefined;
}

/**
 * Refuses what cannot be served before anything is done with it.
 *
 * @param {any} app
 */
function checkApp(app) {
  const methods = ['listen', 'callback'].some((name) => typeof app?.[name] === 'function');
  if (typeof app !== 'function' && !(app instanceof net.Server) && !methods)
    throw invalidArgument('app', kinds, app);
}

/**
 * Whether an accepted socket can be given to what serves this application: to Node's own servers.
 *
 * @param {any} app one that was checked
 */
const takesSockets = (app) =>
  isFastify(app) || app instanceof net.Server || [typeof app, typeof app.callback].includes('function');

/** @param {string} reason */
const failure = (reason, cause = /** @type {unknown} */ (undefined)) =>
  createError('FLOTILLA_ERR_APP_FAILED', [reason], cause === undefined ? undefined : { cause });

/**
 * What can do nothing but listen. Its connections are its own.
 *
 * @param {any} app
 */
function listening(app) {
  /** @type {any} */
  let returned;
  return {
    async listen(/** @type {string} */ host, /** @type {number} */ port) {
      // One that could not say which port it got is asked for one that is free.
      const asked = port === 0 && typeof app.address === 'function' ? 0 : await freePort(host, port);
      returned = await askToListen(app, asked, host);
      return /** @type {number} */ (asked || app.address().port);
    },
    async close() {
      const closing = typeof returned?.close === 'function' ? returned : app;
      closing.close?.();
    },
  };
}

/**
 * @param {any} app
 * @param {boolean} listensItself whether one that can only listen does so on a port that clients are sent to
 * @returns {Promise<Application>}
 */
async function adapt(app, listensItself) {
  if (app instanceof net.Server) {
    const server = /** @type {HttpServer} */ (app);
    if (server.listening && !isBorrowed(server))
      throw failure('it listens already: it must be given without calling listen()');
    return { server, close: async () => {} };
  }
  if (isFastify(app)) {
    await app.ready();
    return { server: app.server, close: async () => app.close() };
  }
  const listener = listenerOf(app);
  if (typeof listener === 'function') return { server: createServer(listener), close: async () => {} };
  if (typeof app?.listen !== 'function')
    throw failure(`the factory returned nothing that answers requests: ${kinds}`);
  return listensItself ? listening(app) : bridge(listening(app));
}

/**
 * Makes the application of a context.
 *
 * @param {(context: any) => unknown} factory
 * @param {object} context
 * @param {boolean} listensItself
 * @returns {Promise<Application>}
 */
async function makeApplication(factory, context, listensItself) {
  try {
    return await adapt(await factory(context), listensItself);
  } catch (cause) {
    throw cause instanceof FlotillaError ? cause : failure(reasonOf(cause), cause);
  }
}

module.exports = { checkApp, makeApplication, takesSockets };

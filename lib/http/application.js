/**
 * Any application, by looking at what it is: as an HTTP server that connections can be given to, or as something that can
 * only listen.
 *
 * Express, Connect and plain functions answer requests, Koa makes such a function, and one is made of Hono’s `fetch`. Fastify has
 * a server and has to be made ready, an HTTP server is one already. Anything else that has `listen(port, host, callback)` is asked to
 * listen, and its HTTP server is caught; one whose sockets are not Node’s is forwarded to. What a
 * factory opens beside its application it returns with it: `{ app, close }`.
 */

/** @import { Server as HttpServer } from 'node:http' */

const { createServer } = require('node:http');
const net = require('node:net');
const check = require('../base/check.js');
const { createError, FlotillaError, reasonOf } = require('../errors.js');
const { askToListen } = require('./ask-to-listen.js');
const { isBorrowed } = require('./borrowed.js');
const { bridge } = require('./bridge.js');
const { listenerOfFetch } = require('./fetch.js');
const { freePort } = require('./free-port.js');
const { hasMethods, isFastify, isOfTheWeb, kinds } = require('./kinds.js');

/** @typedef {(error: Error) => void} Tell hears of requests that failed with nobody else to hear of it */
/**
 * @typedef {object} Application
 * @property {HttpServer} [server] what connections can be given to
 * @property {(host: string, port: number) => Promise<number>} [listen] of one without a server, whose connections are its
 *   own: brings the port that it listens on
 * @property {() => Promise<void>} close
 * @property {(socket: net.Socket) => boolean} [carries] of a server that reads no requests: whether a connection is quiet
 */

/** Where an application listens whose port is nobody's address. */
const LOCAL = '127.0.0.1';

/**
 * @param {any} app
 * @param {Tell} tell
 * @returns {((...args: any[]) => void) | undefined} what answers requests, if it has such a function
 */
function listenerOf(app, tell) {
  if (isOfTheWeb(app)) return listenerOfFetch(app, tell);
  if (typeof app === 'function') return app;
  return typeof app?.callback === 'function' ? app.callback() : undefined;
}

/** @param {string} reason */
const failure = (reason, cause = /** @type {unknown} */ (undefined)) =>
  createError('FLOTILLA_ERR_APP_FAILED', [reason], cause === undefined ? undefined : { cause });

/**
 * What can do nothing but listen. Its connections are its own, unless its server is caught.
 *
 * @param {any} app
 * @param {boolean} [catches]
 */
function listening(app, catches = false) {
  /** @type {{ returned?: any, server?: net.Server }} */
  let listens = {};
  return {
    async listen(/** @type {string} */ host, /** @type {number} */ port) {
      // One that could not say which port it got is asked for one that is free.
      const asked =
        port === 0 && typeof app.address === 'function' && !catches ? 0 : await freePort(host, port);
      listens = await askToListen(app, asked, host, catches);
      return /** @type {number} */ (asked || app.address().port);
    },
    caught: () => /** @type {HttpServer | undefined} */ (listens.server),
    async close() {
      const closing = [app, listens.returned].find((each) => typeof each?.close === 'function');
      await closing?.close();
    },
  };
}

/**
 * An application that was asked to listen: by its server, or by what forwards to the port that it listens on.
 *
 * @param {any} app
 * @returns {Promise<Application>}
 */
async function caughtOrBridged(app) {
  const application = listening(app, true);
  const port = await application.listen(LOCAL, 0);
  const server = application.caught();
  return server ? { server, close: application.close } : bridge(port, application.close);
}

/**
 * @param {any} app
 * @param {boolean} listensItself whether one that can only listen does so on a port that clients are sent to
 * @param {Tell} tell
 * @returns {Promise<Application>}
 */
async function adapt(app, listensItself, tell) {
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
  const listener = listenerOf(app, tell);
  if (typeof listener === 'function') return { server: createServer(listener), close: async () => {} };
  if (typeof app?.listen !== 'function')
    throw failure(`the factory returned nothing that answers requests: ${kinds}`);
  return listensItself ? listening(app) : caughtOrBridged(app);
}

/**
 * An application, and what a factory has opened for it, closed once the application is.
 *
 * @param {any} made what a factory returned
 * @param {boolean} listensItself
 * @param {Tell} tell
 */
async function adaptMade(made, listensItself, tell) {
  if (typeof made !== 'object' || made?.app === undefined || hasMethods(made))
    return adapt(made, listensItself, tell);
  const close = async () => made.close?.();
  try {
    if (made.close !== undefined) check.callable('close', made.close);
    const application = await adapt(made.app, listensItself, tell);
    return { ...application, close: () => application.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Makes the application of a context.
 *
 * @param {(context: any) => unknown} factory
 * @param {object} context
 * @param {boolean} listensItself
 * @param {Tell} tell
 * @returns {Promise<Application>}
 */
async function makeApplication(factory, context, listensItself, tell) {
  try {
    return await adaptMade(await factory(context), listensItself, tell);
  } catch (cause) {
    throw cause instanceof FlotillaError ? cause : failure(reasonOf(cause), cause);
  }
}

module.exports = { makeApplication };

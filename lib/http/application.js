/** What an application factory may return, as an HTTP server that connections can be given to. */

/** @import { Server as HttpServer } from 'node:http' */

const { createServer } = require('node:http');
const net = require('node:net');
const { createError, FlotillaError, reasonOf } = require('../errors.js');
const { isBorrowed } = require('./borrowed.js');
const { bridge } = require('./bridge.js');

/**
 * @typedef {object} Application
 * @property {HttpServer} server
 * @property {() => Promise<void>} close
 * @property {(socket: import('node:net').Socket) => boolean} [carries] of a server that reads no requests: whether a
 *   connection is quiet
 */

/** @param {string} reason */
const failure = (reason, cause = /** @type {unknown} */ (undefined)) =>
  createError('FLOTILLA_ERR_APP_FAILED', [reason], cause === undefined ? undefined : { cause });

/**
 * @param {any} app
 * @returns {Promise<Application>}
 */
async function adapt(app) {
  if (app instanceof net.Server) {
    if (app.listening && !isBorrowed(/** @type {any} */ (app)))
      throw failure('it listens already: return it without calling listen()');
    return { server: /** @type {any} */ (app), close: async () => {} };
  }
  if (app?.server instanceof net.Server && typeof app.ready === 'function') {
    await app.ready();
    return { server: app.server, close: async () => app.close() };
  }
  const listener = typeof app === 'function' ? app : app?.callback?.();
  if (typeof listener === 'function') return { server: createServer(listener), close: async () => {} };
  if (typeof app?.listen === 'function') return bridge(app);
  throw failure(
    'the factory returned nothing that answers requests: an Express app, a Koa or Fastify one, a function, an http.Server, ' +
      'or what has listen(port, host, callback)',
  );
}

/**
 * Makes the application of a context.
 *
 * @param {(context: any) => unknown} factory
 * @param {object} context
 * @returns {Promise<Application>}
 */
async function makeApplication(factory, context) {
  let app;
  try {
    app = await factory(context);
  } catch (cause) {
    throw failure(reasonOf(cause), cause);
  }
  try {
    return await adapt(app);
  } catch (cause) {
    throw cause instanceof FlotillaError ? cause : failure(reasonOf(cause), cause);
  }
}

module.exports = { makeApplication };

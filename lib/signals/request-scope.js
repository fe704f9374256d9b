/**
 * One request, one scope: forks at the start, disposes at the end or when the client goes away.
 *
 * What is called from the socket's side, such as a listener for `data`, does not inherit the async context of the
 * code that listens. So the request and the response emit their events in the scope, and every listener, pipe
 * and body parser runs there.
 */

const { invalidArgument } = require('../base/argument.js');
const { runInScope } = require('./scope.js');
const serverScopes = require('./server-scope.js');

/** @import { EventEmitter } from 'node:events' */
/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/** @typedef {InstanceType<typeof serverScopes.ServerScope>} ServerScope */
/** @typedef {InstanceType<typeof serverScopes.ManagedScope>} ManagedScope */
/** @typedef {(request: any, reply: { raw: ServerResponse }, proceed: (error?: unknown) => void) => void} Hook */

/**
 * @param {EventEmitter} emitter
 * @param {ManagedScope} scope
 */
function emitInScope(emitter, scope) {
  const emit = emitter.emit;
  Object.defineProperty(emitter, 'emit', {
    configurable: true,
    writable: true,
    /**
     * @this {EventEmitter}
     * @param {Parameters<typeof emit>} args
     */
    value(...args) {
      return runInScope(scope, () => emit.apply(this, args));
    },
  });
}

/**
 * @param {ServerScope} serverScope
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 * @returns {ManagedScope}
 */
function openRequestScope(serverScope, request, response) {
  const scope = serverScope.fork();
  const close = () => {
    if (serverScope.state !== 'destroyed') serverScope.dispose(scope.id);
  };
  if (response.closed || response.destroyed || response.writableFinished) {
    close();
  } else {
    response.once('finish', close);
    response.once('close', close);
  }
  emitInScope(request, scope);
  emitInScope(response, scope);
  return scope;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {ServerScope}
 */
function requireServerScope(name, value) {
  if (!(value instanceof serverScopes.ServerScope))
    throw invalidArgument(name, 'what createServerScope() returned', value);
  return value;
}

/**
 * Middleware for Express and for all that calls `(request, response, next)`.
 *
 * @param {unknown} serverScope
 */
function scopeMiddleware(serverScope) {
  const server = requireServerScope('scopeMiddleware(serverScope): serverScope', serverScope);
  /**
   * @param {any} request
   * @param {any} response
   * @param {(error?: unknown) => void} next
   */
  return function flotillaScope(request, response, next) {
    const scope = openRequestScope(server, request, response);
    request.scope = scope;
    runInScope(scope, () => next());
  };
}

/**
 * A plugin for Fastify: `fastify.register(scopePlugin(serverScope))`.
 *
 * @param {unknown} serverScope
 */
function scopePlugin(serverScope) {
  const server = requireServerScope('scopePlugin(serverScope): serverScope', serverScope);

  /** @type {Hook} */
  function enterNewScope(request, reply, proceed) {
    try {
      request.scope = openRequestScope(server, request.raw, reply.raw);
    } catch (error) {
      proceed(error);
      return;
    }
    runInScope(request.scope, () => proceed());
  }

  /** @type {Hook} */
  function enterScope(request, _reply, proceed) {
    runInScope(request.scope, () => proceed());
  }

  /**
   * @param {any} fastify
   * @param {unknown} _options
   * @param {(error?: Error) => void} done
   */
  function flotillaScope(fastify, _options, done) {
    fastify.decorateRequest('scope', null);
    fastify.addHook('onRequest', enterNewScope);
    // A content type parser may call back from outside of the scope.
    fastify.addHook('preValidation', enterScope);
    done();
  }

  // Fastify's mark for a plugin whose hooks hold for the server that registers it, and not for the plugin alone.
  return Object.assign(flotillaScope, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'flotilla-scope',
  });
}

module.exports = { scopeMiddleware, scopePlugin };

/**
 * Requests and responses that are an Express application's own from the beginning.
 *
 * Express gives every request and every response the application as its prototype, after Node has made them. Such an
 * object has left the shapes that V8 knows: whatever touches it is slow from then on, and much of it outlives the
 * collections that are to free what is young. That takes more time than all else that Express does. Where Node makes
 * them with that prototype, nothing is left to be changed, and Express finds what it wants.
 *
 * Only a server that has nobody but one Express application listening for requests is told to, and only where it makes
 * what servers of Node's make. What else is told of such a request gets it as Node makes it. Nothing here outlives
 * the process.
 */

/** @import { Server as HttpServer } from 'node:http' */

const { IncomingMessage, ServerResponse } = require('node:http');

/** What a server keeps its classes under, by Node's description. */
const REQUEST = 'IncomingMessage';
const RESPONSE = 'ServerResponse';

/** The prototypes that were given to messages from the beginning. @type {WeakSet<object>} */
const own = new WeakSet();

/** @param {any} app */
function isExpress(app) {
  if (typeof app !== 'function' || typeof app.handle !== 'function') return false;
  const { request, response } = app;
  const isItsOwn = request?.app === app && response?.app === app;
  return isItsOwn && request instanceof IncomingMessage && response instanceof ServerResponse;
}

/**
 * @param {any} app
 * @returns {{ Request: any, Response: any } | undefined} nothing where Node's own cannot be made that way
 */
function classesOf({ request, response }) {
  /** @this {any} */
  function Request(/** @type {any} */ socket) {
    /** @type {any} */ (IncomingMessage).call(this, socket);
  }
  Request.prototype = request;
  /** @this {any} */
  function Response(/** @type {any} */ answered, /** @type {any} */ options) {
    /** @type {any} */ (ServerResponse).call(this, answered, options);
  }
  Response.prototype = response;
  try {
    Reflect.construct(Response, [Reflect.construct(Request, [])]);
    return { Request, Response };
  } catch {
    return undefined;
  }
}

/**
 * Has a server make the messages of its application, if that is one of Express.
 *
 * @param {HttpServer} server
 * @returns {() => void} takes that back
 */
function makeOwnMessages(server) {
  /** @type {any} */
  const made = server;
  const listeners = server.listeners('request');
  const symbols = Object.getOwnPropertySymbols(server);
  const [request, response] = [REQUEST, RESPONSE].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  const isPlain =
    request && response && made[request] === IncomingMessage && made[response] === ServerResponse;
  const app = /** @type {any} */ (listeners[0]);
  const classes = isPlain && listeners.length === 1 && isExpress(app) ? classesOf(app) : undefined;
  if (!classes || !request || !response) return () => {};
  for (const { prototype } of [classes.Request, classes.Response]) own.add(prototype);
  made[request] = classes.Request;
  made[response] = classes.Response;
  return () => {
    made[request] = IncomingMessage;
    made[response] = ServerResponse;
  };
}

/**
 * Makes of a message what Node would have made, for those who are told of it instead of the application.
 *
 * @param {object} message
 */
function asNodeMakesIt(message) {
  if (!own.has(Object.getPrototypeOf(message))) return;
  const { prototype } = message instanceof IncomingMessage ? IncomingMessage : ServerResponse;
  Object.setPrototypeOf(message, prototype);
}

module.exports = { asNodeMakesIt, makeOwnMessages };

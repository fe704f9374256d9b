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
 * A constructor of such messages, whose objects keep their properties where V8 reads them fastest.
 *
 * V8 sets room aside in an object for as many properties as the text of its constructor assigns, and gives back later
 * what is not used. `Base` assigns them, but V8 looks at the constructor that is called. Without the branch that never
 * runs, an object would have room for none, and V8 would make a hash table of it.
 *
 * @param {any} Base Node's own
 * @param {object} prototype
 * @returns {any}
 */
function constructorOf(Base, prototype) {
  /** @this {any} */
  function Message(/** @type {any} */ first, /** @type {any} */ options) {
    Base.call(this, first, options);
    if (first === Base) {
      this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = 0;
      this.k = this.l = this.m = this.n = this.o = this.p = this.q = this.r = this.s = this.t = 0;
      this.A = this.B = this.C = this.D = this.E = this.F = this.G = this.H = this.I = this.J = 0;
      this.K = this.L = this.M = this.N = this.O = this.P = this.Q = this.R = this.S = this.T = 0;
    }
  }
  Message.prototype = prototype;
  return Message;
}

/**
 * @param {any} app
 * @returns {{ Request: any, Response: any } | undefined} nothing where Node's own cannot be made that way
 */
function classesOf({ request, response }) {
  const Request = constructorOf(IncomingMessage, request);
  const Response = constructorOf(ServerResponse, response);
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

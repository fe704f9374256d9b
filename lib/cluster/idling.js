/**
 * For how long a connection that moves may stay idle: what Node has begun to count in one worker goes on in the next.
 *
 * Node would count anew there, and by another measure: for a connection that has brought nothing yet, it waits for the
 * head of the first request, and answers 408 when that does not come. Whoever sends a request at that moment would take it
 * for the answer. So one that has moved is closed without a word when its time is over, until it has brought something: from
 * then on everything is Node's.
 */

/** Where a connection that has moved has what is known of it until it brings something. */
const IDLE = Symbol('idle');
/** What a Node that cannot be asked adds to the time that it has told its clients. */
const NODE_BUFFER_MS = 1000;

/** What Node keeps the timer of a socket under, by its own description; found at the first one that has a timer. */
let timerSymbol = /** @type {symbol | undefined} */ (undefined);

/**
 * @param {any} socket
 * @returns {any} the timer that ends it if it stays idle, if it has one
 */
function timerOf(socket) {
  timerSymbol ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'timeout');
  return timerSymbol && socket[timerSymbol];
}

/** What Node's timers call now. */
function now() {
  /** @type {any} */
  const timer = setTimeout(() => {}, 1);
  clearTimeout(timer);
  return timer._idleStart;
}

/** @param {any} socket one that has answered requests @returns {number} milliseconds; infinitely many where it may stay */
function leftOfAnswered(socket) {
  if (!socket.timeout) return Number.POSITIVE_INFINITY;
  const begun = timerOf(socket)?._idleStart ?? now();
  return Math.max(0, begun + socket.timeout - now());
}

/** @param {any} server @returns {number} how long it waits for the first request of a connection */
function firstRequestMs({ headersTimeout, requestTimeout }) {
  const limits = [headersTimeout, requestTimeout].filter((limit) => limit > 0);
  return limits.length > 0 ? Math.min(...limits) : Number.POSITIVE_INFINITY;
}

/**
 * @param {any} socket that is to move
 * @param {any} server
 * @returns {number} for how many milliseconds it may stay idle
 */
function idleLeft(socket, server) {
  if (socket.bytesRead > 0) return leftOfAnswered(socket);
  const until = socket[IDLE]?.until;
  return until === undefined ? firstRequestMs(server) : Math.max(0, until - performance.now());
}

/** @param {any} socket whose time is over */
function end(socket) {
  // What has come meanwhile is read before this runs.
  setImmediate(() => {
    if (socket[IDLE] !== undefined && socket.bytesRead === 0 && !socket.destroyed) socket.emit('timeout');
  });
}

/**
 * @param {any} socket that has moved, and that the server has been given
 * @param {any} server
 * @param {number} told for how many milliseconds it may stay idle; below zero where nobody knows
 */
function goOnIdling(socket, server, told) {
  const { keepAliveTimeout, keepAliveTimeoutBuffer = NODE_BUFFER_MS } = server;
  const anew = keepAliveTimeout > 0 ? keepAliveTimeout + keepAliveTimeoutBuffer : Number.POSITIVE_INFINITY;
  const left = told < 0 ? anew : told;
  const timer = Number.isFinite(left) ? setTimeout(end, left, socket).unref() : undefined;
  socket[IDLE] = { until: performance.now() + left, timer };
}

/**
 * Whether a connection has moved, and brought nothing yet: no request of it is late, though Node says so.
 *
 * @param {any} socket
 */
const isIdling = (socket) => socket?.[IDLE] !== undefined && socket.bytesRead === 0;

/** It has ended, or gone to another worker. @param {any} socket */
function stopIdling(socket) {
  if (socket[IDLE] === undefined) return;
  clearTimeout(socket[IDLE].timer);
  socket[IDLE] = undefined;
}

module.exports = { goOnIdling, idleLeft, isIdling, stopIdling };

/**
 * Applications in the manner of the web, such as Hono's: `fetch(request)` brings a response.
 *
 * Each request of Node's is given as a `Request`, whose signal fires when the client has gone, and the `Response` is written as it
 * comes: no more of a body is read than the other side takes. A request that fails before its answer has begun gets 500; later, its
 * connection is cut, for its client must not take a part for the whole.
 */

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

const { createError } = require('../errors.js');

/** @typedef {(request: Request, environment: { incoming: unknown, outgoing: unknown }) => Response | PromiseLike<Response>} Fetch */

/** A `Request` cannot be of these methods. */
const refusedMethods = new Set(['CONNECT', 'TRACE', 'TRACK']);
const bodiless = new Set([204, 205, 304]);

/**
 * @param {any} app
 * @param {(error: Error) => void} tell
 * @returns {(incoming: IncomingMessage, outgoing: ServerResponse) => void} what answers requests of Node's
 */
function listenerOfFetch(app, tell) {
  const fetch = /** @type {Fetch} */ (typeof app === 'function' ? app : app.fetch.bind(app));
  return (incoming, outgoing) => {
    answer(fetch, incoming, outgoing).catch((error) => {
      // A client that has gone has ended its request itself.
      if (outgoing.destroyed) return;
      tell(error instanceof Error ? error : new Error(String(error)));
      if (outgoing.headersSent) outgoing.destroy();
      else refuse(outgoing, 500);
    });
  };
}

/**
 * @param {Fetch} fetch
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 */
async function answer(fetch, incoming, outgoing) {
  if (refusedMethods.has(String(incoming.method))) return refuse(outgoing, 501);
  const url = urlOf(incoming);
  if (url === undefined) return refuse(outgoing, 400);
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const request = requestOf(url, incoming, outgoing, gone.signal);
  const response = await fetch(request, { incoming, outgoing });
  if (typeof response?.status !== 'number' || typeof response.headers?.getSetCookie !== 'function') {
    const what = 'a function of one argument is called with a Request, and this one returned no Response';
    throw createError('FLOTILLA_ERR_APP_FAILED', [what]);
  }
  await write(response, incoming, outgoing);
}

/** @param {ServerResponse} outgoing @param {number} status */
function refuse(outgoing, status) {
  outgoing.writeHead(status, { 'content-length': 0 }).end();
}

/** @param {IncomingMessage} incoming @returns {URL | undefined} */
function urlOf({ url, headers }) {
  try {
    // What a proxy asks for is a whole URL already; a path may begin with two slashes.
    return new URL(String(url).startsWith('/') ? `http://${headers.host ?? 'localhost'}${url}` : String(url));
  } catch {
    return undefined;
  }
}

/**
 * @param {URL} url
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 * @param {AbortSignal} signal
 */
function requestOf(url, incoming, outgoing, signal) {
  const { method, rawHeaders } = incoming;
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at], rawHeaders[at + 1]);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? bodyOf(incoming, outgoing) : null;
  return new Request(url, /** @type {any} */ ({ method, headers, signal, body, duplex: 'half' }));
}

/**
 * What a client sends, read as it is asked for. What nobody reads goes by, so that the connection may bring another request.
 *
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 * @returns {ReadableStream<Uint8Array>}
 */
function bodyOf(incoming, outgoing) {
  let state = /** @type {'new' | 'read' | 'over'} */ ('new');
  const over = (/** @type {() => void} */ how) => {
    if (state !== 'over') how();
    state = 'over';
    incoming.resume();
  };
  const read = (/** @type {ReadableStreamDefaultController<Uint8Array>} */ controller) => {
    const cut = () => over(() => controller.error(new Error('The request ended before its body was read')));
    state = 'read';
    if (incoming.destroyed || incoming.readableEnded) return cut();
    incoming
      .on('data', (chunk) => {
        if (state === 'over') return;
        controller.enqueue(new Uint8Array(chunk));
        incoming.pause();
      })
      .on('end', () => over(() => controller.close()))
      .on('error', cut)
      .on('close', cut);
    outgoing.on('finish', cut);
  };
  return new ReadableStream(
    {
      pull(controller) {
        if (state === 'new') read(controller);
        else incoming.resume();
      },
      cancel: () => over(() => {}),
    },
    { highWaterMark: 0 },
  );
}

/**
 * @param {Response} response
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 */
async function write(response, incoming, outgoing) {
  const { status, statusText, body } = response;
  if (outgoing.destroyed) return body?.cancel();
  const begin = (/** @type {number | undefined} */ length) => {
    // What it has for a status by itself, Node knows better than an empty text.
    outgoing.writeHead(status, statusText || undefined, headersOf(response, length));
  };
  const isBodiless = incoming.method === 'HEAD' || bodiless.has(status);
  if (body === null || isBodiless) {
    begin(isBodiless ? undefined : 0);
    outgoing.end();
    return body?.cancel();
  }
  const reader = body.getReader();
  const gone = () => reader.cancel().catch(() => {});
  outgoing.once('close', gone);
  await pass(reader, outgoing, begin);
  outgoing.off('close', gone);
}

/**
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {ServerResponse} outgoing
 * @param {(length: number | undefined) => void} begin
 */
async function pass(reader, outgoing, begin) {
  const first = await reader.read();
  const second = first.done ? undefined : reader.read();
  second?.catch(() => {});
  // A body that is there as a whole has a length, and need not be sent in pieces.
  const isWhole = await Promise.race([second?.then(({ done }) => done) ?? true, turn()]);
  begin(isWhole ? (first.value?.byteLength ?? 0) : undefined);
  for (
    let piece = first, next = second;
    !piece.done;
    piece = await (next ?? reader.read()), next = undefined
  ) {
    if (outgoing.destroyed) return reader.cancel();
    if (!outgoing.write(piece.value)) await drained(outgoing);
  }
  outgoing.end();
}

/** @returns {Promise<false>} after what is due now */
const turn = () => new Promise((resolve) => setImmediate(resolve, /** @type {const} */ (false)));

/** @param {ServerResponse} outgoing */
const drained = (outgoing) =>
  new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done).off('close', done);
      resolve(undefined);
    };
    outgoing.on('drain', done).on('close', done);
  });

/**
 * @param {Response} response
 * @param {number | undefined} length where it is known
 */
function headersOf({ headers }, length) {
  /** @type {Record<string, string | string[] | number>} */
  const all = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) all['set-cookie'] = cookies;
  if (length !== undefined && !('content-length' in all || 'transfer-encoding' in all))
    all['content-length'] = length;
  return all;
}

module.exports = { listenerOfFetch };

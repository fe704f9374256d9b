/**
 * The head of a request as strategies see it, read by Rust from the first bytes of a connection.
 *
 * The bytes come from a stranger: names such as `__proto__` are names like others, for the headers have no
 * prototype, and what cannot be read is left out and never guessed.
 */

const native = require('../native/loader.js');

/** @import { ParsedRequest } from '../../index.js' */

/** By the number that `src/bindings/balance.rs` gives. */
const openings = /** @type {const} */ (['http1', 'http2', 'tls', 'partial', 'too-long', 'unknown']);

/** @typedef {typeof openings[number]} Opening */

/** Of these the first counts, where a request has several: the list is Node’s own. */
const firstOnly = new Set(
  (
    'age authorization content-length content-type etag expires from host if-modified-since ' +
    'if-unmodified-since last-modified location max-forwards proxy-authorization referer retry-after server ' +
    'user-agent'
  ).split(' '),
);

const DEFAULT_LIMIT = 16384;
/** Where in what `readHead` gives the parts stand. */
const [LENGTH, MINOR_VERSION, METHOD, TARGET, HEADERS] = [0, 1, 2, 4, 6];

/**
 * What the first bytes of a connection are. Only `'partial'` can become something else as more arrives.
 *
 * @param {Uint8Array} bytes
 * @param {number} [limit] how many bytes of a head are looked at
 * @returns {Opening}
 */
function lookAtHead(bytes, limit = DEFAULT_LIMIT) {
  return openings[native.lookAtHead(bytes, limit)];
}

/**
 * What can be told of the request that these bytes begin, as far as they go.
 *
 * @param {Uint8Array} bytes
 * @param {{ remoteAddress?: string, remotePort?: number, limit?: number }} [client]
 * @returns {ParsedRequest}
 */
function parseRequestHead(bytes, { remoteAddress, remotePort, limit = DEFAULT_LIMIT } = {}) {
  const seen = bytes.subarray(0, limit);
  const parts = native.readHead(seen);
  const length = parts?.[LENGTH] ?? seen.length;
  const text = Buffer.from(seen.buffer, seen.byteOffset, length).toString('latin1');
  /** @type {ParsedRequest} */
  const request = { headers: emptyHeaders(), protocol: 'unknown', rawHead: text };
  if (remoteAddress !== undefined) request.remoteAddress = remoteAddress;
  if (remotePort !== undefined) request.remotePort = remotePort;
  if (parts) return withParts(request, parts, text);
  const serverName = native.readServerName(seen, limit);
  if (serverName) request.host = serverName;
  return request;
}

/** @returns {Record<string, string>} */
const emptyHeaders = () => Object.create(null);

/**
 * @param {ParsedRequest} request
 * @param {number[]} parts
 * @param {string} text one character a byte
 */
function withParts(request, parts, text) {
  const part = (/** @type {number} */ at) => text.slice(parts[at], parts[at + 1]);
  request.protocol = 'http1';
  request.method = part(METHOD);
  request.path = part(TARGET);
  request.httpVersion = `1.${parts[MINOR_VERSION]}`;
  for (let at = HEADERS; at < parts.length; at += 4) {
    addHeader(request.headers, part(at).toLowerCase(), part(at + 2));
  }
  if (request.headers.host !== undefined) request.host = request.headers.host;
  return request;
}

/**
 * Joins what is repeated as Node does.
 *
 * @param {Record<string, string>} headers
 * @param {string} name
 * @param {string} value
 */
function addHeader(headers, name, value) {
  const known = headers[name];
  if (known === undefined) headers[name] = value;
  else if (!firstOnly.has(name)) headers[name] = `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
}

module.exports = { lookAtHead, parseRequestHead };

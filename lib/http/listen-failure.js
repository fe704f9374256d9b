/**
 * Why an address could not be listened on, and what to do about it: the system says little more than that it is taken.
 */

/** @typedef {import('./listener.js').Address} Address */

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { createError, reasonOf } = require('../errors.js');

/** How long a Unix socket that somebody may listen on is tried. */
const TRY_MS = 200;

/** @param {Address} address */
function nameOf(address) {
  if ('fd' in address) return `the socket that systemd passed (${address.fd})`;
  return 'path' in address ? address.path : `port ${address.port} of ${address.host}`;
}

/** What to do where the system refuses, by its code. @type {Record<string, string>} */
const advice = {
  EACCES: 'EACCES. Ports below 1024 need a privilege, and a Unix socket a directory that may be written to',
  EADDRNOTAVAIL:
    'EADDRNOTAVAIL. No interface of this machine has that address; 0.0.0.0 and :: are all of them',
  ENOTFOUND:
    'the name of the host is not known (ENOTFOUND). Give a name that resolves, or an address; 0.0.0.0 and :: are all of this machine',
  EAI_AGAIN:
    'the name of the host could not be looked up (EAI_AGAIN). Give an address, or try again when the name server answers',
};

/** Whether this very process listens there. @param {number} port */
function isOurs(port) {
  /** @type {any[]} */
  const handles = /** @type {any} */ (process)._getActiveHandles?.() ?? [];
  return handles.some(
    (handle) => handle instanceof net.Server && /** @type {any} */ (handle.address())?.port === port,
  );
}

/** @param {string} path @returns {Promise<boolean>} whether nobody listens on that socket */
async function isStale(path) {
  const socket = net.connect(path);
  const signal = AbortSignal.timeout(TRY_MS);
  try {
    await once(socket, 'connect', { signal });
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

/** @param {Address} address one that is taken @returns {Promise<string | undefined>} */
async function whoHas(address) {
  if ('port' in address)
    return isOurs(address.port)
      ? 'this program listens there itself. Take its own listen() away, or give another port: a server of Flotilla listens for its application'
      : undefined;
  if (!('path' in address)) return undefined;
  const found = await fs.promises.lstat(address.path).catch(() => undefined);
  if (found && !found.isSocket()) return 'there is something else than a socket. Give another path';
  if (found && (await isStale(address.path)))
    return 'nobody listens there any more, but the socket was left behind by a process that was killed. Remove it';
  return undefined;
}

/**
 * @param {Address} address
 * @param {unknown} cause
 */
async function listenFailure(address, cause) {
  const name = nameOf(address);
  const { code = '' } = /** @type {NodeJS.ErrnoException} */ (cause);
  if (code !== 'EADDRINUSE')
    return createError('FLOTILLA_ERR_LISTEN_FAILED', [name, advice[code] ?? reasonOf(cause)], { cause });
  const why = await whoHas(address);
  return createError('FLOTILLA_ERR_ADDRESS_IN_USE', why === undefined ? [name] : [name, why], { cause });
}

module.exports = { listenFailure, nameOf };

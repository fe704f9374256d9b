/**
 * Catches what listens in a worker, whoever wrote it: each server of Node's that is asked to listen, before it has a socket.
 *
 * Node itself has a worker's servers ask the primary where to listen, with their arguments checked and their names looked up.
 * The question is answered here in its place, by whoever wants the server; one that nobody wants goes Node's way. A server
 * that asks for a socket of its own (`exclusive`, `reusePort`) is asked for too, for there is one address and there are several
 * workers.
 */

/** @import { Server } from 'node:net' */

const cluster = /** @type {any} */ (require('node:cluster'));
const net = require('node:net');
const { getSystemErrorName } = require('node:util');
const { isOwn } = require('./own-servers.js');

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Where a server wants to listen, as Node has it: a Unix socket has the port -1, and nothing said is no address.
 *
 * @typedef {{ address: string | null, port: number | null, addressType: number | null, fd?: number, readableAll?: boolean,
 *   writableAll?: boolean, flags?: number }} Wish
 */
/**
 * Where it listens by now.
 *
 * @typedef {object} Place
 * @property {{ address: string, family: string, port: number }} [sockname] nothing of a Unix socket
 * @property {() => void} close the server does not listen any more
 */
/**
 * @typedef {object} Taker
 * @property {(server: Server, wish: Wish) => boolean} wants
 * @property {(server: Server, wish: Wish) => Promise<Place | number>} seat brings the system's error where it may not listen
 */

/** In the place of a handle, where there is none. */
const nothing = { close() {} };

/**
 * @param {number} number the system's
 * @param {string | null} address
 * @param {number | null} port
 */
function systemError(number, address, port) {
  const code = getSystemErrorName(number);
  const where = Number(port) > 0 ? `${address ?? '*'}:${port}` : `${address ?? '*'}`;
  const error = new Error(`listen ${code}: ${where}`);
  return Object.assign(error, { code, errno: number, syscall: 'listen', address, port });
}

/** The handle of a server that has no socket: it keeps the process, as a listening one does. @param {Place} place */
function handleOf({ sockname, close }) {
  /** @type {NodeJS.Timeout | undefined} */
  let keeper;
  const handle = {
    listen: () => 0,
    ref() {
      keeper ??= setInterval(() => {}, LONGEST_TIMER_MS);
    },
    unref() {
      clearInterval(keeper);
      keeper = undefined;
    },
    hasRef: () => keeper !== undefined,
    getAsyncId: () => 0,
    fchmod: () => 0,
    /** @param {() => void} [closed] */
    close(closed) {
      handle.unref();
      close();
      if (closed) process.nextTick(closed);
    },
  };
  if (sockname) {
    const getsockname = (/** @type {object} */ out) => {
      Object.assign(out, sockname);
      return 0;
    };
    Object.assign(handle, { getsockname });
  }
  handle.ref();
  return handle;
}

/**
 * Lets somebody have the servers that listen in this process from now on.
 *
 * @param {Taker} taker
 * @returns {() => void} ends that
 */
function capture({ wants, seat }) {
  const asked = cluster._getServer;
  const { prototype } = /** @type {any} */ (net.Server);
  const { _listen2: listen } = prototype;
  let isOver = false;

  /** @param {any} server @param {Wish} wish @param {(error: number, handle: any) => void} answer */
  function ask(server, wish, answer) {
    // Until it is answered the process has something to wait for.
    const waiting = setInterval(() => {}, LONGEST_TIMER_MS);
    const told = (/** @type {Place | number} */ place) => {
      clearInterval(waiting);
      if (typeof place === 'number') answer(place, nothing);
      else answer(0, handleOf(place));
    };
    const failed = (/** @type {unknown} */ error) => {
      clearInterval(waiting);
      server.emit('error', error);
    };
    // What the program throws while it hears of it is the program's, and no rejection of ours.
    seat(server, wish).then(
      (place) => setImmediate(told, place),
      (error) => setImmediate(failed, error),
    );
  }

  /** @this {unknown} @param {any} server @param {any} wish @param {any} answer */
  function getServer(server, wish, answer) {
    if (isOver || !(server instanceof net.Server) || isOwn(server) || !wants(server, wish))
      return asked.call(this, server, wish, answer);
    ask(server, wish, answer);
  }
  cluster._getServer = getServer;
  /** @this {any} @param {any[]} args */
  function listenAlone(...args) {
    const [address, port, addressType, , fd, flags] = args;
    const wish = { address, port, addressType, fd, flags };
    if (isOver || this._handle || isOwn(this) || !wants(this, wish)) return listen.apply(this, args);
    const { _listeningId: before } = this;
    ask(this, wish, (error, handle) => {
      if (this._listeningId !== before) return handle.close();
      if (error) return void this.emit('error', systemError(error, address, port));
      this._handle = handle;
      listen.apply(this, args);
    });
  }
  prototype._listen2 = listenAlone;
  return () => {
    isOver = true;
    // Whoever has wrapped one meanwhile goes on to call it.
    if (cluster._getServer === getServer) cluster._getServer = asked;
    if (prototype._listen2 === listenAlone) prototype._listen2 = listen;
  };
}

module.exports = { capture };

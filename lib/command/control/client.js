/** The end of the control socket that a command has: asks, and hears the answer. */

const net = require('node:net');
const within = require('../../base/within.js');
const { createError, nativeError, table } = require('../../errors.js');
const { LONGEST_ANSWER, PROTOCOL, asLine, cutLines, readLine } = require('./lines.js');
const { nameOf } = require('./places.js');

/** How long a server may take to greet. Its loop may be busy, and a process that is stopped never does. */
const greetingMs = 3000;

/** @param {string} reason */
const refused = (reason) => createError('FLOTILLA_ERR_CONTROL_REFUSED', [reason]);

/** @param {string} socket @param {NodeJS.ErrnoException} error */
function connectionError(socket, error) {
  const name = nameOf(socket);
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    const what =
      error.code === 'ENOENT'
        ? `Nothing runs by the name "${name}"`
        : `"${name}" has ended, and left its socket behind`;
    return createError('FLOTILLA_ERR_CONTROL_ABSENT', [what, 'Start it with "flotilla start"'], {
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') return refused(`${socket} belongs to another user`);
  return refused(`${socket}: ${error.message}`);
}

/** What the server says went wrong, as an error here. @param {any} told */
function toldError(told) {
  const { code, message } = told ?? {};
  const text = typeof message === 'string' ? message : 'the server does not say why';
  return typeof code === 'string' && Object.hasOwn(table, code)
    ? nativeError(/** @type {any} */ (code), text)
    : refused(text);
}

class Conversation {
  /** @type {(error: Error) => void} */
  #fail = () => {};
  /** @type {(line: any) => void} */
  #heed = () => {};

  /** @param {net.Socket} stream @param {string} socket its path */
  constructor(stream, socket) {
    this.stream = stream;
    const over = () => this.#fail(refused('its answer is longer than an answer may be'));
    const take = (/** @type {string} */ line) => {
      const value = readLine(line);
      if (value) this.#heed(value);
      else this.#fail(refused('what it says is no JSON'));
    };
    stream.on('data', cutLines(LONGEST_ANSWER, take, over));
    stream.on('error', (error) => this.#fail(connectionError(socket, error)));
    stream.on('close', () => this.#fail(refused('the server ended the connection before it had answered')));
  }

  /**
   * @template T
   * @param {(line: any, resolve: (value: T) => void) => void} heed
   * @returns {Promise<T>}
   */
  #hear(heed) {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#heed = (line) => {
        if (line.error) reject(toldError(line.error));
        else heed(line, resolve);
      };
    });
  }

  /** @returns {Promise<{ flotilla: string, protocol: number, name: string, pid: number }>} */
  greeting() {
    return this.#hear((line, resolve) => {
      if (line.flotilla !== undefined) resolve(line);
    });
  }

  /**
   * @param {string} verb
   * @param {object} [options]
   * @param {(event: any) => void} [onEvent]
   * @returns {Promise<any>} the result
   */
  ask(verb, options = {}, onEvent = () => {}) {
    const answer = this.#hear((line, resolve) => {
      if (line.event !== undefined) onEvent(line);
      else if (Object.hasOwn(line, 'result')) resolve(line.result);
    });
    this.stream.write(asLine({ protocol: PROTOCOL, verb, ...options }));
    return answer;
  }

  end() {
    this.#fail = () => {};
    this.stream.destroy();
  }
}

/**
 * @param {string} socket
 * @returns {Promise<{ talk: Conversation, greeting: Awaited<ReturnType<Conversation['greeting']>> }>}
 */
async function connect(socket) {
  const talk = new Conversation(net.connect({ path: socket }), socket);
  try {
    const greeting = await within(greetingMs, talk.greeting(), () => {
      throw refused(`the server behind ${socket} does not answer; its process is stopped or blocked`);
    });
    return { talk, greeting };
  } catch (error) {
    talk.end();
    throw error;
  }
}

/**
 * Asks the server behind a socket one thing.
 *
 * @param {string} socket
 * @param {string} verb
 * @param {object} [options]
 * @param {(event: any) => void} [onEvent]
 */
async function ask(socket, verb, options, onEvent) {
  const { talk, greeting } = await connect(socket);
  try {
    if (greeting.protocol !== PROTOCOL) {
      throw createError('FLOTILLA_ERR_CONTROL_VERSION', [String(greeting.protocol), String(PROTOCOL)]);
    }
    return await talk.ask(verb, options, onEvent);
  } finally {
    talk.end();
  }
}

module.exports = { ask, connect };

/**
 * The control socket of a running server. It takes questions of its own user and of root alone: the file has the mode 0600, and
 * the kernel says who is at the other end.
 *
 * Whoever connects may send anything, slowly, or not read: a line has a longest length, a question a longest time, a connection
 * that does not read loses events, and there are so many connections and no more. Nothing of it holds up the server. If
 * the process dies, its socket stays behind, and the next start of that name removes it.
 */

const { chmodSync, lstatSync, renameSync, unlinkSync } = require('node:fs');
const net = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { createError } = require('../../errors.js');
const { nearest } = require('../../base/nearest.js');
const native = require('../../native/loader.js');
const { LONGEST_QUESTION, PROTOCOL, asLine, cutLines, readLine } = require('./lines.js');
const { isWindows, prepareFolder } = require('./places.js');
const { version } = require('../../base/loading.js');

const MOST_CONNECTIONS = 64;
/** How long a connection may be without a whole question. */
const questionMs = 30_000;
/** How long what was written to one that ends may take to get there. */
const lastWordsMs = 1000;
/** How much a connection may leave unread before it loses events. */
const MOST_UNREAD = 2 ** 20;
/** A socket that refuses may be one that does not listen yet. */
const looksAtStale = 3;
const lookAgainMs = 30;

/**
 * @typedef {object} Asker who has asked a question
 * @property {(event: object) => void} tell
 * @property {Promise<void>} gone
 */
/** @typedef {Record<string, (question: any, asker: Asker) => Promise<unknown>>} Answers by verb */

/** @param {unknown} error */
function asError(error) {
  const { code, message } = /** @type {any} */ (error) ?? {};
  const known = typeof code === 'string' && code.startsWith('FLOTILLA_ERR_');
  return { code: known ? code : 'FLOTILLA_ERR_INTERNAL', message: String(message ?? error) };
}

/** @param {string} reason */
const refused = (reason) => createError('FLOTILLA_ERR_CONTROL_REFUSED', [reason]);

/** One connection. */
class Visitor {
  #answers;
  #busy = false;
  #ended = false;
  #skipped = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #deadline;

  /** @param {net.Socket} stream @param {Answers} answers */
  constructor(stream, answers) {
    this.stream = stream;
    this.#answers = answers;
    /** @type {Promise<void>} */
    this.gone = new Promise((resolve) => stream.on('close', () => resolve()));
    stream.on('error', () => {});
    stream.on('close', () => clearTimeout(this.#deadline));
    stream.on('end', () => this.#heardEnd());
    stream.on('drain', () => this.#tellSkipped());
  }

  /** @param {object} greeting */
  listen(greeting) {
    const tooLong = () => this.refuse(refused(`a question is longer than ${LONGEST_QUESTION} bytes`));
    this.stream.write(asLine(greeting));
    this.stream.on(
      'data',
      cutLines(LONGEST_QUESTION, (line) => this.#take(line), tooLong),
    );
    this.#wait();
  }

  #wait() {
    this.#busy = false;
    clearTimeout(this.#deadline);
    if (this.#ended) return this.#finish();
    this.#deadline = setTimeout(() => this.refuse(refused('no question came')), questionMs).unref();
  }

  #heardEnd() {
    this.#ended = true;
    if (!this.#busy) this.#finish();
  }

  #finish() {
    this.stream.end();
    setTimeout(() => this.stream.destroy(), lastWordsMs).unref();
  }

  /** @param {unknown} error the last word of this connection */
  refuse(error) {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    this.stream.write(asLine({ error: asError(error) }));
    this.#finish();
  }

  /** @param {string} line */
  #take(line) {
    if (this.stream.writableEnded) return;
    if (this.#busy) return this.refuse(refused('the last question is not answered yet'));
    const question = readLine(line);
    if (!question) return this.refuse(refused('a question is a JSON object on one line'));
    if (question.protocol !== PROTOCOL) {
      return this.refuse(
        createError('FLOTILLA_ERR_CONTROL_VERSION', [
          String(PROTOCOL),
          String(question.protocol).slice(0, 20),
        ]),
      );
    }
    this.#busy = true;
    clearTimeout(this.#deadline);
    this.#answer(question);
  }

  /** @param {any} question */
  async #answer(question) {
    try {
      const result = await this.#answerOf(question.verb)(question, this);
      this.stream.write(asLine({ result: result ?? null }));
    } catch (error) {
      if (!this.stream.destroyed) this.stream.write(asLine({ error: asError(error) }));
    }
    this.#wait();
  }

  /** @param {unknown} verb */
  #answerOf(verb) {
    if (typeof verb === 'string' && Object.hasOwn(this.#answers, verb)) return this.#answers[verb];
    const known = Object.keys(this.#answers);
    const meant = typeof verb === 'string' ? nearest(verb, known) : undefined;
    throw createError('FLOTILLA_ERR_USAGE', [
      `the control socket does not know the verb ${JSON.stringify(verb)?.slice(0, 60)}`,
      meant ? `did you mean "${meant}"?` : `it knows ${known.join(', ')}`,
    ]);
  }

  /** @param {object} event */
  tell(event) {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    if (this.stream.writableLength > MOST_UNREAD) this.#skipped += 1;
    else this.stream.write(asLine(event));
  }

  #tellSkipped() {
    const count = this.#skipped;
    this.#skipped = 0;
    if (count > 0) this.tell({ event: 'skipped', count });
  }
}

class ControlServer {
  /** @type {net.Server | undefined} */
  #server;
  /** @type {Set<Visitor>} */
  #visitors = new Set();
  /** @type {string | undefined} */
  #socket;
  /** @type {{ ino: number, dev: number } | undefined} */
  #own;

  /** @param {string} name @param {Answers} answers */
  constructor(name, answers) {
    this.name = name;
    this.answers = answers;
  }

  /**
   * Listens, or refuses because one of that name runs.
   *
   * @param {string} socket
   */
  async open(socket) {
    prepareFolder(socket);
    for (let round = 0; ; round++) {
      try {
        await this.#listen(socket);
        return;
      } catch (error) {
        const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
        if (code !== 'EADDRINUSE') throw refused(`it cannot be made at ${socket}: ${message}`);
        if (round > 2) throw error;
        await this.#removeStale(socket);
      }
    }
  }

  /** @param {string} socket @returns {Promise<void>} */
  #listen(socket) {
    const server = net.createServer({ allowHalfOpen: true }, (stream) => this.#welcome(stream));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // The file is made in this call: nobody else can connect to it before it has its mode.
      const before = isWindows ? 0 : process.umask(0o177);
      try {
        server.listen(socket);
      } finally {
        if (!isWindows) process.umask(before);
      }
      server.once('listening', () => {
        server.off('error', reject);
        server.on('error', () => {});
        server.unref();
        this.#server = server;
        this.#socket = socket;
        if (!isWindows) {
          chmodSync(socket, 0o600);
          this.#own = lstatSync(socket);
        }
        resolve();
      });
    });
  }

  /**
   * Removes the socket of a process that has died; refuses where it lives.
   *
   * @param {string} socket
   */
  async #removeStale(socket) {
    const before = isWindows ? undefined : lstatSync(socket, { throwIfNoEntry: false });
    if (before && !before.isSocket()) throw refused(`${socket} is there, and is no socket`);
    for (let look = 0; look < looksAtStale; look++) {
      if (look > 0) await pause(lookAgainMs);
      const pid = await this.#pidBehind(socket);
      if (pid !== undefined) throw createError('FLOTILLA_ERR_NAME_TAKEN', [this.name, pid]);
    }
    if (!before) return;
    // Another start may have done the same, and listen there by now: what was not looked at is put back.
    const aside = `${socket}.${process.pid}`;
    try {
      renameSync(socket, aside);
    } catch {
      return;
    }
    const moved = lstatSync(aside);
    if (moved.ino === before.ino && moved.dev === before.dev) unlinkSync(aside);
    else renameSync(aside, socket);
  }

  /** @param {string} socket @returns {Promise<string | undefined>} nothing where nobody listens */
  async #pidBehind(socket) {
    try {
      const { talk, greeting } = await require('./client.js').connect(socket);
      talk.end();
      return String(greeting.pid);
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      return code === 'FLOTILLA_ERR_CONTROL_ABSENT' ? undefined : '(one that does not answer)';
    }
  }

  /** @param {net.Socket} stream */
  #welcome(stream) {
    const visitor = new Visitor(stream, this.answers);
    const user = native.peerUser(/** @type {any} */ (stream)._handle?.fd ?? -1);
    if (typeof user === 'number' && user !== process.geteuid?.() && user !== 0) {
      return visitor.refuse(refused(`it is for the user ${process.geteuid?.()} alone, not for ${user}`));
    }
    if (this.#visitors.size >= MOST_CONNECTIONS)
      return visitor.refuse(refused(`${MOST_CONNECTIONS} connections are open already`));
    this.#visitors.add(visitor);
    visitor.gone.then(() => this.#visitors.delete(visitor));
    visitor.listen({ flotilla: version, protocol: PROTOCOL, name: this.name, pid: process.pid });
  }

  /** Ends the connections when they have what was written to them, and removes the socket. */
  async close() {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    // Closing removes the file; if another one has taken its place since, that stays.
    const now = this.#socket && !isWindows ? lstatSync(this.#socket, { throwIfNoEntry: false }) : undefined;
    const kept = now && this.#own && now.ino !== this.#own.ino ? `${this.#socket}.kept` : undefined;
    if (kept) renameSync(/** @type {string} */ (this.#socket), kept);
    server.close();
    if (kept) renameSync(kept, /** @type {string} */ (this.#socket));
    for (const { stream } of this.#visitors) stream.end();
    const all = Promise.all([...this.#visitors].map(({ gone }) => gone));
    await Promise.race([all, pause(lastWordsMs, undefined, { ref: false })]);
    for (const { stream } of this.#visitors) stream.destroy();
  }
}

module.exports = { ControlServer, MOST_CONNECTIONS };

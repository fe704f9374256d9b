/**
 * The keys of TLS tickets: a client that has them from one process, or from one generation, takes its session up again in
 * another.
 *
 * A server of Node's makes keys of its own, so that a session is known where it began, and nowhere else. Here one key serves
 * all processes and generations of a server. Whoever learns it can read what was said in sessions that were taken up with it, so
 * it is changed twice a day, and never leaves the processes of the server: if they end, it is gone. Node takes one key at a
 * time: a session from before a change begins anew.
 */

const { isOfTls } = require('./arrival.js');

const LENGTH = 48;
const CHANGE_MS = 12 * 60 * 60 * 1000;

/** Most servers have none: Node’s cryptography is loaded with the first that has. */
const newKeys = () => require('node:crypto').randomBytes(LENGTH);

/**
 * Whether a server is to have the keys of all: one of TLS, that was given none itself.
 *
 * @param {any} server
 */
const wantsTicketKeys = (server) => isOfTls(server) && server.ticketKeys === undefined;

/**
 * @param {unknown} text what another process says they are
 * @returns {Buffer | undefined} nothing where it is none
 */
function readTicketKeys(text) {
  const keys = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  return keys.length === LENGTH ? keys : undefined;
}

/** @typedef {TicketKeys} Instance */

class TicketKeys {
  #keys;
  /** The servers that use them here, and with which keys. @type {{ server: WeakRef<any>, keys: Buffer }[]} */
  #used = [];
  /** Those whose certificates may be renewed. @type {WeakSet<object>} */
  #followed = new WeakSet();
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #changed = (/** @type {string} */ _text) => {};

  /** @param {Buffer} [keys] from whoever makes them; else they are made here */
  constructor(keys = newKeys()) {
    this.#keys = keys;
  }

  /** For other processes of the server. */
  get text() {
    return this.#keys.toString('base64');
  }

  /**
   * Changes them from now on, twice a day.
   *
   * @param {(text: string) => void} [changed] tells other processes
   */
  change(changed = () => {}) {
    this.#changed = changed;
    this.#timer ??= setInterval(() => {
      this.#keys = newKeys();
      this.#renew();
      this.#changed(this.text);
    }, CHANGE_MS).unref();
  }

  /** @param {Buffer} keys that another process has made */
  take(keys) {
    this.#keys = keys;
    this.#renew();
  }

  #renew() {
    for (const { server, keys } of this.#used.splice(0)) {
      const present = server.deref();
      // A program that has set its own since then knows what it wants.
      if (present?.getTicketKeys().equals(keys)) this.serve(present);
    }
  }

  /** @param {any} server one that wants them */
  serve(server) {
    server.setTicketKeys(this.#keys);
    this.#used = this.#used.filter((each) => ![undefined, server].includes(each.server.deref()));
    this.#used.push({ server: new WeakRef(server), keys: this.#keys });
    if (!this.#followed.has(server)) this.#follow(server);
  }

  /** With a new certificate Node makes new keys. @param {any} server */
  #follow(server) {
    this.#followed.add(server);
    const { setSecureContext } = server;
    server.setSecureContext = (/** @type {any} */ options) => {
      Reflect.apply(setSecureContext, server, [options]);
      const isServed = this.#used.some((each) => each.server.deref() === server);
      if (options?.ticketKeys === undefined && isServed) this.serve(server);
    };
  }

  /** The server is no more; the keys stay for the one after it. */
  end() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#used = [];
  }
}

module.exports = { TicketKeys, readTicketKeys, wantsTicketKeys };

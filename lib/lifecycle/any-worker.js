/**
 * A worker whose program was never written for this: what it listens on is caught, and comes from the primary. The program
 * runs as it is; this was loaded before it.
 *
 * The worker is ready when the program has listened, or has said so, and serves every address that its predecessors serve:
 * new code that listens elsewhere is told of before a connection goes to it. It ends when its connections have gone, and
 * its program gets the signal that it waits for. If the primary dies, Node ends this process.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { Server } from 'node:net' */
/** @import { Place, Wish } from '../http/capture.js' */
/** @import { WorkerSeat } from '../cluster/seat.js' */

const path = require('node:path');
const { memoryUsage } = require('../base/memory-usage.js');
const within = require('../base/within.js');
const { capture } = require('../http/capture.js');
const { holdSignals } = require('../cluster/held-signals.js');
const { failed, tellPrimary } = require('../cluster/messages.js');
const { rendezvous } = require('../cluster/seat.js');
const { createError } = require('../errors.js');

/** How much longer new code may take to listen where the old code does, when it listens elsewhere already. */
const settleMs = 1000;
/** A program gets this long to end, also where its requests have used the whole grace period up. */
const leastEndingMs = 1000;

/**
 * What the primary wants of such a worker.
 *
 * @typedef {object} Terms
 * @property {import('./options.js').Options['endpoints']} endpoints
 * @property {number} gracefulShutdownTimeoutMs
 * @property {number} healthCheckTimeoutMs
 * @property {boolean} allowHalfOpen
 * @property {boolean} keepsHeader
 * @property {number} reportEveryMs
 * @property {number} readyMs
 * @property {'listen' | 'message' | string} ready a path is asked for
 * @property {{ key: string, name: string }[]} expected where the workers before it listen
 */
/** @typedef {import('./caught-service.js').Instance} Caught */

/** @param {Wish} wish */
function placeOf({ address, port, fd }) {
  if (fd !== undefined && fd !== null)
    return { key: `fd:${fd}`, host: null, port: 0, fd, name: `descriptor ${fd}` };
  if (Number(port) < 0) {
    const host = path.resolve(String(address));
    return { key: host, host, port: 0, name: host };
  }
  const key = `${address ?? '*'}:${port}`;
  return { key, host: address, port: Number(port), name: address === null ? `port ${port}` : key };
}

/** @param {Wish} wish */
function modeOf({ readableAll, writableAll }) {
  if (!readableAll && !writableAll) return undefined;
  return 0o700 | (readableAll ? 0o044 : 0) | (writableAll ? 0o022 : 0);
}

class AnyWorker {
  #seat;
  #terms;
  /** What is caught, by the keys of the addresses. @type {Map<string, { name: string, service?: Caught }>} */
  #caught = new Map();
  /** One question at a time: what comes with an answer belongs to it. @type {Promise<unknown>} */
  #turn = Promise.resolve();
  /** How many servers wait to listen. */
  #pending = 0;
  /** How many servers have asked for any port. */
  #anyPorts = 0;
  /** @type {Map<number, (answer: any) => void>} */
  #questions = new Map();
  #ids = 0;
  #isReady = false;
  #saidReady = false;
  /** What the program was refused last. @type {Error | undefined} */
  #refusal;
  #leaving = false;
  /** @type {import('../cluster/reporter.js').Instance | undefined} */
  #reporter;
  /** @type {NodeJS.Timeout | undefined} */
  #settling;
  #late;
  #letSignals;

  /** @param {WorkerSeat & { terms: Terms }} seat */
  constructor({ terms, ...seat }) {
    this.#seat = seat;
    this.#terms = terms;
    capture({
      // A handle that the program has made itself is its own.
      wants: (_server, { fd, addressType, port }) =>
        typeof fd === 'number' || (addressType !== null && port !== null),
      seat: (server, wish) => this.#inTurn(server, wish),
    });
    this.#letSignals = holdSignals((signal) => this.#signalled(signal));
    process.on('message', (/** @type {any} */ message) => this.#heed(message));
    process.once('exit', (code) => this.#exits(code));
    // A program that has nothing to do ends, and is not kept by what is said to it.
    process.channel?.unref();
    this.#late = setTimeout(() => this.#fail(this.#whyLate()), terms.readyMs).unref();
    if (terms.ready === 'message') this.#listenToProgram();
  }

  /** Hears what the program tells whoever started it. */
  #listenToProgram() {
    const { send } = process;
    process.send = (/** @type {any} */ message, /** @type {any[]} */ ...rest) => {
      if (message === 'ready') {
        this.#saidReady = true;
        this.#look();
      }
      return Reflect.apply(/** @type {any} */ (send), process, [message, ...rest]);
    };
  }

  /**
   * @param {Server} server
   * @param {Wish} wish
   */
  #inTurn(server, wish) {
    this.#pending += 1;
    const seated = this.#turn.then(() => this.#seatServer(server, wish)).finally(() => this.#answered());
    this.#turn = seated.catch(() => {});
    return seated;
  }

  /** The program hears of it in the next turn; where it goes on after a refusal, it may be ready. */
  #answered() {
    const heard = () => {
      this.#pending -= 1;
      this.#look();
    };
    setImmediate(() => setImmediate(heard));
  }

  /**
   * @param {Server} server
   * @param {Wish} wish
   * @returns {Promise<Place | number>}
   */
  async #seatServer(server, wish) {
    const place = placeOf(wish);
    if (wish.port === 0) {
      this.#anyPorts += 1;
      place.key += `#${this.#anyPorts}`;
      place.name = 'a port of the system’s choice';
    }
    const { key, name, host, port, fd } = place;
    if (this.#caught.get(key)?.service) return this.#refuse(addressInUse(), name);
    const caught = { name };
    this.#caught.set(key, caught);
    const data = /** @type {any} */ (server)._getServerData?.();
    const asked = this.#ask({ type: 'flotilla:listen', key, host, port, fd, mode: modeOf(wish), data });
    // What is needed now is loaded while the primary takes the address.
    const { Service } = later();
    const answer = await asked;
    if (answer.errno !== undefined) {
      this.#caught.delete(key);
      return this.#refuse(answer.errno, name, answer);
    }
    /** @type {any} */ (server)._setServerData?.(answer.data);
    const service = this.#serviceOf(
      Service,
      /** @type {HttpServer} */ (server),
      answer.isHandedOver ? rendezvous : undefined,
    );
    await service.start(later().createContext({ port: 0 }));
    Object.assign(caught, { service });
    server.once('close', () => this.#closed(key, service));
    server.once('listening', () => this.#listens(key, service));
    return { sockname: answer.sockname, close: () => this.#unseat(key) };
  }

  /**
   * @param {typeof import('./caught-service.js').CaughtService} Service
   * @param {HttpServer} server
   * @param {number} [at] where connections are handed over
   */
  #serviceOf(Service, server, at) {
    const { endpoints, gracefulShutdownTimeoutMs, healthCheckTimeoutMs, allowHalfOpen, keepsHeader } =
      this.#terms;
    const options = /** @type {import('./options.js').Options} */ (
      /** @type {unknown} */ ({
        port: 0,
        host: '',
        endpoints,
        gracefulShutdownTimeoutMs,
        healthCheckTimeoutMs,
        shutdownDelayMs: 0,
        readyTimeoutMs: 1000,
        installSignalHandlers: false,
        systemd: false,
        logger: console,
        manner: { refuses: false, listens: true },
      })
    );
    const seat = this.#seat;
    const reportAll = () => this.#reportAll();
    const service = new Service(options, server, {
      rendezvous: at,
      allowHalfOpen,
      keepsHeader,
      seat,
      reportAll,
    });
    service.events.on('error', (error) => tellPrimary(failed(error, 'flotilla:error')));
    return service;
  }

  /**
   * @param {number} errno
   * @param {string} name
   * @param {{ code?: string, text?: string }} [told] by the primary
   */
  #refuse(errno, name, told = {}) {
    const error = later().readError({ code: 'FLOTILLA_ERR_ADDRESS_IN_USE', text: '', ...told });
    this.#refusal = told.text ? error : createError('FLOTILLA_ERR_LISTENS_TWICE', [name]);
    return errno;
  }

  /**
   * @param {string} key
   * @param {Caught} service
   */
  #listens(key, service) {
    tellPrimary({ type: 'flotilla:seated', key, port: service.port });
    this.#report();
    this.#look();
  }

  /** The program has closed the server; what it has under way goes on. @param {string} key */
  #unseat(key) {
    if (!this.#leaving) tellPrimary({ type: 'flotilla:unseated', key });
  }

  /**
   * @param {string} key
   * @param {Caught} service
   */
  #closed(key, service) {
    if (this.#caught.get(key)?.service !== service || this.#leaving) return;
    this.#caught.delete(key);
    service.stop({ lingerMs: 0, moves: false });
  }

  get #services() {
    return [...this.#caught.values()].flatMap(({ service }) => service ?? []);
  }

  /** Says that this worker is ready, if it is. */
  async #look() {
    if (this.#isReady || this.#leaving || this.#pending > 0) return;
    const { ready, expected } = this.#terms;
    const missing = expected.filter(({ key }) => !this.#caught.get(key)?.service);
    if (missing.length > 0) return this.#settle(missing);
    clearTimeout(this.#settling);
    if (ready === 'message' ? !this.#saidReady : this.#services.length === 0) return;
    if (ready.startsWith('/') && !(await this.#answersWell(ready))) return;
    this.#sayReady();
  }

  /** @param {string} target */
  async #answersWell(target) {
    const { asksItself } = require('../http/ask-itself.js');
    const [service] = this.#services;
    const server = service.generation?.application.server;
    const isWell = server !== undefined && (await asksItself(server, target));
    if (!isWell && !this.#isReady) setTimeout(() => this.#look(), 100).unref();
    return isWell;
  }

  #sayReady() {
    if (this.#isReady) return;
    this.#isReady = true;
    clearTimeout(this.#late);
    process.channel?.ref();
    this.#report();
    tellPrimary({ type: 'flotilla:worker-ready', port: 0 });
  }

  /** @param {Terms['expected']} missing */
  #settle(missing) {
    const others = [...this.#caught].filter(
      ([key]) => !this.#terms.expected.some((each) => each.key === key),
    );
    if (others.length === 0 || this.#settling) return;
    const error = () =>
      createError('FLOTILLA_ERR_ADDRESS_CHANGED', [
        others.map(([, { name }]) => name).join(', '),
        missing.map(({ name }) => name).join(', '),
      ]);
    this.#settling = setTimeout(() => this.#fail(error()), settleMs).unref();
  }

  #whyLate() {
    const { readyMs, ready, expected } = this.#terms;
    const missing = expected.filter(({ key }) => !this.#caught.get(key)?.service);
    const names = missing.map(({ name }) => name).join(', ');
    const what =
      ready !== 'listen' && this.#services.length > 0
        ? ready === 'message'
          ? "it did not say process.send('ready')"
          : `${ready} did not answer with a status below 400`
        : names
          ? `it did not listen on ${names}`
          : 'it listened on nothing';
    return createError('FLOTILLA_ERR_NOT_LISTENING', [`${what} within ${readyMs} ms`]);
  }

  /** @param {Error} error */
  #fail(error) {
    if (!this.#isReady) tellPrimary(failed(error));
  }

  /** @param {number} code */
  #exits(code) {
    if (this.#isReady || this.#leaving) return;
    const error =
      this.#refusal ??
      createError('FLOTILLA_ERR_NOT_LISTENING', [`it ended with code ${code} before it listened`]);
    tellPrimary(failed(error));
  }

  /** @param {object} question @returns {Promise<any>} */
  #ask(question) {
    const id = ++this.#ids;
    const answer = new Promise((resolve) => this.#questions.set(id, resolve));
    tellPrimary(/** @type {any} */ ({ ...question, id }));
    return answer;
  }

  async #reportAll() {
    const { healthCheckTimeoutMs } = this.#terms;
    const told = await within(
      2 * healthCheckTimeoutMs + 1000,
      this.#ask({ type: 'flotilla:how-is-all' }),
      () => {},
    );
    const { uptime } = process;
    return told?.report ?? { status: 'unhealthy', checks: {}, uptime: uptime(), memory: memoryUsage() };
  }

  /** Begins to tell how this worker is. */
  #report() {
    if (this.#reporter) return;
    const { Reporter } = later();
    const sum = (/** @type {(service: Caught) => number} */ of) =>
      this.#services.reduce((all, service) => all + of(service), 0);
    const reporter = new Reporter(() => ({
      connections: sum(({ table }) => table.size),
      requests: sum(({ table }) => table.requests),
      served: sum(({ table }) => table.served),
    }));
    this.#reporter = reporter;
    const say = () => tellPrimary({ type: 'flotilla:heartbeat', stats: reporter.take() });
    say();
    setInterval(say, this.#terms.reportEveryMs).unref();
  }

  /** @param {string} signal */
  #signalled(signal) {
    // The primary gets it too where it is meant for all; where it is for this worker alone, another takes its place.
    if (signal === 'SIGTERM' && !this.#leaving) tellPrimary({ type: 'flotilla:replace', reason: signal });
  }

  /** @param {any} message */
  #heed(message) {
    switch (message?.type) {
      case 'flotilla:answer':
      case 'flotilla:all-are':
        this.#questions.get(message.id)?.(message);
        return void this.#questions.delete(message.id);
      case 'flotilla:announce':
        for (const service of this.#services) service.announced = true;
        return;
      case 'flotilla:leave':
        return void this.#leave(message);
      case 'flotilla:all-quiet':
        return;
      case 'flotilla:how-are-you':
        return void this.#tellHealth(message.id);
    }
  }

  /** @param {unknown} id */
  #tellHealth(id) {
    const report = { status: 'healthy', checks: {}, uptime: process.uptime(), memory: memoryUsage() };
    tellPrimary(/** @type {any} */ ({ type: 'flotilla:health', id, report }));
  }

  /** @param {{ lingerMs: number, moves: boolean, withinMs: number }} how */
  async #leave(how) {
    if (this.#leaving) return;
    this.#leaving = true;
    const end = performance.now() + this.#terms.gracefulShutdownTimeoutMs;
    const outcomes = await Promise.allSettled(this.#services.map((service) => service.leaveAs(how)));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') tellPrimary(failed(outcome.reason, 'flotilla:error'));
    }
    const answered = outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
    const endProgram = () => this.#endProgram(answered, Math.max(end - performance.now(), leastEndingMs));
    if (!process.connected) return endProgram();
    process.send?.({ type: 'flotilla:left', answered }, undefined, {}, endProgram);
  }

  /**
   * The program hears the signal that it waits for, and ends as it would; one that waits for none is ended.
   *
   * @param {boolean} answered
   * @param {number} withinMs
   */
  #endProgram(answered, withinMs) {
    const signal = this.#letSignals();
    const code = answered ? 0 : 1;
    if (signal === undefined) process.exit(code);
    process.exitCode ??= code;
    setTimeout(() => process.exit(code), withinMs).unref();
    // It may also end by having nothing more to do.
    process.channel?.unref();
    process.emit(/** @type {any} */ (signal), /** @type {any} */ (signal));
  }
}

/** What is needed when the program listens, and not before. */
function later() {
  return {
    Service: require('./caught-service.js').CaughtService,
    createContext: require('./context.js').createContext,
    readError: require('../cluster/messages.js').readError,
    Reporter: require('../cluster/reporter.js').Reporter,
  };
}

const addressInUse = () => -require('node:os').constants.errno.EADDRINUSE;

/** @param {any} seat that of this process */
const beginAnyWorker = (seat) => void new AnyWorker(seat);

module.exports = { beginAnyWorker };

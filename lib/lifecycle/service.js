/**
 * One server in this process, step by step. Whoever calls sees to it that steps do not overlap.
 *
 * What a step opens it closes again if it fails, so that a server is always either serving or stopped. The new
 * generation of a restart is complete and well before it gets its first request, and the old one is closed after
 * its last. If the process dies, the system closes the sockets, and nothing of ours is left anywhere.
 */

/** @import { ServerState } from '../../index.js' */
/** @import { AnyContext } from './context.js' */
/** @import { Options } from './options.js' */

const { setTimeout: pause } = require('node:timers/promises');
const { memoryUsage } = require('../base/memory-usage.js');
const { CLOSING_MS } = require('../cluster/messages.js');
const { createError } = require('../errors.js');
const { makeApplication } = require('../http/application.js');
const { acquire, lifetimeOf, release } = require('./context.js');
const { Endpoints } = require('../http/endpoints.js');
const { Health } = require('./health.js');
const { Life, POLL_MS } = require('./life.js');
const { Listener, publicAddress } = require('../http/listener.js');
const { Reception } = require('../http/reception.js');
const { drop, isFull } = require('../http/arrival.js');
const { Showing, addressOf } = require('./showing.js');
const { TicketKeys, wantsTicketKeys } = require('../http/ticket-keys.js');
const { later } = require('../base/loading.js');
const within = require('../base/within.js');

const healthPorts = later(() => require('../http/health-port.js'));

/**
 * What answers the requests of a server until a restart replaces it: an application, and the context that it stands on.
 * Its connections may outlive it: what they bring later is answered by the generation after it.
 *
 * @typedef {object} Generation
 * @property {AnyContext} context
 * @property {import('../http/application.js').Application} application
 * @property {InstanceType<typeof Health>} health
 */
/**
 * How a server leaves where others go on: no request is refused.
 *
 * @typedef {import('../http/reception.js').Parting & { begin?: () => void }} Leave `begin` has connections moved
 */

/** @param {Generation} generation */
const isWell = async ({ health }) => Object.values(await health.outcomes()).every((outcome) => outcome);

/**
 * Where connections come from.
 *
 * @typedef {object} Entrance
 * @property {(address: import('../http/listener.js').Address) => Promise<void>} open
 * @property {() => import('node:net').AddressInfo | string | null} address
 * @property {boolean} [isReal] whether the application listens itself, and need not seem to
 * @property {(server: any) => void} [follow] whose options count for connections that come from now on
 * @property {() => Promise<void>} close
 */

/** @typedef {Service} Instance */

class Service extends Life {
  /** @type {Generation | undefined} */
  generation;
  /** @type {import('../http/ticket-keys.js').Instance | undefined} made with the first server of TLS, and kept over restarts */
  tickets;
  /** @type {Entrance | undefined} */
  #listener;
  /** @type {import('../http/health-port.js').Instance | undefined} */
  #healthPort;
  /** @type {InstanceType<typeof Reception>} */
  #reception;
  /** @type {InstanceType<typeof Showing> | undefined} where it is a server of one process */
  #showing;
  /** @type {import('../cluster/meters.js').Instance | undefined} */
  #meter;
  #isMetered = false;
  /** @type {Generation | undefined} what a restart has made so far */
  #prepared;
  /** Lets a restart fail that is not ready yet. */
  #giveUp = () => {};
  /** @type {ServerState} */
  #before = 'ready';
  /** @type {AnyContext | undefined} the context that a step is busy with */
  #busyWith;

  /**
   * @param {Options} options
   * @param {string} [name] among the servers of one fleet
   */
  constructor(options, name) {
    super(options, name);
    const condition = {
      isReady: () => this.wantsRequests && !this.#reception.draining,
      report: () => this.report(),
    };
    const { port: own, ...paths } = options.endpoints;
    this.endpoints = new Endpoints(paths, condition);
    this.#reception = new Reception(own === undefined ? this.endpoints : new Endpoints(false, condition));
  }

  /** Its connections. */
  get table() {
    return this.#reception.table;
  }

  /** @returns {Promise<import('../../index.js').HealthReport>} */
  async report() {
    if (this.generation) return this.generation.health.report();
    const { uptime } = process;
    return { status: 'unhealthy', checks: {}, uptime: uptime(), memory: memoryUsage() };
  }

  /**
   * @param {(socket: import('node:net').Socket) => void} accept
   * @returns {Entrance}
   */
  entrance(accept) {
    return new Listener(accept, (error) => this.tell('error', error));
  }

  /**
   * What counts its requests; nothing where nobody could ever see it.
   *
   * @returns {import('../cluster/meters.js').Instance | undefined}
   */
  makeMeter() {
    if (!this.options.admin) return undefined;
    this.#showing = new Showing(this);
    return this.#showing.meters.meter(0);
  }

  #startMeter() {
    if (!this.#meter) {
      this.#meter = this.makeMeter();
      this.#meter?.watch(this.table, () => this.generation?.application.server !== undefined);
    }
    this.#isMetered = true;
    this.#meter?.start();
  }

  async #show() {
    await this.#showing?.open({
      workers: () => [
        {
          id: 'server',
          seat: 0,
          pid: process.pid,
          state: this.state,
          generation: this.generation?.context.generation ?? 0,
        },
      ],
      generation: () => this.generation?.context.generation ?? 0,
      address: () => addressOf({ host: this.options.host, port: this.getPort() }),
      report: () => this.report(),
      actions: { restart: () => this.requestRestart() },
    });
  }

  async healthPort() {
    const { host, endpoints } = this.options;
    const { port } = endpoints;
    if (port === undefined) return undefined;
    const tell = (/** @type {Error} */ error) => this.tell('error', error);
    return healthPorts().HealthPort.open({ host, port }, this.endpoints, tell);
  }

  /** @returns {Promise<import('../http/ticket-keys.js').Instance | undefined>} by which sessions of TLS are taken up again */
  async ticketKeys() {
    this.tickets ??= new TicketKeys();
    this.tickets.change();
    return this.tickets;
  }

  getPort() {
    const address = this.#listener?.address();
    return address && typeof address === 'object' ? address.port : this.options.port;
  }

  /** @returns {string} what a step that takes too long is waiting for */
  culprit() {
    return (this.#busyWith && lifetimeOf(this.#busyWith).step) || 'the application is not ready';
  }

  /**
   * Opens a context and makes the application from it. Brings a generation that can answer requests.
   *
   * @param {AnyContext} context
   */
  async #generate(context) {
    this.#busyWith = context;
    await acquire(context);
    try {
      const { app, manner } = this.options;
      const tell = (/** @type {Error} */ error) => this.tell('error', error);
      const application = await makeApplication(app, context, manner.listens, tell);
      if (wantsTicketKeys(application.server)) (await this.ticketKeys())?.serve(application.server);
      const checks = () => lifetimeOf(context).checks();
      return { context, application, health: new Health(checks, this.options.healthCheckTimeoutMs) };
    } catch (error) {
      await this.#giveBack(context);
      throw error;
    }
  }

  /** @param {AnyContext} context one that has not served */
  async #giveBack(context) {
    await release(context, { served: false }).catch((error) => this.tell('error', error));
  }

  /** @param {Generation} generation one that has not served */
  async #discard(generation) {
    await generation.application.close().catch((error) => this.tell('error', error));
    await this.#giveBack(generation.context);
  }

  /** @param {Generation} generation */
  async #untilWell(generation) {
    const end = performance.now() + this.options.readyTimeoutMs;
    for (;;) {
      const left = Math.max(end - performance.now(), 0);
      if (await within(left, isWell(generation), () => false)) return;
      if (performance.now() >= end) throw await this.notReady(generation);
      await pause(Math.min(POLL_MS, left), undefined, { ref: false });
    }
  }

  /** @override @param {Generation | undefined} [generation] */
  async notReady(generation = this.generation) {
    const outcomes = (await generation?.health.outcomes()) ?? {};
    const failed = Object.keys(outcomes).filter((name) => !outcomes[name]);
    const cause = failed.length > 0 ? new Error(`Not well: ${failed.join(', ')}`) : undefined;
    return createError('FLOTILLA_ERR_SERVER_NOT_READY', [], { cause });
  }

  /**
   * @param {AnyContext} context one that can be opened
   * @param {number} [fd] a listening socket that was handed to this process
   */
  async start(context, fd) {
    this.state = 'starting';
    this.#startMeter();
    /** @type {Generation | undefined} */
    let generation;
    try {
      generation = await this.#generate(context);
      await this.#listen(generation, fd);
      await this.#untilWell(generation);
      await this.#show();
    } catch (error) {
      await this.#close();
      if (generation) await this.#discard(generation);
      this.state = 'stopped';
      throw error;
    }
    this.state = 'ready';
    this.tell('ready');
  }

  /**
   * @param {Generation} generation
   * @param {number} [fd]
   */
  async #listen(generation, fd) {
    this.#healthPort = await this.healthPort();
    this.generation = generation;
    const accept = (/** @type {import('node:net').Socket} */ socket) => {
      const server = this.generation?.application.server;
      if (server && isFull(server, this.table.accepted)) drop(server, socket);
      else if (!server?.emit('connection', socket)) socket.destroy();
    };
    this.#listener = this.entrance(accept);
    this.#listener.follow?.(generation.application.server);
    await this.#listener.open(publicAddress(this.options, fd));
    this.#admit(generation);
  }

  /** @param {Generation} generation */
  #admit(generation) {
    this.generation = generation;
    const { application } = generation;
    this.#listener?.follow?.(application.server);
    const seeming = this.#listener?.isReal ? undefined : () => this.#listener?.address() ?? null;
    this.#reception.admit(application, seeming, () => this.closedByApplication());
    this.#meter?.sample();
  }

  /**
   * The application has closed its server, which stays open for the generations after it.
   *
   * @returns {Promise<void> | undefined} of a server that is closed with its last connection: resolves when that has gone
   */
  closedByApplication() {
    return undefined;
  }

  /** Closes the sockets that listen, and every connection. */
  async #close() {
    const closed = this.#listener?.close();
    await this.#reception.closeAll();
    await closed;
    await this.#healthPort?.close();
    if (this.#isMetered) this.#meter?.stop();
    this.#isMetered = false;
    this.#showing?.close();
    this.tickets?.end();
    this.#listener = this.#healthPort = this.generation = undefined;
  }

  /**
   * The first half of a restart: a new generation, complete and well. If this fails, nothing has changed.
   *
   * @param {AnyContext} context a fresh one
   */
  async prepare(context) {
    this.#before = this.state;
    this.state = 'restarting';
    const generating = this.#generate(context);
    const givenUp = /** @type {Promise<never>} */ (
      new Promise((_resolve, reject) => {
        const cause = new Error('A stop was asked for before it was ready');
        this.#giveUp = () => reject(createError('FLOTILLA_ERR_SERVER_NOT_READY', [], { cause }));
      })
    );
    try {
      this.#prepared = await Promise.race([generating, givenUp]);
      await Promise.race([this.#untilWell(this.#prepared), givenUp]);
    } catch (error) {
      // What is made after it was given up is closed then.
      if (!this.#prepared) generating.then((late) => this.#discard(late)).catch(() => {});
      this.#showing?.countRestart('failed');
      await this.abandon();
      throw error;
    } finally {
      this.#giveUp = () => {};
    }
  }

  /** Somebody waits to stop it: a restart that does not get ready is not waited for. @override */
  hasten() {
    this.#giveUp();
  }

  /** Takes back what `prepare` did. */
  async abandon() {
    const generation = this.#prepared;
    this.#prepared = undefined;
    if (this.state === 'restarting') this.state = this.#before;
    if (generation) await this.#discard(generation);
  }

  /** The second half: the new generation answers from now on, and the old one ends after its last answer. */
  async replace() {
    const old = /** @type {Generation} */ (this.generation);
    const next = /** @type {Generation} */ (this.#prepared);
    this.#prepared = undefined;
    this.#admit(next);
    try {
      await this.#finish(
        this.#reception.finished(old.application),
        () => this.#reception.cut(old.application),
        () => this.#reception.windUp(old.application),
      );
      await this.#release(old);
    } catch (error) {
      // The new one serves: the restart has succeeded, whatever becomes of the old one.
      this.tell('error', /** @type {Error} */ (error));
    }
    this.#showing?.countRestart('succeeded');
    this.log(`generation ${next.context.generation} serves`);
    this.state = 'ready';
    this.tell('restarted');
  }

  /**
   * Gives what is under way the time it may take, and cuts it then.
   *
   * @param {Promise<void>} finished
   * @param {() => string} cut
   * @param {() => void} hasten
   * @returns {Promise<boolean>} whether every request was answered
   */
  async #finish(finished, cut, hasten) {
    const { gracefulShutdownTimeoutMs: grace } = this.options;
    hasten();
    const inTime = await within(
      grace,
      finished.then(() => true),
      () => false,
    );
    const lost = inTime ? '' : cut();
    if (lost === '') return true;
    this.tell(
      'error',
      createError('FLOTILLA_ERR_SHUTDOWN_TIMEOUT', [`${grace}`, `no answer yet to ${lost}`]),
    );
    return false;
  }

  /**
   * Closes an application and what it stood on.
   *
   * @param {Generation} generation
   * @param {number} [ms]
   */
  async #release({ application, context }, ms = this.options.gracefulShutdownTimeoutMs) {
    this.#busyWith = context;
    let culprit = 'the application has not closed';
    const released = (async () => {
      /** @type {unknown[]} */
      const failures = [];
      await application.close().catch((error) => failures.push(error));
      culprit = '';
      await release(context, { served: true }).catch((error) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    })();
    await within(ms, released, () => {
      // It may still fail later, when nobody waits for it any more.
      released.catch((error) => this.tell('error', error));
      throw createError('FLOTILLA_ERR_SHUTDOWN_TIMEOUT', [`${ms}`, culprit || this.culprit()]);
    });
  }

  /** Refuses new work. What is under way goes on. */
  drain() {
    if (this.state !== 'ready') return;
    this.state = 'draining';
    this.tell('draining');
    this.#reception.drain();
  }

  /** Resolves when nothing is under way any more. */
  async drained() {
    if (this.generation) await this.#reception.quiet();
  }

  /**
   * @param {Leave} [part] without it connections are closed, and new requests refused
   * @returns {Promise<boolean>} whether every request that was under way got its answer
   */
  async stop(part) {
    const generation = this.generation;
    if (!generation) return true;
    const begun = await this.#announce(part ? 0 : this.options.shutdownDelayMs);
    const { gracefulShutdownTimeoutMs: grace } = this.options;
    const answered = await this.#finish(
      part ? this.#reception.empty() : this.#reception.quiet(),
      () => this.#reception.cut(generation.application),
      () => (part ? void this.part(part) : this.#reception.drain()),
    );
    // Until then requests are refused, and no connection is.
    if (!part) await this.othersQuiet(Math.max(grace - (performance.now() - begun), 0));
    this.state = 'stopping';
    const listenerClosed = this.#listener?.close();
    const left = Math.max(grace - (performance.now() - begun), Math.min(grace, CLOSING_MS));
    try {
      await this.#reception.closeAll();
      await listenerClosed;
      await this.#release(generation, left);
    } finally {
      await this.#close();
      this.state = 'stopped';
      this.logStop(answered);
      this.tell('stopped');
    }
    return answered;
  }

  /**
   * @param {Leave} leave
   * @returns {Promise<void>} resolves when no connection is left
   */
  part({ begin, ...parting }) {
    this.#reception.part(parting);
    begin?.();
    return this.#reception.empty();
  }

  /**
   * Resolves when nothing is under way in other processes of the same server either, or the time is over.
   *
   * @param {number} _withinMs
   */
  async othersQuiet(_withinMs) {}

  /**
   * Says that the end has come, and goes on serving for a while.
   *
   * @param {number} shutdownDelayMs
   */
  async #announce(shutdownDelayMs) {
    if (this.state !== 'draining') {
      this.state = 'draining';
      this.tell('draining');
      if (shutdownDelayMs > 0) await pause(shutdownDelayMs);
    }
    return performance.now();
  }

  /** @override */
  async isWell() {
    return this.generation !== undefined && (await isWell(this.generation));
  }
}

module.exports = { Service };

/**
 * A clustered server, seen from the primary: the same steps as those of a server in one process, taken by workers.
 *
 * The primary opens no resource and makes no application. A restart raises a whole generation of workers beside the
 * old one, and only when all of it is ready do connections go there: those that are there follow, between two
 * requests. If it does not get ready, the old one has noticed nothing. Connections travel as those of `startServer` do,
 * and none passes through this process's event loop. If the primary dies, Node ends the workers.
 */

/** @import { ServerState } from '../../index.js' */
/** @import { Instance as Post } from '../cluster/post.js' */
/** @import { AnyContext } from './context.js' */
/** @import { Options } from './options.js' */
/** @import { PublicAddress } from '../cluster/seat.js' */

const { isIP } = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { createError } = require('../errors.js');
const { Balance } = require('../cluster/balance.js');
const { checkMode, forwards } = require('../cluster/front.js');
const { readError } = require('../cluster/messages.js');
const { Endpoints } = require('../http/endpoints.js');
const { HealthPort } = require('../http/health-port.js');
const { Life } = require('./life.js');
const { RollCall } = require('./roll-call.js');
const seats = require('../cluster/seat.js');

const pollMs = 100;

/**
 * @param {{ host: string, port: number, local?: string }} bound what the front says
 * @returns {PublicAddress}
 */
function publicAddressOf({ host, port, local }) {
  if (local === undefined) return host;
  return { address: local, family: isIP(local) === 6 ? 'IPv6' : 'IPv4', port };
}

class ClusteredService extends Life {
  #server;
  #config;
  /** What clients connect to. */
  bound = { host: '', port: 0 };
  /** @type {import('../cluster/balance.js').Instance | undefined} while it is started */
  #balance;
  /** @type {PublicAddress | undefined} */
  #address;
  /** @type {InstanceType<typeof HealthPort> | undefined} */
  #healthPort;
  #endpoints;
  #rollCall;
  /** @type {Post[] | undefined} the workers of the generation that a restart has raised */
  #raised;
  /** @type {ServerState} */
  #before = 'ready';
  /** Whether the end was announced to the workers. */
  #announced = false;
  /** @type {Map<Post, () => void>} who wait to hear from workers that nothing is under way in them */
  #draining = new Map();
  #drained = Promise.resolve();
  /** @type {Set<Post>} workers that are about to end, and have nothing under way any more */
  #quiet = new Set();

  /**
   * @param {Options} options
   * @param {string | undefined} name
   * @param {import('../cluster/seat.js').WorkerSeat['server']} server which of those that the program makes
   */
  constructor(options, name, server) {
    super(options, name);
    const config = /** @type {import('../../index.js').ResolvedServerConfig} */ (options.balance);
    const { takesSockets, listens } = options.manner;
    checkMode(config, takesSockets);
    this.#server = server;
    // Where connections are forwarded, their workers learn by a header whose they are, unless the applications listen.
    const proxyProtocol = config.proxyProtocol || (!listens && forwards(config, true) && 'v2');
    this.#config = { ...config, proxyProtocol };
    this.#rollCall = new RollCall(config.workers, options.healthCheckTimeoutMs);
    const { port: _port, ...paths } = options.endpoints;
    this.#endpoints = new Endpoints(paths, {
      isReady: () => this.wantsRequests,
      report: () => this.#report(),
    });
  }

  #report() {
    return this.#rollCall.take(this.#balance?.pool);
  }

  getPort() {
    return typeof this.#address === 'object' ? this.#address.port : this.options.port;
  }

  culprit() {
    return 'not every worker is ready';
  }

  /** @param {number} [fd] */
  #makeBalance(fd) {
    const { takesSockets, readyMs, endMs, refuses } = this.options.manner;
    return new Balance(this.#config, {
      takesSockets,
      fd,
      workerEnv: ({ host, port, workerIndex }, generation) => {
        const address = /** @type {PublicAddress} */ (this.#address);
        return seats.environment({ server: this.#server, generation, address, workerIndex, host, port });
      },
      events: {
        failed: (error) => this.tell('error', error),
        said: (post, message) => this.#heed(post, message),
        engaged: (post) => this.#catchUp(post),
      },
      customs: { readyMs, endMs, polite: refuses },
    });
  }

  /**
   * @param {AnyContext} context
   * @param {number} [fd] a listening socket that was handed to this process
   */
  async start({ generation }, fd) {
    this.state = 'starting';
    const balance = this.#makeBalance(fd);
    this.#balance = balance;
    try {
      this.#healthPort = await HealthPort.open(this.options, this.#endpoints, (error) =>
        this.tell('error', error),
      );
      this.bound = await balance.front.bind();
      this.#address = publicAddressOf(this.bound);
      if (this.options.manner.waitsForAll) await balance.pool.replaceBy(await balance.pool.raise(generation));
      else await balance.pool.start(generation);
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.state = 'ready';
    this.#setProbes();
    balance.open();
    this.tell('ready');
  }

  /** Says what a probe is told while no worker takes its connection: this process lives, and so it is answered. */
  #setProbes() {
    const { live, ready, port } = this.options.endpoints;
    if (port !== undefined) return;
    const told = (
      /** @type {string | false} */ path,
      /** @type {boolean} */ well,
      /** @type {string} */ name,
    ) => ({
      path: path || '',
      status: well ? 200 : 503,
      body: JSON.stringify({ status: well ? name : `not ${name}` }),
    });
    const probes = [told(live, true, 'live'), told(ready, this.wantsRequests, 'ready')];
    this.#balance?.front.setProbes?.(probes.filter(({ path }) => path !== ''));
  }

  async #close() {
    const balance = this.#balance;
    await balance?.close();
    balance?.end();
    await this.#healthPort?.close();
    this.#balance = this.#address = this.#healthPort = undefined;
    this.#announced = false;
    this.state = 'stopped';
  }

  get #pool() {
    return /** @type {import('../cluster/balance.js').Instance} */ (this.#balance).pool;
  }

  /** @param {AnyContext} context a fresh one, whose generation is that of the new workers */
  async prepare({ generation }) {
    this.#before = this.state;
    this.state = 'restarting';
    try {
      this.#raised = await this.#pool.raise(generation);
    } catch (error) {
      this.state = this.#before;
      throw error;
    }
  }

  /** Somebody waits to stop it: a restart that takes as long as all workers take to get ready is not waited for. @override */
  hasten() {
    // Of a start of the lifecycle it is said that a stop has its turn after it.
    this.#balance?.pool.giveUp(this.state === 'starting' && !this.options.manner.waitsForAll);
  }

  /** Takes back what `prepare` did. */
  async abandon() {
    const raised = this.#raised;
    this.#raised = undefined;
    if (this.state === 'restarting') this.state = this.#before;
    if (raised) await this.#pool.discard(raised);
  }

  async replace() {
    const raised = /** @type {Post[]} */ (this.#raised);
    this.#raised = undefined;
    await this.#pool.replaceBy(raised);
    this.state = 'ready';
    this.#setProbes();
    this.tell('restarted');
  }

  /**
   * @param {Post} post
   * @param {any} message whatever a worker sends, and it may be anything
   */
  #heed(post, message) {
    switch (message?.type) {
      case 'flotilla:error':
        return this.tell('error', readError(message));
      case 'flotilla:drained':
        return this.#draining.get(post)?.();
      case 'flotilla:quiet':
        this.#quiet.add(post);
        return this.#letQuietGo();
      case 'flotilla:health':
        return this.#rollCall.heed(post, message);
      case 'flotilla:how-is-all':
        return void this.#tellHealth(post, message.id);
    }
  }

  /**
   * @param {Post} post that was asked for the health of all
   * @param {unknown} id
   */
  async #tellHealth(post, id) {
    post.send({ type: 'flotilla:all-are', id, report: await this.#report() });
  }

  /**
   * Says to a worker that has come late what the others were told.
   *
   * @param {Post} post
   */
  #catchUp(post) {
    if (this.#announced) post.send({ type: 'flotilla:announce' });
    if (this.state === 'draining' && !this.#announced) post.send({ type: 'flotilla:drain' });
  }

  drain() {
    if (this.state !== 'ready') return;
    this.state = 'draining';
    this.#setProbes();
    this.tell('draining');
    this.#drained = this.#drainAll();
  }

  /** Lets all workers refuse new requests, and resolves when nothing is under way in any of them. */
  async #drainAll() {
    const all = this.#pool.serving.map((post) => {
      const drained = new Promise((resolve) => this.#draining.set(post, () => resolve(undefined)));
      post.send({ type: 'flotilla:drain' });
      return Promise.race([drained, post.ended]);
    });
    await Promise.all(all);
    this.#draining.clear();
  }

  async drained() {
    await this.#drained;
  }

  /**
   * Lets workers end that have nothing under way: when the whole server stops, all of them together, so that new requests
   * are refused until the last one is answered, and no connection is closed under one.
   */
  #letQuietGo() {
    const others = this.state === 'stopping' ? this.#pool.serving : [];
    if (!others.every((post) => this.#quiet.has(post))) return;
    for (const post of this.#quiet) post.send({ type: 'flotilla:all-quiet' });
    this.#quiet.clear();
  }

  /** @returns {Promise<boolean>} whether every request that was under way got its answer */
  async stop() {
    const balance = this.#balance;
    if (!balance) return true;
    if (this.state !== 'draining') await this.#announce();
    this.state = 'stopping';
    if (!this.options.manner.refuses) await balance.close();
    for (const { ended } of balance.pool.serving) ended.then(() => this.#balance && this.#letQuietGo());
    const answered = await balance.pool.stop();
    await this.#close();
    this.tell('stopped');
    return answered;
  }

  /** Says that the end has come, and goes on serving as long as the configuration asks for. */
  async #announce() {
    this.state = 'draining';
    this.#announced = true;
    this.#setProbes();
    this.#pool.tell({ type: 'flotilla:announce' });
    this.tell('draining');
    if (this.options.shutdownDelayMs > 0) await pause(this.options.shutdownDelayMs);
  }

  /** Resolves when the server is ready and its checks are well. */
  async waitForReady() {
    const end = performance.now() + this.options.readyTimeoutMs;
    while (!(this.wantsRequests && (await this.#report()).status === 'healthy')) {
      if (performance.now() >= end) throw createError('FLOTILLA_ERR_SERVER_NOT_READY');
      await pause(pollMs);
    }
  }
}

module.exports = { ClusteredService };

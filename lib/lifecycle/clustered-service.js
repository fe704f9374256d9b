/**
 * A clustered server, seen from the primary: the same steps as those of a server in one process, taken by workers.
 *
 * The primary opens no resource and makes no application. A restart raises a whole generation of workers beside the
 * old one, and only when all of it is ready do connections go there: those that are there follow, between two
 * requests. If it does not get ready, the old one has noticed nothing. Connections travel as those of `startServer` do,
 * and none passes through this process's event loop. If the primary dies, the workers die with it.
 */

/** @import { ServerState } from '../../index.js' */
/** @import { Instance as Post } from '../cluster/post.js' */
/** @import { AnyContext } from './context.js' */
/** @import { Options } from './options.js' */
/** @import { PublicAddress } from '../cluster/seat.js' */

const { isIP } = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { isMainThread } = require('node:worker_threads');
const { Balance } = require('../cluster/balance.js');
const { tellListening } = require('../cluster/forking.js');
const { checkMode, forwards, wayOf } = require('../cluster/front.js');
const { readError } = require('../cluster/messages.js');
const { createError } = require('../errors.js');
const { Endpoints } = require('../http/endpoints.js');
const { Life } = require('./life.js');
const { Showing, addressOf } = require('./showing.js');
const { RollCall } = require('./roll-call.js');
const { PRIMARY_SEAT } = require('../cluster/meters.js');
const { Readings } = require('../cluster/readings.js');
const { noopTelemetrySink } = require('../cluster/telemetry.js');
const seats = require('../cluster/seat.js');
const { sameWishMs } = require('./signals.js');
const check = require('../base/check.js');
const { later } = require('../base/loading.js');
const { Turns } = require('../base/turns.js');

/** Most servers need neither. */
const healthPorts = later(() => require('../http/health-port.js'));
const ticketKeys = later(() => require('../http/ticket-keys.js'));

const MOST_WORKERS = 512;

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
  /** @type {import('../http/health-port.js').Instance | undefined} */
  #healthPort;
  #endpoints;
  #rollCall;
  #showing = new Showing(this);
  /** Of this process, while it is shown. @type {import('../cluster/meters.js').Instance | undefined} */
  #meter;
  #generation = 0;
  /** Where a sink wants to hear of them. @type {InstanceType<typeof Readings> | undefined} */
  #readings;
  #scalings = new Turns();
  /** Made when the first worker asks. @type {import('../http/ticket-keys.js').Instance | undefined} */
  #tickets;
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

  /** @override @param {string} text */
  log(text) {
    super.log(text, this.#server === seats.START_SERVER ? '' : this.name);
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
    const { takesSockets, readyMs, refuses } = this.options.manner;
    return new Balance(this.#config, {
      takesSockets,
      fd,
      workerEnv: (seat, generation) => {
        const { meters } = this.#showing;
        meters.seat(seat.seat);
        return { ...this.environmentOf(seat, generation), ...meters.environment() };
      },
      events: {
        failed: (error) => this.tell('error', error),
        replaced: ({ seat, pid }) => this.log(`${seat.id} was replaced, by process ${pid}`),
        said: (post, message) => this.heed(post, message),
        engaged: (post) => this.#engaged(post),
        changed: () => this.changed(),
        ended: (post, why) => {
          this.#readings?.ended(post);
          this.#showing.meters.vacate(post.seat.seat);
          this.#showing.countEnd(why);
        },
      },
      // Sockets that are not Node's are nobody's to look at but the front's.
      customs: { readyMs, polite: refuses, blind: !takesSockets },
      makeFront: this.makeFront,
    });
  }

  /**
   * What is in the place of the front that the configuration asks for.
   *
   * @type {((options: import('../cluster/front.js').FrontOptions) => import('../cluster/front.js').Front) | undefined}
   */
  makeFront;

  /**
   * What a worker has to know.
   *
   * @param {import('../cluster/front.js').Seat} seat
   * @param {number} generation
   * @returns {import('../cluster/seat.js').WorkerSeat}
   */
  seatOf({ seat, host, port, workerIndex }, generation) {
    const address = /** @type {PublicAddress} */ (this.#address);
    return { server: this.#server, seat, generation, address, workerIndex, host, port };
  }

  /**
   * @param {import('../cluster/front.js').Seat} seat
   * @param {number} generation
   * @returns {Record<string, string>}
   */
  environmentOf(seat, generation) {
    return seats.environment(this.seatOf(seat, generation));
  }

  /** @param {number} workers how many there are to be */
  async scaleTo(workers) {
    // Two at a time would each count from what the other has not changed yet.
    await this.#scalings.take(async () => {
      await this.#pool.scale(workers);
      this.#rollCall.wanted = workers;
    });
  }

  /** How all workers are. */
  reportAll() {
    return this.#report();
  }

  /** What its workers are, while it is started. */
  get pool() {
    return this.#balance?.pool;
  }

  /**
   * @param {AnyContext} context
   * @param {number} [fd] a listening socket that was handed to this process
   */
  async start({ generation }, fd) {
    if (!isMainThread) throw createError('FLOTILLA_ERR_MAIN_THREAD_ONLY', ['A server with workers']);
    this.state = 'starting';
    this.#generation = generation;
    const balance = this.#makeBalance(fd);
    this.#balance = balance;
    try {
      await this.#openHealthPort();
      this.bound = await balance.front.bind();
      this.#address = publicAddressOf(this.bound);
      await this.#show(balance);
      if (this.#config.telemetry !== noopTelemetrySink) {
        this.#readings = new Readings(this.#showing.meters, balance.sink, () => balance.pool.all);
      }
      if (this.options.manner.waitsForAll) await balance.pool.replaceBy(await balance.pool.raise(generation));
      else await balance.pool.start(generation);
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.state = 'ready';
    this.#setProbes();
    balance.open();
    const { host, port } = this.bound;
    const way = wayOf(this.#config, this.options.manner.takesSockets);
    this.log(
      `${this.#config.workers} workers serve ${host.startsWith('/') ? host : `${host}:${port}`}; ${way}`,
    );
    this.tell('ready');
  }

  async #openHealthPort() {
    const { host, endpoints } = this.options;
    const { port } = endpoints;
    if (port === undefined) return;
    const tell = (/** @type {Error} */ error) => this.tell('error', error);
    this.#healthPort = await healthPorts().HealthPort.open({ host, port }, this.#endpoints, tell);
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

  /** @param {import('../cluster/balance.js').Instance} balance */
  async #show({ front, pool }) {
    if (!this.options.admin) return;
    this.#meter = this.#showing.meters.meter(PRIMARY_SEAT);
    this.#meter.start();
    await this.#showing.open({
      workers: () => {
        const byPlace = pool.all.sort((one, other) => one.seat.workerIndex - other.seat.workerIndex);
        return byPlace.map((post) => post.member());
      },
      primary: () => ({
        id: 'primary',
        seat: PRIMARY_SEAT,
        pid: process.pid,
        state: this.state,
        generation: this.#generation,
      }),
      generation: () => this.#generation,
      address: () => addressOf(this.bound),
      report: () => this.#report(),
      actions: {
        restart: () => this.requestRestart(),
        kill: (given) => this.#kill(given.worker),
        scale: (given) => this.#scale(given.workers),
      },
      front: front.thread,
    });
  }

  /** Ends a worker's process as a crash would. @param {unknown} worker its id */
  #kill(worker) {
    const post = this.#pool.all.find(({ seat, state }) => seat.id === worker && state !== 'ended');
    if (!post) throw check.invalid('worker', 'the id of a worker, such as "worker-0"', worker);
    post.kill();
    return post.ended.then(() => {});
  }

  /** @param {unknown} workers */
  #scale(workers) {
    const wanted = check.whole(1, MOST_WORKERS)('workers', workers);
    if (!this.wantsRequests) throw createError('FLOTILLA_ERR_SERVER_NOT_READY');
    return this.scaleTo(wanted);
  }

  async #close() {
    const balance = this.#balance;
    await balance?.close();
    balance?.end();
    this.#readings?.stop();
    this.#meter?.stop();
    this.#showing.close();
    await this.#healthPort?.close();
    this.#tickets?.end();
    this.#balance = this.#address = this.#healthPort = this.#readings = undefined;
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
      this.#showing.countRestart('failed');
      this.state = this.#before;
      throw error;
    }
  }

  /** Throws if the generation that `prepare` has raised is not whole any more. @override */
  confirm() {
    this.#pool.confirm(/** @type {Post[]} */ (this.#raised));
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
    this.#generation = raised[0].generation;
    await this.#pool.replaceBy(raised);
    this.#showing.countRestart('succeeded');
    this.log(`generation ${raised[0].generation} serves, with new workers`);
    this.state = 'ready';
    this.#setProbes();
    this.tell('restarted');
  }

  /**
   * @param {Post} post
   * @param {any} message whatever a worker sends, and it may be anything
   */
  heed(post, message) {
    switch (message?.type) {
      case 'flotilla:error':
        return this.tell('error', readError(message));
      case 'flotilla:asked-to-end':
        // Where its whole group was told to, so is this process, and all workers end together.
        setTimeout(() => this.#announced || this.#balance?.pool.release(post), sameWishMs);
        return;
      case 'flotilla:drained':
        return this.#draining.get(post)?.();
      case 'flotilla:quiet':
        this.#quiet.add(post);
        return this.#letQuietGo();
      case 'flotilla:health':
        return this.#rollCall.heed(post, message);
      case 'flotilla:ticket-keys-wanted':
        return this.#tellKeys(post);
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

  /** @param {Post} post that connections may go to from now on */
  #engaged(post) {
    // A program that was never written for this listens where it wants, and not at one place.
    if (this.#address) tellListening(post.worker, this.#address);
    this.#catchUp(post);
  }

  /** @param {Post} post whose sessions of TLS are to be taken up again by all workers, and by those of later generations */
  #tellKeys(post) {
    this.#tickets ??= new (ticketKeys().TicketKeys)();
    const keys = this.#tickets;
    const say = (/** @type {string} */ text) => ({ type: 'flotilla:ticket-keys', keys: text });
    keys.change((text) => this.#balance?.pool.tell(say(text)));
    post.send(say(keys.text));
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
    this.logStop(answered);
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

  /** @override */
  async isWell() {
    return (await this.#report()).status === 'healthy';
  }
}

module.exports = { ClusteredService };

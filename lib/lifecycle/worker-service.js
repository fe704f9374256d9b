/**
 * A clustered server, seen from one of its workers: a server in one process, whose connections come from the primary
 * and whose end the primary decides.
 *
 * When it leaves so that another generation takes its place, its connections go on there as they fall idle. If the
 * primary dies, this process dies with it.
 */

/** @import { Socket } from 'node:net' */
/** @import { AnyContext } from './context.js' */
/** @import { WorkerSeat } from '../cluster/seat.js' */

const { invalidArgument } = require('../base/argument.js');
const { createError } = require('../errors.js');
const { IDLE_MS, failed, tellPrimary } = require('../cluster/messages.js');
const { Reporter, reportEveryMs } = require('../cluster/reporter.js');
const { Service } = require('./service.js');
const within = require('../base/within.js');
const { Entrance, forwarded, itself } = require('../cluster/entrances.js');
const { arriveForwarded } = require('../http/arrival.js');
const { behindProxy } = require('../http/proxy-header.js');
const { meterOfWorker } = require('../cluster/meters.js');
const { meters, rendezvous } = require('../cluster/seat.js');
const { sharedTicketKeys } = require('./shared-keys.js');

/** How long a primary may take to answer. */
const answerMs = 1000;

class WorkerService extends Service {
  #seat;
  #config;
  /** @type {InstanceType<typeof Entrance> | undefined} */
  #entrance;
  /** @type {import('../cluster/reporter.js').Instance | undefined} */
  #reporter;
  /** @type {NodeJS.Timeout | undefined} */
  #beat;
  /** Whether the primary has said that the end is near. */
  #announced = false;
  /** Whether it was the primary that told this worker to leave. */
  #toldToLeave = false;
  /** Where the application has closed its server: until the last connection has gone. @type {Promise<void> | undefined} */
  #retired;
  #othersQuiet = () => {};
  /** @type {Map<number, (report: any) => void>} */
  #questions = new Map();
  #ids = 0;
  /** Where nobody is there who would decide on its end. */
  #leaveAlone = () => {
    const withinMs = this.options.gracefulShutdownTimeoutMs;
    if (!this.#announced) this.#leave({ lingerMs: IDLE_MS, withinMs, moves: true });
  };

  /**
   * @param {import('./options.js').Options} options
   * @param {string | undefined} name
   * @param {WorkerSeat} seat
   */
  constructor(options, name, seat) {
    // The primary waits before it lets its workers end, and has the endpoints' own port.
    super({ ...options, shutdownDelayMs: 0 }, name);
    this.#seat = seat;
    this.#config = /** @type {import('../../index.js').ResolvedServerConfig} */ (options.balance);
  }

  /** Its primary says what becomes of the server. @override */
  log() {}

  /** @override */
  get wantsRequests() {
    return super.wantsRequests && !this.#announced && this.#retired === undefined;
  }

  /** @override */
  getPort() {
    const { address } = this.#seat;
    return typeof address === 'string' ? this.options.port : address.port;
  }

  /** The port that this worker listens on; 0 where it does not. */
  get port() {
    return this.#entrance?.port ?? 0;
  }

  /** @override @param {(socket: Socket) => void} accept */
  entrance(accept) {
    this.#entrance = this.#makeEntrance(accept);
    return this.#entrance;
  }

  /** @param {(socket: Socket) => void} accept */
  #makeEntrance(accept) {
    const { allowHalfOpen, proxyProtocol } = this.#config;
    const { application } = /** @type {import('./service.js').Generation} */ (this.generation);
    const handOff = rendezvous === undefined ? undefined : { rendezvous, allowHalfOpen, table: this.table };
    const { blockList } = /** @type {any} */ (application.server ?? {});
    if (this.options.manner.listens && !handOff && blockList)
      throw invalidArgument(
        'blockList',
        "with mode 'handoff': a forwarded connection shows no client",
        blockList,
      );
    if (this.options.manner.listens)
      return new Entrance(this.#seat, { application, handOff, listening: itself(application), isReal: true });
    if (handOff) return new Entrance(this.#seat, { application, handOff });
    // What can only listen reads the header itself, where it was asked for.
    const keepsHeader = application.carries !== undefined && proxyProtocol !== false;
    const arrived = (/** @type {Socket} */ socket) => arriveForwarded(application.server, socket, accept);
    const take = keepsHeader ? accept : (/** @type {Socket} */ socket) => behindProxy(socket, arrived);
    const listening = forwarded(application, take, (error) => this.tell('error', error));
    return new Entrance(this.#seat, { application, listening });
  }

  /** @override */
  ticketKeys() {
    return sharedTicketKeys();
  }

  /** @override */
  async healthPort() {
    return undefined;
  }

  /** @override */
  makeMeter() {
    return meterOfWorker(meters, this.#seat.seat);
  }

  /** @override @returns {Promise<import('../../index.js').HealthReport>} that of all workers */
  async report() {
    const id = ++this.#ids;
    const answer = /** @type {Promise<any>} */ (
      new Promise((resolve) => {
        this.#questions.set(id, resolve);
      })
    );
    tellPrimary({ type: 'flotilla:how-is-all', id });
    // The primary waits for those that do not answer; this is for a primary that does not.
    const report = await within(2 * this.options.healthCheckTimeoutMs + 1000, answer, () => undefined);
    this.#questions.delete(id);
    return report ?? { ...(await super.report()), status: 'unhealthy' };
  }

  /** @override @param {AnyContext} context */
  async start(context) {
    process.on('message', this.#heed);
    // Where that was not what the program wanted, Node has ended this process already.
    process.once('disconnect', this.#leaveAlone);
    try {
      await super.start(context);
    } catch (error) {
      tellPrimary(failed(error));
      throw error;
    }
    const { table } = this;
    // Of what listens without a server of Node's, nothing is known.
    const isKnown = this.generation?.application.server !== undefined;
    this.#reporter = new Reporter(() =>
      isKnown ? { connections: table.size, requests: table.requests } : { connections: 0 },
    );
    this.#sayHow();
    tellPrimary({ type: 'flotilla:worker-ready', port: this.port });
    this.#beat = setInterval(() => this.#sayHow(), reportEveryMs(this.#config)).unref();
  }

  #sayHow() {
    if (this.#reporter) tellPrimary({ type: 'flotilla:heartbeat', stats: this.#reporter.take() });
  }

  /** @override @param {any[]} args */
  tell(/** @type {any} */ name, ...args) {
    if (name === 'error' && this.events.listenerCount('error') === 0) {
      tellPrimary(failed(args[0], 'flotilla:error'));
    } else super.tell(name, ...args);
  }

  /** @override @returns {Promise<void>} */
  async prepare() {
    throw createError('FLOTILLA_ERR_PRIMARY_ONLY', ['restart()']);
  }

  /** @override @param {import('./service.js').Leave} [part] */
  async stop(part = this.options.manner.refuses ? undefined : { lingerMs: 0, moves: false }) {
    clearInterval(this.#beat);
    this.#reporter?.stop();
    // Where it was not told to, another worker takes its place.
    if (this.started) tellPrimary({ type: 'flotilla:leaving' });
    return super.stop(part);
  }

  /** As in a cluster of Node's, no connection comes here any more, and this process goes on. @override */
  closedByApplication() {
    if (this.state !== 'ready') return this.#retired;
    if (!this.#retired) {
      tellPrimary({ type: 'flotilla:leaving' });
      const begin = () => this.#entrance?.part(Number.POSITIVE_INFINITY);
      this.#retired = this.part({ lingerMs: IDLE_MS, moves: true, begin });
    }
    return this.#retired;
  }

  /** Somebody else than the primary wants it: the primary says when, unless it is too busy to. @override */
  leave() {
    tellPrimary({ type: 'flotilla:asked-to-end' });
    setTimeout(this.#leaveAlone, answerMs).unref();
  }

  /** @override @param {number} withinMs */
  async othersQuiet(withinMs) {
    const told = /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        this.#othersQuiet = resolve;
      })
    );
    tellPrimary({ type: 'flotilla:quiet' });
    await within(withinMs, told, () => {});
  }

  #heed = (/** @type {any} */ message) => {
    switch (message?.type) {
      case 'flotilla:announce':
        this.#announced = true;
        return;
      case 'flotilla:drain':
        return void this.#drain();
      case 'flotilla:leave':
        return void this.#leave(message);
      case 'flotilla:all-quiet':
        return this.#othersQuiet();
      case 'flotilla:how-are-you':
        return void this.#tellHealth(message.id);
      case 'flotilla:all-are':
        return this.#questions.get(message.id)?.(message.report);
    }
  };

  async #drain() {
    this.drain();
    await this.drained();
    tellPrimary({ type: 'flotilla:drained' });
  }

  /** @param {unknown} id */
  async #tellHealth(id) {
    tellPrimary({ type: 'flotilla:health', id, report: await super.report() });
  }

  /** @param {{ lingerMs: number, moves: boolean, withinMs: number }} message */
  async #leave({ lingerMs, moves, withinMs }) {
    if (this.#toldToLeave) return;
    this.#toldToLeave = true;
    let answered = false;
    try {
      answered = await this.stop(
        moves ? { lingerMs, moves, begin: () => this.#entrance?.part(withinMs) } : undefined,
      );
    } catch (error) {
      tellPrimary(failed(error, 'flotilla:error'));
    }
    // It ends when the primary has heard why, or is not there to hear it.
    const end = () => process.exit(answered ? 0 : 1);
    if (!process.connected) end();
    process.send?.({ type: 'flotilla:left', answered }, undefined, {}, end);
  }
}

module.exports = { WorkerService };

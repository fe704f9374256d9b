/**
 * One server of an application that was never written for this: it was caught when it listened, and its connections come
 * from the primary. It is dealt with as any other server of a worker is.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { Socket } from 'node:net' */
/** @import { Options } from './options.js' */

const { Entrance, forwarded } = require('../cluster/entrances.js');
const { meterOfWorker } = require('../cluster/meters.js');
const { meters } = require('../cluster/seat.js');
const { arriveForwarded } = require('../http/arrival.js');
const { behindProxy } = require('../http/proxy-header.js');
const { Service } = require('./service.js');
const { sharedTicketKeys } = require('./shared-keys.js');

/**
 * How connections come to it.
 *
 * @typedef {object} Way
 * @property {number} [rendezvous] where they are handed over; where there is none they are forwarded
 * @property {boolean} allowHalfOpen
 * @property {boolean} keepsHeader whether the application reads the header of the PROXY protocol itself
 * @property {import('../cluster/seat.js').WorkerSeat} seat
 * @property {() => Promise<import('../../index.js').HealthReport>} reportAll
 */

/** @typedef {CaughtService} Instance */

class CaughtService extends Service {
  #way;
  #server;
  /** @type {InstanceType<typeof Entrance> | undefined} */
  #entrance;

  /**
   * @param {Options} options
   * @param {HttpServer} server
   * @param {Way} way
   */
  constructor(options, server, way) {
    super({ ...options, app: () => server, shutdownDelayMs: 0 });
    this.#server = server;
    this.#way = way;
  }

  /** Whether the primary has said that the end is near. */
  announced = false;

  /** Its primary says what becomes of the server. @override */
  log() {}

  /** @override */
  get wantsRequests() {
    return super.wantsRequests && !this.announced;
  }

  /** The port of its own, where connections are forwarded to it; else 0. */
  get port() {
    return this.#entrance?.port ?? 0;
  }

  /** @override */
  entrance() {
    const { rendezvous, allowHalfOpen, keepsHeader, seat } = this.#way;
    const { application } = /** @type {import('./service.js').Generation} */ (this.generation);
    const handOff =
      rendezvous === undefined ? undefined : { rendezvous, stays: true, allowHalfOpen, table: this.table };
    const bring = (/** @type {Socket} */ socket) => void this.#server.emit('connection', socket);
    const arrived = (/** @type {Socket} */ socket) => arriveForwarded(this.#server, socket, bring);
    const take = keepsHeader ? bring : (/** @type {Socket} */ socket) => behindProxy(socket, arrived);
    const listening = handOff
      ? undefined
      : forwarded(application, take, (error) => this.tell('error', error));
    // It listens in its own eyes, and knows where.
    this.#entrance = new Entrance(seat, { application, handOff, listening, isReal: true });
    return this.#entrance;
  }

  /** @override That of the process, which may have several of these. */
  makeMeter() {
    return meterOfWorker(meters, this.#way.seat.seat);
  }

  /** @override */
  ticketKeys() {
    return sharedTicketKeys();
  }

  /** @override The primary has it. */
  async healthPort() {
    return undefined;
  }

  /** @override That of all workers. */
  report() {
    return this.#way.reportAll();
  }

  /** Lets it go as the primary says. @param {{ lingerMs: number, moves: boolean, withinMs: number }} how */
  leaveAs({ lingerMs, moves, withinMs }) {
    return this.stop({ lingerMs, moves, begin: () => moves && this.#entrance?.part(withinMs) });
  }
}

module.exports = { CaughtService };

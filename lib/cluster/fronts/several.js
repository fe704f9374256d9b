/**
 * A front for each address that the applications of the workers listen on, as one: raised when the first worker asks for the
 * address, and the same for those that ask after it.
 *
 * A port is taken here, in the primary, before any worker hears that it may listen, so that an address which is in use is
 * told to the program that asked for it. An address that was asked for by new code alone is given up with that code.
 */

/** @import { BackendCandidate } from '../../../index.js' */
/** @import { Front, FrontOptions, Probe, Seat } from '../front.js' */

const { chmodSync } = require('node:fs');
const { errno: numbers } = require('node:os').constants;
const { FlotillaError } = require('../../errors.js');
const native = require('../../native/loader.js');
const { chooseFront, forwards } = require('../front.js');

/**
 * Where a worker's application wants to listen.
 *
 * @typedef {object} Address
 * @property {string} key by which it is the same address in each worker
 * @property {string | null} host an address, the path of a Unix socket, or nothing for all addresses of the machine
 * @property {number} port
 * @property {number} [fd] a listening socket of this process
 * @property {number} [mode] of a Unix socket
 */
/**
 * @typedef {object} Place
 * @property {Address} address
 * @property {Front} front
 * @property {Promise<{ host: string, port: number, local?: string }>} bound
 * @property {{ host: string, port: number, local?: string }} [at] where it listens, when it does
 * @property {Map<number, Seat>} seats whose workers listen there
 * @property {Set<number>} asking seats whose workers may come to
 * @property {boolean} isOpen
 */
/** @typedef {{ seat: Seat, pid: number, isReady: boolean }} Process */

/** What an address of all kinds is tried by: a machine may have no IPv6. */
const ANY = ['::', '0.0.0.0'];
const RETRIED = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/** @typedef {SeveralFronts} Instance */

class SeveralFronts {
  #options;
  /** @type {Map<string, Place>} */
  #places = new Map();
  /** By their seats. @type {Map<number, Process>} */
  #processes = new Map();
  /** @type {Probe[]} */
  #probes = [];
  #isOpen = false;
  /** No front of its own: where all of them meet the workers. */
  #meeting = new native.NativeFront();

  /** @param {Omit<FrontOptions, 'fd'>} options whose address counts for nothing */
  constructor(options) {
    this.#options = options;
  }

  /** There is no address yet. */
  async bind() {
    return { host: '', port: 0 };
  }

  /** A worker inherits one descriptor, over which it meets all fronts. @param {Seat} seat */
  prepare(seat) {
    return handsOver(this.#options.config) ? this.#meeting.rendezvous(seat.seat) : undefined;
  }

  /**
   * @param {Seat} seat
   * @param {number} pid
   */
  forked(seat, pid) {
    this.#processes.set(seat.seat, { seat, pid, isReady: false });
  }

  /** Where is listened, by their keys. */
  get addresses() {
    return [...this.#places.values()].filter(({ at }) => at !== undefined);
  }

  /** The keys of those that connections are taken at. */
  get served() {
    return this.addresses.filter(({ seats }) => seats.size > 0).map(({ address }) => address.key);
  }

  /**
   * A worker asks to listen. Rejects where the system refuses the address.
   *
   * @param {Seat} seat
   * @param {Address} address
   */
  async ask(seat, address) {
    const place = this.#places.get(address.key) ?? this.#raise(address);
    place.asking.add(seat.seat);
    const { host, port, local } = await place.bound;
    const { pid } = this.#processes.get(seat.seat) ?? { pid: 0 };
    // It comes there once for each front, in the order in which it asks.
    const isHandedOver = place.front.meet?.(seat, this.#meeting) ?? false;
    place.front.forked(seat, pid);
    return { host, port, local, isHandedOver };
  }

  /** @param {Address} address @returns {Place} */
  #raise(address) {
    /** @type {Place} */
    const place = /** @type {any} */ ({ address, seats: new Map(), asking: new Set(), isOpen: false });
    this.#places.set(address.key, place);
    place.bound = this.#bind(place).catch((error) => {
      this.#places.delete(address.key);
      throw error;
    });
    return place;
  }

  /** @param {Place} place */
  async #bind(place) {
    const { host, port, fd, mode } = place.address;
    const hosts = host === null && fd === undefined ? ANY : [host ?? ANY[0]];
    for (const [index, each] of hosts.entries()) {
      place.front = this.#make(place, { host: each, port, fd });
      try {
        place.at = await place.front.bind();
        break;
      } catch (error) {
        await place.front.close();
        place.front.stop?.();
        if (index === hosts.length - 1 || !RETRIED.includes(codeOf(error))) throw error;
      }
    }
    if (mode !== undefined && host !== null) chmodSync(host, mode);
    place.front.setProbes?.(this.#probes);
    return /** @type {NonNullable<Place['at']>} */ (place.at);
  }

  /**
   * @param {Place} place
   * @param {{ host: string, port: number, fd?: number }} at
   */
  #make({ seats }, { host, port, fd }) {
    const { config, candidates, count, record } = this.#options;
    // One that does not listen there can take nothing of it.
    const listening = () => candidates().filter((each) => listensAmong(seats, each));
    return chooseFront({ config: { ...config, host, port }, fd, candidates: listening, count, record }, true);
  }

  /**
   * A worker listens there by now.
   *
   * @param {Seat} seat
   * @param {string} key
   * @param {number} port that of the worker's own, where connections are forwarded
   */
  async seated(seat, key, port) {
    const place = this.#places.get(key);
    const process = this.#processes.get(seat.seat);
    if (!place || !process) return;
    const its = { ...seat, port };
    place.seats.set(seat.seat, its);
    if (process.isReady) await this.#admit(place, its);
  }

  /**
   * @param {Place} place
   * @param {Seat} its
   */
  async #admit(place, its) {
    await place.front.ready(its);
    if (!this.#isOpen || place.isOpen) return;
    place.isOpen = true;
    place.front.open();
  }

  /**
   * A worker's program does not listen there any more. Where none does, the address is free again.
   *
   * @param {Seat} seat
   * @param {string} key
   */
  async unseated(seat, key) {
    const place = this.#places.get(key);
    const its = place?.seats.get(seat.seat);
    if (!place || !its) return;
    place.seats.delete(seat.seat);
    place.asking.delete(seat.seat);
    await place.front.drain(its);
    await this.#giveUp(place);
  }

  /** @param {Place} place */
  async #giveUp(place) {
    if (place.asking.size > 0 || this.#places.get(place.address.key) !== place) return;
    this.#places.delete(place.address.key);
    await place.bound.catch(() => {});
    await place.front.close();
    place.front.stop?.();
  }

  /** @param {Seat} seat */
  async ready(seat) {
    const process = this.#processes.get(seat.seat);
    if (process) process.isReady = true;
    await this.#eachOf(seat, (place, its) => this.#admit(place, its));
  }

  /** @param {Seat} seat */
  async drain(seat) {
    const process = this.#processes.get(seat.seat);
    if (process) process.isReady = false;
    await this.#eachOf(seat, ({ front }, its) => front.drain(its));
  }

  /** @param {Seat} seat */
  gone(seat) {
    this.#processes.delete(seat.seat);
    for (const place of [...this.#places.values()]) {
      if (!place.asking.delete(seat.seat)) continue;
      place.front?.gone(place.seats.get(seat.seat) ?? seat);
      place.seats.delete(seat.seat);
      // Where connections were taken, workers come again.
      if (!place.isOpen) this.#giveUp(place);
    }
  }

  /**
   * @param {Seat} seat
   * @param {(place: Place, its: Seat) => unknown} act
   */
  async #eachOf(seat, act) {
    const all = [...this.#places.values()].map(async (place) => {
      const its = place.seats.get(seat.seat);
      if (its) await act(place, its);
    });
    await Promise.all(all);
  }

  open() {
    this.#isOpen = true;
    for (const place of this.#places.values()) {
      if (place.isOpen || place.seats.size === 0) continue;
      place.isOpen = true;
      place.front.open();
    }
  }

  /** @param {Probe[]} probes */
  setProbes(probes) {
    this.#probes = probes;
    for (const { at, front } of this.#places.values()) if (at) front.setProbes?.(probes);
  }

  async close() {
    await Promise.all(this.addresses.map(({ front }) => front.close()));
  }

  stop() {
    for (const { front } of this.addresses) front.stop?.();
    this.#places.clear();
  }

  /** @param {Seat} seat */
  load(seat) {
    const sum = { connections: 0, inFlightRequests: 0, eventLoopLagMs: 0 };
    for (const { seats, front } of this.#places.values()) {
      const its = seats.get(seat.seat);
      if (!its) continue;
      const { connections, inFlightRequests = 0, eventLoopLagMs = 0 } = front.load(its);
      sum.connections += connections;
      sum.inFlightRequests += inFlightRequests;
      sum.eventLoopLagMs = Math.max(sum.eventLoopLagMs, eventLoopLagMs);
    }
    return sum;
  }

  /** What has happened to connections since the beginning, where the fronts count. @returns {Record<string, number>} */
  counts() {
    /** @type {Record<string, number>} */
    const sum = {};
    for (const { front } of this.addresses) {
      for (const [name, count] of Object.entries(/** @type {any} */ (front).counts?.() ?? {})) {
        sum[name] = (sum[name] ?? 0) + Number(count);
      }
    }
    return sum;
  }
}

/** @param {import('../../../index.js').ResolvedServerConfig} config */
const handsOver = (config) => !forwards(config, true);

/**
 * @param {Map<number, Seat>} seats
 * @param {BackendCandidate} candidate
 */
function listensAmong(seats, { id }) {
  for (const seat of seats.values()) if (seat.id === id) return true;
  return false;
}

/** @param {any} error */
const codeOf = (error) => String(error?.cause?.code ?? error?.code);

/**
 * The number by which Node's servers are told of a refusal.
 *
 * @param {unknown} error
 */
function numberOf(error) {
  const known = /** @type {Record<string, number>} */ (numbers)[codeOf(error)];
  return known === undefined || !(error instanceof FlotillaError) ? undefined : -known;
}

module.exports = { SeveralFronts, numberOf };

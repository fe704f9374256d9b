/** The public faces of a fleet: all of its servers together, and each by itself. */

/** @import { AnyService as Service } from './life.js' */
/** @import { Instance as Fleet } from './fleet.js' */

/** Node 20.3 has no `Symbol.asyncDispose` of its own; a compiler’s stand-in for `await using` looks for this one. */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** What one server and several have in common. */
class Lifecycle {
  #fleet;
  #services;

  /**
   * @param {Fleet} fleet
   * @param {Service[]} services
   */
  constructor(fleet, services) {
    this.#fleet = fleet;
    this.#services = services;
  }

  async start() {
    await this.#fleet.start(this.#services);
  }

  async stop() {
    await this.#fleet.stop(this.#services);
  }

  async restart() {
    await this.#fleet.restart(this.#services);
  }

  async drain() {
    await this.#fleet.drain(this.#services);
  }

  async waitForReady() {
    await Promise.all(this.#services.map((service) => service.waitForReady()));
  }

  async [asyncDispose]() {
    await this.stop();
  }
}

class Server extends Lifecycle {
  #service;

  /**
   * @param {Fleet} fleet
   * @param {Service} service
   */
  constructor(fleet, service) {
    super(fleet, [service]);
    this.#service = service;
  }

  get state() {
    return this.#service.state;
  }

  getPort() {
    return this.#service.getPort();
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  on(event, listener) {
    this.#service.events.on(event, listener);
    return this;
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  once(event, listener) {
    this.#service.events.once(event, listener);
    return this;
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  off(event, listener) {
    this.#service.events.off(event, listener);
    return this;
  }
}

module.exports = { Lifecycle, Server };

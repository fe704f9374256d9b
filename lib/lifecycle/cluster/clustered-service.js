/**
 * A clustered server, seen from the primary: the same steps as those of a server in one process, taken by workers.
 *
 * The primary opens no resource and makes no application. A restart raises a whole generation of workers beside the
 * old one, and only when all of it is ready do connections go there: those that are there follow, between two
 * requests. If it does not get ready, the old one has noticed nothing.
 */

/** @import { ServerState } from '../../../index.js' */
/** @import { AnyContext } from '../context.js' */
/** @import { Options } from '../options.js' */

const { setTimeout: pause } = require('node:timers/promises');
const { createError } = require('../../errors.js');
const { Endpoints } = require('../endpoints.js');
const { HealthPort } = require('../health-port.js');
const { addressOf } = require('../options.js');
const { Life } = require('../life.js');
const { Crew } = require('./crew.js');
const { Front } = require('./front.js');

const pollMs = 100;

/**
 * @param {number} status
 * @param {string} name
 */
function probeAnswer(status, name) {
  const body = JSON.stringify({ status: status === 200 ? name : `not ${name}` });
  const reason = status === 200 ? 'OK' : 'Service Unavailable';
  return `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`;
}

/** Whose work is whose: the workers', and the front that feeds them. */
class ClusteredService extends Life {
  #server;
  #crew;
  /** @type {InstanceType<typeof Front> | undefined} */
  #front;
  /** @type {InstanceType<typeof HealthPort> | undefined} */
  #healthPort;
  #endpoints;
  /** @type {any[] | undefined} the workers of the generation that a restart has raised */
  #raised;
  /** @type {ServerState} */
  #before = 'ready';
  #drained = Promise.resolve();

  /**
   * @param {Options} options
   * @param {string | undefined} name
   * @param {number} server its number among those that the program makes
   */
  constructor(options, name, server) {
    super(options, name);
    this.#server = server;
    const { port: _port, ...paths } = options.endpoints;
    this.#endpoints = new Endpoints(paths, {
      isReady: () => this.wantsRequests,
      report: () => this.#crew.health(),
    });
    this.#crew = new Crew(options, (error) => this.tell('error', error));
  }

  getPort() {
    const address = this.#front?.address();
    return address && typeof address === 'object' ? address.port : this.options.port;
  }

  culprit() {
    return 'not every worker is ready';
  }

  /**
   * What a probe is told while no worker takes its connection: this process lives, and so it answers.
   *
   * @param {string} head as far as it has come
   */
  #answerProbe(head) {
    const [, path] = /^GET (\/[^ ?]*)[ ?].*\r\n/.exec(head) ?? [];
    const { live, ready, port } = this.options.endpoints;
    if (path === undefined || port !== undefined) return undefined;
    if (path === live) return probeAnswer(200, 'live');
    return path === ready ? probeAnswer(this.wantsRequests ? 200 : 503, 'ready') : undefined;
  }

  /**
   * @param {AnyContext} context
   * @param {number} [fd] a listening socket that was handed to this process
   */
  async start({ generation }, fd) {
    this.state = 'starting';
    const onError = (/** @type {Error} */ error) => this.tell('error', error);
    const front = new Front((head) => this.#answerProbe(head), onError);
    try {
      this.#healthPort = await HealthPort.open(this.options, this.#endpoints, onError);
      await front.open(fd === undefined ? addressOf(this.options) : { fd });
      this.#front = front;
      this.#crew.engage(await this.#raise(generation));
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.state = 'ready';
    this.tell('ready');
  }

  /** @param {number} generation */
  #raise(generation) {
    return this.#crew.raise(
      /** @type {InstanceType<typeof Front>} */ (this.#front),
      this.#server,
      generation,
    );
  }

  async #close() {
    await this.#front?.close();
    await this.#healthPort?.close();
    this.#front = this.#healthPort = undefined;
    this.state = 'stopped';
  }

  /** @param {AnyContext} context a fresh one, whose generation is that of the new workers */
  async prepare({ generation }) {
    this.#before = this.state;
    this.state = 'restarting';
    try {
      this.#raised = await this.#raise(generation);
    } catch (error) {
      this.state = this.#before;
      throw error;
    }
  }

  /** Takes back what `prepare` did. */
  async abandon() {
    const raised = this.#raised;
    this.#raised = undefined;
    if (this.state === 'restarting') this.state = this.#before;
    if (raised) await this.#crew.dismiss(raised, { move: false });
  }

  async replace() {
    const raised = /** @type {any[]} */ (this.#raised);
    this.#raised = undefined;
    this.#crew.engage(raised);
    await this.#crew.replaceBy(raised);
    this.state = 'ready';
    this.tell('restarted');
  }

  drain() {
    if (this.state !== 'ready') return;
    this.state = 'draining';
    this.tell('draining');
    this.#drained = this.#crew.drain();
  }

  async drained() {
    await this.#drained;
  }

  /** @returns {Promise<boolean>} whether every request that was under way got its answer */
  async stop() {
    if (!this.#front) return true;
    if (this.state !== 'draining') await this.#announce();
    this.state = 'stopping';
    const answered = await this.#crew.end();
    await this.#close();
    this.tell('stopped');
    return answered;
  }

  /** Says that the end has come, and goes on serving as long as the configuration asks for. */
  async #announce() {
    this.state = 'draining';
    this.tell('draining');
    this.#crew.tellAll({ flotilla: 'announce' });
    if (this.options.shutdownDelayMs > 0) await pause(this.options.shutdownDelayMs);
  }

  /** Resolves when the server is ready and its checks are well. */
  async waitForReady() {
    const end = performance.now() + this.options.readyTimeoutMs;
    while (!(this.wantsRequests && (await this.#crew.health()).status === 'healthy')) {
      if (performance.now() >= end) throw createError('FLOTILLA_ERR_SERVER_NOT_READY');
      await pause(pollMs);
    }
  }
}

module.exports = { ClusteredService };

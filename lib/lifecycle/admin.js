/**
 * The admin port: where servers are shown, and where they can be told to restart, scale, or lose a worker, if that was asked
 * for. A native thread answers it, from shared memory; what that cannot know it is told here, whenever that changes.
 *
 * Servers of one process that name the same port share it. If this process hangs, figures are shown all the same,
 * and what is asked of JavaScript is answered by the thread when its time is over.
 */

/** @import { HealthReport, ResolvedAdminOptions } from '../../index.js' */

const { lookup } = require('node:dns/promises');
const { readFileSync } = require('node:fs');
const { isIP } = require('node:net');
const path = require('node:path');
const { getSystemErrorName } = require('node:util');
const check = require('../base/check.js');
const { createError, reasonOf } = require('../errors.js');
const { NativeAdmin, addonVersion } = require('../native/loader.js');

/** What changes without a word is told this often. */
const TELL_EVERY_MS = 1000;
/** How long the thread waits for an answer from here, beyond what a health check may take. */
const PATIENCE_MS = 2000;

/**
 * What is asked of a server that is shown.
 *
 * @typedef {object} Shown
 * @property {string} name
 * @property {() => object} facts what JavaScript alone knows of it
 * @property {() => Promise<HealthReport>} report
 * @property {Record<string, (given: any) => Promise<void>>} actions each begins at once, and resolves when all is done
 * @property {import('../native/addon.js').NativeMeters} meters
 * @property {import('../native/addon.js').NativeFront} [front] a native one
 * @property {import('../../index.js').LoggerLike} logger
 * @property {number} patienceMs how long its report may take
 */

/** @type {Map<string, Promise<Admin>>} by address */
const open = new Map();
let ids = 0;

const folder = path.join(__dirname, '../dashboard');
const files = [
  'index.html',
  'dashboard.css',
  ...['dashboard', 'view', 'chart', 'elements', 'format'].map((name) => `${name}.mjs`),
];

/** Path, kind and text of each file of the page, one behind the other. */
function page() {
  return files.flatMap((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const kind = path.extname(file).slice(1).replace('mjs', 'js');
    return [file === 'index.html' ? '/' : `/${file}`, kind, text];
  });
}

class Admin {
  #native = new NativeAdmin();
  /** @type {Map<number, Shown>} */
  #servers = new Map();
  /** @type {NodeJS.Timeout | undefined} */
  #telling;

  /** @param {ResolvedAdminOptions} options */
  constructor(options) {
    this.options = options;
  }

  /** @param {Shown} first whose logger hears of what is refused */
  async start({ logger, patienceMs }) {
    const { host, port, token, hosts, actions } = this.options;
    const address = isIP(host) ? host : (await lookup(host)).address;
    const failure = this.#native.start(
      address,
      port,
      {
        token,
        hasActions: actions,
        hosts: isIP(host) ? hosts : [host, ...hosts],
        files: page(),
        version: addonVersion(),
        patienceMs: patienceMs + PATIENCE_MS,
      },
      (id, kind, text) => this.#asked(id, kind, text, logger),
    );
    if (failure !== 0) throw listenFailure(host, port, failure);
    this.url = `http://${isIP(host) === 6 ? `[${host}]` : host}:${this.#native.port()}`;
    logger.info(`flotilla: figures and the dashboard are at ${this.url}`);
    this.#telling = setInterval(() => this.tellAll(), TELL_EVERY_MS).unref();
  }

  /** @param {Shown} server @returns {number} */
  show(server) {
    const id = ++ids;
    this.#servers.set(id, server);
    this.#native.show(id, server.meters, server.front);
    this.tell(id);
    return id;
  }

  /** @param {number} id */
  tell(id) {
    const server = this.#servers.get(id);
    if (server) this.#native.tell(id, JSON.stringify(server.facts()));
  }

  tellAll() {
    for (const id of this.#servers.keys()) this.tell(id);
  }

  /** @param {number} id @returns {boolean} whether others are left */
  hide(id) {
    this.#servers.delete(id);
    this.#native.hide(id);
    return this.#servers.size > 0;
  }

  stop() {
    clearInterval(this.#telling);
    this.#native.stop();
  }

  /**
   * @param {number} id
   * @param {string} kind
   * @param {string} text
   * @param {import('../../index.js').LoggerLike} logger
   */
  async #asked(id, kind, text, logger) {
    if (kind === 'refused') {
      logger.warn(`flotilla: the admin port refused a request, and is silent about more like it: ${text}`);
      return;
    }
    const [status, body] = kind === 'health' ? await this.#health() : this.#act(kind, text);
    this.#native.answer(id, status, JSON.stringify(body));
  }

  /** @returns {Promise<[number, object]>} */
  async #health() {
    const servers = [...this.#servers.values()];
    const reports = await Promise.all(servers.map(async ({ report }) => report().catch(() => undefined)));
    const isHealthy = reports.length > 0 && reports.every((report) => report?.status === 'healthy');
    const status = isHealthy ? 'healthy' : 'unhealthy';
    const byName = Object.fromEntries(servers.map(({ name }, at) => [name, reports[at] ?? { status }]));
    return [isHealthy ? 200 : 503, { status, servers: byName }];
  }

  /**
   * @param {string} kind
   * @param {string} text
   * @returns {[number, object]}
   */
  #act(kind, text) {
    let given;
    try {
      given = check.record('the body', text === '' ? {} : JSON.parse(text));
    } catch {
      return [400, { error: 'the body is no JSON object' }];
    }
    const servers = [...this.#servers.entries()];
    const found = servers.find(([, { name }]) => given.server === undefined || given.server === name);
    if (!found) return [404, { error: 'there is no server of that name' }];
    const [id, server] = found;
    const act = Object.hasOwn(server.actions, kind) ? server.actions[kind] : undefined;
    if (!act)
      return [404, { error: `there is no such action; there are ${Object.keys(server.actions).join(', ')}` }];
    try {
      const done = act(given);
      server.logger.info(`flotilla: the admin port was asked to ${kind} ${server.name}`);
      done.then(
        () => this.tell(id),
        (error) => {
          server.logger.error(`flotilla: ${kind}, as the admin port was asked for, has failed:`, error);
          this.tell(id);
        },
      );
    } catch (error) {
      return [409, { error: reasonOf(error) }];
    }
    this.tell(id);
    return [202, { accepted: kind, server: server.name }];
  }
}

/**
 * @param {string} host
 * @param {number} port
 * @param {number} number the system's
 */
function listenFailure(host, port, number) {
  const [name, code] = [`${host}:${port}`, getSystemErrorName(-number)];
  if (code === 'EADDRINUSE') return createError('FLOTILLA_ERR_ADDRESS_IN_USE', [name]);
  return createError('FLOTILLA_ERR_LISTEN_FAILED', [name, code]);
}

/** @param {ResolvedAdminOptions} options */
const keyOf = ({ host, port }) => `${host}:${port}`;

/**
 * Two servers that share a port have to mean the same by it.
 *
 * @param {ResolvedAdminOptions} one
 * @param {ResolvedAdminOptions} other
 */
function checkSame(one, other) {
  if (JSON.stringify(one) === JSON.stringify(other)) return;
  throw check.invalid('admin', 'the same for all servers that share its port', keyOf(other));
}

/**
 * Shows a server.
 *
 * @param {ResolvedAdminOptions} options
 * @param {Shown} server
 * @returns {Promise<{ url: string, tell: () => void, close: () => void }>}
 */
async function showServer(options, server) {
  // A port of 0 is one of its own for each.
  const key = options.port === 0 ? `${keyOf(options)} ${++ids}` : keyOf(options);
  let opening = open.get(key);
  if (!opening) {
    const admin = new Admin(options);
    opening = admin.start(server).then(() => admin);
    open.set(key, opening);
    opening.catch(() => open.delete(key));
  }
  const admin = await opening;
  checkSame(admin.options, options);
  const id = admin.show(server);
  return {
    url: /** @type {string} */ (admin.url),
    tell: () => admin.tell(id),
    close() {
      if (admin.hide(id)) return;
      open.delete(key);
      admin.stop();
    },
  };
}

module.exports = { showServer };

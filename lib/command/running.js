/**
 * A server that `flotilla start` runs: the app on several processes, its control socket, what it writes, and what brings new
 * code to it. All of it ends with this process, which runs in the foreground; there is no daemon.
 */

/** @import { Restarted } from '../lifecycle/any-app.js' */
/** @import { Started } from './configuration.js' */

const { format } = require('node:util');
const { usableCores } = require('../cluster/cores.js');
const strategies = require('../cluster/strategies.js');
const { anyApp } = require('../lifecycle/any-app.js');
const signals = require('../lifecycle/signals.js');
const { createError } = require('../errors.js');
const check = require('../base/check.js');
const segment = require('../cache/segment.js');
const { surveyFlights, surveyNamespaces, surveySegment } = require('../cache/survey.js');
const { version } = require('../base/loading.js');
const { ControlServer } = require('./control/server.js');
const { placeFor } = require('./control/places.js');
const { workerEnvironment } = require('./environment.js');
const { MOST_WORKERS, workersKind } = require('./knobs.js');
const { Output } = require('./output.js');
const { humanTime } = require('./units.js');
const { say, sentenceOf } = require('./voice.js');

/** @type {Record<string, import('../../index.js').LoadBalancerFunction>} */
const byName = {
  'round-robin': strategies.roundRobinLoadBalancer,
  'least-connections': strategies.leastConnectionsLoadBalancer,
  'resource-aware': strategies.resourceAwareLoadBalancer,
  'least-loaded': strategies.leastLoadedLoadBalancer,
};

/** @param {Started} settings */
function strategyOf({ strategy, sticky }) {
  if (sticky === undefined) return strategy && byName[strategy];
  if (strategy !== undefined)
    throw check.invalid('sticky', 'given without strategy: it is one itself', sticky);
  return strategies.stickyLoadBalancer({ by: sticky });
}

/** Standard output is the app’s. */
const onStandardError = /** @type {import('../../index.js').LoggerLike} */ (
  Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (/** @type {unknown[]} */ ...parts) => void process.stderr.write(`${format(...parts)}\n`),
    ]),
  )
);

/** @param {Record<string, any>} settings @returns {import('../lifecycle/any-app.js').AnyAppOptions['healthEndpoints']} */
function healthEndpoints({ healthEndpoints: wanted, healthPort: port }) {
  if (port !== undefined) return { health: '/health', ready: '/ready', live: '/live', port };
  return wanted ? { health: '/health', ready: '/ready', live: '/live' } : false;
}

/** @param {Started} settings @returns {import('../../index.js').AdminOptions | undefined} */
function adminOptions({ adminPort: port, adminHost: host, adminActions: actions }) {
  if (port === undefined && host === undefined && actions === undefined) return undefined;
  const given = Object.entries({ port, host, actions }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

/** @param {Started} settings @returns {import('../lifecycle/any-app.js').AnyAppOptions} */
function appOptions(settings) {
  const { maxMemory, maxRequests, maxLag, maxAge } = settings;
  return {
    script: settings.script,
    args: settings.args,
    execArgv: [...process.execArgv, ...(settings.nodeArg ?? [])],
    cwd: settings.cwd,
    env: workerEnvironment(settings),
    workers: settings.workers,
    grace: settings.grace,
    delay: settings.delay,
    strategy: strategyOf(settings),
    mode: settings.mode,
    rebalance: settings.rebalance,
    proxyProtocol: settings.proxyProtocol,
    inspectionTimeout: settings.inspectionTimeout,
    maxHeaderBytes: settings.maxHeaderBytes,
    respawn: settings.respawn,
    admin: adminOptions(settings),
    healthEndpoints: healthEndpoints(settings),
    ready: settings.readyPath ?? (settings.waitReady ? 'message' : 'listen'),
    readyTimeout: settings.readyTimeout,
    recycle: { maxMemory, maxRequests, maxLag, maxAge },
    signals: false,
    output: 'lines',
    logger: onStandardError,
  };
}

/** @param {Restarted} done */
function reloadedSentence({ workers, moved, cut, ms }) {
  const what = `${workers} new ${workers === 1 ? 'worker' : 'workers'}, ${moved} open ${moved === 1 ? 'connection' : 'connections'} moved`;
  const lost =
    cut === 0
      ? 'nothing dropped'
      : `${cut} old workers had to cut requests that took longer than the grace period`;
  return `reloaded in ${humanTime(ms)}: ${what}, ${lost}`;
}

class Running {
  #settings;
  #app;
  #control;
  #output;
  #startedAt = Date.now();
  #started = Promise.resolve();
  /** @type {Promise<any> | undefined} the reload that runs */
  #reloading;
  /** @type {Promise<any> | undefined} the one that waits for it: who asks meanwhile gets this one */
  #next;
  /** @type {Promise<boolean> | undefined} */
  #stopping;
  /** @type {(() => void) | undefined} */
  #endWatch;
  #listed = {
    stop: () => this.stop(),
    restart: async () => void (await this.reload('a signal')),
    // Of a worker: this is none.
    leave: () => {},
    logger: console,
  };

  /** @param {Started} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#output = new Output(settings.prefix ?? 'auto');
    // The caches of all workers are in the memory of this process, and so outlive each of them.
    if (settings.cacheMemory !== undefined) segment.bootstrap({ memory: settings.cacheMemory });
    this.#app = anyApp(appOptions(settings));
    this.#control = new ControlServer(settings.name, {
      status: async () => this.status(),
      inspect: async () => ({
        // What is under way first: to look whether all holds takes each lock.
        underWay: surveyFlights(),
        segment: (await surveySegment()) ?? null,
        caches: surveyNamespaces(),
      }),
      reload: async () => this.reload('the command'),
      stop: async () => this.#stopByCommand(),
      scale: async ({ workers }) => this.scale(workers),
      'restart-worker': async ({ worker }) => this.restartWorker(worker),
      logs: async ({ worker }, asker) =>
        this.#output.follow(worker === undefined ? undefined : String(worker), asker),
    });
  }

  /** Resolves when the first worker is ready. */
  async start() {
    const { name, cwd } = this.#settings;
    await this.#control.open(this.#settings.control ?? placeFor(name, cwd));
    this.#tellWhatHappens();
    signals.enlist(this.#listed);
    // A terminal that closes sends it too; where there is none, a supervisor means a reload by it.
    if (process.platform !== 'win32' && !process.stdin.isTTY)
      process.on('SIGHUP', () => this.#reloadBySignal());
    if (this.#settings.watch) this.#watch();
    this.#started = this.#app.start();
    try {
      await this.#started;
    } catch (error) {
      this.#endWatch?.();
      signals.delist(this.#listed);
      await this.#control.close();
      throw error;
    }
  }

  #tellWhatHappens() {
    const app = this.#app;
    app.on('line', (line) => this.#output.take(line));
    app.on('listening', ({ name, mode, why }) => {
      const how = mode === 'handoff' ? 'handed over' : `forwarded${why ? `, because ${why}` : ''}`;
      say(`${this.#settings.name} serves ${name}: connections are ${how}`);
    });
    app.on('death', ({ error }) => say(sentenceOf(error)));
    app.on('recycled', ({ worker, reason }) =>
      say(`worker ${worker} was replaced by a fresh one: ${reason}`),
    );
  }

  #watch() {
    const { watchFiles } = require('./watch.js');
    const { watchPath, cwd } = this.#settings;
    const changed = (/** @type {string} */ file) => {
      this.reload(`${file} has changed`).catch(() => {});
    };
    this.#endWatch = watchFiles(watchPath ?? [cwd], changed, (error) =>
      say(`the files are not watched any more: ${error.message}`),
    );
  }

  #reloadBySignal() {
    this.reload('a signal').catch(() => {});
  }

  /**
   * New workers with new code and environment. Who asks while one runs gets the next one, and all of them the same.
   *
   * @param {string} why
   * @returns {Promise<Restarted & { sentence: string }>}
   */
  reload(why) {
    if (!this.#reloading) return this.#begin(why);
    const again = () => {
      this.#next = undefined;
      return this.#begin(why);
    };
    this.#next ??= this.#reloading.then(again, again);
    return this.#next;
  }

  /** @param {string} why */
  #begin(why) {
    const done = this.#reload(why).finally(() => {
      this.#reloading = undefined;
    });
    this.#reloading = done;
    return done;
  }

  /** @param {string} why */
  async #reload(why) {
    await this.#started;
    if (this.#stopping) throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['reload']);
    say(`reloading, because of ${why}`);
    try {
      const done = await this.#app.restart({ env: workerEnvironment(this.#settings) });
      const sentence = reloadedSentence(done);
      say(sentence);
      return { ...done, sentence };
    } catch (error) {
      say(`the reload failed, and the old workers serve on: ${sentenceOf(error)}`);
      throw error;
    }
  }

  /** @param {unknown} asked */
  async scale(asked) {
    const workers = workersKind.read('the number of workers', asked);
    const wanted = workers === 'auto' ? usableCores() : workers;
    await this.#app.scale(wanted);
    say(`${wanted} ${wanted === 1 ? 'worker' : 'workers'} from now on`);
    return { workers: wanted };
  }

  /** @param {unknown} asked */
  async restartWorker(asked) {
    const number = typeof asked === 'string' && /^\d+$/.test(asked) ? Number(asked) : asked;
    const index = check.whole(0, MOST_WORKERS - 1)('the worker', number);
    if (!this.#app.status().workers.some((worker) => worker.index === index)) {
      const known = this.#app.status().workers.map((worker) => worker.index);
      throw check.invalid('the worker', `one of those there are: ${known.join(', ')}`, index);
    }
    await this.#app.restartWorker(index);
    say(`worker ${index} was replaced by a fresh one`);
    return { worker: index };
  }

  status() {
    const { name, script } = this.#settings;
    return {
      name,
      pid: process.pid,
      flotilla: version,
      node: process.version,
      script,
      uptimeMs: Date.now() - this.#startedAt,
      ...this.#app.status(),
      caches: surveyNamespaces(),
    };
  }

  /** The process ends when the answer is on its way. */
  async #stopByCommand() {
    const answered = await this.#end();
    setImmediate(() => this.#exit(answered));
    return { answered };
  }

  /** @param {boolean} answered */
  async #exit(answered) {
    await this.#control.close();
    process.exit(answered ? 0 : 1);
  }

  /** @returns {Promise<boolean>} whether all that was under way got its answer */
  #end() {
    this.#stopping ??= (async () => {
      this.#endWatch?.();
      say('stopping');
      const answered = await this.#app.stop();
      say(answered ? 'stopped; all that was under way was answered' : 'stopped; some requests were cut');
      return answered;
    })();
    return this.#stopping;
  }

  async stop() {
    const answered = await this.#end();
    await this.#control.close();
    return answered;
  }
}

module.exports = { Running, reloadedSentence };

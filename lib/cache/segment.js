/**
 * Which memory this process works on: the primary makes it, its cluster workers attach to it.
 *
 * The primary makes the segment as this module is loaded, and leaves a line in its environment that `cluster.fork()`
 * hands on. A worker attaches when it first needs to. A child that is no cluster worker inherits the line like any
 * variable, and makes a segment of its own instead. Threads share what their process has.
 *
 * If the primary dies its workers go on with what they have mapped; the memory goes with the last of them.
 */

/** @import { BootstrapOptions } from '../../index.js' */

const { subscribe } = require('node:diagnostics_channel');
const { readFileSync } = require('node:fs');
const { later, version } = require('../base/loading.js');
const loaded = require('../native/loader.js');

// This module is loaded with the library, whatever is used of it: what it needs but seldom is loaded when it does.
/** @type {() => import('node:cluster').Cluster} */
const cluster = () => /** @type {any} */ (require('node:cluster'));
/** The addon's functions whose errors are those of this context. */
const native = later(() => require('./native.js').addon);
const errors = later(() => require('../errors.js'));
const wrong = later(() => require('./invalid.js'));
const optionNames = later(() => require('./option-names.js'));

const tell = process.env.DEBUG ? require('../base/debug.js').debug('flotilla:cache') : undefined;

/** Another version of the library in this process has a line of its own: neither takes the other's place. */
const VARIABLE = `FLOTILLA_SEGMENT_${version.replaceAll('.', '_').replaceAll('-', '_').replaceAll('+', '_')}`;
const SMALLEST = 2 ** 20;
/** Where there is no room for twice as much, what there is belongs to the rest of the process. */
const LEAST_BY_DEFAULT = 2 ** 26;
const units = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 };
const transports = ['auto', 'shared', 'ipc'];
const bootstrapNames = ['memory', 'transport'];

/** What `bootstrap` was told, for a second call that says something else. @type {BootstrapOptions} */
let told = {};
/** Why the primary could not make a segment when it was loaded. @type {unknown} */
let failure;
let connected = false;
/** Whether this worker asks its primary for everything. */
let remote = false;
/** Whether someone has been told that workers cannot share memory. */
let warned = false;

/** A quarter of what this process may use. */
function defaultMemory() {
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY;
  const total = loaded.machineMemory() || require('node:os').totalmem();
  return Math.max(SMALLEST, Math.floor(Math.min(limit, total) / 4));
}

/**
 * @param {unknown} memory
 * @returns {number} bytes
 */
function parseMemory(memory) {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?b)$/i.exec(String(memory));
  const unit = /** @type {keyof typeof units} */ (match?.[2].toLowerCase());
  const bytes = match === null ? memory : Math.floor(Number(match[1]) * units[unit]);
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= SMALLEST) return bytes;
  throw wrong().invalid(
    'memory',
    "a whole number of bytes, or text such as '512mb', and no less than 1mb",
    memory,
  );
}

/** @returns {'auto' | 'shared' | 'ipc'} */
function transport() {
  const chosen = told.transport ?? process.env.FLOTILLA_TRANSPORT ?? 'auto';
  if (transports.includes(chosen)) return /** @type {'auto'} */ (chosen);
  throw wrong().invalid('FLOTILLA_TRANSPORT', `one of ${transports.join(', ')}`, chosen);
}

/** @type {boolean | undefined} */
let isWorker;

/**
 * A worker has a channel to its primary, and the cluster module to ask. A thread of one has neither, and the module has
 * removed the variable that tells; the environment that the process began with still has it.
 */
function findOutWhetherWorker() {
  if (process.send !== undefined || process.platform !== 'linux') return cluster().isWorker;
  try {
    return `\0${readFileSync('/proc/self/environ', 'utf8')}`.includes('\0NODE_UNIQUE_ID=');
  } catch {
    return false;
  }
}

/** Whether this is a process that `cluster.fork()` started, or a thread of one. */
function isClusterWorker() {
  isWorker ??= findOutWhetherWorker();
  return isWorker;
}

/** Children of this process that have begun were preceded by what is to be done before. */
let hasChildren = false;
/** @type {(() => void)[]} */
const beforeChildren = [];

/**
 * Does something just before the first child of this process begins, be it a worker or another one; at once where there
 * was one. A process that starts none need not load the cluster module.
 *
 * @param {() => void} act
 */
function beforeFirstChild(act) {
  if (hasChildren) act();
  else beforeChildren.push(act);
}

function aboutToStartChild() {
  if (hasChildren) return;
  hasChildren = true;
  for (const act of beforeChildren.splice(0)) act();
}

/** What workers find in their environment where they have to ask this process. */
const asking = (pid = process.pid) => `ipc:${pid}`;

/** Once, and only where there are workers. @param {Error} why */
function warnOfMessages({ message }) {
  if (warned) return;
  warned = true;
  const warn = () => {
    if (transport() !== 'auto') return;
    process.emitWarning(
      `Workers ask the primary for the cache over messages, which is slower: ${message}. FLOTILLA_TRANSPORT=ipc chooses this`,
      { type: 'FlotillaWarning' },
    );
  };
  beforeFirstChild(() => cluster().once('fork', warn));
}

/**
 * Asks the addon for what a process that loads the library needs, and which seldom fails. Where it does, the addon has no
 * error of this context to throw as long as nothing has connected it: then it is connected, asked again, and tells why.
 *
 * @template {{}} T
 * @param {(addon: typeof loaded) => T} question
 * @returns {T}
 */
function ask(question) {
  try {
    const answer = question(loaded);
    if (answer !== undefined) return answer;
  } catch {
    // The error of another context, or one of this that is thrown again.
  }
  return question(native());
}

function offer() {
  if (transport() === 'ipc') {
    process.env[VARIABLE] = asking();
    return;
  }
  try {
    process.env[VARIABLE] = ask((addon) => addon.segmentShare());
  } catch (error) {
    if (transport() === 'shared') throw error;
    process.env[VARIABLE] = asking();
    warnOfMessages(/** @type {Error} */ (error));
  }
}

/**
 * Makes a segment of that size; a smaller one where the system gives no room for as much, and nobody has said how much.
 *
 * @param {number | undefined} said
 * @param {boolean} replace
 */
function createWithin(said, replace) {
  let memory = said ?? defaultMemory();
  for (;;) {
    try {
      return ask((addon) => addon.segmentCreate(memory, replace));
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error);
      // A quarter, so that much of what there is room for is left to others.
      const less = Math.floor(memory / 4);
      if (code !== 'FLOTILLA_ERR_SEGMENT_UNAVAILABLE' || said !== undefined || less < LEAST_BY_DEFAULT)
        throw error;
      memory = less;
    }
  }
}

/**
 * Makes this process's segment, and lets its future workers know where it is.
 *
 * @param {{ memory?: number, replace?: boolean }} [how]
 */
function create({ memory, replace = false } = {}) {
  // A mistake in the environment is one for every use, not for the workers alone.
  transport();
  const made = createWithin(memory, replace);
  if (made) {
    offer();
    tell?.('made a segment of', native().segmentUsage()[2], 'bytes; workers take', transportOf());
  }
  return made;
}

function askPrimary() {
  if (!process.send) {
    throw errors().createError('FLOTILLA_ERR_SEGMENT_UNREACHABLE', [
      'A thread of a worker cannot ask the primary',
    ]);
  }
  remote = true;
  tell?.('asks the primary', process.ppid, 'over messages');
}

const isRemote = () => remote;

/** What `usage()` calls the way that workers take. */
const transportOf = () =>
  remote || process.env[VARIABLE]?.startsWith('ipc:')
    ? /** @type {const} */ ('ipc')
    : /** @type {const} */ ('shared');

function attach() {
  const line = process.env[VARIABLE];
  const chosen = transport();
  if (line === asking(process.ppid) || (line && chosen === 'ipc')) {
    askPrimary();
    return;
  }
  if (!line || !native().segmentIsForThisProcess(line)) {
    throw errors().createError('FLOTILLA_ERR_SEGMENT_UNREACHABLE', [
      'The primary of this worker has no cache: it must import flotilla before it calls cluster.fork()',
    ]);
  }
  try {
    native().segmentAttach(line);
    tell?.('attached to the segment', line);
  } catch (error) {
    const { code } = /** @type {{ code?: string }} */ (error);
    if (code !== 'FLOTILLA_ERR_SEGMENT_UNREACHABLE' || chosen === 'shared') throw error;
    process.emitWarning(
      `The cache asks the primary over messages, which is slower: ${/** @type {Error} */ (error).message}`,
      { type: 'FlotillaWarning' },
    );
    askPrimary();
  }
}

/** Makes sure that this thread's process has its segment. */
function connect() {
  if (connected) return;
  if (!native().segmentExists()) {
    if (isClusterWorker()) attach();
    else if (failure !== undefined) throw failure;
    else create();
  }
  connected = true;
}

/** @param {BootstrapOptions} options */
function checkBootstrap(options) {
  if (typeof options !== 'object' || options === null) throw wrong().invalid('options', 'an object', options);
  optionNames().checkNames('LRUCacheClustered.bootstrap', options, bootstrapNames);
  const { memory, transport: wanted } = options;
  if (memory !== undefined) parseMemory(memory);
  if (wanted !== undefined && !transports.includes(wanted)) {
    throw wrong().invalid('transport', `one of ${transports.join(', ')}`, wanted);
  }
}

/**
 * `LRUCacheClustered.bootstrap`
 *
 * @param {BootstrapOptions} [options]
 */
function bootstrap(options = {}) {
  checkBootstrap(options);
  if (isClusterWorker()) return;
  for (const name of /** @type {const} */ (['memory', 'transport'])) {
    const [before, now] = [told[name], options[name]];
    if (before !== undefined && now !== undefined && before !== now) {
      throw errors().createError('FLOTILLA_ERR_BOOTSTRAP_TOO_LATE', [
        `${name} is ${before} since an earlier call`,
      ]);
    }
  }
  const before = told;
  told = { memory: options.memory ?? before.memory, transport: options.transport ?? before.transport };
  try {
    transport();
    if (options.memory !== undefined && before.memory === undefined) resize(parseMemory(options.memory));
  } catch (error) {
    told = before;
    throw error;
  }
  // What could not be had when this was loaded is tried again, as it is said now.
  failure = undefined;
  if (native().segmentExists()) offer();
  connect();
}

/** @param {number} memory */
function resize(memory) {
  if (hasChildren && Object.keys(cluster().workers ?? {}).length > 0) {
    throw errors().createError('FLOTILLA_ERR_BOOTSTRAP_TOO_LATE', ['there are workers already']);
  }
  if (!create({ memory, replace: true })) {
    throw errors().createError('FLOTILLA_ERR_BOOTSTRAP_TOO_LATE', ['there are caches already']);
  }
}

/** Where a primary is loaded: a worker can only be told by an environment that is there before it is forked. */
function prepare() {
  if (isClusterWorker()) return;
  try {
    // A thread may have made it before.
    if (!create()) offer();
  } catch (error) {
    failure = error;
  }
  // Of the diagnostics channels of Node: each child is told of before it begins.
  subscribe('child_process', aboutToStartChild);
  beforeFirstChild(() => {
    cluster().on('exit', () => {
      if (native().segmentExists()) native().segmentProcessExited();
    });
  });
}

prepare();

module.exports = {
  beforeFirstChild,
  bootstrap,
  connect,
  isClusterWorker,
  isRemote,
  parseMemory,
  transportOf,
};

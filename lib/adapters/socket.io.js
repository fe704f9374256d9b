/**
 * `createAdapter`: the adapter of socket.io 4 over the bus: what one worker broadcasts, and asks of the others, goes through shared memory
 * and not through the primary. A client that lost its connection for a moment gets its session and the packets that it missed from any
 * worker, as long as the bus still has them: the last 10,000 messages.
 *
 * All namespaces of a process share one reader. A worker that falls behind by more than the bus keeps has missed packets, of which a
 * warning tells.
 */

/** @import { SocketIoAdapterOptions } from '../doors/socket.io.js' */

const { theInstance } = require('../base/instance.js');
const { createBus, skipsOwn } = require('../cache/bus.js');
const { checkNames } = require('../cache/option-names.js');
const { invalid } = require('../cache/invalid.js');
const { lateClass, peer } = require('./peer.js');

const NAME = 'socket.io';
const OPTIONS = ['name', 'max', 'heartbeatInterval', 'heartbeatTimeout'];
/** Of a message: a packet for clients; of a packet: an event. */
const BROADCAST = 3;
const EVENT = 2;
const MINUTE = 60_000;
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

const findParent = () => peer('flotilla/socket.io', 'socket.io-adapter', [2], 'ClusterAdapterWithHeartbeat');

/** One bus with one reader, for all adapters of this process. */
class Line {
  /** @type {Map<string, Set<any>>} */
  #adapters = new Map();
  /** Whether a namespace has had several adapters here, as of several servers: they hear each other by the bus. */
  #isCrowded = false;
  #ready;

  /** @param {string} name @param {number} [max] */
  constructor(name, max) {
    this.bus = createBus(name, { max });
    const { LRUCacheClustered } = theInstance();
    this.sessions = new LRUCacheClustered({ namespace: `${name}, sessions`, max: 100_000, ...TRANSPORT });
    this.#ready = this.bus.subscribe((message, offset) => this.#receive(message, offset), {
      [skipsOwn]: () => !this.#isCrowded,
      onMissed: (count) =>
        process.emitWarning(`${count} messages of socket.io came too fast for this process`),
    });
  }

  /** @param {any} message @param {string} offset */
  #receive(message, offset) {
    for (const adapter of this.#adapters.get(message.nsp) ?? []) {
      if (message.requester === undefined) adapter.onMessage(message, offset);
      else if (message.requester === adapter.uid) adapter.onResponse(message.response);
    }
  }

  /** @param {string} nsp @param {any} adapter */
  async join(nsp, adapter) {
    const there = this.#adapters.get(nsp) ?? new Set();
    this.#adapters.set(nsp, there.add(adapter));
    this.#isCrowded ||= there.size > 1;
    await this.#ready;
  }

  /** @param {string} nsp @param {any} adapter */
  leave(nsp, adapter) {
    const there = this.#adapters.get(nsp);
    there?.delete(adapter);
    if (there?.size === 0) this.#adapters.delete(nsp);
  }
}

/** @type {Map<string, Line>} */
const lines = new Map();

/** @param {string} name @param {number} [max] */
function lineOf(name, max) {
  const line = lines.get(name) ?? new Line(name, max);
  lines.set(name, line);
  return line;
}

/** Whether a client that is in these rooms was to get it. @param {string[]} rooms @param {any} opts */
const wasFor = (rooms, opts) =>
  (opts.rooms.length === 0 || rooms.some((room) => opts.rooms.includes(room))) &&
  rooms.every((room) => !opts.except.includes(room));

/** Whether it is an event that a client may get later. @param {any} message @param {string} nsp */
function isKept({ type, nsp: other, data }, nsp) {
  if (type !== BROADCAST || other !== nsp || data.requestId !== undefined) return false;
  return data.packet.type === EVENT && data.packet.id === undefined && !data.opts.flags?.volatile;
}

/** @param {any} value @returns {boolean} */
const isBytes = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/**
 * What a client would be sent: bytes as they are, and the rest as JSON has it, which knows no functions, and asks objects for their own
 * words. So clients of every worker get the same, and a function somewhere in what a program says keeps nothing from them.
 *
 * @param {any} value
 * @returns {any}
 */
function asSent(value) {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null || isBytes(value)) return value;
  if (typeof value.toJSON === 'function') return asSent(value.toJSON());
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  // What is sent as it is is not copied: every message comes through here.
  let copy = isPlain ? undefined : { ...value };
  for (const [name, part] of Object.entries(value)) {
    const sent = asSent(part);
    if (sent === part) continue;
    copy ??= Array.isArray(value) ? [...value] : { ...value };
    copy[name] = sent;
  }
  return copy ?? value;
}

/** Whether JSON has other words for it than clients are to get: bytes, and what may become bytes. @param {any} value @returns {boolean} */
function mayHaveBytes(value) {
  if (typeof value !== 'object' || value === null) return false;
  if (isBytes(value) || (typeof value.toJSON === 'function' && !(value instanceof Date))) return true;
  for (const name in value) if (mayHaveBytes(value[name])) return true;
  return false;
}

/** @param {any} message @returns {string | undefined} none where it is not all text */
function textOf(message) {
  try {
    return mayHaveBytes(message) ? undefined : JSON.stringify(message);
  } catch {
    // A bigint, of which the one that it is sent to may make something.
    return undefined;
  }
}

class FlotillaAdapter extends lateClass(findParent) {
  #line;

  /** @param {any} nsp @param {SocketIoAdapterOptions} options */
  constructor(nsp, { name = NAME, max, ...others }) {
    super(nsp, others);
    this.#line = lineOf(name, max);
  }

  async init() {
    await this.#line.join(this.nsp.name, this);
    return super.init();
  }

  close() {
    this.#line.leave(this.nsp.name, this);
    return super.close();
  }

  /** @param {any} message @returns {Promise<string>} its offset */
  doPublish(message) {
    return this.#publish(message);
  }

  /** @param {string} requester @param {any} response */
  async doPublishResponse(requester, response) {
    await this.#publish({ requester, nsp: this.nsp.name, response });
  }

  /** @param {any} message @returns {Promise<string>} */
  #publish(message) {
    const text = textOf(message);
    const { bus } = this.#line;
    return text === undefined ? bus.publish(asSent(message)) : bus.publishText(text);
  }

  /** @param {string} pid */
  #key(pid) {
    return `${this.nsp.name}#${pid}`;
  }

  /** @param {any} session of a client that has gone, perhaps for a moment */
  persistSession(session) {
    const ttl = this.nsp.server.opts.connectionStateRecovery?.maxDisconnectionDuration ?? 2 * MINUTE;
    const kept = asSent({ ...session, rooms: [...session.rooms] });
    // A session that cannot be kept is one that cannot be recovered: the client begins a new one.
    this.#line.sessions.set(this.#key(session.pid), kept, { ttl }).catch(() => {});
  }

  /** @param {string} pid @param {string} offset of the last packet that the client got */
  async restoreSession(pid, offset) {
    try {
      const session = await this.#line.sessions.take(this.#key(pid));
      if (session === undefined) return null;
      const { messages, missed } = await this.#line.bus.read(offset);
      if (missed > 0) return null;
      const missedPackets = messages
        .filter(([message]) => isKept(message, this.nsp.name) && wasFor(session.rooms, message.data.opts))
        .map(([{ data }, at]) => [...data.packet.data, at]);
      return { ...session, missedPackets };
    } catch {
      // An offset comes from a client, and may be anything.
      return null;
    }
  }
}

/** @param {SocketIoAdapterOptions} [options] */
function createAdapter(options = {}) {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  checkNames('createAdapter', options, OPTIONS);
  if (options.name !== undefined && typeof options.name !== 'string')
    throw invalid('name', 'a string', options.name);
  findParent();
  // With `function`, as socket.io says `new` to it.
  return function adapter(/** @type {any} */ nsp) {
    return new FlotillaAdapter(nsp, options);
  };
}

module.exports = { createAdapter };

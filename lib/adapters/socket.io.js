/**
 * `createAdapter`: the adapter of socket.io 4 over the bus: what one worker broadcasts, and asks of the others, goes through shared memory
 * and not through the primary. A client that lost its connection for a moment gets its session and the packets that it missed from any
 * worker, as long as the bus still has them: the last 10,000 messages.
 *
 * All namespaces of a process share one reader. A worker that falls behind by more than the bus keeps has missed packets, of which a
 * warning tells.
 */

/** @import { SocketIoAdapterOptions } from '../doors/socket.io.js' */
/** @import { Event } from './socket.io-event.js' */

const { theInstance } = require('../base/loading.js');
const { createBus, skipsOwn } = require('../cache/bus.js');
const { checkNames } = require('../cache/option-names.js');
const { invalid } = require('../cache/invalid.js');
const { lateClass, peer } = require('./peer.js');
const { EncodedEvent, EVENT, isBytes, knowingEvents, textOf, wordsOf } = require('./socket.io-event.js');
const { writesAtOnce } = require('./socket.io-writes.js');

const NAME = 'socket.io';
const OPTIONS = ['name', 'max', 'heartbeatInterval', 'heartbeatTimeout'];
/** Of a message: a process is there; a packet for clients. */
const HEARTBEAT = 2;
const BROADCAST = 3;
const TO_ALL = Object.freeze({ rooms: [], except: [], flags: undefined });
const MINUTE = 60_000;
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

/** What sends a packet to the clients of this process, and to no others. @type {(this: any, packet: any, opts: any) => void} */
let sendHere;

function findParent() {
  const ofPackage = (/** @type {string} */ name) =>
    peer('flotilla/socket.io', 'socket.io-adapter', [2], name);
  sendHere = ofPackage('Adapter').prototype.broadcast;
  return ofPackage('ClusterAdapterWithHeartbeat');
}

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

/** Whom a message is for, as JSON has it; all clients where there is none. @param {any} opts */
function addressed({ rooms, except, flags }) {
  if (rooms.size === 0 && except.size === 0 && Object.keys(flags ?? {}).length === 0) return '';
  return `,"to":${JSON.stringify({ rooms: [...rooms], except: [...except], flags })}`;
}

/** Whether a client that is in these rooms was to get it. @param {string[]} rooms @param {any} to */
const wasFor = (rooms, to) =>
  (to.rooms.length === 0 || rooms.some((room) => to.rooms.includes(room))) &&
  rooms.every((room) => !to.except.includes(room));

/** What may be sent to a client later, and whom it was for; nothing where it is something else. @param {any} message */
function keptOf({ type, words, to = TO_ALL, data }) {
  if (words !== undefined) return to.flags?.volatile ? undefined : { data: JSON.parse(words), to };
  if (type !== BROADCAST || data.requestId !== undefined) return undefined;
  const { packet, opts } = data;
  const isKept = packet.type === EVENT && packet.id === undefined && !opts.flags?.volatile;
  return isKept ? { data: packet.data, to: opts } : undefined;
}

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

class FlotillaAdapter extends lateClass(findParent) {
  #line;
  /** What each event begins with that goes to other workers. */
  #head;

  /** @param {any} nsp @param {SocketIoAdapterOptions} options */
  constructor(nsp, { name = NAME, max, ...others }) {
    super(nsp, others);
    this.#line = lineOf(name, max);
    this.#head = `{"uid":${JSON.stringify(this.uid)},"nsp":${JSON.stringify(nsp.name)},"words":`;
    this.encoder = knowingEvents(this.encoder);
  }

  async init() {
    await this.#line.join(this.nsp.name, this);
    return super.init();
  }

  close() {
    this.#line.leave(this.nsp.name, this);
    return super.close();
  }

  /** Every client comes through here before anything is said to it. @param {string} id @param {Set<string>} rooms */
  addAll(id, rooms) {
    writesAtOnce(this.nsp.server.engine);
    return super.addAll(id, rooms);
  }

  /** @param {any} packet @param {any} opts whom it is for */
  async broadcast(packet, opts) {
    // Another parser may have other words for it.
    const isOwn = opts.flags?.local || this.nsp.server.opts.parser !== undefined;
    const words = isOwn ? undefined : wordsOf(packet);
    if (words === undefined) return super.broadcast(packet, opts);
    const event = new EncodedEvent(words);
    try {
      const offset = await this.#line.bus.publishText(
        `${this.#head}${JSON.stringify(words)}${addressed(opts)}}`,
      );
      this.#send(event, opts, offset);
    } catch {
      // As that package has it: the clients of this process hear it all the same.
      this.#send(event, opts);
    }
  }

  /** @param {any} message @param {string} offset */
  onMessage(message, offset) {
    const { uid, nsp, words, to = TO_ALL } = message;
    if (words === undefined) return super.onMessage(message, offset);
    if (uid === this.uid) return;
    super.onMessage({ uid, nsp, type: HEARTBEAT });
    const opts = { rooms: new Set(to.rooms), except: new Set(to.except), flags: to.flags };
    this.#send(new EncodedEvent(words), opts, offset);
  }

  /** To the clients of this process. @param {Event} event @param {any} opts @param {string} [offset] */
  #send(event, opts, offset) {
    if (this.sids.size === 0) return;
    const isKept = this.nsp.server.opts.connectionStateRecovery && !opts.flags?.volatile;
    sendHere.call(this, isKept && offset !== undefined ? event.endingWith(offset) : event, opts);
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

  /** @param {any} session of a client @param {any} message @param {string} offset @returns {any[][]} one, if it was for that client */
  #missed({ rooms }, message, offset) {
    const kept = message.nsp === this.nsp.name ? keptOf(message) : undefined;
    return kept && wasFor(rooms, kept.to) ? [[...kept.data, offset]] : [];
  }

  /** @param {string} pid @param {string} offset of the last packet that the client got */
  async restoreSession(pid, offset) {
    try {
      const session = await this.#line.sessions.take(this.#key(pid));
      if (session === undefined) return null;
      const { messages, missed } = await this.#line.bus.read(offset);
      if (missed > 0) return null;
      return {
        ...session,
        missedPackets: messages.flatMap(([message, at]) => this.#missed(session, message, at)),
      };
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

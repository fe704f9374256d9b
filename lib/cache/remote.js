/**
 * A worker's side of the IPC transport: each operation is a frame to the primary, which answers it.
 *
 * A request that is not answered within `timeout` ends as `failsafe` says; an answer that comes later is dropped. A
 * channel that is full is waited for, and at most `MOST` requests wait. If the primary dies, all of them reject. The
 * primary is told when the last handle of a cache is no longer used here.
 */

/** @import { CacheOptions, Fetcher, FetchOptions } from '../../index.js' */

const { brief, debug } = require('../base/debug.js');
const { createError } = require('../errors.js');
const { Brought } = require('./brought.js');
const { encode } = require('./codec.js');
const { asError, portable, revive } = require('./error-text.js');
const { FlightContext } = require('./flight-context.js');
const { KIND, pack, unpack } = require('./frames.js');
const { tagsOf } = require('./given.js');

const MOST = 65_536;
const tell = debug('lru-cache-clustered-messages');

/**
 * @typedef {object} Waiting
 * @property {(frame: any) => void} answer
 * @property {(error: Error) => void} reject
 * @property {Fetcher<any> | undefined} fetcher
 * @property {any} key
 * @property {FetchOptions['tags']} tags of what it brings
 * @property {boolean} takesNothing whether its fetcher may bring nothing
 * @property {Brought | undefined} own what its fetcher has brought here, if that was run to its end
 * @property {() => void} hold stops the clock: the primary has said that it is at it
 */

/** @typedef {{ value: any, error?: undefined } | { error: Error }} Brought */

/** @type {Map<number, Waiting>} */
const waiting = new Map();
/** What is sent when the channel has room again, by the request. @type {Map<number, any>} */
const queue = new Map();
/** For the signals of fetchers that run. @type {Map<number, (kind: number) => void>} */
const firing = new Map();
let full = false;
let last = 0;
let listening = false;

/** @param {string} why */
const unavailable = (why) => createError('FLOTILLA_ERR_IPC_UNAVAILABLE', [why]);

/** @param {any} frame */
function send(frame) {
  if (!process.connected || !process.send) throw unavailable('the channel to the primary is closed');
  if (full) {
    queue.set(frame.id, frame);
    return;
  }
  const room = process.send({ flotilla: KIND, ...frame }, undefined, undefined, () => {
    if (!room) drain();
  });
  full = !room;
}

function drain() {
  full = false;
  for (const [id, frame] of queue) {
    if (full) return;
    queue.delete(id);
    try {
      send(frame);
    } catch {
      // The channel is closed: those who wait are told so by its event.
      return;
    }
  }
}

/**
 * Runs the fetcher of a request, since its worker leads.
 *
 * @param {number} id
 * @param {Waiting} request
 * @param {any} stale
 */
async function run(id, request, stale) {
  const { fetcher, key, tags, takesNothing } = request;
  request.own = undefined;
  const context = new FlightContext(
    (fire) => {
      firing.set(id, fire);
      send({ id, op: 'watch' });
    },
    () => stale,
  );
  /** @type {any} */
  let frame;
  try {
    const brought = await /** @type {Fetcher<any>} */ (fetcher)(key, context);
    const keeping = brought instanceof Brought ? { ...brought.how, keeps: brought.keeps } : undefined;
    const value = keeping === undefined ? brought : brought.value;
    request.own = { value };
    const mayBeNothing = takesNothing || keeping?.negativeTtl !== undefined;
    const isNothing = mayBeNothing && (value === undefined || value === null);
    if (!isNothing && !['string', 'number', 'boolean', 'bigint'].includes(typeof value)) encode(value, key);
    frame = { id, op: 'ran', ...pack([value, tagsOf(tags, value), keeping]) };
  } catch (thrown) {
    request.own = { error: asError(thrown) };
    frame = { id, op: 'ran', error: portable(thrown, 0) };
  }
  firing.delete(id);
  try {
    send(frame);
  } catch {
    // As in `drain`.
  }
}

/** @param {any} message */
function heed(message) {
  if (message?.flotilla !== KIND) return;
  const { id, event } = message;
  const request = waiting.get(id);
  if (event === 'run') {
    request?.hold();
    if (request?.fetcher !== undefined) run(id, request, unpack(message)[0]);
    else if (process.connected) send({ id, op: 'ran', gone: true });
  } else if (event === 'revoked') firing.get(id)?.(message.kind);
  else if (event === undefined) request?.answer(message);
  else request?.hold();
}

/**
 * What the primary answers a fetch whose fetcher ran here: its own value or error where that is the end, and not what
 * messages make of it. A fetcher that gave up, because its flight was void, is not the end.
 *
 * @param {Brought | undefined} own
 * @param {any} frame
 */
function ending(own, frame) {
  if (own?.error !== undefined) return frame.error === undefined ? frame : { thrown: own.error };
  return own === undefined || frame.error !== undefined ? frame : { own: own.value ?? undefined };
}

/** @param {any} answer @returns {any} what it brings; throws what it tells of */
function valueIn(answer) {
  if (answer.thrown !== undefined) throw answer.thrown;
  if (answer.error !== undefined) throw revive(answer.error);
  return 'own' in answer ? answer.own : unpack(answer)[0];
}

function closed() {
  for (const { reject } of [...waiting.values()]) reject(unavailable('the channel to the primary is closed'));
  queue.clear();
}

/** How many handles there are for what the primary keeps as one cache. @type {Map<string, number>} */
const handles = new Map();

/** @type {FinalizationRegistry<string>} */
const leaving = new FinalizationRegistry((name) => {
  const left = (handles.get(name) ?? 1) - 1;
  handles.set(name, left);
  if (left > 0) return;
  handles.delete(name);
  if (process.connected) send({ id: ++last, op: 'close', options: JSON.parse(name), list: [] });
});

function listen() {
  if (listening) return;
  listening = true;
  process.on('message', heed);
  process.once('disconnect', closed);
}

class Remote {
  #options;
  #timeout;
  #failsafe;

  /**
   * @param {CacheOptions} options as `describe` puts them
   * @param {{ timeout: number, failsafe: 'resolve' | 'reject' }} how
   */
  constructor(options, { timeout, failsafe }) {
    this.#timeout = timeout;
    this.#failsafe = failsafe;
    this.#options = options;
    const name = JSON.stringify(options);
    handles.set(name, (handles.get(name) ?? 0) + 1);
    leaving.register(this, name);
    listen();
  }

  /**
   * @param {string} op
   * @param {any[]} [list] what the operation is given
   * @param {{ always?: boolean, fetcher?: Fetcher<any>, tags?: FetchOptions['tags'], takesNothing?: boolean }} [how]
   * @returns {Promise<any>}
   */
  call(op, list = [], { always = false, fetcher, tags, takesNothing = false } = {}) {
    return new Promise((resolve, reject) => {
      if (waiting.size >= MOST) throw unavailable(`${MOST} requests wait for the primary already`);
      const id = ++last;
      const frame = { id, op, options: this.#options, ...pack(list) };
      const late = () => {
        waiting.delete(id);
        queue.delete(id);
        tell?.('request', id, op, 'timed out');
        if (always || this.#failsafe === 'reject') reject(new Error('IPC timeout'));
        else resolve(undefined);
      };
      const timer = setTimeout(late, Math.min(this.#timeout, 2 ** 31 - 1));
      const end = () => {
        clearTimeout(timer);
        waiting.delete(id);
      };
      waiting.set(id, {
        fetcher,
        key: list[0],
        tags,
        takesNothing,
        own: undefined,
        hold: () => clearTimeout(timer),
        reject: (error) => {
          end();
          reject(error);
        },
        answer: (frame) => {
          const own = waiting.get(id)?.own;
          end();
          tell?.('response', id, op, frame.error === undefined ? 'ok' : frame.error.message);
          try {
            resolve(valueIn(ending(own, frame)));
          } catch (error) {
            reject(error);
          }
        },
      });
      tell?.('request', id, op, brief(this.#options.namespace ?? 'default'), brief(list[0]));
      try {
        send(frame);
      } catch (error) {
        end();
        throw error;
      }
    });
  }
}

module.exports = { Remote };

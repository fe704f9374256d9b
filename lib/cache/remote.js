/**
 * A worker's side of the IPC transport: each operation is a frame to the primary, which answers it.
 *
 * A request that is not answered within `timeout` ends as `failsafe` says; an answer that comes later is dropped. A
 * channel that is full is waited for, and at most `MOST` requests wait. If the primary dies, all of them reject. The
 * primary is told when the last handle of a cache is no longer used here.
 */

/** @import { CacheOptions } from '../../index.js' */

const { brief, debug } = require('../debug.js');
const { createError } = require('../errors.js');
const { encode } = require('./codec.js');
const { asError, portable, revive } = require('./error-text.js');
const { KIND, pack, unpack } = require('./frames.js');

const MOST = 65_536;
const tell = debug('lru-cache-clustered-messages');

/**
 * @typedef {object} Waiting
 * @property {(frame: any) => void} answer
 * @property {(error: Error) => void} reject
 * @property {(() => any) | undefined} fetcher
 * @property {any} key
 * @property {() => void} hold stops the clock: the primary has said that it is at it
 */

/** @type {Map<number, Waiting>} */
const waiting = new Map();
/** What is sent when the channel has room again, by the request. @type {Map<number, any>} */
const queue = new Map();
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

/** @param {number} id @param {() => any} fetcher @param {any} key */
async function run(id, fetcher, key) {
  /** @type {any} */
  let frame;
  let own;
  try {
    own = { value: await fetcher() };
    const { value } = own;
    if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) encode(value, key);
    frame = { id, op: 'ran', ...pack([value]) };
  } catch (thrown) {
    own = { error: asError(thrown) };
    frame = { id, op: 'ran', error: portable(thrown, 0) };
  }
  try {
    send(frame);
  } catch {
    // As in `drain`.
  }
  return own;
}

/** @param {any} message */
function heed(message) {
  if (message?.flotilla !== KIND) return;
  const { id, event } = message;
  const request = waiting.get(id);
  if (event === 'run' && request?.fetcher === undefined) {
    if (process.connected) send({ id, op: 'ran', gone: true });
  } else if (event === undefined) request?.answer(message);
  else request?.hold();
  if (event === 'run' && request?.fetcher !== undefined) {
    const { answer, fetcher, key } = request;
    const own = run(id, fetcher, key);
    request.answer = async (frame) => {
      const { value, error } = /** @type {any} */ (await own);
      if (error !== undefined) request.reject(error);
      else answer(frame.error === undefined ? { own: value } : frame);
    };
  }
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
   * @param {{ always?: boolean, fetcher?: () => any }} [how]
   * @returns {Promise<any>}
   */
  call(op, list = [], { always = false, fetcher } = {}) {
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
        hold: () => clearTimeout(timer),
        reject: (error) => {
          end();
          reject(error);
        },
        answer: (answer) => {
          end();
          tell?.('response', id, op, answer.error === undefined ? 'ok' : answer.error.message);
          try {
            if (answer.error !== undefined) reject(revive(answer.error));
            else resolve('own' in answer ? answer.own : unpack(answer)[0]);
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

/**
 * An event of socket.io in the words in which clients are sent it: the worker that says it finds them once, and no other worker has to
 * read them in order to write them again.
 */

/** Of a packet: an event. */
const EVENT = 2;

/** @typedef {EncodedEvent} Event */

/** It stands for a packet. */
class EncodedEvent {
  type = EVENT;
  /** Set by whoever sends it. @type {string | undefined} */
  nsp;
  #words;

  /** @param {string} words its name and what belongs to it, as JSON */
  constructor(words) {
    this.#words = words;
  }

  /** The same, with the offset from which a client goes on that has got it. @param {string} offset */
  endingWith(offset) {
    return new EncodedEvent(`${this.#words.slice(0, -1)},${JSON.stringify(offset)}]`);
  }

  /** What those are given who listen in this process for what goes out. */
  get data() {
    return JSON.parse(this.#words);
  }

  /** As the parser of socket.io writes it. */
  get encoded() {
    return this.nsp === '/' ? EVENT + this.#words : `${EVENT}${this.nsp},${this.#words}`;
  }
}

/** The encoder of a server, and of such events. @param {any} encoder */
const knowingEvents = (encoder) => ({
  /** @param {any} packet */
  encode: (packet) => (packet instanceof EncodedEvent ? [packet.encoded] : encoder.encode(packet)),
});

/** @param {any} value @returns {boolean} */
const isBytes = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** Whether JSON has other words for it than clients are to get: bytes, and what may become bytes. @param {any} value @returns {boolean} */
function mayHaveBytes(value) {
  if (typeof value !== 'object' || value === null) return false;
  if (isBytes(value) || (typeof value.toJSON === 'function' && !(value instanceof Date))) return true;
  for (const name in value) if (mayHaveBytes(value[name])) return true;
  return false;
}

/** @param {any} value @returns {string | undefined} none where it is not all text */
function textOf(value) {
  try {
    return mayHaveBytes(value) ? undefined : JSON.stringify(value);
  } catch {
    // A bigint, of which the one that it is sent to may make something.
    return undefined;
  }
}

/** The words of a packet; none where it is no event that is all text. @param {any} packet */
function wordsOf({ type, id, data }) {
  return type === EVENT && id === undefined ? textOf(data) : undefined;
}

module.exports = { EncodedEvent, EVENT, isBytes, knowingEvents, textOf, wordsOf };

/**
 * An entry as Redis holds it, which every Flotilla of a fleet reads.
 *
 *     F1  version    kind  codec's tag  length of the extras  end        extras       value
 *     2   16 digits  1     2 digits     6 digits              12 digits  JSON         the rest
 *
 * All digits are hexadecimal text, so that scripts in Redis can read and write them. The end of its lifetime is a time of the
 * server's clock, which the server writes there; without an end it is zero. So a reader learns with the value how long it lives.
 * The extras hold a size and the versions of tags, and are empty where there are none. A version is never used again, whatever is stored.
 */

const { randomBytes } = require('node:crypto');
const { decode, encode } = require('../cache/codec.js');

const MAGIC = 'F1';
const HEAD = 39;
const NO_END = '0'.repeat(12);

const TEXT = 'S';
/** A text that UTF-8 cannot hold. */
const ODD_TEXT = 'W';
const NUMBER = 'N';
const TRUTH = 'B';
const BIG = 'I';
/** That there is nothing, which somebody has found out. */
const NOTHING = '0';
const RAW = 'R';
/** What the codec makes text of, and what it makes bytes of. */
const ENCODED_TEXT = 'T';
const ENCODED_BYTES = 'C';

/** @type {{ s?: number, t?: [name: string, version: string][] }} */
const NOTHING_SAID = {};

/** @typedef {{ size?: number, tags?: [name: string, version: string][] }} Extras */
/** @typedef {{ value: any, version: string, end: number, size?: number, tags: [name: string, version: string][] }} Stored */

/** @returns {string} as `getWithVersion` gives it */
const newVersion = () => randomBytes(8).toString('hex');

/** @param {any} value @param {any} key @returns {[kind: string, tag: number, bytes: Uint8Array | string]} */
function partsOf(value, key) {
  switch (typeof value) {
    case 'string':
      if (/\p{Surrogate}/u.test(value)) return [ODD_TEXT, 0, Buffer.from(value, 'utf16le')];
      return [TEXT, 0, value];
    case 'number':
      return [NUMBER, 0, Object.is(value, -0) ? '-0' : String(value)];
    case 'boolean':
      return [TRUTH, 0, String(value)];
    case 'bigint':
      return [BIG, 0, String(value)];
    default: {
      if (Buffer.isBuffer(value)) return [RAW, 0, value];
      const [tag, payload] = encode(value, key);
      return [typeof payload === 'string' ? ENCODED_TEXT : ENCODED_BYTES, tag, payload];
    }
  }
}

/** @param {number} number @param {number} width */
const digits = (number, width) => number.toString(16).padStart(width, '0');

/** @param {string} kind @param {number} tag @param {Extras} extras */
function headOf(kind, tag, { size, tags }) {
  const said = size !== undefined || tags?.length ? JSON.stringify({ s: size, t: tags }) : '';
  const length = Buffer.byteLength(said);
  return MAGIC + newVersion() + kind + digits(tag, 2) + digits(length, 6) + NO_END + said;
}

/**
 * @param {any} value
 * @param {any} key for the message, where it cannot be stored
 * @param {Extras} extras
 * @returns {Buffer}
 */
function toBytes(value, key, extras) {
  const [kind, tag, payload] = partsOf(value, key);
  const head = Buffer.from(headOf(kind, tag, extras));
  return Buffer.concat([head, typeof payload === 'string' ? Buffer.from(payload) : payload]);
}

/** What stands for a value that there is not. @param {Extras} extras @returns {Buffer} */
const nothingBytes = (extras) => Buffer.from(headOf(NOTHING, 0, extras));

/** @param {string} kind @param {number} tag @param {Buffer} payload */
function valueIn(kind, tag, payload) {
  switch (kind) {
    case TEXT:
      return payload.toString();
    case ODD_TEXT:
      return payload.toString('utf16le');
    case NUMBER:
      return Number(payload.toString());
    case TRUTH:
      return payload.toString() === 'true';
    case BIG:
      return BigInt(payload.toString());
    case RAW:
      return Buffer.from(payload);
    case NOTHING:
      return undefined;
    case ENCODED_TEXT:
      return decode(tag, payload.toString());
    case ENCODED_BYTES:
      return decode(tag, new Uint8Array(payload).buffer);
    default:
      throw new TypeError('a kind that is not known');
  }
}

/**
 * @param {Buffer} bytes
 * @returns {Stored | undefined} nothing where no Flotilla that this one understands has written it
 */
function fromBytes(bytes) {
  const head = bytes.toString('latin1', 0, HEAD);
  if (!/^F1[0-9a-f]{16}.[0-9a-f]{20}$/s.test(head)) return undefined;
  const number = (/** @type {number} */ from, /** @type {number} */ to) =>
    Number.parseInt(head.slice(from, to), 16);
  const start = HEAD + number(21, 27);
  try {
    const said = start > HEAD ? JSON.parse(bytes.toString('utf8', HEAD, start)) : NOTHING_SAID;
    const value = valueIn(head[18], number(19, 21), bytes.subarray(start));
    return { value, version: head.slice(2, 18), end: number(27, 39), size: said.s, tags: said.t ?? [] };
  } catch {
    return undefined;
  }
}

/** What stands before the text of a number. @param {Extras} extras */
const headOfNumber = (extras) => headOf(NUMBER, 0, extras);

module.exports = { fromBytes, headOfNumber, newVersion, nothingBytes, toBytes };

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
const MAGIC_BYTES = Buffer.from(MAGIC);
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

/** @typedef {[name: string, version: string][]} TagVersions */

/** @type {TagVersions} */
const NO_TAGS = [];
const NOTHING_SAID = {};

/** @typedef {{ size?: number, tags?: [name: string, version: string][] }} Extras */

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

/** @param {number} kind as a byte @param {number} tag @param {Buffer} bytes @param {number} start of the value */
function valueIn(kind, tag, bytes, start) {
  switch (String.fromCharCode(kind)) {
    case TEXT:
      return bytes.toString('utf8', start);
    case ODD_TEXT:
      return bytes.toString('utf16le', start);
    case NUMBER:
      return Number(bytes.toString('latin1', start));
    case TRUTH:
      return bytes.toString('latin1', start) === 'true';
    case BIG:
      return BigInt(bytes.toString('latin1', start));
    case RAW:
      return Buffer.from(bytes.subarray(start));
    case NOTHING:
      return undefined;
    case ENCODED_TEXT:
      return decode(tag, bytes.toString('utf8', start));
    case ENCODED_BYTES:
      return decode(tag, new Uint8Array(bytes.subarray(start)).buffer);
    default:
      throw new TypeError('a kind that is not known');
  }
}

/** What each byte is worth as a hexadecimal digit: of those that are none, too much. */
const NO_DIGIT = 1 << 20;
const worth = new Int32Array(256).fill(NO_DIGIT);
for (const [value, digit] of [...'0123456789abcdef'].entries()) worth[digit.charCodeAt(0)] = value;

/** @param {Uint8Array} bytes @param {number} from @param {number} to @returns {number} what its digits say; NaN where one of them is none */
function numberIn(bytes, from, to) {
  let number = 0;
  let wrong = 0;
  for (let at = from; at < to; at++) {
    const digit = worth[bytes[at]];
    wrong |= digit;
    number = number * 16 + digit;
  }
  return wrong < 16 ? number : Number.NaN;
}

/** An entry of Redis, read. */
class Stored {
  #bytes;
  /** What is left of its lifetime, in milliseconds, where that is known: 0 for no end. */
  left = 0;

  /** @param {Buffer} bytes @param {any} value @param {number} end @param {{ s?: number, t?: TagVersions }} said */
  constructor(bytes, value, end, { s, t = NO_TAGS }) {
    this.#bytes = bytes;
    this.value = value;
    this.end = end;
    this.size = s;
    this.tags = t;
  }

  get version() {
    return this.#bytes.toString('latin1', 2, 18);
  }
}

/**
 * @param {Buffer} bytes
 * @returns {Stored | undefined} nothing where no Flotilla that this one understands has written it
 */
function fromBytes(bytes) {
  if (bytes.length < HEAD || bytes[0] !== MAGIC_BYTES[0] || bytes[1] !== MAGIC_BYTES[1]) return undefined;
  const tag = numberIn(bytes, 19, 21);
  const start = HEAD + numberIn(bytes, 21, 27);
  const end = numberIn(bytes, 27, HEAD);
  // Whatever is no number makes the sum none.
  if (Number.isNaN(numberIn(bytes, 2, 18) + tag + start + end)) return undefined;
  try {
    const said = start > HEAD ? JSON.parse(bytes.toString('utf8', HEAD, start)) : NOTHING_SAID;
    return new Stored(bytes, valueIn(bytes[18], tag, bytes, start), end, said);
  } catch {
    return undefined;
  }
}

/** What stands before the text of a number. @param {Extras} extras */
const headOfNumber = (extras) => headOf(NUMBER, 0, extras);

module.exports = { fromBytes, headOfNumber, newVersion, nothingBytes, toBytes };

/**
 * Values that are not plain: what they are stored as, and how they come back.
 *
 * Strings, numbers, booleans and bigints never come here: native code stores and makes them by itself. Binary data
 * is stored as its bytes. Data that JSON gives back exactly as it was is stored as JSON, which is the fastest; that
 * is found out by looking at every part of it, not by what it calls itself. Everything else is serialized as
 * `structuredClone` would have it. Nothing is stored before a value is encoded whole.
 */

const v8 = require('node:v8');
const { types } = require('node:util');
const { constants } = require('./native.js');
const { createError } = require('../errors.js');
const { describeKey } = require('./invalid.js');

const { BUFFER, JSON: JSON_TEXT, FIRST_FREE } = constants.valueTags;
const STRUCTURED = FIRST_FREE;
const ARRAY_BUFFER = FIRST_FREE + 1;
const DATA_VIEW = FIRST_FREE + 2;
const FIRST_ARRAY = FIRST_FREE + 3;

/** Tags are places in this list: a name may be added at its end, and none may move. */
const arrayNames = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
];
const arrayTypes = arrayNames.map((name) => /** @type {any} */ (globalThis)[name]);

const arrayNameOf = /** @type {(this: object) => string | undefined} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get
);

/** Up to this many objects are looked through one by one, which is faster than a set. */
const FEW = 16;

/** What was met on the way through a value: JSON knows neither cycles nor that two places hold one object. */
class Met {
  /** @type {object[] | Set<object>} */
  #objects = [];

  /**
   * @param {object} object
   * @returns {boolean} whether it is met for the first time
   */
  first(object) {
    if (this.#objects instanceof Set) {
      const { size } = this.#objects;
      return this.#objects.add(object).size > size;
    }
    if (this.#objects.includes(object)) return false;
    this.#objects.push(object);
    if (this.#objects.length > FEW) this.#objects = new Set(this.#objects);
    return true;
  }
}

/**
 * @param {unknown} value
 * @param {Met} met
 * @returns {boolean} whether JSON gives the value back as it is
 */
function survivesJson(value, met) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || partsSurviveJson(value, met);
    default:
      return false;
  }
}

/**
 * @param {object} value
 * @param {Met} met
 */
function partsSurviveJson(value, met) {
  if ('toJSON' in value || !met.first(value)) return false;
  const keys = Object.keys(value);
  if (Array.isArray(value)) {
    // A hole, or a property beside the elements, shows in the number of keys.
    return keys.length === value.length && value.every((element) => survivesJson(element, met));
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key of keys) {
    if (!survivesJson(/** @type {any} */ (value)[key], met)) return false;
  }
  return true;
}

/** @param {ArrayBufferView} view */
function bytesOf({ buffer, byteOffset, byteLength }) {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  // Another thread may write to shared memory while it is copied.
  return types.isSharedArrayBuffer(buffer) ? bytes.slice() : bytes;
}

/** @param {ArrayBufferView} view */
function tagOfView(view) {
  if (Buffer.isBuffer(view)) return BUFFER;
  const name = arrayNameOf.call(view);
  return name === undefined ? DATA_VIEW : FIRST_ARRAY + arrayNames.indexOf(name);
}

/** @typedef {[tag: number, payload: string | Uint8Array]} Encoded */

/**
 * @param {any} value neither a string, nor a number, a boolean or a bigint
 * @param {unknown} key for the message, where it cannot be stored
 * @returns {Encoded}
 */
function encode(value, key) {
  if (value === null || value === undefined) throw nullish(key);
  if (ArrayBuffer.isView(value)) return [tagOfView(value), bytesOf(value)];
  if (types.isArrayBuffer(value)) return [ARRAY_BUFFER, new Uint8Array(value)];
  if (survivesJson(value, new Met())) return [JSON_TEXT, JSON.stringify(value)];
  return [STRUCTURED, serialize(value, key)];
}

/**
 * @param {any} value
 * @param {unknown} key
 * @returns {Uint8Array}
 */
function serialize(value, key) {
  try {
    return v8.serialize(value);
  } catch (cause) {
    const fault = findUncloneable(value, 'value', new Set());
    // Not a part of the value is at fault then: a getter threw, or it is nested too deep.
    if (fault === undefined) throw cause;
    throw createError('FLOTILLA_ERR_VALUE_NOT_CLONEABLE', [describeKey(key), fault], { cause });
  }
}

/**
 * @param {any} value
 * @returns {string | undefined} what it is, if it can only be used where it was made
 */
function uncloneable(value) {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null) return undefined;
  if (types.isProxy(value)) return 'a proxy';
  if (types.isPromise(value)) return 'a promise';
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef) return 'a weak reference';
  if (types.isSharedArrayBuffer(value)) return 'shared memory';
  if (types.isExternal(value) || types.isGeneratorObject(value)) return 'an object of the engine';
  return undefined;
}

/**
 * @param {any} value
 * @param {string} path
 * @param {Set<object>} met
 * @returns {string | undefined} where it cannot be cloned, and why
 */
function findUncloneable(value, path, met) {
  const fault = uncloneable(value);
  if (fault !== undefined) return `${path} is ${fault}`;
  if (typeof value !== 'object' || value === null || met.has(value)) return undefined;
  met.add(value);
  for (const [at, part] of partsOf(value)) {
    const found = findUncloneable(part, path + at, met);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * @param {any} value
 * @returns {Iterable<[at: string, part: unknown]>}
 */
function* partsOf(value) {
  if (types.isMap(value)) {
    for (const [key, part] of value) {
      yield [`.keys() ${describeKey(key)}`, key];
      yield [`.get(${describeKey(key)})`, part];
    }
  } else if (types.isSet(value)) {
    for (const part of value) yield ['.values()', part];
  } else if (!ArrayBuffer.isView(value)) {
    for (const key of Object.keys(value)) yield [step(value, key), value[key]];
  }
}

/**
 * @param {object} parent
 * @param {string} key
 */
function step(parent, key) {
  if (Array.isArray(parent)) return `[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** @param {unknown} key */
function nullish(key) {
  const expected = 'neither null nor undefined, which a cache cannot tell from a missing entry';
  return createError('FLOTILLA_ERR_INVALID_ARGUMENT', [
    `the value for key ${describeKey(key)}`,
    expected,
    'nullish',
  ]);
}

/**
 * @param {number} tag
 * @param {any} payload text or an ArrayBuffer, of which nobody else knows
 * @returns {any}
 */
function decode(tag, payload) {
  if (tag === JSON_TEXT) return JSON.parse(payload);
  if (tag === STRUCTURED) return v8.deserialize(new Uint8Array(payload));
  if (tag === ARRAY_BUFFER) return payload;
  if (tag === DATA_VIEW) return new DataView(payload);
  return new arrayTypes[tag - FIRST_ARRAY](payload);
}

/** @param {unknown} value */
const survives = (value) => survivesJson(value, new Met());

module.exports = { decode, encode, survives };

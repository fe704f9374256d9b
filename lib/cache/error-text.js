/**
 * Errors as text, for another process: name, message, code, stack and causes. On the other side each is a plain
 * `Error` with these properties; which class it was does not cross.
 */

/** Causes deeper than this are left out, and so ends a chain that bites its own tail. */
const DEEPEST = 8;

/** @typedef {{ name: string, message: string, code?: unknown, stack?: string, cause?: Portable }} Portable */

/**
 * What was thrown, as an error. Never throws itself, not even for what throws when it is looked at: who waits for the
 * end of a flight would wait for nothing.
 *
 * @param {unknown} thrown
 * @returns {Error}
 */
function asError(thrown) {
  try {
    if (thrown instanceof Error) return thrown;
    // An error of another realm is one all the same.
    if (Object.prototype.toString.call(thrown) === '[object Error]') return /** @type {Error} */ (thrown);
    return new Error(String(thrown));
  } catch {
    return new Error('A value was thrown that cannot be shown as text');
  }
}

/** @param {unknown} value */
const isSimple = (value) => typeof value === 'string' || typeof value === 'number';

/**
 * @param {Error} error
 * @param {number} depth
 * @returns {Portable}
 */
function read(error, depth) {
  const { name, message, code, stack, cause } = /** @type {Error & { code?: unknown }} */ (error);
  return {
    name: String(name),
    message: String(message),
    ...(isSimple(code) && { code }),
    ...(typeof stack === 'string' && { stack }),
    ...(cause !== undefined && depth < DEEPEST && { cause: portable(cause, depth + 1) }),
  };
}

/**
 * @param {unknown} thrown
 * @param {number} depth
 * @returns {Portable}
 */
function portable(thrown, depth) {
  const error = asError(thrown);
  try {
    return read(error, depth);
  } catch {
    // One of its properties threw when it was read.
    return { name: 'Error', message: 'An error was thrown that cannot be read' };
  }
}

/** @param {Error} error */
const errorToText = (error) => JSON.stringify(portable(error, 0));

const hidden = { writable: true, configurable: true, enumerable: false };

/**
 * What is not as `portable` writes it is left out.
 *
 * @param {Portable} parts
 * @param {number} [depth]
 * @returns {Error}
 */
function revive({ name, message, code, stack, cause }, depth = 0) {
  const deeper = typeof cause === 'object' && cause !== null && depth < DEEPEST;
  const error = new Error(
    isSimple(message) ? message : '',
    deeper ? { cause: revive(cause, depth + 1) } : undefined,
  );
  if (name !== 'Error' && typeof name === 'string') {
    Object.defineProperty(error, 'name', { value: name, ...hidden });
  }
  if (typeof stack === 'string') Object.defineProperty(error, 'stack', { value: stack, ...hidden });
  return isSimple(code) ? Object.assign(error, { code }) : error;
}

/** @param {string} text */
const errorFromText = (text) => revive(JSON.parse(text));

module.exports = { asError, errorFromText, errorToText, portable, revive };

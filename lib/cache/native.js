/**
 * The addon's functions for the cache, and the two ways in which it reaches back into this thread.
 *
 * `reply` is what native code says beside a value. Its first byte is 0 where a call returned the value itself, else
 * the tag under which the codec decodes what was returned. Whoever reads a tag sets it back to 0, before anything else
 * can happen. `memo` and `memoExpires` are what the last `cacheGet` tells of the entry, for `copies.js`; `left` is what
 * `cacheIncrWithTtl` tells of the counter.
 */

const loaded = require('../native/loader.js');
const { later } = require('../base/loading.js');

const errors = later(() => require('../errors.js'));

const constants = loaded.constants();
const { BYTES, EXPIRES_AT, LEFT_AT, MEMO_AT, MEMO_WORDS } = constants.reply;
/** @typedef {(kind: number, tag: number, payload: any) => void} OutcomeTaker */

/** Who waits for the end of a flight, by its number. @type {Map<number, OutcomeTaker>} */
const followers = new Map();

/** @param {any} code @param {string} message */
const makeError = (code, message) => errors().nativeError(code, message);

/** @param {number} flight @param {number} kind @param {number} tag @param {any} payload */
function takeOutcome(flight, kind, tag, payload) {
  const take = followers.get(flight);
  followers.delete(flight);
  take?.(kind, tag, payload);
}

// Another context of this thread, as test runners make them, has an instance of its own: its errors are of that context, and
// what it follows it alone is told of. The words of a reply are common to all: none runs before they are read.
const [reply, own] = loaded.cacheConnect(makeError, takeOutcome, new Uint8Array(BYTES));
const addon = own ?? loaded;
const memoExpires = new Float64Array(reply.buffer, EXPIRES_AT, 1);
const left = new Float64Array(reply.buffer, LEFT_AT, 1);
const memo = new Uint32Array(reply.buffer, MEMO_AT, MEMO_WORDS);

/** The tag of the value that the last call returned, if it has to be decoded. */
function takeReply() {
  const tag = reply[0];
  reply[0] = 0;
  return tag;
}

/** Native code does not keep them. */
const kept = { makeError, takeOutcome };

module.exports = { addon, constants, followers, kept, left, memo, memoExpires, reply, takeReply };

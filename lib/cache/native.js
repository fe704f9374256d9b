/**
 * The addon's functions for the cache, and the two ways in which it reaches back into this thread.
 *
 * `reply` is what native code says beside a value. Its first byte is 0 where a call returned the value itself, else
 * the tag under which the codec decodes what was returned. Whoever reads a tag sets it back to 0, before anything else
 * can happen. `memo` and `memoExpires` are what the last `cacheGet` tells of the entry, for `copies.js`.
 */

const addon = require('../native/loader.js');
const { later } = require('../base/lazy.js');

const errors = later(() => require('../errors.js'));

const constants = addon.constants();
const { BYTES, EXPIRES_AT, MEMO_AT, MEMO_WORDS } = constants.reply;
const reply = new Uint8Array(BYTES);
const memoExpires = new Float64Array(reply.buffer, EXPIRES_AT, 1);
const memo = new Uint32Array(reply.buffer, MEMO_AT, MEMO_WORDS);

/** @typedef {(kind: number, tag: number, payload: any) => void} OutcomeTaker */

/** Who waits for the end of a flight, by its number. @type {Map<number, OutcomeTaker>} */
const followers = new Map();

addon.cacheConnect(
  (code, message) => errors().nativeError(code, message),
  (flight, kind, tag, payload) => {
    const take = followers.get(flight);
    followers.delete(flight);
    take?.(kind, tag, payload);
  },
  reply,
);

/** The tag of the value that the last call returned, if it has to be decoded. */
function takeReply() {
  const tag = reply[0];
  reply[0] = 0;
  return tag;
}

module.exports = { addon, constants, followers, memo, memoExpires, reply, takeReply };

/**
 * The addon's functions for the cache, and the two ways in which it reaches back into this thread.
 *
 * `reply` is one byte that native code writes: 0 where a call returned the value itself, else the tag under which
 * the codec decodes what was returned. Whoever reads a tag sets it back to 0, before anything else can happen.
 */

const addon = require('../native/loader.js');
const { nativeError } = require('../errors.js');

const reply = new Uint8Array(1);

/** @typedef {(kind: number, tag: number, payload: any) => void} OutcomeTaker */

/** Who waits for the end of a flight, by its number. @type {Map<number, OutcomeTaker>} */
const followers = new Map();

addon.cacheConnect(
  nativeError,
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

module.exports = { addon, followers, reply, takeReply };

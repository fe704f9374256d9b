/** What the bus and its readers both know: batches, offsets, and what is only a matter of time. */

const { invalid } = require('./invalid.js');

/** So many messages are given out before others of the process have their turn, and are published together at most. */
const AT_ONCE = 64;
/** Of a short ring, only a part is published together, so that the last messages stay in it whoever else puts something there. */
const PART = 16;
/** The tag of the flights that readers sleep on. */
const WAKE = ['wake'];

/** Messages in their order: the text of an array, where JSON gives them back as they were. @typedef {string | [messages: any[]]} Batch */
/** The last batch: of the number of its last message, and of how many. @typedef {[epoch: string, number: number, count: number, batch: Batch]} Last */
/** @typedef {{ first: number, batch: Batch }} Found */
/** A message by itself, or its text. @typedef {{ message?: any, text?: string }} Message */

/** @param {Message[]} some @returns {Batch} */
function pack(some) {
  let all = '';
  for (const { text } of some) {
    if (text === undefined) return [some.map(read)];
    all += all === '' ? text : `,${text}`;
  }
  return `[${all}]`;
}

/** @param {Message} one @returns {any} */
const read = ({ message, text }) => (text === undefined ? message : JSON.parse(text));

/** @param {Batch} batch @returns {any[]} */
const unpack = (batch) => (typeof batch === 'string' ? JSON.parse(batch) : batch[0]);

/** A text goes into the cache as it is, where an array would be written anew. @param {Last} last @returns {Last | string} */
const packLast = (last) => (typeof last[3] === 'string' ? last.join(' ') : last);

/** @param {Last | string | undefined} packed nothing where nothing was published @returns {Last | undefined} */
function unpackLast(packed) {
  if (typeof packed !== 'string') return packed;
  const [head, epoch, number, count] = /** @type {RegExpExecArray} */ (/^(\w+) (\d+) (\d+) /.exec(packed));
  return [epoch, Number(number), Number(count), packed.slice(head.length)];
}

/** How many messages a batch may have. @param {number} length of the ring */
const mostOf = (length) => Math.max(1, Math.min(AT_ONCE, Math.floor(length / PART)));

/** @param {string} epoch @param {number} number */
const offsetOf = (epoch, number) => `${epoch}.${number}`;

/** @param {unknown} offset @returns {[epoch: string, number: number]} */
function readOffset(offset) {
  const [, epoch = '', number] = /^([0-9a-z]*)\.(\d{1,15})$/.exec(String(offset)) ?? [];
  if (typeof offset !== 'string' || number === undefined) {
    throw invalid('from', 'an offset that publish or a listener gave', offset);
  }
  return [epoch, Number(number)];
}

/** A cache was locked for a while, or the primary slow. @param {any} error */
const mayHelp = (error) => error?.message === 'IPC timeout' || error?.retryCanHelp === true;

module.exports = { AT_ONCE, mayHelp, mostOf, offsetOf, pack, packLast, readOffset, unpack, unpackLast, WAKE };

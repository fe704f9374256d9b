/** What a process writes, line by line. */

/** @import { Readable } from 'node:stream' */

const { StringDecoder } = require('node:string_decoder');

/** One without an end is told in parts, so that it cannot fill the memory. */
const LONGEST = 2 ** 20;

/**
 * @param {Readable | null} stream nothing where it is not read here
 * @param {(line: string) => void} tell
 */
function lines(stream, tell) {
  if (!stream) return;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (/** @type {Buffer} */ chunk) => {
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = /** @type {string} */ (parts.pop());
    for (const part of parts) tell(part);
    if (rest.length < LONGEST) return;
    tell(rest);
    rest = '';
  });
  stream.once('close', () => {
    rest += decoder.end();
    if (rest !== '') tell(rest);
    rest = '';
  });
}

module.exports = { lines };

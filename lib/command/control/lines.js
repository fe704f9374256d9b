/**
 * The control protocol: one JSON value a line, in both directions, over a stream.
 *
 * The server greets: `{"flotilla":"0.1.0","protocol":1,"name":"api","pid":4711}`. A client asks `{"protocol":1,"verb":"status"}`, and gets
 * any number of `{"event":…}` and then one `{"result":…}` or `{"error":{"code":…,"message":…}}`; then it may ask again. What is longer
 * than a line may be, or no JSON, ends the connection with an error.
 */

/** The version of the protocol. It changes when an old command could not talk to a new server, or the other way round. */
const PROTOCOL = 1;
/** The longest question. */
const LONGEST_QUESTION = 64 * 1024;
/** The longest answer. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Cuts a stream into lines.
 *
 * @param {number} longest
 * @param {(line: string) => void} take
 * @param {() => void} tooLong
 * @returns {(chunk: Buffer) => void}
 */
function cutLines(longest, take, tooLong) {
  /** @type {Buffer[]} what has come of the line that is not whole */
  let parts = [];
  let length = 0;
  let over = false;
  return (chunk) => {
    let from = 0;
    while (!over) {
      const end = chunk.indexOf(10, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      length += part.length;
      if (length > longest) {
        over = true;
        parts = [];
        return tooLong();
      }
      parts.push(part);
      if (end < 0) return;
      const line = parts.length === 1 ? part : Buffer.concat(parts);
      parts = [];
      length = 0;
      from = end + 1;
      take(line.toString('utf8'));
    }
  };
}

/** @param {string} line @returns {any} nothing where it is no object */
function readLine(line) {
  try {
    const value = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {object} value */
const asLine = (value) => `${JSON.stringify(value)}\n`;

module.exports = { LONGEST_ANSWER, LONGEST_QUESTION, PROTOCOL, asLine, cutLines, readLine };

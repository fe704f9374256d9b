/**
 * A connection on which the server tells of each change under some prefixes.
 */

/** @import { Client, Line } from './client.js' */

const within = require('../base/within.js');
const { isRefusal } = require('./client.js');

/** @typedef {{ prefixes: string[], isTold: boolean, ping: () => Promise<any>, close: () => void, lost: Promise<void>, isReplaced?: boolean }} Hearing */

/** @param {Line[]} lines */
function close(lines) {
  for (const line of lines) line.close();
}

/** Those that no other one covers: the server takes none that overlap. @param {string[]} prefixes */
const covering = (prefixes) =>
  prefixes.filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)));

/**
 * @param {Line} line
 * @param {string[]} prefixes
 * @param {(names: Buffer[] | null) => void} heard
 */
async function track(line, prefixes, heard) {
  const id = String(await line.command(['CLIENT', 'ID']));
  const wanted = covering(prefixes).flatMap((prefix) => ['PREFIX', prefix]);
  await line.command(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...wanted]);
  await line.listen(heard);
}

/**
 * @param {Client} client
 * @param {string[]} prefixes
 * @param {(names: Buffer[] | null) => void} heard the names of what has changed; nothing where all has
 * @param {(error: Error) => void} untold the server does not tell
 * @param {number} timeout
 * @returns {Promise<Hearing>}
 */
async function hear(client, prefixes, heard, untold, timeout) {
  /** @type {(value: void) => void} */
  let lose = () => {};
  const lost = /** @type {Promise<void>} */ (new Promise((resolve) => (lose = resolve)));
  const opened = client.open(() => lose());
  const open = async () => {
    const { lines, areAll } = await opened;
    const ping = async () => {
      await Promise.all(lines.map((line) => line.ping()));
      if (!(await areAll())) throw new Error('the nodes to hear of have changed');
    };
    const hearing = { prefixes, isTold: true, ping, close: () => close(lines), lost };
    try {
      await Promise.all(lines.map((line) => track(line, prefixes, heard)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      untold(/** @type {Error} */ (error));
      hearing.isTold = false;
    }
    return hearing;
  };
  try {
    return await within(timeout, open(), () => {
      throw new Error(`the connection is not there after ${timeout} ms`);
    });
  } catch (error) {
    opened.then(({ lines }) => close(lines)).catch(() => {});
    throw error;
  }
}

module.exports = { hear };

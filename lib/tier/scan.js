/** All names in Redis that are like a pattern, a thousand at a time. */

/** @import { Client } from './client.js' */

const AT_ONCE = '1000';

/**
 * @param {Client['call'][]} calls to each node
 * @param {string} pattern
 * @param {(names: Buffer[], call: Client['call']) => unknown} see what is done with each lot; a name may come twice
 */
async function scan(calls, pattern, see) {
  for (const call of calls) {
    let cursor = '0';
    do {
      const [next, names] = await call(['SCAN', cursor, 'MATCH', pattern, 'COUNT', AT_ONCE]);
      await see(names, call);
      cursor = next.toString();
    } while (cursor !== '0');
  }
}

/**
 * Removes all whose names are so.
 *
 * @param {() => Promise<Client['call'][]>} calls to each node
 * @param {string} pattern
 * @param {boolean} isCluster where a step takes no names of several slots
 */
async function empty(calls, pattern, isCluster) {
  const inSteps = (/** @type {Buffer[]} */ names) =>
    isCluster ? names.map((name) => [name]) : names.length > 0 ? [names] : [];
  await scan(await calls(), pattern, (names, call) =>
    Promise.all(inSteps(names).map((some) => call(['UNLINK', ...some]))),
  );
}

module.exports = { empty, scan };

/**
 * The keys of TLS tickets in a worker: those of the primary, which all workers have. Where it does not tell them in time, each
 * server keeps its own, and a session is known where it began.
 */

const { tellPrimary } = require('../cluster/messages.js');
const { TicketKeys, readTicketKeys } = require('../http/ticket-keys.js');
const within = require('../base/within.js');

/** For how long the primary is waited for. */
const KEYS_MS = 1000;

/** @typedef {import('../http/ticket-keys.js').Instance} Keys */

/** @type {Promise<Keys | undefined> | undefined} asked for once in a process */
let asked;

async function ask() {
  /** @type {Keys | undefined} */
  let keys;
  const told = new Promise((resolve) => {
    process.on('message', (/** @type {any} */ message) => {
      const heard = message?.type === 'flotilla:ticket-keys' && readTicketKeys(message.keys);
      if (!heard) return;
      if (keys) keys.take(heard);
      keys ??= new TicketKeys(heard);
      resolve(keys);
    });
  });
  tellPrimary({ type: 'flotilla:ticket-keys-wanted' });
  return within(KEYS_MS, told, () => undefined);
}

/** @returns {Promise<Keys | undefined>} */
function sharedTicketKeys() {
  asked ??= ask();
  return asked;
}

module.exports = { sharedTicketKeys };

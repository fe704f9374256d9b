/** `flotilla logs`: follows what the workers of a running server write, until it ends or Ctrl-C. */

/** @import { Call } from './verbs.js' */

const { ask } = require('./control/client.js');
const { prefixed } = require('./output.js');
const { socketOf } = require('./steer.js');
const { say } = require('./voice.js');

/** @param {Call} call */
async function logs(call) {
  const { worker, json } = call.given;
  const show = (/** @type {any} */ event) => {
    if (event.event === 'skipped')
      return say(`${event.count} lines were left out, because they were not read in time`);
    if (event.event !== 'line') return;
    const { event: _event, ...line } = event;
    process.stdout.write(json ? `${JSON.stringify(line)}\n` : prefixed(line, process.stdout));
  };
  // Who reads this may stop: then nothing is left to do.
  process.stdout.on('error', () => process.exit(0));
  process.on('SIGINT', () => process.exit(0));
  try {
    await ask(await socketOf(call), 'logs', { worker }, show);
  } catch (error) {
    // The server has ended, and with it the log.
    if (!/ended the connection/.test(String(/** @type {any} */ (error).message))) throw error;
  }
  return 0;
}

module.exports = { logs };

/** `flotilla start`: reads what to do, does it, and stays in the foreground until it is told to stop. */

/** @import { Call } from './verbs.js' */

const { configure } = require('./configuration.js');
const { say } = require('./voice.js');

/** @param {Call} call */
async function start({ target, given, passed }) {
  const settings = await configure({ target, given, passed });
  if (settings.ignored.length > 0) say(`${settings.source}: not used here: ${settings.ignored.join('; ')}`);
  const { Running } = require('./running.js');
  await new Running(settings).start();
  // Its workers and its sockets keep the process; a signal or the control socket ends it.
  return 0;
}

module.exports = { start };

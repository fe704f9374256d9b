/** What is said where workers are wanted in a process that is a worker already, of somebody else's cluster. */

const { createError } = require('../errors.js');

const PM2 =
  "PM2 runs this program in a cluster of its own: have PM2 run it as one process (exec_mode: 'fork', instances: 1)";
const OTHER =
  'It was started by cluster.fork(): make the call in the primary, which starts the workers by itself';

/** @param {string} name of what was called */
function refuseWorker(name) {
  // PM2 numbers its processes so.
  const advice = process.env.pm_id === undefined ? OTHER : PM2;
  return createError('FLOTILLA_ERR_PRIMARY_ONLY', [name, advice]);
}

module.exports = { refuseWorker };

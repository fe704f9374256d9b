/**
 * `flotilla/register`: the preload of a worker whose program was never written for Flotilla. In every other process it does
 * nothing, and loads nothing.
 */

if (process.env.FLOTILLA_SEAT !== undefined) {
  require('../base/async-context.js').settleAsyncContext();
  require('../base/compiled.js').keepCompiled();
  const { anySeat } = require('../cluster/seat.js');
  if (anySeat) require('../lifecycle/any-worker.js').beginAnyWorker(anySeat);
}

/** Where the balancer's metrics go. */

/** @import { TelemetrySink } from '../../index.js' */

/** @type {TelemetrySink} */
const noopTelemetrySink = Object.freeze({
  incrementCounter() {},
  recordHistogram() {},
  setGauge() {},
});

module.exports = { noopTelemetrySink };

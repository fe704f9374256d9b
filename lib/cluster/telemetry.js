/** Where the balancer's metrics go. */

const { invalidArgument } = require('../base/argument.js');
const check = require('../base/check.js');
const { checkNames } = require('../base/option-names.js');

/** @import { OpenTelemetrySinkOptions, TelemetryAttributes, TelemetryMeter, TelemetrySink } from '../../index.js' */

/** @type {TelemetrySink} */
const noopTelemetrySink = Object.freeze({
  incrementCounter() {},
  recordHistogram() {},
  setGauge() {},
});

const makers = /** @type {const} */ (['createCounter', 'createHistogram', 'createObservableGauge']);

/** @param {OpenTelemetrySinkOptions} options */
function checkOptions({ meter, prefix = '', descriptions = {} }) {
  for (const maker of makers) {
    if (typeof meter?.[maker] !== 'function') {
      throw invalidArgument('meter', `a Meter of OpenTelemetry, with ${maker}()`, meter);
    }
  }
  if (typeof prefix !== 'string') throw invalidArgument('prefix', 'a string', prefix);
  check.record('descriptions', descriptions);
  for (const [name, text] of Object.entries(descriptions)) {
    if (typeof text !== 'string')
      throw invalidArgument(`descriptions[${JSON.stringify(name)}]`, 'a string', text);
  }
  return { meter, prefix, descriptions: new Map(Object.entries(descriptions)) };
}

/**
 * Attributes that say the same, in whatever order, are one set.
 *
 * @param {TelemetryAttributes} attributes
 */
function identityOf(attributes) {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  given.sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify(given.map(([name, value]) => [name, typeof value, String(value)]));
}

/** The last value of one gauge for each set of attributes, told to whoever collects. */
class Gauge {
  /** @type {Map<string, { value: number, attributes: TelemetryAttributes }>} */
  #values = new Map();

  /** @param {ReturnType<TelemetryMeter['createObservableGauge']>} instrument */
  constructor(instrument) {
    instrument.addCallback((result) => {
      for (const { value, attributes } of this.#values.values()) result.observe(value, attributes);
    });
  }

  /**
   * @param {number} value
   * @param {TelemetryAttributes} attributes
   */
  set(value, attributes) {
    this.#values.set(identityOf(attributes), { value, attributes: { ...attributes } });
  }
}

/**
 * Makes what a name stands for when it is first asked for, and keeps it.
 *
 * @template T
 * @param {(name: string) => T} make
 * @returns {(name: string) => T}
 */
function lazily(make) {
  /** @type {Map<string, T>} */
  const made = new Map();
  return (name) => {
    const known = made.get(name);
    if (known) return known;
    const fresh = make(name);
    made.set(name, fresh);
    return fresh;
  };
}

/**
 * @param {OpenTelemetrySinkOptions} options
 * @returns {TelemetrySink}
 */
function createOpenTelemetrySink(options) {
  check.record('options', options);
  checkNames('createOpenTelemetrySink', options, ['meter', 'prefix', 'descriptions']);
  const { meter, prefix, descriptions } = checkOptions(options);
  const describing = (/** @type {string} */ name) => {
    const description = descriptions.get(name);
    return description === undefined ? {} : { description };
  };
  const counter = lazily((name) => meter.createCounter(prefix + name, describing(name)));
  const histogram = lazily((name) => meter.createHistogram(prefix + name, describing(name)));
  const gauge = lazily((name) => new Gauge(meter.createObservableGauge(prefix + name, describing(name))));
  return {
    incrementCounter: (name, value = 1, attributes = {}) => counter(name).add(value, attributes),
    recordHistogram: (name, value, attributes = {}) => histogram(name).record(value, attributes),
    setGauge: (name, value, attributes = {}) => gauge(name).set(value, attributes),
  };
}

/**
 * A sink whose failures stay its own: a server goes on without its metrics. The first failure is told.
 *
 * @param {TelemetrySink} sink
 * @param {(error: unknown) => void} tell
 * @returns {TelemetrySink}
 */
function harmlessSink(sink, tell) {
  let told = false;
  const harmless =
    (/** @type {keyof TelemetrySink} */ method) =>
    (/** @type {string} */ name, /** @type {any} */ value, /** @type {any} */ attributes) => {
      try {
        sink[method](name, value, attributes);
      } catch (error) {
        if (!told) tell(error);
        told = true;
      }
    };
  return {
    incrementCounter: harmless('incrementCounter'),
    recordHistogram: harmless('recordHistogram'),
    setGauge: harmless('setGauge'),
  };
}

module.exports = { createOpenTelemetrySink, harmlessSink, noopTelemetrySink };

// The sink that writes to OpenTelemetry, with the real SDK behind it.

import { createRequire } from 'node:module';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

const require = createRequire(import.meta.url);
const { createOpenTelemetrySink, noopTelemetrySink } = require('flotilla');
const { harmlessSink } = require('../../lib/cluster/telemetry.js');

/** A meter, and what the SDK has collected of it by name. */
function realMeter() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9 });
  const provider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => provider.shutdown());
  const collect = async () => {
    exporter.reset();
    await reader.forceFlush();
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  return { meter: provider.getMeter('flotilla-test'), collect };
}

const points = (metric) => metric.dataPoints.map(({ value, attributes }) => [value, attributes]);

describe('createOpenTelemetrySink', () => {
  it('counts, with 1 where no value is given', async () => {
    const { meter, collect } = realMeter();
    const sink = createOpenTelemetrySink({ meter });
    sink.incrementCounter('connections');
    sink.incrementCounter('connections', 4);
    sink.incrementCounter('connections', 2, { worker: 'worker-1' });
    const metric = (await collect()).get('connections');
    expect(metric.dataPointType).toBe(DataPointType.SUM);
    expect(points(metric)).toEqual([
      [5, {}],
      [2, { worker: 'worker-1' }],
    ]);
  });

  it('records histograms', async () => {
    const { meter, collect } = realMeter();
    const sink = createOpenTelemetrySink({ meter });
    for (const value of [1, 3, 8]) sink.recordHistogram('prelude_duration_ms', value);
    const [{ value }] = (await collect()).get('prelude_duration_ms').dataPoints;
    expect(value).toMatchObject({ count: 3, sum: 12, min: 1, max: 8 });
  });

  it('keeps the last value of a gauge for each set of attributes, whatever their order', async () => {
    const { meter, collect } = realMeter();
    const sink = createOpenTelemetrySink({ meter });
    sink.setGauge('active', 1);
    sink.setGauge('active', 2);
    sink.setGauge('active', 3, { worker: 'a', zone: 1 });
    sink.setGauge('active', 4, { zone: 1, worker: 'a' });
    sink.setGauge('active', 5, { zone: '1', worker: 'a' });
    sink.setGauge('active', 6, { worker: undefined });
    const metric = (await collect()).get('active');
    expect(metric.dataPointType).toBe(DataPointType.GAUGE);
    expect(points(metric)).toEqual([
      [6, {}],
      [4, { worker: 'a', zone: 1 }],
      [5, { worker: 'a', zone: '1' }],
    ]);
    expect(points((await collect()).get('active'))).toHaveLength(3);
  });

  it('keeps a value that was set, when the attributes are changed afterwards', async () => {
    const { meter, collect } = realMeter();
    const attributes = { worker: 'a' };
    createOpenTelemetrySink({ meter }).setGauge('active', 1, attributes);
    attributes.worker = 'b';
    expect(points((await collect()).get('active'))).toEqual([[1, { worker: 'a' }]]);
  });

  it('puts the prefix before names, and takes descriptions without it', async () => {
    const { meter, collect } = realMeter();
    const sink = createOpenTelemetrySink({
      meter,
      prefix: 'app.',
      descriptions: { connections: 'assigned' },
    });
    sink.incrementCounter('connections');
    sink.setGauge('toString', 1);
    const metrics = await collect();
    expect([...metrics.keys()]).toEqual(['app.connections', 'app.toString']);
    expect(metrics.get('app.connections').descriptor.description).toBe('assigned');
    expect(metrics.get('app.toString').descriptor.description).toBe('');
  });

  it('makes each instrument once, when it is first used', () => {
    const { meter } = realMeter();
    const spies = ['createCounter', 'createHistogram', 'createObservableGauge'].map((name) =>
      vi.spyOn(meter, name),
    );
    const sink = createOpenTelemetrySink({ meter });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    for (let times = 0; times < 3; times++) {
      sink.incrementCounter('c');
      sink.recordHistogram('h', 1);
      sink.setGauge('g', 1);
    }
    for (const spy of spies) expect(spy).toHaveBeenCalledTimes(1);
  });

  it.each([
    [undefined],
    [{}],
    [{ meter: null }],
    [{ meter: { createCounter() {}, createHistogram() {} } }],
    [{ meter: realMeterShape(), prefix: 3 }],
    [{ meter: realMeterShape(), descriptions: 'all' }],
    [{ meter: realMeterShape(), descriptions: { connections: 3 } }],
  ])('refuses %o at the door', (options) => {
    expect(() => createOpenTelemetrySink(options)).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});

function realMeterShape() {
  return { createCounter() {}, createHistogram() {}, createObservableGauge() {} };
}

describe('harmlessSink', () => {
  it('passes everything on', () => {
    const sink = { incrementCounter: vi.fn(), recordHistogram: vi.fn(), setGauge: vi.fn() };
    const harmless = harmlessSink(sink, () => {});
    harmless.incrementCounter('c', 2, { a: 1 });
    harmless.recordHistogram('h', 3);
    harmless.setGauge('g', 4);
    expect(sink.incrementCounter).toHaveBeenCalledWith('c', 2, { a: 1 });
    expect(sink.recordHistogram).toHaveBeenCalledWith('h', 3, undefined);
    expect(sink.setGauge).toHaveBeenCalledWith('g', 4, undefined);
  });

  it('keeps what a sink throws from the server, and tells of the first', () => {
    const tell = vi.fn();
    const failure = new Error('no collector');
    const fail = () => {
      throw failure;
    };
    const harmless = harmlessSink({ ...noopTelemetrySink, incrementCounter: fail, setGauge: fail }, tell);
    for (let times = 0; times < 3; times++) {
      harmless.incrementCounter('c');
      harmless.setGauge('g', 1);
      harmless.recordHistogram('h', 1);
    }
    expect(tell.mock.calls).toEqual([[failure]]);
  });
});

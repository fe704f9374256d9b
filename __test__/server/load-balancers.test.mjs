// The strategies as functions of the documented context, beside the documented formulas written plainly.

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../fixtures/random.mjs';

const {
  createResourceAwareLoadBalancer,
  defaultLoadBalancer,
  leastConnectionsLoadBalancer,
  leastLoadedLoadBalancer,
  resourceAwareLoadBalancer,
  roundRobinLoadBalancer,
} = createRequire(import.meta.url)('flotilla');

const worker = (workerIndex, activeProxyConnections = 0, stats = undefined) => ({
  id: `worker-${workerIndex}`,
  workerIndex,
  host: '127.0.0.1',
  port: 3001 + workerIndex,
  healthy: true,
  ready: true,
  activeProxyConnections,
  stats,
});

const context = (candidates, previousIndex = 0) => ({
  candidates,
  previousIndex,
  request: { headers: {}, protocol: 'unknown', rawHead: '' },
  socket: undefined,
});

const all = {
  roundRobinLoadBalancer,
  leastConnectionsLoadBalancer,
  resourceAwareLoadBalancer,
  leastLoadedLoadBalancer,
};

describe('roundRobinLoadBalancer', () => {
  it('goes in a circle as previousIndex grows', () => {
    const candidates = [worker(0, 9), worker(1), worker(2, 4)];
    const chosen = Array.from({ length: 7 }, (_, turn) => roundRobinLoadBalancer(context(candidates, turn)));
    expect(chosen.map(({ workerIndex }) => workerIndex)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it('chooses one of the candidates for any previousIndex', () => {
    const candidates = [worker(0), worker(1), worker(2)];
    const at = (previousIndex) =>
      candidates.indexOf(roundRobinLoadBalancer(context(candidates, previousIndex)));
    expect(
      [Number.MAX_SAFE_INTEGER, 1e300, -1, -4, 1.9, Number.NaN, Infinity, undefined, '1'].map(at),
    ).toEqual([Number.MAX_SAFE_INTEGER % 3, 1e300 % 3, 2, 2, 1, 0, 0, 0, 0]);
  });

  it('is the default', () => {
    expect(defaultLoadBalancer).toBe(roundRobinLoadBalancer);
  });
});

describe('leastConnectionsLoadBalancer', () => {
  it('chooses the worker with the fewest connections', () => {
    const candidates = [worker(0, 3), worker(1, 1), worker(2, 2)];
    for (let turn = 0; turn < 4; turn++) {
      expect(leastConnectionsLoadBalancer(context(candidates, turn))).toBe(candidates[1]);
    }
  });

  it('serves equals in a circle', () => {
    const candidates = [worker(0, 1), worker(1, 5), worker(2, 1)];
    const chosen = [0, 1, 2, 3].map((turn) => leastConnectionsLoadBalancer(context(candidates, turn)));
    expect(chosen.map(({ workerIndex }) => workerIndex)).toEqual([0, 2, 2, 0]);
  });
});

/** The documented score, as plainly as it can be written. */
const plainScore = ({ activeProxyConnections, stats }, [connection, cpu, heap]) =>
  activeProxyConnections * connection +
  (stats?.cpuPercent ?? 0) * cpu +
  (stats?.heapTotalBytes ? (stats.heapUsedBytes / stats.heapTotalBytes) * heap : 0);

describe('resourceAwareLoadBalancer', () => {
  it('chooses as the documented formula does, with its own weights and with others', () => {
    const random = randomNumbers(7);
    const stats = () =>
      random(5) === 0
        ? undefined
        : { cpuPercent: random(200), heapUsedBytes: random(100), heapTotalBytes: 100 * random(3) };
    for (let round = 0; round < 500; round++) {
      const candidates = Array.from({ length: 1 + random(9) }, (_, index) =>
        worker(index, random(20), stats()),
      );
      const weights = [random(20), random(5), random(200)];
      const [connectionWeight, cpuWeight, heapWeight] = weights;
      for (const [strategy, given] of [
        [resourceAwareLoadBalancer, [10, 2, 100]],
        [createResourceAwareLoadBalancer({ connectionWeight, cpuWeight, heapWeight }), weights],
      ]) {
        const lowest = Math.min(...candidates.map((candidate) => plainScore(candidate, given)));
        expect(plainScore(strategy(context(candidates, random(100))), given)).toBe(lowest);
      }
    }
  });

  it('takes a worker without stats, or with figures that are none, for an idle one', () => {
    const busy = worker(0, 0, { cpuPercent: 1, heapUsedBytes: 1, heapTotalBytes: 10 });
    for (const stats of [
      undefined,
      {},
      { cpuPercent: Number.NaN, heapUsedBytes: 5, heapTotalBytes: 0 },
      { cpuPercent: '9' },
    ]) {
      const idle = worker(1, 0, stats);
      expect(resourceAwareLoadBalancer(context([busy, idle]))).toBe(idle);
    }
  });

  it('never chooses what is infinitely loaded while another is there', () => {
    const drowned = worker(0, 0, { cpuPercent: Infinity });
    const candidates = [drowned, worker(1, 1000)];
    expect(resourceAwareLoadBalancer(context(candidates))).toBe(candidates[1]);
  });

  it('keeps the default of a weight that is not given', () => {
    const strategy = createResourceAwareLoadBalancer({ connectionWeight: undefined, cpuWeight: 0 });
    const candidates = [worker(0, 2), worker(1, 1, { cpuPercent: 100 })];
    expect(strategy(context(candidates))).toBe(candidates[1]);
  });

  it.each([
    [{ cpuWeight: -1 }, 'FLOTILLA_ERR_OUT_OF_RANGE', RangeError],
    [{ heapWeight: Number.NaN }, 'FLOTILLA_ERR_OUT_OF_RANGE', RangeError],
    [{ connectionWeight: Infinity }, 'FLOTILLA_ERR_OUT_OF_RANGE', RangeError],
    [{ connectionWeight: '1' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', TypeError],
    [null, 'FLOTILLA_ERR_INVALID_ARGUMENT', TypeError],
    [3, 'FLOTILLA_ERR_INVALID_ARGUMENT', TypeError],
  ])('refuses the weights %j', (weights, code, base) => {
    const create = () => createResourceAwareLoadBalancer(weights);
    expect(create).toThrow(base);
    expect(create).toThrow(expect.objectContaining({ code }));
  });
});

describe('leastLoadedLoadBalancer', () => {
  const loaded = (index, inFlightRequests, eventLoopLagMs = 0) =>
    worker(index, 0, { inFlightRequests, eventLoopLagMs });
  const counts = (candidates, times = 600) => {
    const chosen = new Map(candidates.map((candidate) => [candidate, 0]));
    for (let turn = 0; turn < times; turn++) {
      const one = leastLoadedLoadBalancer(context(candidates, turn));
      chosen.set(one, chosen.get(one) + 1);
    }
    return [...chosen.values()];
  };

  it('never chooses the most loaded, and spreads the rest', () => {
    const [none, some, most] = counts([loaded(0, 9), loaded(1, 2), loaded(2, 1)]);
    expect(none).toBe(0);
    expect(some).toBeGreaterThan(100);
    expect(most).toBeGreaterThan(some);
  });

  it('spreads over equals', () => {
    for (const count of counts([loaded(0, 1), loaded(1, 1), loaded(2, 1)]))
      expect(count).toBeGreaterThan(120);
  });

  it('avoids a blocked worker', () => {
    expect(counts([loaded(0, 0, 40), loaded(1, 12)], 100)).toEqual([0, 100]);
  });

  it('goes by connections where requests are not counted', () => {
    expect(counts([worker(0, 4), worker(1, 2)], 100)).toEqual([0, 100]);
  });
});

describe('every strategy', () => {
  it.each(Object.entries(all))('%s returns the only candidate there is', (name, strategy) => {
    const only = worker(4, 7);
    expect(strategy(context([only], 12))).toBe(only);
    expect(strategy.name).toBe(name);
  });

  it.each(Object.entries(all))('%s says so where there is no candidate', (_, strategy) => {
    expect(() => strategy(context([]))).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_NO_CANDIDATES' }),
    );
  });

  it.each(Object.entries(all))('%s refuses what is no context', (_, strategy) => {
    for (const wrong of [undefined, null, 'context', {}, { candidates: 3 }, { candidates: [null] }]) {
      expect(() => strategy(wrong)).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
      );
    }
  });

  it('leaves the context as it was, and takes a thousand candidates', () => {
    const candidates = Array.from({ length: 1000 }, (_, index) => Object.freeze(worker(index, 1000 - index)));
    const given = Object.freeze(context(Object.freeze(candidates), 3));
    for (const strategy of Object.values(all)) expect(candidates).toContain(strategy(given));
    expect(leastConnectionsLoadBalancer(given)).toBe(candidates[999]);
  });
});

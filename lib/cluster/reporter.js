/** What a worker reports of itself, and how far its event loop was behind since the last time. */

/** @import { ResolvedServerConfig, WorkerRuntimeStats } from '../../index.js' */

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { memoryUsage } = require('../base/memory-usage.js');
const { builtInStrategy, defaultLoadBalancer } = require('./strategies.js');

const RESOLUTION_MS = 20;
/** Strategies that look at what workers report are told at least this often. */
const freshMs = 500;

/** @param {ResolvedServerConfig} config */
function reportEveryMs({ loadBalancer = defaultLoadBalancer, workerHeartbeatIntervalMs }) {
  const needed = builtInStrategy(loadBalancer)?.name;
  const indifferent = needed === 'roundRobin' || needed === 'leastConnections';
  return indifferent ? workerHeartbeatIntervalMs : Math.min(workerHeartbeatIntervalMs, freshMs);
}

/** @typedef {Reporter} Instance */

class Reporter {
  #cpu = process.cpuUsage();
  #at = performance.now();
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  /** @param {() => { connections: number, requests?: number, served?: number }} load `served` since the beginning */
  constructor(load) {
    this.load = load;
    this.#delay.enable();
  }

  /** In percent of one core, since the last time it was asked. */
  #cpuPercent() {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const passedMs = Math.max(now - this.#at, 1);
    this.#cpu = process.cpuUsage();
    this.#at = now;
    return (user + system) / 10 / passedMs;
  }

  #lag() {
    const mean = this.#delay.mean / 1e6 - RESOLUTION_MS;
    this.#delay.reset();
    return Number.isFinite(mean) ? Math.max(mean, 0) : 0;
  }

  /** @returns {WorkerRuntimeStats} */
  take() {
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = memoryUsage();
    const { connections, requests, served } = this.load();
    return {
      pid: process.pid,
      cpuPercent: this.#cpuPercent(),
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
      arrayBuffersBytes: arrayBuffers,
      uptimeMs: process.uptime() * 1000,
      activeConnections: connections,
      sampledAt: Date.now(),
      eventLoopLagMs: this.#lag(),
      ...(requests === undefined ? undefined : { inFlightRequests: requests }),
      ...(served === undefined ? undefined : { servedRequests: served }),
    };
  }

  stop() {
    this.#delay.disable();
  }
}

module.exports = { Reporter, reportEveryMs };

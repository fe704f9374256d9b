// The configuration of `startServer`, field by field.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

const require = createRequire(import.meta.url);
const { leastLoadedLoadBalancer, noopTelemetrySink, roundRobinLoadBalancer } = require('flotilla');
const { quota, usableCores } = require('../../lib/cluster/cores.js');

const variables = ['HOST', 'LISTEN_HOST', 'PORT', 'LISTEN_PORT', 'WORKER_HOST', 'BASE_WORKER_PORT'];
let getServerConfig;
let setServerConfig;

beforeEach(() => {
  for (const name of variables) vi.stubEnv(name, '');
  // A fresh copy: what one test sets, another must not find.
  const file = require.resolve('../../lib/cluster/config.js');
  delete require.cache[file];
  ({ getServerConfig, setServerConfig } = require(file));
});
afterEach(() => vi.unstubAllEnvs());

describe('the configuration', () => {
  it('has the documented defaults', () => {
    const { logger, ...config } = getServerConfig();
    expect(config).toEqual({
      host: '0.0.0.0',
      port: 3000,
      workerHost: '127.0.0.1',
      baseWorkerPort: 3001,
      workers: usableCores(),
      requestInspectionTimeoutMs: 10,
      maxHeaderBytes: 16384,
      allowHalfOpen: true,
      workerHeartbeatIntervalMs: 60_000,
      workerHeartbeatStaleAfterMs: 150_000,
      gracefulShutdownTimeoutMs: 10_000,
      respawnWorkers: true,
      workerEnv: {},
      installSignalHandlers: true,
      telemetry: noopTelemetrySink,
      mode: 'auto',
      rebalance: false,
      proxyProtocol: false,
      admin: false,
    });
    expect(Object.keys(logger)).toEqual(['debug', 'info', 'warn', 'error']);
  });

  it('takes addresses from the environment, and prefers what the program gave', () => {
    vi.stubEnv('LISTEN_HOST', '::1');
    vi.stubEnv('LISTEN_PORT', '8081');
    vi.stubEnv('WORKER_HOST', '127.0.0.2');
    vi.stubEnv('BASE_WORKER_PORT', '9001');
    const expected = { host: '::1', port: 8081, workerHost: '127.0.0.2', baseWorkerPort: 9001 };
    expect(getServerConfig()).toMatchObject(expected);
    vi.stubEnv('HOST', 'localhost');
    vi.stubEnv('PORT', '8080');
    expect(getServerConfig()).toMatchObject({ host: 'localhost', port: 8080 });
    expect(setServerConfig({ port: 0, host: '/run/my.sock' })).toMatchObject({
      host: '/run/my.sock',
      port: 0,
    });
    vi.stubEnv('BASE_WORKER_PORT', 'many');
    expect(() => getServerConfig()).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });

  it('takes a string of digits for its number, as an environment variable has it', () => {
    const given = { port: '08080', baseWorkerPort: '0', workers: '3', gracefulShutdownTimeoutMs: '500' };
    const expected = { port: 8080, baseWorkerPort: 0, workers: 3, gracefulShutdownTimeoutMs: 500 };
    expect(setServerConfig(given)).toMatchObject(expected);
    expect(getServerConfig()).toMatchObject(expected);
  });

  it('merges what it is given bit by bit', () => {
    setServerConfig({ port: 8080, workers: 3 });
    setServerConfig({ workers: 'auto', host: undefined });
    expect(setServerConfig({ maxHeaderBytes: 100 })).toMatchObject({
      port: 8080,
      workers: usableCores(),
      maxHeaderBytes: 100,
      host: '0.0.0.0',
    });
    expect(getServerConfig()).toMatchObject({ port: 8080, maxHeaderBytes: 100 });
    getServerConfig().workerEnv.MINE = 'no';
    expect(getServerConfig().workerEnv).toEqual({});
  });

  it('rebalances by itself with the strategy that looks at load alone', () => {
    expect(setServerConfig({ loadBalancer: leastLoadedLoadBalancer }).rebalance).toBe(true);
    expect(setServerConfig({ rebalance: false }).rebalance).toBe(false);
    expect(setServerConfig({ loadBalancer: roundRobinLoadBalancer, rebalance: true }).rebalance).toBe(true);
  });

  it('fills a logger in from the console', () => {
    const warn = vi.fn();
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { logger } = setServerConfig({ logger: { warn } });
    logger.warn('one', 2);
    logger.error('three');
    expect(warn).toHaveBeenCalledWith('one', 2);
    expect(error).toHaveBeenCalledWith('three');
  });

  it.each([
    ['host', ''],
    ['host', 1],
    ['port', '3000x'],
    ['port', ''],
    ['port', '-1'],
    ['port', '65536'],
    ['port', 65_536],
    ['workerHost', null],
    ['baseWorkerPort', -1],
    ['workers', 0],
    ['workers', 1.5],
    ['workers', 'many'],
    ['requestInspectionTimeoutMs', -1],
    ['maxHeaderBytes', 0],
    ['allowHalfOpen', 1],
    ['workerHeartbeatIntervalMs', 0],
    ['workerHeartbeatStaleAfterMs', Number.NaN],
    ['gracefulShutdownTimeoutMs', Number.POSITIVE_INFINITY],
    ['respawnWorkers', 'yes'],
    ['loadBalancer', {}],
    ['logger', { info: 'loud' }],
    ['logger', 'console'],
    ['workerEnv', { N: 1 }],
    ['installSignalHandlers', null],
    ['telemetry', { setGauge() {} }],
    ['mode', 'magic'],
    ['rebalance', 0],
    ['proxyProtocol', true],
  ])('refuses %s: %j, and then changes nothing', (name, value) => {
    const before = JSON.stringify(getServerConfig());
    expect(() => setServerConfig({ maxHeaderBytes: 77, [name]: value })).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^FLOTILLA_ERR_(INVALID_ARGUMENT|OUT_OF_RANGE)$/),
        message: expect.stringMatching(new RegExp(`^${name}[. ]`)),
      }),
    );
    expect(JSON.stringify(getServerConfig())).toBe(before);
  });

  it.each([
    ['prot', 'did you mean "port"?'],
    ['Host', 'did you mean "host"?'],
    ['worker', 'did you mean "workers"?'],
    ['gracefulShutdownTimeout', 'did you mean "gracefulShutdownTimeoutMs"?'],
    ['readyTimeoutMs', 'it belongs to createServer'],
    ['resources', 'it belongs to createContext'],
    ['cert', 'give an http.Server or an https.Server that was made with it'],
    ['zzz', 'it takes host, port, '],
  ])('refuses the option %s, and then changes nothing: %s', (name, advice) => {
    const before = JSON.stringify(getServerConfig());
    const refusal = expect.objectContaining({
      code: 'FLOTILLA_ERR_UNKNOWN_OPTION',
      message: expect.stringContaining(
        `the configuration of startServer takes no option "${name}": ${advice}`,
      ),
    });
    expect(() => setServerConfig({ maxHeaderBytes: 77, [name]: 1 })).toThrow(refusal);
    expect(JSON.stringify(getServerConfig())).toBe(before);
    expect(JSON.stringify(setServerConfig({ [name]: undefined }))).toBe(before);
  });

  it('refuses a header where there is no proxy to send it', () => {
    expect(() => setServerConfig({ mode: 'handoff', proxyProtocol: 'v1' })).toThrow(/mode must be/);
    expect(getServerConfig().mode).toBe('auto');
  });
});

describe('the cores that may be used', () => {
  /** Control groups as files. */
  function places(group, files) {
    const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-cores-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const [name, text] of Object.entries({ groups: group, ...files })) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return { groups: path.join(folder, 'groups'), root: folder };
  }

  it('are those of the smallest quota above this process', () => {
    const files = {
      'cpu.max': 'max 100000\n',
      'a/cpu.max': '150000 100000\n',
      'a/b/cpu.max': 'max 100000\n',
    };
    expect(quota(places('0::/a/b\n', files))).toBe(1.5);
    expect(usableCores(places('0::/a/b\n', { 'a/cpu.max': '50000 100000\n' }))).toBe(1);
  });

  it('are read in the older layout too', () => {
    const files = { 'cpu,cpuacct/cpu.cfs_quota_us': '300000', 'cpu,cpuacct/cpu.cfs_period_us': '100000' };
    expect(quota(places('4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n', files))).toBe(3);
    const none = { 'cpu/cpu.cfs_quota_us': '-1', 'cpu/cpu.cfs_period_us': '100000' };
    expect(quota(places('4:cpu:/\n', none))).toBe(Number.POSITIVE_INFINITY);
  });

  it('are all where nothing limits them', () => {
    expect(usableCores(places('', {}))).toBe(availableParallelism());
    expect(usableCores({ groups: '/nowhere', root: '/nowhere' })).toBe(availableParallelism());
  });
});

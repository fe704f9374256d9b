// Contexts: what they are made from, in which order resources open and close, and what is refused.

import { createContext, createServer } from 'flotilla';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lifecycleServer, local, startedServer } from '../fixtures/lifecycle.mjs';

const app = () => (_request, response) => response.end('well');

/** Resources that write down what happens to them. */
function resources(names, faults = {}) {
  const log = [];
  const entries = names.map((name) => [
    name,
    {
      async open(context) {
        log.push(`open ${name} beside ${Object.keys(context).filter((key) => names.includes(key))}`);
        if (faults[name] === 'open') throw new Error('no such host');
        return { name };
      },
      async close() {
        log.push(`close ${name}`);
        if (faults[name] === 'close') throw new Error('still in use');
      },
    },
  ]);
  return { log, resources: Object.fromEntries(entries) };
}

describe('the port of a context', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    [{ NODE_ENV: 'test', PORT: '4000' }, {}, 0],
    [{ NODE_ENV: 'production', PORT: '4000' }, {}, 4000],
    [{ NODE_ENV: 'production', PORT: '' }, {}, 3000],
    [{ NODE_ENV: 'production', PORT: '', LISTEN_PORT: '4001' }, {}, 4001],
    [{ NODE_ENV: 'production', PORT: '4000', LISTEN_PORT: '4001' }, {}, 4000],
    [{ NODE_ENV: 'test', PORT: '4000' }, { port: 5000 }, 5000],
    [{ NODE_ENV: 'production', PORT: '4000' }, { port: 0 }, 0],
    [{ NODE_ENV: 'production', PORT: '4000' }, { port: '5000' }, 5000],
  ])('under %o and configured as %o is %i', (environment, config, port) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(createContext(config).config.port).toBe(port);
  });

  it.each([
    [-1, RangeError, 'FLOTILLA_ERR_OUT_OF_RANGE'],
    [65_536, RangeError, 'FLOTILLA_ERR_OUT_OF_RANGE'],
    [80.5, RangeError, 'FLOTILLA_ERR_OUT_OF_RANGE'],
    ['http', TypeError, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
    ['80.5', TypeError, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
    ['', TypeError, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
    ['99999', RangeError, 'FLOTILLA_ERR_OUT_OF_RANGE'],
    [null, TypeError, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
  ])('is refused as %o', (port, type, code) => {
    expect(() => createContext({ port })).toThrow(expect.objectContaining({ code }));
    expect(() => createContext({ port })).toThrow(type);
  });

  it('is refused where PORT is none', () => {
    vi.stubEnv('NODE_ENV', 'production');
    vi.stubEnv('PORT', 'http');
    expect(() => createContext()).toThrow(
      'the environment variable PORT must be a whole number from 0 to 65535; it is "http"',
    );
  });
});

describe('a configuration', () => {
  it('is kept, fields of one’s own included, and cannot be changed', () => {
    const context = createContext({ port: 0, name: 'shop' });
    expect(context.config).toEqual({ port: 0, name: 'shop' });
    expect(() => Object.assign(context.config, { name: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(context, { generation: 2 })).toThrow(TypeError);
    expect(createContext(context.config).config).toEqual(context.config);
  });

  it.each([
    ['a resource named like a field of the context', { resources: { config: { open() {} } } }],
    ['a resource named like a method of the context', { resources: { destroy: { open() {} } } }],
    ['a resource that would make the context a promise', { resources: { ['th' + 'en']: { open() {} } } }],
    ['a resource that cannot be opened', { resources: { db: { close() {} } } }],
    ['a resource whose close is no function', { resources: { db: { open() {}, close: true } } }],
    ['resources that are a list', { resources: [] }],
    ['a check that is no function', { health: { disk: true } }],
    ['two checks of one name', { resources: { db: { open() {}, check() {} } }, health: { db: () => true } }],
    ['an application that is no factory', { app: {} }],
    ['an address that is none', { host: '' }],
    ['nothing at all', null],
  ])('with %s is refused', (_what, config) => {
    expect(() => createContext(config)).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});

describe('resources', () => {
  it('are opened in order by the start and closed in reverse by the stop', async () => {
    const { log, resources: config } = resources(['db', 'cache', 'queue']);
    const { server, context } = await startedServer(app, { config: { resources: config } });
    expect(log).toEqual(['open db beside ', 'open cache beside db', 'open queue beside db,cache']);
    expect(context.queue).toEqual({ name: 'queue' });
    expect(() => Object.assign(context, { queue: undefined })).toThrow(TypeError);
    log.length = 0;
    await server.stop();
    expect(log).toEqual(['close queue', 'close cache', 'close db']);
  });

  it('that fail to open close those before them, and the same start can be tried again', async () => {
    const faults = { queue: 'open' };
    const { log, resources: config } = resources(['db', 'cache', 'queue'], faults);
    const { server, context } = lifecycleServer(app, { config: { resources: config } });
    await expect(server.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_RESOURCE_FAILED',
      message: 'The resource "queue" failed to open: no such host',
      cause: expect.objectContaining({ message: 'no such host' }),
    });
    expect([server.state, ...log.slice(3)]).toEqual(['stopped', 'close cache', 'close db']);
    faults.queue = undefined;
    await server.start();
    expect([server.state, context.queue, context.generation]).toEqual(['ready', { name: 'queue' }, 1]);
  });

  it('that fail to close do not keep the others from closing, and the stop rejects', async () => {
    const { log, resources: config } = resources(['db', 'cache'], { cache: 'close' });
    const { server } = await startedServer(app, { config: { resources: config } });
    await expect(server.stop()).rejects.toThrow('The resource "cache" failed to close: still in use');
    expect([server.state, ...log.slice(2)]).toEqual(['stopped', 'close cache', 'close db']);
  });

  it('are closed once by destroy, however often it is called', async () => {
    const { log, resources: config } = resources(['db']);
    const { context } = await startedServer(app, { config: { resources: config } });
    await Promise.all([context.destroy(), context.destroy()]);
    await context.destroy();
    expect(log.filter((line) => line === 'close db')).toHaveLength(1);
  });

  it('are not opened by a context that nobody starts', async () => {
    const { log, resources: config } = resources(['db']);
    await createContext({ resources: config }).destroy();
    expect(log).toEqual([]);
  });

  it('are opened anew, by a context of the next generation, after a stop', async () => {
    const seen = [];
    const { server } = await startedServer(
      (context) => {
        seen.push([context.generation, context.db]);
        return app();
      },
      { config: { resources: { db: { open: ({ generation }) => `db ${generation}` } } } },
    );
    await server.stop();
    await server.start();
    expect(seen).toEqual([
      [1, 'db 1'],
      [2, 'db 2'],
    ]);
  });
});

describe('the names in the configuration of a context', () => {
  it.each([
    [{ prot: 3000 }, 'createContext takes no option "prot": did you mean "port"?'],
    [{ ehalth: {} }, 'createContext takes no option "ehalth": did you mean "health"?'],
    [
      { resources: { db: { open() {}, colse() {} } } },
      'resources.db takes no option "colse": did you mean "close"?',
    ],
  ])('are refused as %o', (config, message) => {
    expect(() => createContext(config)).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_UNKNOWN_OPTION', message }),
    );
  });

  it('may be of your own, near to one of ours or not', () => {
    const config = { port: 0, prot: 'http', apiPort: 1, api: 2, post: 3, hosts: [], resource: 4, apps: 5 };
    expect(createContext(config).config).toEqual(config);
  });
});

describe('createServer', () => {
  it.each([
    ['what is no context', { config: { port: 0 }, generation: 1, destroy() {} }, {}],
    ['no factory at all', createContext({ port: 0 }), {}],
    ['a factory that is none', createContext({ port: 0 }), { app: {} }],
    ['a time that is none', createContext({ port: 0, app }), { readyTimeoutMs: '3s' }],
    ['an endpoint without a slash', createContext({ port: 0, app }), { healthEndpoints: { live: 'live' } }],
    ['two endpoints on one path', createContext({ port: 0, app }), { healthEndpoints: { live: '/ready' } }],
    ['a logger that cannot log', createContext({ port: 0, app }), { logger: { error: 'stderr' } }],
    ['options that are none', createContext({ port: 0, app }), null],
  ])('refuses %s', (_what, context, options) => {
    expect(() => createServer(context, options)).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });

  it.each([
    [{ prot: 1 }, 'createServer takes no option "prot": did you mean "port"?'],
    [{ readyTimeout: 1 }, 'createServer takes no option "readyTimeout": did you mean "readyTimeoutMs"?'],
    [{ resources: {} }, 'createServer takes no option "resources": it belongs to createContext'],
    [{ healthEndpoints: { helth: '/' } }, 'healthEndpoints takes no option "helth": did you mean "health"?'],
  ])('refuses %o', (options, message) => {
    const refusal = expect.objectContaining({ code: 'FLOTILLA_ERR_UNKNOWN_OPTION', message });
    const context = createContext({ port: 0, app });
    expect(() => createServer(context, options)).toThrow(refusal);
  });

  it('takes numbers as environment variables have them', async () => {
    const context = createContext({ port: '0', app });
    const server = createServer(context, {
      ...local,
      readyTimeoutMs: '3000',
      healthEndpoints: { port: '0' },
    });
    await server.start();
    expect(server.getPort()).toBeGreaterThan(0);
    await server.stop();
  });

  it.each([{ port: 65_536 }, { gracefulShutdownTimeoutMs: -1 }, { healthEndpoints: { port: -1 } }])(
    'refuses %o',
    (options) => {
      expect(() => createServer(createContext({ app }), { ...local, ...options })).toThrow(RangeError);
    },
  );
});

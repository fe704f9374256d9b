// Every door that takes options refuses a name that it does not know, with the nearest that it does; before anything is done.

import * as flotilla from 'flotilla';
import { FlotillaRateLimitStore } from 'flotilla/express-rate-limit';
import { FlotillaStore } from 'flotilla/express-session';
import { fastifyRateLimitStore } from 'flotilla/fastify-rate-limit';
import { describe, expect, it } from 'vitest';

const { LRUCacheClustered, createContext } = flotilla;
const app = () => () => {};
const meter = { createCounter() {}, createHistogram() {}, createObservableGauge() {} };

/** Each door with a misspelt name, and what was meant. */
const doors = {
  startServer: [(given) => flotilla.startServer(() => {}, given), 'prot', 'port'],
  setServerConfig: [flotilla.setServerConfig, 'wrokers', 'workers'],
  createServer: [(given) => flotilla.createServer(createContext({ app }), given), 'hots', 'host'],
  createServers: [
    (given) => flotilla.createServers(createContext(), { api: { app, ...given } }),
    'sytemd',
    'systemd',
  ],
  healthEndpoints: [
    (given) => flotilla.createServer(createContext({ app }), { healthEndpoints: given }),
    'helth',
    'health',
  ],
  testServer: [(given) => flotilla.testServer(() => {}, given), 'loger', 'logger'],
  createContext: [createContext, 'prot', 'port'],
  resource: [(given) => createContext({ resources: { db: { open() {}, ...given } } }), 'colse', 'close'],
  createServerScope: [flotilla.createServerScope, 'maxEntrys', 'maxEntries'],
  createScope: [flotilla.createScope, 'value', 'values'],
  serializeToScript: [(given) => flotilla.serializeToScript(flotilla.createScope(), given), 'di', 'id'],
  signal: [(given) => flotilla.signal(1, given), 'equal', 'equals'],
  computed: [(given) => flotilla.computed(() => 1, given), 'equasl', 'equals'],
  createOpenTelemetrySink: [
    (given) => flotilla.createOpenTelemetrySink({ meter, ...given }),
    'perfix',
    'prefix',
  ],
  createResourceAwareLoadBalancer: [flotilla.createResourceAwareLoadBalancer, 'cpuWieght', 'cpuWeight'],
  LRUCacheClustered: [(given) => new LRUCacheClustered(given), 'maxx', 'max'],
  bootstrap: [LRUCacheClustered.bootstrap, 'memroy', 'memory'],
  FlotillaStore: [(given) => new FlotillaStore(given), 'disableTuch', 'disableTouch'],
  FlotillaRateLimitStore: [(given) => new FlotillaRateLimitStore(given), 'prefx', 'prefix'],
  fastifyRateLimitStore: [fastifyRateLimitStore, 'namspace', 'namespace'],
};

describe.each(Object.entries(doors))('%s', (_door, [open, misspelt, meant]) => {
  it(`refuses "${misspelt}", and asks for "${meant}"`, async () => {
    await expect((async () => open({ [misspelt]: 1 }))()).rejects.toMatchObject({
      name: 'TypeError',
      code: 'FLOTILLA_ERR_UNKNOWN_OPTION',
      message: expect.stringMatching(`takes no option "${misspelt}": did you mean "${meant}"\\?$`),
    });
  });
});

describe('an option of lru-cache that could run in one process only', () => {
  it('is refused with why', () => {
    expect(() => new LRUCacheClustered({ dispose() {} })).toThrow(
      'LRUCacheClustered takes no option "dispose": a function could run in one process only',
    );
  });
});

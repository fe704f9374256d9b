// The framework that Node's sockets cannot be given to: its own listen on ports, and the proxy brings bytes there.

import { beforeAll, describe, expect, it } from 'vitest';
import { installUltimateExpress, ultimateWorker } from '../../scripts/ultimate-express.mjs';
import { proxyFront } from '../fixtures/proxy-front.mjs';

describe.skipIf(process.platform !== 'linux')('ultimate-express behind the proxy', () => {
  /** @type {string | undefined} */
  let reason;
  beforeAll(() => {
    reason = installUltimateExpress();
  }, 120_000);

  it('answers requests, spread over its workers', async (context) => {
    if (reason) return context.skip(reason);
    const { url, told, front } = await proxyFront({ command: ultimateWorker });
    const workers = new Set();
    for (let turn = 0; turn < 4; turn++) {
      const response = await fetch(`${url}/hello/${turn}`, { headers: { connection: 'close' } });
      expect(await response.text()).toBe(`Hello ${turn}`);
      workers.add(response.headers.get('x-worker'));
    }
    expect(workers).toEqual(new Set(['worker-0', 'worker-1']));
    const numbers = Array.from({ length: 100_000 }, (_, index) => index);
    const response = await fetch(`${url}/sum`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(numbers),
    });
    expect(await response.json()).toEqual({ sum: 4_999_950_000 });
    await front.close();
    expect(told.count.mock.calls.some(([name]) => name === 'proxy_errors')).toBe(false);
  });
});

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

const require = createRequire(import.meta.url);
const pending = require('../../lib/pending.js');

describe('what is not built yet', () => {
  it.each(Object.keys(pending))('%s says so by its name, called or constructed', (name) => {
    for (const use of [() => pending[name](), () => new pending[name]()]) {
      expect(use).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_NOT_IMPLEMENTED', fault: 'flotilla' }),
      );
      expect(use).toThrow('is not in this version of Flotilla yet');
    }
  });
});

// What crossing into the addon costs: the floor under every native call of the library. `addonVersion` does
// nothing but make a string of 5 characters, so it stands beside a call of Node's own native code that does
// the same, and beside one that only looks at its argument.

import { createRequire } from 'node:module';
import { types } from 'node:util';

const require = createRequire(import.meta.url);

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'One call into the addon',
  measures:
    'Time of one call in a hot loop, the loop included: an empty function, two calls into the native code of Node, one into the addon',
  unit: 'ns',
  direction: 'lower is better',
  contestants: [
    {
      id: 'empty',
      label: 'an empty JavaScript function',
      kind: 'call',
      prepare: () => ({ call: () => undefined }),
    },
    {
      id: 'node-boolean',
      label: 'util.types.isDate(date)',
      kind: 'call',
      prepare: () => {
        const date = new Date(0);
        return { call: () => types.isDate(date) };
      },
    },
    {
      id: 'node-string',
      label: "buffer.toString('latin1'), 5 bytes",
      kind: 'call',
      prepare: () => {
        const buffer = Buffer.from('0.1.0');
        return { call: () => buffer.toString('latin1') };
      },
    },
    {
      id: 'addon',
      label: 'addonVersion() of the addon',
      kind: 'call',
      ours: true,
      prepare: () => {
        const { addonVersion } = require('../../lib/native/loader.js');
        return { call: () => addonVersion() };
      },
    },
  ],
  rows: [
    { subject: 'addon', reference: 'empty' },
    { subject: 'addon', reference: 'node-boolean' },
    { subject: 'addon', reference: 'node-string' },
  ],
};

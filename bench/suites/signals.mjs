// Signals outside of any scope: how long a write takes until everything it feeds has settled.

import { inChild } from '../baselines/child.mjs';

const graphs = new URL('../baselines/signal-graphs.mjs', import.meta.url).href;

const cases = [
  { id: 'deep', name: 'Deep', label: 'a chain of 50 computeds' },
  { id: 'wide', name: 'Wide', label: '50 branches of two computeds and an effect' },
  { id: 'diamond', name: 'Diamond', label: 'a diamond of 5 sides' },
  { id: 'dynamic', name: 'Dynamic', label: '20 reads whose source changes each time' },
  { id: 'unwatched', name: 'Unwatched', label: 'two computeds that no effect watches' },
  { id: 'creation', name: 'Creation', label: 'making and ending a signal, a computed and an effect' },
];

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Signals',
  measures:
    'Time of one write to a signal until all that depends on it has settled; each in a process of its own',
  unit: 'ns',
  direction: 'lower is better',
  contestants: cases.flatMap(({ id, name, label }) => [
    {
      id,
      label: `flotilla, ${label}`,
      kind: 'round',
      ours: true,
      prepare: inChild(graphs, `flotilla${name}`),
    },
    {
      id: `${id}-preact`,
      label: `@preact/signals-core, ${label}`,
      kind: 'round',
      packages: ['@preact/signals-core'],
      prepare: inChild(graphs, `preact${name}`),
    },
  ]),
  rows: cases.map(({ id }) => ({ subject: id, reference: `${id}-preact`, bar: 'at most 1.3' })),
};

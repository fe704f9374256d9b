// What the suite `signals` times: graphs of signals, written once for each library in its own words, so that each
// has call sites of its own and none goes through an adapter.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * @param {() => any} load
 * @param {(name: string) => string} read
 * @param {(name: string, value: string) => string} write
 */
function graphs(load, read, write) {
  /** @param {string} body of a function that builds a graph and returns the call that changes and settles it */
  const graph = (body) => () =>
    new Function('signal', 'computed', 'effect', body)(...Object.values(parts(load())));
  return {
    deep: graph(`
      const head = signal(0);
      let last = head;
      for (let depth = 0; depth < 50; depth++) {
        const previous = last;
        last = computed(() => ${read('previous')} + 1);
      }
      effect(() => { ${read('last')}; });
      let turn = 0;
      return () => { ${write('head', '++turn')}; };`),
    wide: graph(`
      const head = signal(0);
      for (let width = 0; width < 50; width++) {
        const first = computed(() => ${read('head')} + width);
        const second = computed(() => ${read('first')} + 1);
        effect(() => { ${read('second')}; });
      }
      let turn = 0;
      return () => { ${write('head', '++turn')}; };`),
    diamond: graph(`
      const head = signal(0);
      const sides = [];
      for (let width = 0; width < 5; width++) sides.push(computed(() => ${read('head')} + 1));
      const sum = computed(() => {
        let total = 0;
        for (const side of sides) total += ${read('side')};
        return total;
      });
      effect(() => { ${read('sum')}; });
      let turn = 0;
      return () => { ${write('head', '++turn')}; };`),
    dynamic: graph(`
      const head = signal(0);
      const double = computed(() => ${read('head')} * 2);
      const inverse = computed(() => -${read('head')});
      const chosen = computed(() => {
        let total = 0;
        for (let index = 0; index < 20; index++) {
          total += ${read('head')} % 2 ? ${read('double')} : ${read('inverse')};
        }
        return total;
      });
      effect(() => { ${read('chosen')}; });
      let turn = 0;
      return () => { ${write('head', '++turn')}; };`),
    unwatched: graph(`
      const head = signal(0);
      const middle = computed(() => ${read('head')} + 1);
      const last = computed(() => ${read('middle')} + 1);
      let turn = 0;
      return () => { ${write('head', '++turn')}; return ${read('last')}; };`),
    creation: graph(`
      return () => {
        const head = signal(0);
        const next = computed(() => ${read('head')} + 1);
        const end = effect(() => { ${read('next')}; });
        ${write('head', '1')};
        end();
      };`),
  };
}

/** @param {{ signal: unknown, computed: unknown, effect: unknown }} library */
const parts = ({ signal, computed, effect }) => ({ signal, computed, effect });

const ours = graphs(
  () => require('flotilla'),
  (name) => `${name}.get()`,
  (name, value) => `${name}.set(${value})`,
);
const theirs = graphs(
  () => require('@preact/signals-core'),
  (name) => `${name}.value`,
  (name, value) => `${name}.value = ${value}`,
);

export const [flotillaDeep, preactDeep] = [ours.deep, theirs.deep];
export const [flotillaWide, preactWide] = [ours.wide, theirs.wide];
export const [flotillaDiamond, preactDiamond] = [ours.diamond, theirs.diamond];
export const [flotillaDynamic, preactDynamic] = [ours.dynamic, theirs.dynamic];
export const [flotillaUnwatched, preactUnwatched] = [ours.unwatched, theirs.unwatched];
export const [flotillaCreation, preactCreation] = [ours.creation, theirs.creation];

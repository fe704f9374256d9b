import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.mjs'],
    // Processes, not threads: the addon's state is the process's, and tests must not share one.
    pool: 'forks',
    // Most tests wait for processes, signals and clocks most of the time: three files at once fill two cores.
    maxWorkers: Math.max(3, Math.floor(availableParallelism() / 2)),
    // The longest takes 10 seconds on an idle machine. Machines that test many changes at once are not idle.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    server: {
      deps: {
        // It comes as TypeScript, which Node cannot load from `node_modules`.
        inline: ['reactive-framework-test-suite'],
        // The library’s own entry point: as users have it, loaded by Node and not rewritten.
        external: [/\/index\.mjs$/],
      },
    },
    typecheck: {
      enabled: true,
      include: ['__test__/types/**/*.test-d.{ts,mts}'],
      tsconfig: '__test__/types/tsconfig.json',
    },
  },
});

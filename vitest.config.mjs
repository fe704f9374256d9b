import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.mjs'],
    // Processes, not threads: the addon's state is the process's, and tests must not share one.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // It comes as TypeScript, which Node cannot load from `node_modules`.
    server: { deps: { inline: ['reactive-framework-test-suite'] } },
    typecheck: {
      enabled: true,
      include: ['__test__/types/**/*.test-d.{ts,mts}'],
      tsconfig: '__test__/types/tsconfig.json',
    },
  },
});

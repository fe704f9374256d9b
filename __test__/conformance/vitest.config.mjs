import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '../../node_modules/.vite-conformance',
  // The library as users have it: loaded by Node, and not rewritten.
  test: { include: ['*.vitest.mjs'], server: { deps: { external: [/\/cache\.mjs$/] } } },
});

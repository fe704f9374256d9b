/**
 * The floors of `lib/`, from the ground up: each with those that its files may import from. `__test__/package/floors.test.mjs`
 * holds them, and `npm run generate` draws them into `docs/architecture.md`.
 *
 * @type {Record<string, string[]>}
 */
export const floors = {
  errors: [],
  base: ['errors'],
  dashboard: [],
  native: ['base', 'errors'],
  signals: ['base', 'native', 'errors'],
  cache: ['base', 'native', 'errors'],
  tier: ['cache', 'base', 'errors'],
  http: ['base', 'errors'],
  cluster: ['http', 'base', 'native', 'errors'],
  lifecycle: ['cluster', 'http', 'base', 'native', 'errors'],
  adapters: ['cache', 'base', 'errors'],
  doors: ['adapters', 'tier', 'lifecycle', 'cluster', 'http', 'cache', 'signals', 'base', 'native', 'errors'],
  command: ['lifecycle', 'cluster', 'cache', 'http', 'base', 'native', 'errors'],
};

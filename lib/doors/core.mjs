// Generated from core.js by "npm run generate".

import entry from './core.js';

export const {
  batch,
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  serializeScope,
  serializeToScript,
  signal,
  untracked,
} = entry;

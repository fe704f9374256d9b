// Generated from core.js by "npm run generate".

import door from './core.js';

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
} = door;

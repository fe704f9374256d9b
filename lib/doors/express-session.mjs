// Generated from express-session.js by "npm run generate".

import entry from './express-session.js';

export const {
  FlotillaStore,
} = entry;

export default entry.default;

// Generated from express-session.js by "npm run generate".

import door from './express-session.js';

export const {
  FlotillaStore,
} = door;

export default door.default;

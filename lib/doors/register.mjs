// Generated from register.js by "npm run generate".

import entry from './register.js';

export const {
} = entry;

// Generated from apollo.js by "npm run generate".

import entry from './apollo.js';

export const {
  ApolloFlotilla,
} = entry;

export default entry.default;

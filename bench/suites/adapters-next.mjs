// Pages of a built application of Next, from the cache that two workers share and from Next’s own in one process. The build takes a minute,
// so that CI leaves this out; `npm run test:apps` tries the same application.

export { perSecond as default } from '../next/field.mjs';

// One app, by all the ways to run it: what stands in bench/any-app.

export { perSecond as default } from '../any-app/suites.mjs';

// One app, by all the ways to run it: what stands in bench/any-app.

export { lost as default } from '../any-app/suites.mjs';

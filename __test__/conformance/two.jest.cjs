const runner = require('@jest/globals');
const { conformance } = require('./cache.cjs');

conformance('jest two', runner.test, require('flotilla'), () => {
  runner.jest.resetModules();
  return require('flotilla');
});

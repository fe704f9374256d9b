const runner = require('@jest/globals');
const { conformance } = require('./cache.cjs');

conformance('jest one', runner.test, require('flotilla'), () => {
  runner.jest.resetModules();
  return require('flotilla');
});

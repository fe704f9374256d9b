const { test } = require('node:test');
const { conformance } = require('./cache.cjs');

conformance('node two', test, require('flotilla'));
